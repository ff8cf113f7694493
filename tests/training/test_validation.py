"""Metrics of validation words while training."""

import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.sampling.sampler import Sampler
from hwgan.sampling.word_sampler import WordSampler
from hwgan.training.validation import style_std, words_of_grid
from tests.conftest import SmallRun
from tests.models.conftest import edit_to_char_width


class Fixed(WordSampler):
    """Draws the images that it is given, whatever the text."""

    def __init__(self, images):
        self.images = images

    def sample_styles(self, key, *count):
        return jnp.zeros((*count, 3))

    def draw(self, words, styles):
        return self.images[: len(words)]


class WidthsAlone(Sampler):
    """Draws styles that differ in the width of words alone."""

    def sample_styles(self, key, *count):
        styles = super().sample_styles(key, *count)
        return jnp.zeros_like(styles).at[..., 0].set(styles[..., 0])


def test_the_deviation_between_styles_is_that_of_each_pixel():
    """Ink beside paper is no deviation; a pixel that is ink in half of the styles has one of 1."""
    word = np.full((8, 20), 255, np.uint8)
    word[2:6, 3:15] = 0
    assert style_std(Fixed([word] * 16), "a", seed=0) == pytest.approx(0.0, abs=1e-6)
    assert style_std(Fixed([word, 255 - word] * 8), "a", seed=0) == pytest.approx(1.0, abs=1e-6)


def test_widths_of_styles_are_no_deviation():
    """A generator that ignores the style but for its width has collapsed."""
    run = SmallRun(edit_to_char_width)
    arguments = run.networks, run.state.ema_variables, run.charset, run.spec
    assert style_std(Sampler(*arguments), "abc", seed=0) > 1e-4
    assert style_std(WidthsAlone(*arguments), "abc", seed=0) == pytest.approx(0.0, abs=1e-6)


def test_words_of_the_grid_that_cannot_be_written_are_replaced_by_real_ones():
    run = SmallRun()  # of words of up to six letters
    sampler = Sampler(run.networks, run.state.ema_variables, run.charset, run.spec)
    real = ["to", "fox", "jumps", "fox", "ab", "lazy"]
    assert words_of_grid(sampler, ("amit", "stations"), real) == ["amit", "statio"]
    assert words_of_grid(sampler, ("été", "", "jumps", "brown", "1976"), real) == [
        "jumps",
        "brown",
        "lazy",
        "fox",
        "to",
    ]
    assert words_of_grid(sampler, (), real) == ["jumps"]
