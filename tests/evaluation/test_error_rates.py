"""Error rates."""

import pytest

from hwgan.evaluation.error_rates import (
    character_error_rate,
    error_rates_by_group,
    word_error_rate,
)


def test_error_rates():
    references, hypotheses = ["kitten", "of"], ["sitting", "of"]
    assert character_error_rate(references, hypotheses) == 3 / 8
    assert word_error_rate(references, hypotheses) == 0.5
    with pytest.raises(ValueError, match="no reference"):
        character_error_rate([], [])


def test_errors_by_length_and_by_kind_of_character():
    references = ["Été", "1976", "Bonjour", "extraordinaire", "a!"]
    hypotheses = ["Ete", "1876", "bonjour", "extraordinaire", "xa!"]
    assert error_rates_by_group(references, hypotheses) == {
        "cer_1_3": 3 / 5,  # two accents lost, one character too many
        "cer_4_7": 2 / 11,
        "cer_13_up": 0.0,
        "missed_capitals": 2 / 2,  # É became E, B became b
        "missed_digits": 1 / 4,
        "missed_accents": 2 / 2,
        "missed_punctuation": 0.0,
    }
