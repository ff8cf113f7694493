"""Runs of strokes: resumed, on several devices, sampled and evaluated by the same commands as other runs."""

import json
import pathlib

import jax
import numpy as np
import pytest

import hwgan
from configs import strokes_smoke
from hwgan.checkpoints.run import load_run
from hwgan.checkpoints.stroke_run import load_stroke_run
from hwgan.evaluate import evaluate_strokes
from hwgan.models.optimizers import create_optimizer
from hwgan.models.stroke_state import create_stroke_state
from hwgan.models.stroke_writer import StrokeWriter
from hwgan.prepare import prepare_dataset
from hwgan.runtime import sharding
from hwgan.runtime.errors import UserError
from hwgan.sampling.open_strokes import is_stroke_run, open_stroke_sampler
from hwgan.training.loop import TrainingDiverged, train_and_evaluate
from hwgan.training.stroke_step import StrokeStepConfig, add_weight_noise, make_stroke_step
from tests.models.test_stroke_writer import batch_of
from tests.processes import metrics_of


@pytest.fixture(scope="module")
def stroke_data(tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("stroke_data"))
    prepare_dataset("penman_strokes/smoke", path)
    return path


@pytest.fixture
def config(stroke_data):
    config = strokes_smoke.get_config()
    config.data.data_dir = stroke_data
    return config


@pytest.fixture(scope="module")
def run(stroke_data, tmp_path_factory):
    """Workdir and last evaluation of a finished run."""
    config, workdir = strokes_smoke.get_config(), str(tmp_path_factory.mktemp("strokes"))
    config.data.data_dir = stroke_data
    return workdir, train_and_evaluate(config, workdir)


def test_a_run_leaves_what_it_promises(run):
    workdir, evaluation = run
    rows = metrics_of(workdir)
    assert [row["step"] for row in rows] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert evaluation["evaluate/nats_per_sequence"] > evaluation["evaluate/graves_nats_per_sequence"]
    assert (pathlib.Path(workdir) / "samples.png").exists()
    restored = load_stroke_run(workdir)
    assert restored.state.step == 6
    assert len(restored.writer_names) == 10
    assert is_stroke_run(workdir)
    with pytest.raises(UserError, match="it writes strokes"):
        load_run(workdir)
    with pytest.raises(UserError, match="it writes strokes"):
        hwgan.load(workdir)


def test_resume_equals_no_interruption(run, config, tmp_path):
    config.train.num_steps = 3
    config.optimizer.stroke_writer.decay_steps = 6
    train_and_evaluate(config, str(tmp_path))
    config.train.num_steps = 6
    train_and_evaluate(config, str(tmp_path))
    assert metrics_of(tmp_path) == metrics_of(run[0])  # to the last digit


def test_another_config_and_damage_are_refused(run, config):
    config.model.features = 20
    with pytest.raises(UserError, match=r"holds a run of another config: model.features"):
        train_and_evaluate(config, run[0])


def test_divergence_is_named(config, tmp_path):
    config.optimizer.stroke_writer.learning_rate = float("nan")
    config.optimizer.stroke_writer.warmup_steps = 0
    with pytest.raises(TrainingDiverged, match="the stroke_writer's loss or gradient is not finite"):
        train_and_evaluate(config, str(tmp_path))
    assert np.load(tmp_path / "nonfinite_batch-0.npz")["points"].shape[0] == 4


def test_evaluation_of_the_test_split(run, config):
    results = evaluate_strokes(config, run[0])
    found = results["metrics"]["likelihood"]["real"]
    assert found["nats_per_point"]["value"] > 0
    assert json.loads((pathlib.Path(run[0]) / "results.json").read_text())["counts"] == {"likelihood": {"real": 20}}


def test_the_sampler_of_a_run_writes(run):
    sampler = open_stroke_sampler(run[0], bias=2.0)
    images = sampler.draw(["ab", "hello"], sampler.sample_styles(jax.random.key(0), 2))
    assert [image.shape[0] for image in images] == [sampler.height] * 2


NETWORK = StrokeWriter(
    7, features=6, num_layers=2, window_components=2, mixture_components=3, num_writers=2, writer_features=4
)


def one_step(devices, **settings):
    """Metrics and parameters after a step on this many devices."""
    optimizer = create_optimizer(strokes_smoke.get_config().optimizer.stroke_writer)
    mesh = jax.make_mesh(
        (devices,), ("data",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:devices]
    )
    place = sharding.replicated(mesh)
    state = jax.jit(lambda key: create_stroke_state(NETWORK, optimizer, key), out_shardings=place)(jax.random.key(0))
    batch = jax.device_put(batch_of(size=4), sharding.split_batch(mesh))
    step = jax.jit(make_stroke_step(NETWORK, optimizer, StrokeStepConfig(**settings)))
    state, metrics = step(state, batch, jax.device_put(jax.random.key(1), place))
    return jax.device_get(metrics), jax.device_get(state.stroke_writer.params)


def test_two_devices_equal_one():
    for one, two in zip(*(jax.tree.leaves(one_step(devices, weight_noise=0.1)) for devices in (1, 2)), strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-6)


def test_unknown_writers_hide_the_writer():
    metrics = [one_step(1, unknown_writers=share)[0]["stroke_writer/loss"] for share in (0.0, 1.0)]
    assert metrics[0] != metrics[1]


def test_weight_noise_has_its_deviation():
    params = {"a": np.zeros((100, 50), np.float32), "b": np.ones(2000, np.float32)}
    noisy = add_weight_noise(params, 0.2, jax.random.key(0))
    assert np.std(noisy["a"]) == pytest.approx(0.2, rel=0.05)
    assert np.std(noisy["b"]) == pytest.approx(0.2, rel=0.05)
    assert add_weight_noise(params, 0.0, jax.random.key(0)) is params
