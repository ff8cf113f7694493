"""Words on a page."""

import math

import numpy as np
import pytest

from hwgan.sampling.page import bound_words, break_lines, join_words, stack_lines


def lines_of(widths, gap, room):
    return [list(widths[part]) for part in break_lines(widths, [gap] * len(widths), room)]


@pytest.mark.parametrize(
    ("widths", "room", "lines"),
    [
        ([30, 30, 30], math.inf, [[30, 30, 30]]),
        ([30, 30, 30], 70, [[30, 30], [30]]),  # 30 + 10 + 30 fit to the pixel
        ([30, 30, 30], 69, [[30], [30], [30]]),
        ([90, 10, 10, 90], 50, [[90], [10, 10], [90]]),  # what is too wide stands alone
        ([5], 1, [[5]]),
    ],
)
def test_lines_are_as_full_as_they_can_be(widths, room, lines):
    assert lines_of(widths, 10, room) == lines


def test_signs_that_stand_apart_stay_with_their_word():
    words = ["Qui", "?", "«", "Moi", "!", "»", "dit", "-", "il", "?!"]
    bound = bound_words(words)
    assert [word for word, stays in zip(words, bound, strict=True) if not stays] == ["Qui", "«", "dit", "-", "il"]
    widths = [30, 5, 5, 30, 5, 5, 30, 5, 20, 10]

    def broken(room):
        parts = break_lines(widths, [10] * len(widths), room, bound)
        return [" ".join(words[part]) for part in parts]

    assert broken(1000) == [" ".join(words)]
    assert broken(95) == ["Qui ?", "« Moi ! »", "dit - il ?!"]
    assert broken(75) == ["Qui ?", "« Moi ! »", "dit -", "il ?!"]
    assert broken(40) == ["Qui", "?", "«", "Moi", "! »", "dit", "-", "il ?!"]  # too narrow for them


def test_pages_are_put_together_on_white():
    dark, grey = np.zeros((4, 3), np.uint8), np.full((4, 5), 90, np.uint8)
    line = join_words([dark, grey], gap=2)
    assert line.shape == (4, 10)
    assert (line[:, 3:5] == 255).all()
    page = stack_lines([line, dark], gap=1)
    assert page.shape == (9, 10)
    assert (page[5:, 3:] == 255).all()
    assert (stack_lines([line, dark], gap=1, right_to_left=True)[5:, :7] == 255).all()
