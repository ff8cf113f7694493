"""Numbers of a config that make no sense, and those that are fitted to one another."""

import pytest

from configs import handwriting
from hwgan.runtime.errors import UserError
from hwgan.training.checks import fit_pretraining
from hwgan.training.ranges import check_ranges
from tests.conftest import CONFIGS


@pytest.mark.parametrize("module", CONFIGS)
def test_configs_are_within_their_ranges(module):
    check_ranges(module.get_config())


@pytest.mark.parametrize(
    ("path", "value", "limits"),
    [
        ("train.recognizer_pretrain_steps", -5000, "a whole number of at least 0"),
        ("train.num_steps", 0, "a whole number of at least 1"),
        ("evaluate.generated_words", -5, "a whole number of at least 0"),
        ("train.random_text_temperature", float("nan"), "a number of at least 0"),
        ("train.ema_decay", -3.0, "a number from 0 to 1"),
        ("train.gradient_penalty", -1.0, "a number of at least 0"),
        ("train.feature_matching", -1.0, "a number of at least 0"),
        ("train.recognizer_noise", float("inf"), "a number of at least 0"),
        ("data.real_fraction", 1.5, "a number from 0 to 1"),
        ("optimizer.generator.learning_rate", -1.0, "a number of at least 0"),
        ("optimizer.generator.learning_rate", float("nan"), "a number of at least 0"),
        ("optimizer.recognizer.b1", 1.5, "a number from 0 to 1"),
        ("optimizer.recognizer.clip_norm", -1.0, "a number of at least 0"),
        ("optimizer.discriminator.warmup_steps", -5, "a whole number of at least 0"),
        ("seed", 2**32, "a whole number from 0 to 4,294,967,295"),
    ],
)
def test_numbers_out_of_range_are_named(path, value, limits):
    config = handwriting.get_config()
    config.update_from_flattened_dict({path: value})
    with pytest.raises(UserError, match=f"{path}={value} must be {limits}"):
        check_ranges(config)


def test_num_steps_alone_shortens_a_run(caplog):
    train = handwriting.get_config().train
    train.update(num_steps=100, recognizer_pretrain_steps=1500)
    fit_pretraining(train)
    assert train.recognizer_pretrain_steps == 40
    assert "are pretrained for 40 steps instead, 40 % of the run" in caplog.text
    fit_pretraining(train)  # nothing is left to do
    assert train.recognizer_pretrain_steps == 40
    train.num_steps = 1
    fit_pretraining(train)
    assert train.recognizer_pretrain_steps == 0


def test_a_recognizer_alone_needs_no_other_number_than_its_steps():
    """The rates of networks that are not trained do not end before they begin."""
    config = handwriting.get_config()
    config.train.update(num_steps=5000, updated_networks=("recognizer",))
    fit_pretraining(config.train)
    check_ranges(config)
    assert config.train.recognizer_pretrain_steps == 5000
