"""Words cut out of lines of strokes."""

import numpy as np
import pytest

from hwgan.data.ink_words import cut_ink_lines
from tests.data.lines_of_ink import TEXTS, written_lines


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_words_are_found_with_their_own_strokes(slope):
    found = right = total = 0
    for seed in range(4):
        lines, words = written_lines(seed, slope=slope)
        for text, cut, own in zip(TEXTS, cut_ink_lines(lines, TEXTS), words, strict=True):
            assert [word.text for word in cut] == text.split()
            for word, strokes in zip(cut, own, strict=True):
                total += 1
                if word.strokes is None:
                    assert word.doubt
                    continue
                found += 1
                right += len(word.strokes) == len(strokes)
    assert found >= 0.6 * total
    assert right >= 0.95 * found


def test_words_are_in_x_heights_on_the_baseline():
    lines, words = written_lines()
    for cut, own in zip(cut_ink_lines(lines, TEXTS), words, strict=True):
        for word, strokes in zip(cut, own, strict=True):
            if word.strokes is None or word.text != "been":
                continue
            points, expected = np.concatenate(word.strokes), np.concatenate(strokes)
            assert points[:, 0].min() == pytest.approx(0.0)
            assert abs(np.ptp(points[:, 1]) / np.ptp(expected[:, 1]) - 1.0) < 0.6
            assert abs(points[:, 1].max()) < 0.4


def test_words_that_stand_close_are_left_out():
    lines, _ = written_lines(gap=0.15)
    cut = [word for line in cut_ink_lines(lines, TEXTS) for word in line]
    assert sum(word.strokes is not None for word in cut) < 0.3 * len(cut)


def test_lines_without_ink_and_with_a_dot():
    dot = [np.zeros((1, 2))]
    cut = cut_ink_lines([[], dot, dot], ["one two", "three", ""])
    assert [[word.doubt for word in line] for line in cut[:1]] == [["word without ink"] * 2]
    assert all(word.strokes is None for word in cut[1])
    assert cut[2] == []


def test_a_line_of_absurd_size_is_left_out():
    """Coordinates of a damaged file asked for more points than there is memory."""
    flat = [np.stack([np.linspace(0.0, 1e7, 400), 1e-4 * (np.arange(400) % 2)], axis=1)]
    (cut,) = cut_ink_lines([flat], ["one two"])
    assert [word.strokes for word in cut] == [None, None]
