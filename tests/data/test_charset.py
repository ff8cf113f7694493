import numpy as np
import pytest

from hwgan.data.charset import Charset, normalize_text, pad_labels
from hwgan.runtime.errors import UserError


def test_round_trip_and_blank_is_never_a_character():
    charset = Charset("abcté")
    ids = charset.encode("bété")
    assert ids.min() >= 1
    assert ids.max() < charset.num_labels
    assert charset.decode([0, *ids, 0]) == "bété"


def test_decomposed_accents_are_one_character():
    decomposed = "e\u0301"
    assert len(decomposed) == 2
    assert len(Charset("é").encode(decomposed)) == 1
    assert normalize_text(decomposed) == "é"


def test_unknown_characters_are_named_with_their_places():
    with pytest.raises(UserError, match=r"'ß' \(U\+00DF\) in 'abß'; allowed are: abc"):
        Charset("abc").encode("abß")
    with pytest.raises(UserError, match=r"'ß' \(U\+00DF\) 2 times in 'abß', 'ß\+', '\+' \(U\+002B\) in 'ß\+'; allowed"):
        Charset("abc").require(["abß", "abc", "ß+"])


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009", "\u2007", "\u3000"])
def test_every_space_is_a_plain_one(space):
    assert normalize_text(f"10{space}000\u2009e\u0301") == "10 000 é"
    charset = Charset(" ab")
    assert charset.decode(charset.encode(f"b{space}a")) == "b a"
    assert not charset.unknown(f"b{space}a")


def test_characters_with_few_examples():
    assert Charset("ab c!").rare(["a" * 20, "bé", "b"]) == {"b": 2, "c": 0, "!": 0}


@pytest.mark.parametrize("characters", ["", "aa"])
def test_alphabet_must_be_a_set(characters):
    with pytest.raises(UserError, match="alphabet"):
        Charset(characters)


def test_pad_labels():
    padded = pad_labels([np.array([1, 2]), np.array([3])], 3)
    np.testing.assert_array_equal(padded, [[1, 2, 0], [3, 0, 0]])


def test_a_batch_is_padded_to_its_longest_text_or_a_given_length():
    labels, lengths = Charset("abc").encode_batch(["ab", "c"])
    np.testing.assert_array_equal(labels, [[1, 2], [3, 0]])
    assert lengths.tolist() == [2, 1]
    assert Charset("abc").encode_batch(["ab", "c"], 4)[0].shape == (2, 4)
