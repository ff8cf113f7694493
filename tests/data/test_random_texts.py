"""Random texts: uniform, of whole graphemes, and of characters of the alphabet alone."""

from collections import Counter

import pytest

from hwgan.data.charset import Charset, normalize_text
from hwgan.data.graphemes import is_mark, split_graphemes
from hwgan.data.lexicon import Lexicon
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.random_texts import random_text_units, random_texts
from tests.data.test_graphemes import DEVANAGARI, LITHUANIAN, POINTED, STRESSED, THAI, VIETNAMESE, VOWELLED

ALPHABET = "!-(019ABXabcdefghijklmnopqrstuvwxyzéù"
SPEC = ImageSpec(Preprocessing(pad_to_line=True, height=40), max_width=224, max_length=14)


def test_random_texts_have_uniform_characters_and_lengths():
    texts = random_texts(random_text_units(ALPHABET + " ", []), 5000, (1, 14))
    assert set(map(len, texts)) == {1, 2, 3, 4}
    counts = Counter("".join(texts))
    assert set(counts) == set(ALPHABET)
    assert max(counts.values()) < 1.5 * min(counts.values())
    assert texts == random_texts(ALPHABET, 5000, (1, 14))
    assert texts != random_texts(ALPHABET, 5000, (1, 14), seed=1)
    assert set(map(len, random_texts(ALPHABET, 100, (5, 6)))) == {5, 6}
    assert set(map(len, random_texts(ALPHABET, 1000, (0, 14)))) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    "words",
    [
        # A к or г and a stress mark, drawn apart, would become ќ or ѓ, which are not in the alphabet.
        [STRESSED, "кма\u0301га", "гука\u0301", "ку\u0301да"],
        [POINTED, "מֶלֶךְ", "אִשָּׁה"],
        [VOWELLED, "كِتَابٌ"],
        [DEVANAGARI, "कि", "\u0915\u093c", "न"],
        [THAI, "นำ"],
        [LITHUANIAN, "e\u0307", "j"],
        [VIETNAMESE, "đường"],
        ["\u1112\u1161\u11ab\u1100", "\u1100\u1161"],  # Hangul: letters become syllables, and these not the alphabet's
    ],
)
def test_random_texts_of_graphemes_keep_to_the_alphabet(words):
    words = [normalize_text(word) for word in words]
    charset = Charset("".join(sorted(set("".join(words)))))
    lexicon = Lexicon.from_words(words * 100, charset, SPEC, random_text_fraction=0.5)
    texts = [charset.decode(row) for row, chosen in zip(lexicon.labels, lexicon.is_random, strict=True) if chosen]
    own = {grapheme for word in words for grapheme in split_graphemes(word)}
    assert len(texts) > 90 * len(words)
    for text in texts:
        assert normalize_text(text) == text
        assert not charset.unknown(text)
        assert not is_mark(text[0])
        assert set(split_graphemes(text)) <= own | set(charset.characters)
    assert set("".join(texts)) == set(charset.characters)  # marks come, too


def test_random_texts_are_no_longer_than_allowed_and_no_marks_stand_alone():
    """Letters with three marks fill four of five characters, and marks that no word has are left out."""
    stacked = "q\u0323\u0302\u0304"
    units = random_text_units("qb\u0301", ["q\u0301" * 2])
    assert units == ["q", "b", "q\u0301"]
    texts = random_texts(random_text_units("b" + stacked, [stacked]), 1000, (1, 5))
    assert max(map(len, texts)) == 5
    assert {text.count(stacked) for text in texts} == {0, 1}
    assert random_texts(random_text_units("\u0301", ["\u0301"]), 10, (1, 4)) == []
    assert random_texts(["\u1112", "\u1161"], 200, (2, 2))  # those that NFC would join are left out
    assert "\u1112\u1161" not in random_texts(["\u1112", "\u1161"], 200, (2, 2))
