"""Crops of the inputs of feature networks."""

import numpy as np

from hwgan.evaluation.features import left_squares
from tests.evaluation.words import noise_words


def test_left_squares():
    words = noise_words(["ab", "gh", "cd", "hg", "ab"])
    squares = left_squares(words)
    assert squares.widths.tolist() == [16] * 5
    np.testing.assert_array_equal(squares.image(1), words.image(1)[:, :16])
    short = left_squares(noise_words(["a"]))
    np.testing.assert_array_equal(short.image(0)[:, 8:], np.full((16, 8), 255))
