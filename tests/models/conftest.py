"""Shared fixtures: a small run of the `char_width` generator with an identifier."""

import pytest
from ml_collections import ConfigDict

from tests.conftest import SmallRun


def edit_to_char_width(config):
    """Changes the smoke config to a small `char_width` generator, with an identifier of three writers."""
    config.preprocessing.update(pad_to_line=True, height=40, pixels_per_character=0)
    config.data.max_width = 96
    config.model.z_dim = 5
    config.model.generator = ConfigDict(
        dict(name="char_width", block_features=(6, 4), first_features=8, condition_features=6)
    )
    config.model.discriminator = ConfigDict(dict(name="columns", block_features=(4, 4, 4)))
    config.model.identifier = ConfigDict(dict(name="writers", num_writers=3, features=4, conv_features=(4, 4)))


@pytest.fixture(scope="session")
def char_width_run() -> SmallRun:
    """The `char_width` networks with an identifier, small."""
    return SmallRun(edit_to_char_width)
