"""ONNX files: the same numbers as JAX, for every network of the architecture, and what stands beside them."""

import dataclasses
import json
import sys

import jax
import numpy as np
import pytest

from configs import copiste
from hwgan.checkpoints.run import Run
from hwgan.exporting.image_graphs import reader_model, style_model
from hwgan.exporting.model_json import describe_model
from hwgan.exporting.onnx_check import (
    TOLERANCE,
    image_error,
    open_session,
    require_equal,
    words_of_all_lengths,
    write_ink,
    writer_error,
)
from hwgan.exporting.onnx_files import OnnxExport, describe_export, export_onnx
from hwgan.exporting.writer_graph import writer_model
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler, sampler_from_run
from tests.conftest import SmallRun


def small(config):
    """Small networks of 48 pixels, with an odd number of everything that may be odd."""
    config.data.max_length = 6
    config.preprocessing.height = 48
    model = config.model
    model.z_dim = 6
    model.language_model.update(embedding_features=5, features=6, num_layers=2)
    model.generator.update(block_features=(6, 4), first_features=8, condition_features=7)
    model.generator.first_height = 6
    model.recognizer.update(conv_features=(3, 4, 5, 6), norm="layer", column_kernels=(), dense_features=7)
    model.identifier.update(features=5, conv_features=(3, 5), num_writers=4)
    model.identifier.stem = 4


def deep(config):
    """Three up-sampling blocks, whitened styles, a recognizer with batch norm and blocks of 4 pixels."""
    small(config)
    config.model.generator.update(block_features=(6, 5, 4), first_height=3, ink_threshold=0.0)
    config.model.identifier.whitened = True
    config.model.recognizer.update(norm="batch", column_kernels=(5, 3), stem=4)


def disturbed(variables, seed=0):
    """Variables with noise, for fresh networks do little; variances and covariances stay valid."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(variables)
    rng = np.random.default_rng(seed)
    changed = []
    for path, leaf in leaves:
        noise = rng.normal(0.0, 0.3, leaf.shape).astype(np.float32)
        name = jax.tree_util.keystr(path)
        changed.append(leaf + np.abs(noise) if "var" in name and "covariance" not in name else leaf + noise)
        if "covariance" in name:
            changed[-1] = np.eye(len(noise), dtype=np.float32) + noise @ noise.T
    return jax.tree_util.tree_unflatten(tree, changed)


@pytest.fixture(scope="module", params=[(small, "abcdefgh"), (deep, "bfqvx\u0301\u0327")], ids=["small", "marks"])
def run(request):
    edit, characters = request.param
    made = SmallRun(edit, copiste.get_config(), characters)
    return Run(made.config, made.charset, made.networks, made.state)


@pytest.fixture(scope="module")
def sampler(run):
    made = sampler_from_run(run)
    return dataclasses.replace(made, variables=disturbed(made.variables))


@pytest.fixture(scope="module")
def writer(sampler):
    return writer_model(sampler.networks, sampler.variables).SerializeToString()


def test_a_writer_draws_what_jax_draws(sampler, writer):
    words = words_of_all_lengths(sampler, 18)
    assert {len(word) for word in words} == set(range(1, 7))
    assert writer_error(writer, sampler, words) < 1e-4
    session, word = open_session(writer), sampler.charset.characters[:4]
    ink = write_ink(session, sampler, word, sampler.style(1))
    assert ink.shape[0] == 48 and ink.min() >= 0 and ink.max() <= 1 and ink.std() > 0.01
    assert not np.array_equal(ink, write_ink(session, sampler, word, sampler.style(2))[:, : ink.shape[1]])


def test_another_network_is_noticed(sampler, writer):
    other = dataclasses.replace(sampler, variables=disturbed(sampler.variables, seed=1))
    error = writer_error(writer, other, words_of_all_lengths(sampler, 3))
    assert error > TOLERANCE
    with pytest.raises(
        UserError, match=f"writer.onnx is not written: onnxruntime differs from JAX by .*, above {TOLERANCE}"
    ):
        require_equal(error, "writer")
    with pytest.raises(UserError, match="not written"):
        require_equal(float("nan"), "style")


@pytest.mark.parametrize("name", ["style", "reader"])
def test_images_give_what_they_give_in_jax(run, name):
    state = run.state.identifier if name == "style" else run.state.recognizer
    variables = disturbed(state.variables)
    make = style_model if name == "style" else reader_model
    model = make(run.networks, variables, run.spec.height).SerializeToString()
    assert image_error(model, run.networks, variables, name, run.spec.height) < 1e-4


def test_other_networks_are_refused(small_run):
    variables = {"language_model": small_run.state.language_model.variables, "generator": {"params": {}}}
    with pytest.raises(
        UserError, match=r"ONNX export is for generators of the name char_width .* has CharGridGenerator"
    ):
        writer_model(small_run.networks, variables)


def test_what_stands_beside_the_networks(sampler, writer, tmp_path):
    description = describe_model(sampler, {"writer": writer}, {})
    export = OnnxExport({"writer": writer}, {"writer": 1e-6}, description)
    export.write(tmp_path / "new")
    assert "no style.onnx: this checkpoint has no identifier" in describe_export(export)
    stored = json.loads((tmp_path / "new" / "model.json").read_text())
    assert (tmp_path / "new" / "writer.onnx").stat().st_size == stored["files"]["writer"]["bytes"]
    assert stored["alphabet"] == sampler.charset.characters and stored["image"]["height"] == 48
    letter = stored["alphabet"][0]
    assert stored["replacements"]["\u00a0"] == " " and stored["replacements"][chr(ord(letter) + 0xFEE0)] == letter
    assert not set(stored["replacements"]) & set(stored["alphabet"])
    assert 0 < stored["image"]["x_height"] <= stored["image"]["baseline"] <= 48
    characters = stored["characters"]
    assert len(characters["widths"]) == len(characters["extents"]) == len(stored["alphabet"])
    session, check = open_session(writer), stored["check"]
    ink = session.run(None, {"labels": np.array(check["labels"]), "z": np.array(check["z"], np.float32)})[0]
    np.testing.assert_allclose(ink.sum(axis=0), check["columns"], atol=1e-2)


def test_a_folder_that_cannot_be_written(sampler, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write '.*file"):
        OnnxExport({}, {}, {}).write(tmp_path / "file")


def test_without_the_packages_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "hwgan.exporting.graph")
    with pytest.raises(UserError, match=r'pip install "\.\[onnx\]"'):
        __import__("hwgan.exporting.graph")


@pytest.mark.slow
def test_the_pretrained_weights():
    export = export_onnx("")
    assert set(export.files) == {"writer", "style", "reader"} and max(export.errors.values()) < TOLERANCE
    assert "non-commercial" in export.description["licence"]["en"]
    image = export.description["image"]
    assert 0.5 < image["baseline"] / image["height"] < 0.75 and 0.2 < image["x_height"] / image["height"] < 0.45
    sampler = open_sampler("")
    assert writer_error(export.files["writer"], sampler, words_of_all_lengths(sampler, 200)) < TOLERANCE


def test_all_networks_are_of_one_step_of_a_run_that_trains_on(monkeypatch):
    steps = []

    def open_networks(checkpoint, step=None):
        steps.append(step)
        raise UserError("opened")

    sampler = open_sampler("")
    monkeypatch.setattr(
        "hwgan.exporting.onnx_files.open_sampler_and_step", lambda _, step, temperature: (sampler, step or 7)
    )
    monkeypatch.setattr("hwgan.exporting.onnx_files.writer_error", lambda *_: 0.0)
    monkeypatch.setattr("hwgan.exporting.onnx_files.open_networks", open_networks)
    for step in (None, 3):
        with pytest.raises(UserError, match="opened"):
            export_onnx("runs/x", step)
    assert steps == [7, 3]
