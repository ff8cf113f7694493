"""Characters that word processors set, written as what looks the same."""

import string
from collections import Counter

import pytest

from hwgan.data.replacements import describe_replaced, replace_unwritable, replacement

ASCII = set(string.ascii_letters + string.digits + string.punctuation)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("“Dear Ann,” he wrote – and stopped…", '"Dear Ann," he wrote - and stopped...'),
        ("l’été ‘là’ „so“ «là» ‹b›", "l'été 'là' \"so\" \"là\" 'b'"),
        ("5\u00a0km\u202fà\u2009pied", "5 km à pied"),
        ("ﬁn ｆｕｌｌ № co\u00adop a\u200bb\ufeff", "fin full No coop ab"),
        ("3\u22122\u20111 ½ 2² €", "3-2-1 ½ 2² €"),  # what would look otherwise stays
        ("a\tb\nc", "a\tb\nc"),
        ("e\u0301t", "ét"),
    ],
)
def test_what_looks_the_same_is_written(text, written):
    assert replace_unwritable(text, ASCII | set("éà"))[0] == written


@pytest.mark.parametrize("character", "’“«–—…ﬁ\u200d\u00ad")
def test_what_can_be_written_stays(character):
    text, replaced = replace_unwritable(f"a{character}b", ASCII | {character})
    assert text == f"a{character}b"
    assert not replaced


def test_the_nearest_character_of_the_alphabet_is_taken():
    assert replacement("—", "-–") == "–"
    assert replacement("—", "-") == "-"
    assert replacement("'", "’") == "’"
    assert replacement("“", "'") == "''"
    assert replacement("“", "abc") is None
    assert replacement("…", "abc") is None
    assert replacement("ﬁ", "f") is None


@pytest.mark.parametrize("character", "😀€²½\u200d\u0301")
def test_what_looks_otherwise_is_not_replaced(character):
    assert replacement(character, ASCII - {"'"}) is None


def test_replacements_are_counted():
    _, replaced = replace_unwritable("“a” “b”\u00a0\u00ad", ASCII)
    assert replaced == Counter({("“", '"'): 2, ("”", '"'): 2, ("\u00ad", ""): 1})
    assert describe_replaced(replaced) == ('replaced “ by " (2 times), ” by " (2 times), U+00AD soft hyphen by nothing')
    assert not describe_replaced(Counter())
