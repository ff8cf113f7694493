import numpy as np
import pytest

from hwgan.data import ink
from hwgan.datasets.penman import pen, words


def write(seed, text, word_seed=0):
    return pen.write_word(pen.Writer((0, seed)), text, np.random.default_rng(word_seed))


def test_same_seed_same_ink():
    np.testing.assert_array_equal(write(3, "hand"), write(3, "hand"))


def test_writers_differ_and_words_jitter():
    assert not np.array_equal(write(3, "hand"), write(4, "hand"))
    assert not np.array_equal(write(3, "hand", 0), write(3, "hand", 1))


def test_all_kinds_of_handwriting_occur():
    assert {pen.Writer((0, i)).kind for i in range(40)} == set(pen.KINDS)


@pytest.mark.parametrize("character", list(pen.ALPHABET))
def test_every_character_leaves_ink_on_white(character):
    for seed in range(6):
        image = write(seed, character)
        assert image.dtype == np.uint8
        assert image.min() < 160
        assert (image == 255).mean() > 0.3


def test_width_follows_text():
    assert write(0, "mmmm").shape[1] > 1.6 * write(0, "mm").shape[1]


def test_little_ink_touches_the_upper_and_lower_edge():
    """A line is as high as the characters on it, in all kinds of handwriting."""
    cut = sum((write(seed, "Adfgjpy").take([0, -1], axis=0) < 128).any() for seed in range(60))
    assert cut <= 6


def test_splines_pass_through_their_points_and_keep_corners():
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    smooth = ink.smooth(corner)
    assert all((np.abs(smooth - point).sum(axis=1) < 1e-9).any() for point in corner)
    assert smooth.max() <= 1.0 + 1e-9  # a curve through the corner would overshoot


def test_vocabulary_and_its_split():
    vocabulary = words.vocabulary()
    assert len(vocabulary) == len(set(vocabulary)) > 1500
    assert all(word.isascii() and word.isalpha() and word.islower() for word in vocabulary)
    assert {"amit", "hand"} <= set(vocabulary)
    assert 0.75 < np.mean([words.is_train_word(word) for word in vocabulary]) < 0.85


def test_texts_stay_in_the_alphabet():
    rng = np.random.default_rng(0)
    texts = [words.draw_text(words.vocabulary(), rng, lower_case=False) for _ in range(500)]
    assert set("".join(texts)) <= set(pen.ALPHABET)
    assert any(text.isdigit() for text in texts)
    assert any(text[0].isupper() for text in texts)


def test_signs_are_tight_crops_with_a_rare_sign_each(tmp_path):
    rng, vocabulary = np.random.default_rng(0), words.vocabulary()
    texts = [words.draw_signs(vocabulary, rng) for _ in range(300)]
    assert all(any(not (c.isascii() and c.isalnum()) for c in text) for text in texts)
    assert set(words._RARE_SIGNS) <= set("".join(texts))
    for character in pen.SIGNS:
        image = pen.write_word(pen.Writer((0, 1)), character, np.random.default_rng(0))
        assert (image < 128).any()


@pytest.mark.parametrize(("marked", "plain"), [("é", "e"), ("Ç", "C"), ("ñ", "n"), ("À", "A")])
def test_a_marked_letter_is_the_letter_with_more_ink_outside(marked, plain):
    glyphs = pen._font_glyphs("futural")
    letter, whole = (np.concatenate(glyphs[c].strokes)[:, 1] for c in (plain, marked))
    assert whole.min() < letter.min() or whole.max() > letter.max()
    assert len(glyphs[marked].strokes) > len(glyphs[plain].strokes)
    assert (glyphs[marked].left, glyphs[marked].right) == (glyphs[plain].left, glyphs[plain].right)


def test_a_mark_takes_the_place_of_the_dot():
    glyphs = pen._font_glyphs("futural")
    assert len(glyphs["í"].strokes) == len(glyphs["i"].strokes)
