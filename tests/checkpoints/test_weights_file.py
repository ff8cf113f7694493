"""Weights in one file: what is stored, and that damage is noticed."""

import dataclasses
import json
import re

import numpy as np
import pytest
from ml_collections import ConfigDict

from hwgan.checkpoints.archive import nested, write_archive
from hwgan.checkpoints.names import (
    PRETRAINED,
    PRETRAINED_EVALUATOR,
    PRETRAINED_OTHERS,
    locate_weights,
    other_networks_path,
    shipped_names,
)
from hwgan.checkpoints.run import Run
from hwgan.checkpoints.weights_file import read_weights, write_weights_file
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler, sampler_from_run
from tests.conftest import SmallRun


@pytest.fixture(scope="module")
def run(small_run):
    return Run(small_run.config, small_run.charset, small_run.networks, small_run.state)


@pytest.fixture
def weights_file(run, tmp_path):
    path = tmp_path / "weights" / "small.npz"
    write_weights_file(run, str(path))
    return path


def test_a_weights_file_generates_what_the_run_does(run, weights_file):
    again, sampler = open_sampler(str(weights_file)), sampler_from_run(run)
    assert (again.networks, again.charset, again.spec) == (sampler.networks, sampler.charset, sampler.spec)
    style = sampler.style(3)
    np.testing.assert_array_equal(again.draw_text("ab cd", style), sampler.draw_text("ab cd", style))


def test_what_is_written_badly_is_stored(run, tmp_path):
    path = tmp_path / "small.npz"
    write_weights_file(dataclasses.replace(run, rare_characters={"q": 3, "x": 0}), str(path))
    sampler = open_sampler(str(path))
    assert sampler.rare_characters == {"q": 3, "x": 0}
    (caution,) = sampler.cautions(["xx", "aq", "b"])
    assert caution.endswith("may be malformed: q (3), x (0)")
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    record = json.loads(str(arrays.pop("record")))
    del record["rare_characters"], record["checksum"]
    write_archive(record, nested(arrays), str(path))  # as older versions did
    assert open_sampler(str(path)).rare_characters == {}


def test_the_pretrained_weights_know_what_they_write_badly():
    sampler = open_sampler("")
    assert sampler.rare_characters["!"] == 14
    assert all(count < 20 for count in sampler.rare_characters.values())
    assert not sampler.cautions(["Bonjour", "from", "hwgan,", "1976"])
    assert read_weights(PRETRAINED_OTHERS).rare_characters == sampler.rare_characters
    assert read_weights(PRETRAINED_EVALUATOR).rare_characters == {}


def test_weights_of_the_package_have_names(tmp_path, monkeypatch):
    assert "handwriting" in shipped_names()
    assert "copiste_evaluator" in shipped_names("evaluator")
    assert locate_weights("handwriting") == PRETRAINED
    assert other_networks_path(PRETRAINED) == PRETRAINED_OTHERS
    assert not [name for name in shipped_names() if "other" in name or "evaluator" in name]
    for name in ("", "nowhere", "../weights/handwriting", "runs/mine", str(tmp_path / "handwriting")):
        assert locate_weights(name) == name == other_networks_path(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handwriting").mkdir()  # a folder of anything, such as of images
    assert locate_weights("handwriting") == PRETRAINED
    (tmp_path / "handwriting" / "checkpoints").mkdir()  # one's own run comes first
    assert locate_weights("handwriting") == "handwriting"
    assert open_sampler("").charset == open_sampler(PRETRAINED).charset


def test_a_name_that_is_nearly_right_is_guessed(tmp_path):
    (tmp_path / "mywords" / "checkpoints").mkdir(parents=True)
    for given, meant in [("iam_evaluater", "iam_evaluator"), (f"{tmp_path}/mywrods", f"{tmp_path}/mywords")]:
        with pytest.raises(
            UserError, match=re.escape(f"{given!r} does not exist; did you mean {meant!r}? If not, give the ")
        ):
            open_sampler(given)
    with pytest.raises(
        UserError, match=r"does not exist: give the .* \(handwriting, strokes, copiste_evaluator, iam_ev"
    ):
        open_sampler(f"{tmp_path}/something else")


def test_a_weights_file_holds_no_paths(run, tmp_path):
    config = run.config.copy_and_resolve_references()
    config.data.update(data_dir="/home/somebody/data", cache_dir="/home/somebody/cache", lexicon="/home/somebody/words")
    config.train.update(init_from="/home/somebody/runs")
    path = tmp_path / "small.npz"
    write_weights_file(dataclasses.replace(run, config=config), str(path))
    assert b"somebody" not in path.read_bytes()
    assert run.config.data.data_dir == "data"  # as it was


def test_a_language_model_without_parameters(tmp_path):
    """Such as that of ScrabbleGAN: nothing of it is stored, and the generator works without."""

    def edit(config):
        config.model.z_dim = 6
        config.model.language_model = ConfigDict(dict(name="one_hot"))
        config.model.generator = ConfigDict(dict(name="scrabblegan", block_features=(4, 4), cell_features=4))

    small = SmallRun(edit)
    run = Run(small.config, small.charset, small.networks, small.state)
    write_weights_file(run, str(tmp_path / "scrabblegan.npz"))
    sampler, again = sampler_from_run(run), open_sampler(str(tmp_path / "scrabblegan.npz"))
    np.testing.assert_array_equal(again.draw_text("ab", again.style(0)), sampler.draw_text("ab", sampler.style(0)))


def test_other_files_are_no_weights(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(UserError, match="damaged"):
        open_sampler(str(tmp_path / "one.npy"))


def test_every_damage_is_noticed(weights_file):
    whole = weights_file.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 25).astype(int).tolist():
        weights_file.write_bytes(whole[:place])
        with pytest.raises(UserError, match="damaged"):
            open_sampler(str(weights_file))
        flipped = bytearray(whole)
        flipped[place] ^= 0x10
        weights_file.write_bytes(flipped)
        try:
            open_sampler(str(weights_file))  # a flipped bit in the padding of the archive changes nothing
        except UserError as error:
            assert "damaged" in str(error)
    # One number changed, in an archive that is whole.
    weights_file.write_bytes(whole)
    with np.load(weights_file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = next(name for name in arrays if name.startswith("generator/params"))
    arrays[name] = arrays[name] + np.float32(1e-3)
    np.savez(weights_file, **arrays)
    with pytest.raises(UserError, match="their checksum is not the one"):
        open_sampler(str(weights_file))


def test_mistakes_are_named(tmp_path, weights_file):
    with pytest.raises(UserError, match="cannot read the weights"):
        open_sampler(str(tmp_path / "none.npz"))
    with pytest.raises(UserError, match="step is for the checkpoint of a run"):
        open_sampler(str(weights_file), step=3)
    with pytest.raises(UserError):
        open_sampler(str(tmp_path / "no_run"))
