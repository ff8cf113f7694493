"""Numbers of a config that make no sense."""

import pytest

from configs import handwriting
from hwgan.runtime.errors import UserError
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
