"""Metrics of validation words while training."""

import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.sampling.word_sampler import WordSampler
from hwgan.training.validation import style_std


class Fixed(WordSampler):
    """Draws the images that it is given, whatever the text."""

    def __init__(self, images):
        self.images = images

    def sample_styles(self, key, *count):
        return jnp.zeros((*count, 3))

    def draw(self, words, styles):
        return self.images[: len(words)]


def test_the_deviation_between_styles_is_that_of_each_pixel():
    """Ink beside paper is no deviation; a pixel that is ink in half of the styles has one of 1."""
    word = np.full((8, 20), 255, np.uint8)
    word[2:6, 3:15] = 0
    assert style_std(Fixed([word] * 16), "a", seed=0) == pytest.approx(0.0, abs=1e-6)
    assert style_std(Fixed([word, 255 - word] * 8), "a", seed=0) == pytest.approx(1.0, abs=1e-6)
