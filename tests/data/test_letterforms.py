"""Vertical extents and widths of texts."""

import numpy as np
import pytest

from hwgan.data import transforms
from hwgan.data.letterforms import BOTTOM, TOP, char_widths_of, text_widths, vertical_extent


@pytest.mark.parametrize(
    ("text", "reaches_up", "reaches_down"),
    [
        ("on", 1.0, 0.0),
        ("Ab", 1.6, 0.0),
        ("gap", 1.0, -0.5),
        ("plough", 1.6, -0.5),
        ("été", 1.5, 0.0),
        ("ça", 1.0, -0.5),
        ("а\u0301с", 1.6, 0.0),
        ("n\u0304o", 1.5, 0.0),  # a letter with an accent that Unicode has no single character for
        ("ạ", 1.0, -0.4),
        ("ş", 1.0, -0.5),
        ("שֶל", 1.6, -0.4),
        ("בּ", 1.6, 0.0),  # a point inside the letter
        ("\u0301", 1.6, 0.0),
        ("on en a", 1.0, 0.0),  # a line whose blanks are no capitals
        ("man¬", 1.0, 0.0),
        ("gegen\u2010", 1.0, -0.5),
        ("«øre»", 1.0, 0.0),
        (" ", 1.6, 0.0),
    ],
)
def test_the_extent_follows_the_characters(text, reaches_up, reaches_down):
    assert vertical_extent(text) == (reaches_up, reaches_down)


def test_every_extent_lies_within_the_line():
    for code in [*range(33, 127), *range(160, 384), 0x4E2D, 0x5D0]:
        top, bottom = vertical_extent(chr(code))
        assert BOTTOM <= bottom < top <= TOP


def test_padding_to_the_line_gives_one_size_and_one_baseline():
    """An "o" of 40 rows and a "d" of 64, in proportion as by one writer, both with their foot on the baseline."""
    o, d = np.zeros((40, 30), np.uint8), np.zeros((64, 30), np.uint8)
    padded = [
        transforms.pad_to_extent(image, vertical_extent(text), (TOP, BOTTOM)) for image, text in [(o, "o"), (d, "d")]
    ]
    assert [image.shape for image in padded] == [(90, 30), (90, 30)]
    ends = [np.flatnonzero((image == 0).all(axis=1))[[0, -1]].tolist() for image in padded]
    assert ends == [[26, 65], [2, 65]]


def test_widths_add_up_and_scale_with_the_height():
    assert char_widths_of("mi", 40)[0] > 2 * char_widths_of("mi", 40)[1]
    assert char_widths_of("ë", 40) == char_widths_of("e", 40)
    np.testing.assert_allclose(text_widths(["im", "m", "i"], 80)[0], text_widths(["im", "m", "i"], 80)[1:].sum())
    np.testing.assert_allclose(text_widths(["word"], 80), 2 * text_widths(["word"], 40))


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّدٌ", "محمد"),
        ("зама\u0301ра", "замара"),
        ("ที่นี่", "ทน"),
        ("हिन्दी", "हिनदी"),  # spacing vowel signs have a width
        ("đường", "đuong"),
    ],
)
def test_marks_have_no_width(marked, plain):
    assert text_widths([marked], 40) == text_widths([plain], 40)
