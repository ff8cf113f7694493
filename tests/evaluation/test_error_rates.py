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
    lines = ["the quick brown fox", "a dog"]
    assert word_error_rate(lines, ["the quick fox", "a  dog"]) == 1 / 6  # of words, not of lines
    assert word_error_rate(["of"], [""]) == 1.0
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


def test_marks_of_other_scripts_are_no_punctuation_and_syllables_no_accents():
    words = ["שָׁלוֹם", "한글", "हिन्दी", "がく", "c’est…"]
    rates = error_rates_by_group(words, [""] * len(words))
    assert rates["missed_punctuation"] == 1.0 and "missed_accents" not in rates
    assert set(error_rates_by_group(words[:4], words[:4])) == {"cer_1_3", "cer_4_7"}
