import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.evaluation.neighbors import mean_distance_within, nearest_is_same
from hwgan.metrics import (
    character_error_rate,
    error_rates_by_group,
    greedy_texts,
    word_error_rate,
)


def test_greedy_merges_repeats_and_drops_blanks():
    ids = np.array([[1, 1, 0, 1, 2, 2], [0, 3, 3, 0, 3, 1]])
    assert greedy_texts(ids, np.array([6, 4]), Charset("abc")) == ["aab", "c"]


def test_error_rates_by_hand():
    references, readings = ["kitten", "of"], ["sitting", "of"]
    assert character_error_rate(references, readings) == 3 / 8
    assert word_error_rate(references, readings) == 0.5
    with pytest.raises(ValueError, match="no reference"):
        character_error_rate([], [])


def test_errors_are_laid_where_they_are():
    references = ["Été", "1976", "Bonjour", "extraordinaire", "a!"]
    readings = ["Ete", "1876", "bonjour", "extraordinaire", "xa!"]
    assert error_rates_by_group(references, readings) == {
        "cer_1_3": 3 / 5,  # two accents lost, one letter too many
        "cer_4_7": 2 / 11,
        "cer_13_up": 0.0,
        "missed_capitals": 2 / 2,  # É became E, B became b
        "missed_digits": 1 / 4,
        "missed_accents": 2 / 2,
        "missed_punctuation": 0.0,
    }


def test_a_hand_is_told_by_another_word_of_it():
    """Two hands write two words; features lie by hand, or by word."""
    groups, texts = [0, 0, 1, 1], [0, 1, 0, 1]
    by_hand = np.array([[0.0], [0.1], [5.0], [5.1]])
    by_word = np.array([[0.0], [5.0], [0.1], [5.1]])
    assert nearest_is_same(by_hand, groups, texts) == 1.0
    assert nearest_is_same(by_word, groups, texts) == 0.5  # nearest of the other word: right for two of the four
    assert np.isnan(nearest_is_same(by_hand, [0, 1, 2, 3], texts))
    assert mean_distance_within(by_hand, texts) == 5.0
    np.testing.assert_allclose(mean_distance_within(by_hand, groups), 0.1)
    assert np.isnan(mean_distance_within(by_hand, [0, 1, 2, 3]))
