import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.metrics import character_error_rate, greedy_texts, word_error_rate


def test_greedy_merges_repeats_and_drops_blanks():
    ids = np.array([[1, 1, 0, 1, 2, 2], [0, 3, 3, 0, 3, 1]])
    assert greedy_texts(ids, np.array([6, 4]), Charset("abc")) == ["aab", "c"]


def test_error_rates_by_hand():
    references, readings = ["kitten", "of"], ["sitting", "of"]
    assert character_error_rate(references, readings) == 3 / 8
    assert word_error_rate(references, readings) == 0.5
    with pytest.raises(ValueError, match="no reference"):
        character_error_rate([], [])
