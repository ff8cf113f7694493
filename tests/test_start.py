"""A new run starts from networks that others trained."""

import dataclasses
import logging

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import copiste_finish, smoke
from hwgan.errors import UserError
from hwgan.release import PACKAGED, PACKAGED_OTHERS, read_weights, write_release
from hwgan.run import build_networks, load_run
from hwgan.sampler import create_sampler
from hwgan.start import start_from, take_onlooker
from hwgan.train import train_and_evaluate
from hwgan.train_state import NETWORK_NAMES, WRITING_NETWORKS
from hwgan.trainer import Trainer
from tests.conftest import SmallRun


@pytest.fixture(scope="module")
def writer(data_dir, tmp_path_factory):
    """A run that writes and, beside it, its release."""
    config = smoke.get_config()
    config.data.data_dir = data_dir
    folder = tmp_path_factory.mktemp("writer")
    train_and_evaluate(config, str(folder / "run"))
    run = load_run(str(folder / "run"))
    write_release(run, str(folder / "weights.npz"))
    write_release(run, str(folder / "all.npz"), ["all"])
    return folder


@pytest.fixture(scope="module")
def reader(data_dir, tmp_path_factory):
    """A run that only learned to read, with another seed."""
    config = smoke.get_config()
    config.data.data_dir, config.seed = data_dir, 1
    config.train.updated_networks, config.train.num_steps = ("recognizer",), 2
    folder = tmp_path_factory.mktemp("reader")
    train_and_evaluate(config, str(folder))
    return folder


def onlooking(onlooker):
    """The smoke config with an onlooker from there."""

    def edit(config):
        config.model.onlooker = ConfigDict(dict(name="conv", conv_features=(4, 4, 4), dense_features=8))
        config.train.onlooker, config.train.feature_matching = onlooker, 1.0

    return edit


def numbers(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(numbers(first), numbers(second), strict=True))


@pytest.mark.parametrize("source", ["run", "weights.npz", "all.npz"])
def test_it_writes_at_once_what_they_wrote(writer, config, tmp_path, source):
    config.train.start_from = str(writer / source)
    trainer, old = Trainer(config, str(tmp_path)), load_run(str(writer / "run"))
    before = create_sampler(old)
    np.testing.assert_array_equal(
        trainer.sampler.draw_text("hello", before.hand(0)), before.draw_text("hello", before.hand(0))
    )
    assert trainer.step == 0
    assert same(trainer.state.generator.params, old.state.ema["generator"])  # the averages, for both
    # A run gives all networks that it trained, weights those that they hold.
    whole = source != "weights.npz"
    assert same(trainer.state.discriminator.variables, old.state.discriminator.variables) == whole
    assert same(trainer.state.recognizer.variables, old.state.recognizer.variables) == whole


def test_the_networks_of_the_package_fit_the_config_they_were_trained_by():
    weights, others = read_weights(PACKAGED), read_weights(PACKAGED_OTHERS)
    run = SmallRun(config=copiste_finish.get_config(), letters=weights.charset.characters)
    run.config.train.start_from = "package_all"
    state = start_from(run.state, run.config, run.charset)
    held = weights.variables | others.variables
    assert len(held) == len(weights.variables) + len(others.variables)  # nothing twice
    for name in NETWORK_NAMES:
        assert same(getattr(state, name).variables, held[name]), name
    assert others.config == weights.config  # how wide hands write is in no shape of a network
    made_by = dataclasses.replace(build_networks(weights.config, weights.charset)[0], onlooker=None)
    assert made_by == run.networks  # all fields of all modules; who looked on needs not look on again
    assert all(same(state.ema[name], held[name]["params"]) for name in WRITING_NETWORKS)


def test_of_several_the_later_counts(writer, reader, config, tmp_path):
    config.train.start_from = f"{writer / 'run'}, {reader}"
    state = Trainer(config, str(tmp_path)).state
    first, second = (load_run(str(path)).state for path in (writer / "run", reader))
    assert same(state.recognizer.variables, second.recognizer.variables)
    assert same(state.generator.params, first.ema["generator"])
    # What the reader had and did not train is not taken.
    assert not same(second.discriminator.params, first.discriminator.params)
    assert same(state.discriminator.params, first.discriminator.params)


def test_it_goes_on_training_and_then_from_its_own_checkpoint(writer, config, tmp_path):
    config.train.start_from, config.train.num_steps = str(writer / "weights.npz"), 3
    train_and_evaluate(config, str(tmp_path))
    after = load_run(str(tmp_path)).state
    assert not same(after.generator.params, load_run(str(writer / "run")).state.ema["generator"])
    again = Trainer(config, str(tmp_path))
    assert again.step == 3
    assert same(again.state.generator.params, after.generator.params)


def test_averages_that_the_earlier_network_did_not_keep_begin_anew(caplog, monkeypatch):
    def of_before(path):
        weights = read_weights(path)
        weights.variables.get("identifier", {"batch_stats": {}})["batch_stats"].pop("whitening", None)
        return weights

    monkeypatch.setattr("hwgan.start.read_weights", of_before)
    caplog.set_level(logging.INFO)
    config = copiste_finish.get_config()
    config.model.identifier.whitened, config.train.start_from = True, "package_all"
    run = SmallRun(config=config, letters=read_weights(PACKAGED).charset.characters)
    state = start_from(run.state, run.config, run.charset)
    assert same(state.identifier.params, read_weights(PACKAGED_OTHERS).variables["identifier"]["params"])
    assert same(
        state.identifier.collections["batch_stats"]["whitening"], {"mean": np.zeros(31), "covariance": np.eye(31)}
    )
    assert "begin anew" in caplog.text and "whitening/covariance" in caplog.text


def test_what_does_not_fit_is_named(writer, config, tmp_path):
    def message(source="weights.npz", here="", **changes):
        with config.unlocked():
            config.update_from_flattened_dict({name.replace("__", "."): value for name, value in changes.items()})
        config.train.start_from = here or str(writer / source)
        with pytest.raises(UserError) as error:
            Trainer(config, str(tmp_path))
        return str(error.value)

    assert "no checkpoint" in message("nowhere")
    assert "alphabet" in message(data__alphabet="abcdefghijklmnopqrstuvwxyzé")
    config.data.alphabet = ""
    assert "'package' writes another alphabet" in message(here="package")
    assert "preprocessing.deslant=False" in message(preprocessing__deslant=True)
    config.preprocessing.deslant = False
    assert "generator" in message(model__generator__condition_features=5)


def test_networks_get_used_to_words_that_are_cut_otherwise(writer, config, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    config.train.start_from, config.preprocessing.trim = str(writer / "weights.npz"), "ink"
    Trainer(config, str(tmp_path))
    assert "was trained with preprocessing.trim='', here it is 'ink'" in caplog.text


def test_networks_that_a_run_did_not_train_cannot_be_given_away(reader, tmp_path):
    with pytest.raises(UserError, match=r"has not trained the networks \['generator'\]; it has \['recognizer'\]"):
        write_release(load_run(str(reader)), str(tmp_path / "weights.npz"), ["generator", "recognizer"])


def test_a_reader_apart_looks_on(reader, config, tmp_path):
    onlooking(str(reader))(config)
    config.train.num_steps = 3
    train_and_evaluate(config, str(tmp_path / "run"))
    seen = load_run(str(reader)).state.recognizer.variables
    # It is in the checkpoint, as it was, and the run does without where it came from.
    assert same(load_run(str(tmp_path / "run")).state.onlooker.variables, seen)


def test_wrong_onlookers_are_named(reader, writer, tmp_path):
    def start(source, **changes):
        run = SmallRun(onlooking(source))
        run.config.train.update(changes)
        return take_onlooker(run.state, run.config, run.charset)

    with pytest.raises(UserError, match="belong together"):
        start("")
    with pytest.raises(UserError, match="belong together"):
        bare = SmallRun()
        bare.config.train.onlooker = str(reader)
        take_onlooker(bare.state, bare.config, bare.charset)
    with pytest.raises(UserError, match="of use only with"):
        start(str(reader), feature_matching=0.0)
    with pytest.raises(UserError, match="has no recognizer"):
        start(str(writer / "weights.npz"))
    with pytest.raises(UserError, match="another alphabet"):
        run = SmallRun(onlooking(str(reader)), letters="abc")
        take_onlooker(run.state, run.config, run.charset)
