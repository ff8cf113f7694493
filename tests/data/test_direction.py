import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgan.data.charset import Charset
from hwgan.data.direction import column_order, is_right_to_left
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import load_words
from hwgan.prepare import prepare_dataset
from tests.synthetic_data import make_folder


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("שלום", "שלום"),
        ("שלום 123", "שלום 321"),
        ("12.5 שלום", "5.21 שלום"),
        ("مرحبا ٤٥", "مرحبا ٥٤"),
        ("(שלום)", "(שלום)"),
        ("שָׁלוֹם", "שָׁלוֹם"),  # points stay with their characters
        ("می\u200cخواهم", "می\u200cخواهم"),  # so does a joiner
        ("abc", "cba"),
        ("abe\u0301c\u0323 שָׁ", "c\u0323e\u0301ba שָׁ"),  # points stay with their characters in reversed words, too
    ],
)
def test_columns_of_right_to_left_text(text, columns):
    assert column_order(text) == columns
    assert column_order(columns) == text


@given(st.lists(st.one_of(st.text("אבגדה", min_size=1), st.text("0123456789", min_size=1)), min_size=1))
def test_column_order_is_its_own_inverse(parts):
    text = " ".join(parts)
    assert column_order(column_order(text)) == text
    assert sorted(column_order(text)) == sorted(text)


def test_direction_of_the_majority_of_characters():
    assert is_right_to_left({"ש": 10, "a": 3, "1": 50})
    assert not is_right_to_left({"ש": 2, "a": 3})
    assert not is_right_to_left({"1": 3, ".": 2})


def test_right_to_left_charset_round_trip():
    charset = Charset("0123456789 אבגד", right_to_left=True)
    assert charset.decode(charset.encode("אב 12")) == "אב 12"
    assert charset.decode(charset.encode("אב 12")[::-1]) != "אב 12"


def test_texts_of_ambiguous_order_are_dropped(tmp_path):
    text = "3%,1"
    assert column_order(column_order(text)) != text
    folder = make_folder(tmp_path / "mine")
    table = folder / "words.tsv"
    rows = table.read_text(encoding="utf-8").replace("mot", "אבג").replace("é", "").replace("אבג3", text)
    table.write_text(rows, encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    charset = Charset(summary["alphabet"], right_to_left=summary["right_to_left"])
    spec = ImageSpec(Preprocessing(), max_width=100, max_length=6)
    words = load_words(str(tmp_path / "data"), "word_folder/mine", "train", charset, spec)
    assert words.texts
    assert text not in words.texts
