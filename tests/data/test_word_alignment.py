"""Places of words in rows of atoms whose words are known."""

import numpy as np
import pytest

from hwgan.data.page_handwriting import first_guess, learn
from hwgan.data.word_alignment import Handwriting, Word, align

LETTER = 0.8  # x-heights


def row(*words, inner=0.15, outer=0.9):
    """Spans and extents of atoms of one letter each, and the first and last atom of each word."""
    spans, places, left = [], [], 0.0
    for letters in words:
        places.append((len(spans), len(spans) + letters - 1))
        for _ in range(letters):
            spans.append((left, left + LETTER))
            left += LETTER + inner
        left += outer - inner
    return np.array(spans), np.tile([0.5, -0.5], (len(spans), 1)), places


def found(texts, spans, extents, writing=None):
    words = [Word(text) for text in texts]
    return align(words, spans, extents, writing or first_guess([(words, spans)]))


def test_words_of_clear_gaps_are_certain():
    spans, extents, places = row(2, 5, 3)
    result = found(["ne", "cranse", "vue"], spans, extents)
    assert [(place.first, place.last) for place in result] == places
    assert all(place.probability > 0.97 and not place.joined for place in result)


def test_wide_gaps_in_a_word_and_narrow_ones_between_words_are_told_by_widths():
    spans, extents, places = row(6, 2, inner=0.5, outer=0.65)
    result = found(["sacrons", "ou"], spans, extents)
    assert (result[0].first, result[0].last) == places[0]


def test_equal_gaps_are_doubtful():
    spans, extents, _ = row(3, 3, 3, inner=0.5, outer=0.5)
    result = found(["vue", "vue", "vue"], spans, extents)
    assert min(place.probability for place in result) < 0.97


def test_words_written_together_are_named():
    spans, extents, _ = row(3, 3)
    whole = np.array([[spans[0, 0], spans[-1, 1]]])
    result = found(["vue", "non"], whole, extents[:1])
    assert [place.joined for place in result] == [True, True]


def test_what_belongs_to_no_word_is_left_out():
    spans, extents, places = row(3, 3, 3)
    dirt = np.array([[spans[-1, 1] + 3.0, spans[-1, 1] + 3.1]])
    result = found(["vue", "non", "sec"], np.concatenate([spans, dirt]), np.concatenate([extents, extents[:1]]))
    assert [(place.first, place.last) for place in result] == places


def test_a_comma_goes_with_the_word_before_it():
    spans, extents, _ = row(3, 1, 3, outer=0.45)
    spans[3, 1] = spans[3, 0] + 0.2
    extents[3] = -0.3, -0.9
    result = found(["vue,", "non"], spans, extents)
    assert [(place.first, place.last) for place in result] == [(0, 3), (4, 6)]


def test_probabilities_sum_over_all_segmentations():
    spans, extents, _ = row(1, 1, inner=0.4, outer=0.4)
    result = found(["e", "e"], spans, extents)
    assert 0.0 < result[0].probability <= 1.0
    assert result[0].probability == pytest.approx(result[1].probability, rel=0.2)


def test_no_atoms_and_no_words():
    spans, extents, _ = row(2)
    assert align([], spans, extents, Handwriting()) == []
    assert align([Word("a")], spans[:0], extents[:0], Handwriting()) == [None]


def test_a_wide_hand_is_learned():
    lines = []
    for _ in range(8):
        spans, extents, _ = row(5, 4, 6)
        words = [Word("cransee"), Word("vues"), Word("sacrons")]
        lines.append((words, spans * 1.6, align(words, spans * 1.6, extents, Handwriting(1.6))))
    assert learn(lines, Handwriting()).width > 1.2
    assert first_guess([(words, spans) for words, spans, _ in lines]).width > 1.2
