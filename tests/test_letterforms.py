"""What a text tells of the place and the width of its ink."""

import numpy as np
import pytest

from hwgan.data import transforms
from hwgan.data.letterforms import BOTTOM, TOP, character_widths, text_widths, vertical_extent


@pytest.mark.parametrize(
    ("text", "reaches_up", "reaches_down"),
    [
        ("on", 1.0, 0.0),
        ("Ab", 1.6, 0.0),
        ("gap", 1.0, -0.5),
        ("plough", 1.6, -0.5),
        ("été", 1.5, 0.0),
        ("ça", 1.0, -0.5),
    ],
)
def test_the_extent_follows_the_letters(text, reaches_up, reaches_down):
    assert vertical_extent(text) == (reaches_up, reaches_down)


def test_every_extent_lies_in_the_frame():
    for code in [*range(33, 127), *range(160, 384), 0x4E2D, 0x5D0]:
        top, bottom = vertical_extent(chr(code))
        assert BOTTOM <= bottom < top <= TOP


def test_letters_of_one_size_come_out_in_one_size_on_one_baseline():
    """An "o" of 40 rows and a "d" of 64, as high as letters of one hand are, both with their foot on the line."""
    o, d = np.zeros((40, 30), np.uint8), np.zeros((64, 30), np.uint8)
    framed = [
        transforms.pad_to_extent(image, vertical_extent(text), (TOP, BOTTOM)) for image, text in [(o, "o"), (d, "d")]
    ]
    assert [image.shape for image in framed] == [(90, 30), (90, 30)]
    ends = [np.flatnonzero((image == 0).all(axis=1))[[0, -1]].tolist() for image in framed]
    assert ends == [[26, 65], [2, 65]]


def test_widths_add_up_and_scale_with_the_height():
    assert character_widths("mi", 40)[0] > 2 * character_widths("mi", 40)[1]
    assert character_widths("ë", 40) == character_widths("e", 40)
    np.testing.assert_allclose(text_widths(["im", "m", "i"], 80)[0], text_widths(["im", "m", "i"], 80)[1:].sum())
    np.testing.assert_allclose(text_widths(["word"], 80), 2 * text_widths(["word"], 40))
