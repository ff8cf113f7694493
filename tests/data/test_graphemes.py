"""Graphemes: which characters belong together, and how many stand beside one another."""

import pytest

from hwgan.data.graphemes import num_columns, split_graphemes

STRESSED = "зама\u0301ра"  # Russian, with a stress mark that no single character holds
POINTED = "שָׁלוֹם"  # Hebrew
VOWELLED = "مُحَمَّدٌ"  # Arabic, with two marks on one letter
DEVANAGARI = "हिन्दी"  # two spacing vowel signs, and a virama without width
THAI = "ที่นี่"
LITHUANIAN = "ė\u0301jo"  # an accent on a letter that has one
VIETNAMESE = "nghiêng"


@pytest.mark.parametrize(
    ("text", "graphemes", "columns"),
    [
        (STRESSED, ["з", "а", "м", "а\u0301", "р", "а"], 6),
        (POINTED, ["שָׁ", "ל", "וֹ", "ם"], 4),
        (VOWELLED, ["مُ", "حَ", "مَّ", "دٌ"], 4),
        (DEVANAGARI, ["हि", "न्", "दी"], 5),
        (THAI, ["ที่", "นี่"], 2),
        (LITHUANIAN, ["ė\u0301", "j", "o"], 3),
        (VIETNAMESE, list(VIETNAMESE), 7),
        ("می\u200cخ", ["م", "ی\u200c", "خ"], 3),
        ("\u0301а", ["\u0301", "а"], 2),  # a mark without a base has a place of its own
        ("", [], 0),
    ],
)
def test_marks_belong_to_the_character_before_them(text, graphemes, columns):
    assert split_graphemes(text) == graphemes
    assert num_columns(text) == columns
