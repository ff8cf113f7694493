"""A new run starts from trained networks."""

import logging

import jax
import numpy as np
import pytest

from configs import handwriting, smoke
from hwgan.checkpoints.names import PRETRAINED, PRETRAINED_OTHERS
from hwgan.checkpoints.run import build_networks, load_run
from hwgan.checkpoints.weights_file import read_weights, write_weights_file
from hwgan.data.charset import FEW_EXAMPLES
from hwgan.models.state import GENERATING_NETWORKS, NETWORK_NAMES
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import sampler_from_run
from hwgan.training.init_from import init_from
from hwgan.training.loop import train_and_evaluate
from hwgan.training.trainer import Trainer
from tests.conftest import SmallRun


@pytest.fixture(scope="module")
def generator_run(trained, tmp_path_factory):
    """A run with a generator and, beside it, its weights files."""
    folder = tmp_path_factory.mktemp("generator")
    (folder / "run").symlink_to(trained[1])
    run = load_run(str(folder / "run"))
    write_weights_file(run, str(folder / "weights.npz"))
    write_weights_file(run, str(folder / "all.npz"), ["all"])
    return folder


@pytest.fixture(scope="module")
def recognizer_run(data_dir, tmp_path_factory):
    """A run of a recognizer alone, with another seed."""
    config = smoke.get_config()
    config.data.data_dir, config.seed = data_dir, 1
    config.train.updated_networks, config.train.num_steps = ("recognizer",), 2
    folder = tmp_path_factory.mktemp("recognizer")
    train_and_evaluate(config, str(folder))
    return folder


def numbers(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(numbers(first), numbers(second), strict=True))


@pytest.mark.parametrize("source", ["run", "weights.npz", "all.npz"])
def test_a_run_writes_at_once_what_its_source_wrote(generator_run, config, tmp_path, source):
    config.train.init_from = str(generator_run / source)
    trainer, old = Trainer(config, str(tmp_path)), load_run(str(generator_run / "run"))
    before = sampler_from_run(old)
    np.testing.assert_array_equal(
        trainer.sampler.draw_text("hello", before.style(0)), before.draw_text("hello", before.style(0))
    )
    assert trainer.step == 0
    assert same(trainer.state.generator.params, old.state.ema["generator"])  # the averages, for both
    # A run gives all networks that it trained, weights those that they hold.
    whole = source != "weights.npz"
    assert same(trainer.state.discriminator.variables, old.state.discriminator.variables) == whole
    assert same(trainer.state.recognizer.variables, old.state.recognizer.variables) == whole


def test_the_networks_of_the_package_fit_the_config_they_were_trained_by():
    weights, others = read_weights(PRETRAINED), read_weights(PRETRAINED_OTHERS)
    config = handwriting.get_config()
    config.model.identifier.num_writers = 512  # as those weights have it
    run = SmallRun(config=config, characters=weights.charset.characters)
    run.config.train.init_from = "pretrained_all"
    state, rare_characters = init_from(run.state, run.config, run.charset)
    assert rare_characters == weights.rare_characters != {}
    held = weights.variables | others.variables
    assert len(held) == len(weights.variables) + len(others.variables)  # nothing twice
    logits = state.identifier.params["logits"]
    assert not np.any(logits["kernel"]) and not np.any(logits["bias"])  # writers are those of the new words
    held["identifier"]["params"]["logits"] = logits
    for name in NETWORK_NAMES:
        assert same(getattr(state, name).variables, held[name]), name
    assert others.config == weights.config  # log_width_std is in no shape of a network
    made_by, _ = build_networks(weights.config, weights.charset)
    assert made_by == run.networks  # all fields of all modules
    assert all(same(state.ema[name], held[name]["params"]) for name in GENERATING_NETWORKS)


def test_later_sources_replace_earlier_ones(generator_run, recognizer_run, config, tmp_path):
    config.train.init_from = f"{generator_run / 'run'}, {recognizer_run}"
    state = Trainer(config, str(tmp_path)).state
    first, second = (load_run(str(path)).state for path in (generator_run / "run", recognizer_run))
    assert same(state.recognizer.variables, second.recognizer.variables)
    assert same(state.generator.params, first.ema["generator"])
    # Networks that the recognizer run has and did not train are not taken.
    assert not same(second.discriminator.params, first.discriminator.params)
    assert same(state.discriminator.params, first.discriminator.params)


def test_it_trains_and_then_resumes_from_its_own_checkpoint(generator_run, config, tmp_path):
    config.train.init_from, config.train.num_steps = str(generator_run / "weights.npz"), 3
    train_and_evaluate(config, str(tmp_path))
    after = load_run(str(tmp_path)).state
    assert not same(after.generator.params, load_run(str(generator_run / "run")).state.ema["generator"])
    again = Trainer(config, str(tmp_path))
    assert again.step == 3
    # The examples of both runs count, here of the same words.
    once = load_run(str(generator_run / "run")).rare_characters
    twice = {character: 2 * count for character, count in once.items() if 2 * count < FEW_EXAMPLES}
    assert once != twice == again.rare_characters == load_run(str(tmp_path)).rare_characters
    assert same(again.state.generator.params, after.generator.params)


def test_networks_that_it_was_given_and_does_not_train_are_there_afterwards(generator_run, config, tmp_path):
    """As a recognizer that stays fixed: what writes in a style, reads or is exported needs it."""
    config.train.init_from = str(generator_run / "all.npz")
    config.train.update(updated_networks=("discriminator", "generator"), recognizer_pretrain_steps=0)
    for steps in (1, 2):  # the second time from its own checkpoint
        config.train.num_steps = steps
        train_and_evaluate(config, str(tmp_path / "run"))
        run, given = load_run(str(tmp_path / "run")), read_weights(str(generator_run / "all.npz"))
        assert same(run.trained_variables["recognizer"], given.variables["recognizer"])
        assert set(run.trained_variables) == set(given.variables)


def test_running_averages_that_the_source_lacks_are_reset(caplog, monkeypatch):
    def without_whitening(path):
        weights = read_weights(path)
        weights.variables.get("identifier", {"batch_stats": {}})["batch_stats"].pop("whitening", None)
        return weights

    monkeypatch.setattr("hwgan.training.init_from.read_weights", without_whitening)
    caplog.set_level(logging.INFO)
    config = handwriting.get_config()
    config.model.identifier.whitened, config.train.init_from = True, "pretrained_all"
    run = SmallRun(config=config, characters=read_weights(PRETRAINED).charset.characters)
    state, rare_characters = init_from(run.state, run.config, run.charset)
    assert rare_characters == read_weights(PRETRAINED).rare_characters
    old = read_weights(PRETRAINED_OTHERS).variables["identifier"]["params"]
    assert same(state.identifier.params | {"logits": 0}, old | {"logits": 0})
    assert same(
        state.identifier.collections["batch_stats"]["whitening"], {"mean": np.zeros(31), "covariance": np.eye(31)}
    )
    assert "are reset" in caplog.text and "whitening/covariance" in caplog.text


def test_what_does_not_fit_is_named(generator_run, config, tmp_path):
    def message(source="weights.npz", here="", **changes):
        with config.unlocked():
            config.update_from_flattened_dict({name.replace("__", "."): value for name, value in changes.items()})
        config.train.init_from = here or str(generator_run / source)
        with pytest.raises(UserError) as error:
            Trainer(config, str(tmp_path))
        return str(error.value)

    assert "does not exist" in message("nowhere")
    assert "alphabet" in message(data__alphabet="abcdefghijklmnopqrstuvwxyzé")
    config.data.alphabet = ""
    assert "'pretrained' has another alphabet" in message(here="pretrained")
    assert "preprocessing.pad_to_line=False" in message(preprocessing__pad_to_line=True)
    config.preprocessing.pad_to_line = False
    assert "generator" in message(model__generator__condition_features=5)


def test_trim_may_differ(generator_run, config, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    config.train.init_from, config.preprocessing.trim = str(generator_run / "weights.npz"), "ink"
    Trainer(config, str(tmp_path))
    assert "was trained with preprocessing.trim='', here it is 'ink'" in caplog.text


def test_untrained_networks_cannot_be_exported(recognizer_run, tmp_path):
    with pytest.raises(UserError, match=r"has not trained the networks \['generator'\]; it has \['recognizer'\]"):
        write_weights_file(load_run(str(recognizer_run)), str(tmp_path / "weights.npz"), ["generator", "recognizer"])
