"""Runs of strokes: resumed, on several devices, sampled and evaluated by the same commands as other runs."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hwgan
from configs import strokes_smoke
from hwgan.checkpoints import orbax
from hwgan.checkpoints.archive import read_archive, write_archive
from hwgan.checkpoints.names import PRETRAINED
from hwgan.checkpoints.run import load_run
from hwgan.checkpoints.stroke_run import load_stroke_run, read_stroke_weights, write_stroke_weights
from hwgan.checkpoints.weights_file import read_weights
from hwgan.data.ink_store import InkStore
from hwgan.evaluation.runs import evaluate_strokes
from hwgan.models.optimizers import create_optimizer
from hwgan.models.stroke_likelihood import mixture_of, point_losses
from hwgan.models.stroke_state import create_stroke_state
from hwgan.models.stroke_writer import StrokeWriter
from hwgan.prepare import prepare_dataset
from hwgan.runtime import sharding
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler, writes_strokes
from hwgan.sampling.open_strokes import open_stroke_sampler, with_stroke_style
from hwgan.training.loop import TrainingDiverged, train_and_evaluate
from hwgan.training.stroke_init_from import stroke_init_from
from hwgan.training.stroke_step import StrokeStepConfig, add_weight_noise, make_stroke_step
from hwgan.training.stroke_trainer import StrokeTrainer
from tests.data.lines_of_ink import TEXTS, written_lines
from tests.models.test_stroke_writer import batch_of
from tests.processes import metrics_of

ENVIRONMENT = os.environ | {"PYTHONPATH": str(pathlib.Path.cwd())}


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
    assert restored.step == 6
    assert len(restored.writer_names) == 10
    assert writes_strokes(workdir)
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


def test_a_run_starts_from_another_with_the_writers_that_it_knows(run, config, tmp_path):
    old = load_stroke_run(run[0])
    config.train.init_from = run[0]
    trainer = StrokeTrainer(config, str(tmp_path / "same"))
    for params in (trainer.state.stroke_writer.params, trainer.state.ema):
        jax.tree.map(np.testing.assert_array_equal, params, old.variables["params"])
    state = create_stroke_state(trainer.network, create_optimizer(config.optimizer.stroke_writer), jax.random.key(1))
    names = [old.writer_names[3], "somebody", *old.writer_names[5:8], *"abcde"]
    begun, rare_characters = stroke_init_from(state, config, old.charset, names, old.offset_scale)
    assert rare_characters == old.rare_characters
    rows = np.asarray(old.variables["params"]["writers"]["embedding"])
    np.testing.assert_array_equal(begun.ema["writers"]["embedding"], rows[[0, 4, 0, 6, 7, 8, 0, 0, 0, 0, 0]])
    config.train.num_steps = 1  # it trains, and its evaluation knows of whose writing it has learned
    train_and_evaluate(config, str(tmp_path / "same"))
    assert load_stroke_run(str(tmp_path / "same")).learned.writers == old.learned.writers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.features": 16}, "has other layers or sizes"),
        ({"data.alphabet": "abcdefghijklmnopqrstuvwxyzA"}, "has another alphabet.*--config.data.alphabet=abc"),
        ({"train.init_from": "handwriting"}, "word images, not of strokes"),
        ({"train.init_from": "no_such_run"}, "no_such_run"),
    ],
)
def test_what_a_run_cannot_start_from_is_told(run, config, tmp_path, change, message):
    config.train.init_from = run[0]
    config.update_from_flattened_dict(change)
    with pytest.raises(UserError, match=message):
        StrokeTrainer(config, str(tmp_path))


def test_another_config_and_damage_are_refused(run, config):
    config.model.features = 20
    with pytest.raises(UserError, match=r"holds a run of another config: model.features"):
        train_and_evaluate(config, run[0])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.num_buckets", 0),
        ("evaluate.examples", 0),
        ("evaluate.examples", -1),
        ("sample_grid.num_styles", 0),
        ("train.keep_checkpoints", 0),
    ],
)
def test_sizes_of_nothing_are_refused(config, tmp_path, path, value):
    config.update_from_flattened_dict({path: value})
    with pytest.raises(UserError, match=f"{path}={value} must be"):
        train_and_evaluate(config, str(tmp_path))


def test_no_text_to_generate_and_an_empty_word_are_left_out(config, tmp_path):
    config.evaluate.generated, config.sample_grid.words, config.train.num_steps = 0, ("", "ab"), 1
    found = train_and_evaluate(config, str(tmp_path))
    assert np.isfinite(found["evaluate/nats_per_point"])
    assert "evaluate/stopped" not in found
    assert (tmp_path / "samples.png").exists()


@pytest.mark.parametrize(("fact", "value"), [("writers", ["other"] * 10), ("offset_scale", 2.0), ("alphabet", "zyx")])
def test_a_run_whose_data_has_changed_is_not_continued(run, config, monkeypatch, fact, value):
    facts = StrokeTrainer._facts_of_data
    monkeypatch.setattr(StrokeTrainer, "_facts_of_data", lambda trainer: facts(trainer) | {fact: value})
    with pytest.raises(UserError, match=f"the data of this run has another {fact} than when the run began"):
        train_and_evaluate(config, run[0])


def test_ink_in_units_of_a_device_is_refused(config, tmp_path, monkeypatch):
    monkeypatch.setattr(InkStore, "offset_scale", 40.0)
    with pytest.raises(UserError, match=r"are 40 x-heights apart.*set preprocessing.size"):
        train_and_evaluate(config, str(tmp_path))


def test_divergence_is_named(config, tmp_path):
    config.optimizer.stroke_writer.learning_rate = 1e38
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset_scale": float("nan")}, "offset_scale"),
        ({"offset_scale": "1"}, "offset_scale"),
        ({"writers": [1]}, "writers are no list of names"),
        ({"config": {"task": "strokes"}}, "data.max_points"),
    ],
)
def test_records_of_unknown_origin_are_checked(run, monkeypatch, change, message):
    read = orbax.Checkpointer.read_record
    monkeypatch.setattr(orbax.Checkpointer, "read_record", lambda *args: read(*args) | change)
    with pytest.raises(UserError, match=message):
        load_stroke_run(run[0])


def test_a_file_of_weights_writes_what_its_run_writes(run, tmp_path):
    path = str(tmp_path / "strokes.npz")
    restored = load_stroke_run(run[0])
    write_stroke_weights(restored, path)
    assert writes_strokes(path)
    again = read_stroke_weights(path)
    assert (again.charset, again.spec, again.step) == (restored.charset, restored.spec, 6)
    assert (again.offset_scale, again.writer_names) == (restored.offset_scale, restored.writer_names)
    for one, other in zip(jax.tree.leaves(again.variables), jax.tree.leaves(restored.variables), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)  # half precision
    texts = ["ab", "hello"]
    samplers = [open_stroke_sampler(place, bias=3.0) for place in (path, run[0])]
    first, second = (s.write(texts, s.sample_styles(jax.random.key(0), 2)) for s in samplers)
    np.testing.assert_allclose(first[0].ink[:5], second[0].ink[:5], atol=0.05)
    for use in (read_weights, open_sampler, hwgan.load):
        with pytest.raises(UserError, match="write strokes, not images"):
            use(path)
    with pytest.raises(UserError, match="is of word images, not of strokes"):
        read_stroke_weights(PRETRAINED)
    with pytest.raises(UserError, match="holds but one"):
        open_stroke_sampler(path, step=3)


def test_the_style_of_a_folder_is_the_closest_writer(run, tmp_path):
    sampler = open_stroke_sampler(run[0])
    lines, _ = written_lines()
    line, word = [stroke.tolist() for stroke in lines[0]], [[[0, 0], [4, 9], [8, 0]], [[3, 2], [9, 9]]]
    for name, strokes, text in (("a", line, TEXTS[0]), ("b", word, "ab")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"strokes": strokes, "text": text}))
    (tmp_path / "notes.txt").write_text("no strokes")
    (tmp_path / "._a.json").write_bytes(b"\0")  # as archives of macOS hold
    (tmp_path / "folder.json").mkdir()
    assert with_stroke_style(sampler, str(tmp_path)).writer in sampler.writer_names
    with pytest.raises(UserError, match="either --writer or --style"):
        with_stroke_style(dataclasses.replace(sampler, writer=sampler.writer_names[0]), str(tmp_path))
    plain = dataclasses.replace(sampler, writer_names=())
    with pytest.raises(UserError, match="embeds no writers; it takes the strokes of one word"):
        with_stroke_style(plain, str(tmp_path))
    assert with_stroke_style(plain, str(tmp_path / "b.json")).priming.text == "ab"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"strokes": [[[0, 0], [4, 9]]], "text": ""}, "have no text"),
        ({"strokes": [[[0, 0], [4, 9]]], "text": "a\u00e9"}, "outside the alphabet"),
        ({"strokes": [[[0, 0], [4, 9]]], "text": "ab cd"}, "no word of the strokes .* can be used"),
        ({"strokes": [[[0, 0], [4, 9]]], "text": 40 * "ab"}, "no word of the strokes .* can be used"),
        ({"strokes": [[[0, 0], [4, 9]]], "text": " \n "}, "have no text"),
        ({"strokes": [], "text": "ab"}, "cannot read the strokes"),
    ],
)
def test_strokes_that_give_no_style(run, tmp_path, content, message):
    sampler = open_stroke_sampler(run[0])
    with pytest.raises(UserError, match="no file in this folder"):
        with_stroke_style(sampler, str(tmp_path))
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        with_stroke_style(sampler, str(tmp_path / "mine.json"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset_scale": 0.0}, "offset_scale"),
        ({"writers": "a"}, "writers are no list of names"),
        ({"writers": []}, "its config asks for"),
        ({"alphabet": "ab", "rare_characters": {}}, "its config asks for"),
    ],
)
def test_weights_of_unknown_origin_are_checked(run, tmp_path, change, message):
    path = str(tmp_path / "strokes.npz")
    write_stroke_weights(load_stroke_run(run[0]), path)
    record, variables = read_archive(path)
    write_archive(record | change, variables, path)
    with pytest.raises(UserError, match=message):
        open_stroke_sampler(path)
    pathlib.Path(path).write_bytes(pathlib.Path(path).read_bytes()[:1000])
    with pytest.raises(UserError, match="it is damaged"):
        writes_strokes(path)


def test_commands(run, tmp_path):
    """sample and generate, in the hand of given strokes, as a user calls them."""
    strokes = [[[x, -10 * (x % 3)] for x in range(0, 60, 4)]] * 2
    (tmp_path / "mine.json").write_text(json.dumps({"strokes": strokes, "text": "ab"}))
    (tmp_path / "words.txt").write_text("hello\nink\n")
    common = [f"--checkpoint={run[0]}", f"--style={tmp_path}/mine.json", "--bias=1"]
    commands = [
        ["hwgan.sample", *common, "--text=pen and ink", "--width=300", f"--output={tmp_path}/a.svg"],
        ["hwgan.sample", *common, "--text=ink", "--feed=900", f"--output={tmp_path}/a.gcode"],
        ["hwgan.sample", *common, f"--text_file={tmp_path}/words.txt", f"--output={tmp_path}/images"],
        ["hwgan.generate", *common, f"--words={tmp_path}/words.txt", f"--output={tmp_path}/made"],
    ]
    for command in commands:
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 0, done.stderr
        assert "few strokes tell little of a writer" in done.stderr
    assert (tmp_path / "a.svg").read_text().count("<path") >= 3
    assert "F900" in (tmp_path / "a.gcode").read_text()
    assert (tmp_path / "images" / "labels.tsv").read_text().splitlines()[1] == "000000.png\thello"
    rows = (tmp_path / "made" / "words.tsv").read_text().splitlines()
    assert rows[0] == "file\ttext\twriter\tsplit"
    assert {row.split("\t")[1] for row in rows[1:]} <= {"hello", "ink"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text=a", "--output={}/a.png", "--style={}/no.json"], "error: cannot read the strokes"),
        (["--text=a", "--output={}/a.png", "--style={}/no.npz"], "error: '"),
        (["--text=a", "--output={}/a.png", "--num_styles=2", "--interpolate_to=3"], "error: --interpolate_to is for"),
        (["--text=a", "--output={}/a.txt"], "error: --output="),
        (["--text=a", "--output={}/a.png", "--bias=-1"], "error: bias=-1"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(run, tmp_path, arguments, message):
    command = [sys.executable, "-m", "hwgan.sample", f"--checkpoint={run[0]}"]
    command += [argument.format(tmp_path) for argument in arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_killed_and_run_again(stroke_data, tmp_path):
    """kill -9 in the middle: the same command resumes and ends with the metrics of an uninterrupted run."""
    command = [sys.executable, "-m", "hwgan.main", "--config=configs/strokes_smoke.py"]
    command += [f"--config.data.data_dir={stroke_data}", "--config.train.checkpoint_every=10"]
    command += [f"--config.train.{name}=40" for name in ("num_steps", "evaluate_every", "sample_every")]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen([*command, f"--workdir={killed}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not (killed / "checkpoints" / "10").exists():
            assert time.monotonic() < deadline, "no checkpoint in two minutes"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert metrics_of(killed)[-1]["step"] < 40
    again = subprocess.run([*command, f"--workdir={killed}"], capture_output=True, text=True, check=True)
    assert "training from step" in again.stdout
    subprocess.run([*command, f"--workdir={whole}"], capture_output=True, check=True)
    assert metrics_of(killed) == metrics_of(whole)


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


def plain_loss(batch):
    """Nats a point of a batch by the first parameters, without noise and hiding."""
    optimizer = create_optimizer(strokes_smoke.get_config().optimizer.stroke_writer)
    params = create_stroke_state(NETWORK, optimizer, jax.random.key(0)).stroke_writer.params
    losses = point_losses(mixture_of(NETWORK, params, batch), batch)
    return float(sum(values.sum() for values in losses.values()) / batch.num_points.sum())


def test_unknown_writers_hide_the_writer():
    batch = batch_of(size=4)
    assert (np.asarray(batch.writers) > 0).any()
    hidden = batch.replace(writers=jnp.zeros_like(batch.writers))
    for share, seen in ((0.0, batch), (1.0, hidden)):
        found = float(one_step(1, unknown_writers=share)[0]["stroke_writer/loss"])
        assert found == pytest.approx(plain_loss(seen), rel=1e-5)
    assert plain_loss(batch) != pytest.approx(plain_loss(hidden), rel=1e-5)


def test_gradients_are_taken_at_noisy_weights():
    plain, noisy = (one_step(1, weight_noise=scale)[0]["stroke_writer/loss"] for scale in (0.0, 0.1))
    assert float(plain) == pytest.approx(plain_loss(batch_of(size=4)), rel=1e-5)
    assert float(noisy) != pytest.approx(float(plain), rel=1e-4)


def test_weight_noise_has_its_deviation():
    params = {"a": np.zeros((100, 50), np.float32), "b": np.ones(2000, np.float32)}
    noisy = add_weight_noise(params, 0.2, jax.random.key(0))
    assert np.std(noisy["a"]) == pytest.approx(0.2, rel=0.05)
    assert np.std(noisy["b"]) == pytest.approx(0.2, rel=0.05)
    assert add_weight_noise(params, 0.0, jax.random.key(0)) is params
