"""Shared fixtures: a small generator whose styles are encoded from images, and its encoder."""

import pytest

from hwgan.checkpoints.run import Run
from hwgan.sampling.open import sampler_from_run
from hwgan.sampling.style_encoder import StyleEncoder
from tests.conftest import SmallRun
from tests.models.conftest import edit_to_char_width


@pytest.fixture(scope="session")
def style_run():
    """An untrained run of the `char_width` generator with an identifier."""
    small = SmallRun(edit_to_char_width)
    return Run(small.config, small.charset, small.networks, small.state)


@pytest.fixture(scope="session")
def style_sampler(style_run):
    return sampler_from_run(style_run)


@pytest.fixture(scope="session")
def style_encoder(style_run, style_sampler):
    variables = {name: getattr(style_run.state, name).variables for name in ("recognizer", "identifier")}
    fields = dict(charset=style_run.charset, spec=style_run.spec, sampler=style_sampler)
    return StyleEncoder(style_run.networks, **variables, **fields)
