"""Lists of texts: a line that cannot be written is left out and named, the others stay as they are."""

import pytest

from hwgan.data.charset import Charset
from hwgan.data.word_list import fit_lines, read_lines
from hwgan.runtime.errors import UserError

CHARSET = Charset("abcdefghijklmnopqrstuvwxyz\"'-.")


def test_lines_keep_their_numbers(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffone\r\n\r\n  two words \r\ne\u0301\r\n".encode())
    assert read_lines(str(path)) == {1: "one", 3: "two words", 4: "é"}
    path.write_bytes("é".encode("latin-1"))
    with pytest.raises(UserError, match="cannot read the texts"):
        read_lines(str(path))


def test_one_bad_word_is_lost_and_named():
    found = fit_lines({1: "hello", 2: "new york", 4: "smile@", 5: "ok"}, CHARSET, words=True)
    assert found.lines == {1: "hello", 5: "ok"}
    assert list(found.notes("words.txt")) == [
        "words.txt: left out 2 of 4 lines: line 2 'new york' (more than one word), line 4 'smile@' (@)"
    ]


def test_a_line_may_have_several_words_and_a_word_may_have_blanks():
    assert fit_lines({1: "new york"}, CHARSET).lines == {1: "new york"}
    assert fit_lines({1: "new york"}, Charset("ekno rwy"), words=True).lines == {1: "new york"}


def test_replacing_and_leaving_out():
    lines = {1: "“so” – 5€", 2: "l’an €"}
    plain, replaced = fit_lines(lines, CHARSET, replace=False), fit_lines(lines, CHARSET)
    assert set(plain.unwritable) == set("“”–5€’")
    assert set(replaced.unwritable) == set("5€")
    assert replaced.unwritable["€"] == ["line 1", "line 2"]
    left = fit_lines(lines, CHARSET, leave_out=True)
    assert left.lines == {1: '"so" -', 2: "l'an"}
    assert left.replaced["€", ""] == 2
    assert not left.unwritable


def test_decomposed_characters_are_left_out_whole():
    found = fit_lines({1: "be\u0303a"}, CHARSET, replace=False, leave_out=True)
    assert found.lines == {1: "ba"}


def test_all_characters_are_named_at_once():
    with pytest.raises(UserError) as error:
        fit_lines({1: "5 € a", 2: "20 €"}, CHARSET).require_all(CHARSET)
    for part in ("'5' (U+0035) in line 1", "'€' (U+20AC) 2 times in line 1, line 2", "'2' (U+0032)", "--leave_out"):
        assert part in str(error.value)
    fit_lines({1: "a"}, CHARSET).require_all(CHARSET)


def test_what_is_too_long_or_left_with_nothing():
    found = fit_lines({1: "abcdef", 2: "ab cd", 3: "€"}, CHARSET, leave_out=True, max_length=4)
    assert found.lines == {2: "ab cd"}
    assert found.reasons == {1: "a word of 6 characters; the model writes up to 4", 3: "nothing that can be written"}


def test_long_lists_are_summed_up():
    found = fit_lines(dict.fromkeys(range(1, 101), "@"), CHARSET)
    first, second = found.notes("list")
    assert first.startswith("list: left out 100 of 100 lines: line 1 '@' (@), ")
    assert first.endswith(" and 90 more")
    assert (
        second == "list: characters outside the alphabet: '@' (U+0040) 100 times in line 1, line 2, line 3 and 97 more"
    )


def test_a_mark_that_has_no_shape_of_its_own_is_named():
    found = fit_lines({0: "x\u0301"}, Charset("x"), words=True, replace=False)
    assert found.reasons == {0: "U+0301 combining acute accent"}
