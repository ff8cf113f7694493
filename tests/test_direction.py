import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgan.data.charset import Charset
from hwgan.data.direction import column_order, is_right_to_left


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("שלום", "שלום"),
        ("שלום 123", "שלום 321"),
        ("12.5 שלום", "5.21 שלום"),
        ("مرحبا ٤٥", "مرحبا ٥٤"),
        ("(שלום)", "(שלום)"),
        ("שָׁלוֹם", "שָׁלוֹם"),  # points stay with their letters
        ("می\u200cخواهم", "می\u200cخواهم"),  # so does a joiner
        ("abc", "cba"),
    ],
)
def test_columns_of_right_to_left_text(text, columns):
    assert column_order(text) == columns
    assert column_order(columns) == text


@given(st.lists(st.one_of(st.text("אבגדה", min_size=1), st.text("0123456789", min_size=1)), min_size=1))
def test_there_and_back(parts):
    text = " ".join(parts)
    assert column_order(column_order(text)) == text
    assert sorted(column_order(text)) == sorted(text)


def test_direction_by_the_letters_met_most():
    assert is_right_to_left({"ש": 10, "a": 3, "1": 50})
    assert not is_right_to_left({"ש": 2, "a": 3})
    assert not is_right_to_left({"1": 3, ".": 2})


def test_charset_goes_there_and_back():
    charset = Charset("0123456789 אבגד", right_to_left=True)
    assert charset.decode(charset.encode("אב 12")) == "אב 12"
    assert charset.decode(charset.encode("אב 12")[::-1]) != "אב 12"
