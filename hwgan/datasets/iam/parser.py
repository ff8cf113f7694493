"""Parses the text files of the IAM Handwriting Database.

A row of words.txt:  a01-000u-00-00 ok 154 408 768 27 51 AT A        (id, ok|err, grey, x, y, w, h, tag, text)
A row of lines.txt:  a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to (id, ok|err, grey, components, x, y, w, h, text)
A row of forms.txt:  a01-000u 000 2 prt 7 5 52 36                    (id, writer, and six more, see `IamForm`)

Rows of words.txt and lines.txt have nine fields, contrary to the comments at the top of these files; the text is
everything after the eighth field.
"""

import dataclasses

from hwgan.datasets.raw_files import text_lines
from hwgan.runtime.errors import UserError

_NUM_FIELDS = 9
_LARGEST = 2**31 - 1
_MAX_BAD_ROWS = 0.1  # share of malformed rows above which a file is rejected
_CLOSING, _OPENING = set(",.;:!?)]}") | {"...", "%"}, set("([{£$")
_QUOTES = {'"', "'"}
_ENDS_OF_SPEECH = {",", ".", "!", "?", "..."}


@dataclasses.dataclass(frozen=True)
class IamRow:
    """A word or a line.

    Attributes:
      id: id such as a01-000u-00-00; that of a line has no last part.
      segmentation_ok: whether the database marks the bounding box as correct.
      grey_level: threshold between ink and paper.
      box: x, y, width and height on the form, in pixels.
      tag: grammatical tag of a word; "" for a line.
      text: transcription; for a line see `join_tokens`.
      tokens: for a line, words and punctuation marks separated by spaces; for a word its text.
      line_number: line number in the file, from 1.
    """

    id: str
    segmentation_ok: bool
    grey_level: int
    box: tuple[int, int, int, int]
    tag: str
    text: str
    tokens: str
    line_number: int

    @property
    def form(self) -> str:
        """Id of the form (page) that contains the word or line."""
        return "-".join(self.id.split("-")[:2])

    @property
    def image_name(self) -> str:
        """Name of the image file, without folders."""
        return f"{self.id}.png"


@dataclasses.dataclass(frozen=True)
class IamForm:
    """A form (page).

    Attributes:
      id: id such as a01-000u.
      writer: number of its writer, "000" to "671".
      num_sentences: number of sentences.
      segmentation: "all" if all words are segmented, "prt" if only those of correctly segmented lines are.
      num_lines: number of lines.
      num_lines_ok: number of correctly segmented lines.
      num_words: number of words.
      num_words_ok: number of correctly segmented words.
    """

    id: str
    writer: str
    num_sentences: int
    segmentation: str
    num_lines: int
    num_lines_ok: int
    num_words: int
    num_words_ok: int


def parse_rows(text: str, name: str) -> tuple[list[IamRow], list[str]]:
    """Parses words.txt or lines.txt.

    Args:
      text: content of the file.
      name: "words.txt" or "lines.txt".

    Returns:
      The rows, and the locations of malformed rows.

    Raises:
      UserError: more than a tenth of the rows are malformed.
    """
    rows, bad = [], []
    for number, line in enumerate(text_lines(text), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        row = _parse_row(line, number, is_word=name == "words.txt")
        if row is None:
            bad.append(f"{name} line {number}")
        else:
            rows.append(row)
    _check_bad_rows(len(rows), bad, name)
    return rows, bad


def _parse_row(line: str, number: int, *, is_word: bool) -> IamRow | None:
    fields = line.split(" ", _NUM_FIELDS - 1)
    if len(fields) < _NUM_FIELDS or fields[1] not in ("ok", "err"):
        return None
    try:
        grey_level = int(fields[2])
        x, y, width, height = (int(field) for field in (fields[3:7] if is_word else fields[4:8]))
    except ValueError:
        return None
    if any(abs(number) > _LARGEST for number in (grey_level, x, y, width, height)):
        return None
    content = fields[8].strip()
    tokens = content.split() if is_word else [token for token in content.split("|") if token]
    return IamRow(
        id=fields[0],
        segmentation_ok=fields[1] == "ok",
        grey_level=grey_level,
        box=(x, y, width, height),
        tag=fields[7] if is_word else "",
        text=content if is_word else join_tokens(tokens),
        tokens=" ".join(tokens),
        line_number=number,
    )


def join_tokens(tokens: list[str]) -> str:
    """Joins the tokens of a line: with spaces between words, without a space before "," or after "(" and the like.

    Quotation marks alternate between opening and closing. A mark whose partner is on another line is taken as closing
    at the end of the line, and between punctuation and a word in lower case. Separated endings ("'s", "n't") are
    attached to their word.
    """
    text, open_quotes, glue = "", set[str](), True
    for i, token in enumerate(tokens):
        closes = token in _CLOSING or token == "n't" or (token[0] == "'" and token[1:].isalpha())
        glue_next = token in _OPENING
        if token in _QUOTES:
            last = i == len(tokens) - 1
            after_speech = i > 0 and tokens[i - 1] in _ENDS_OF_SPEECH and not (last or tokens[i + 1][0].isupper())
            closes = token in open_quotes or after_speech or (i > 0 and last)
            open_quotes = open_quotes - {token} if closes else open_quotes | {token}
            glue_next = not closes
        text += token if glue or closes else f" {token}"
        glue = glue_next
    return text


def parse_forms(text: str) -> tuple[dict[str, IamForm], list[str]]:
    """Parses forms.txt.

    Returns:
      The forms by id, and the locations of malformed rows.

    Raises:
      UserError: more than a tenth of the rows are malformed.
    """
    forms, bad = {}, []
    for number, line in enumerate(text_lines(text), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split()
        try:
            form = IamForm(fields[0], fields[1], int(fields[2]), fields[3], *(int(field) for field in fields[4:8]))
        except (IndexError, ValueError, TypeError):
            bad.append(f"forms.txt line {number}")
            continue
        forms[form.id] = form
    _check_bad_rows(len(forms), bad, "forms.txt")
    return forms, bad


def _check_bad_rows(num_good: int, bad: list[str], name: str) -> None:
    if len(bad) > _MAX_BAD_ROWS * (num_good + len(bad)):
        raise UserError(f"{name} is not IAM's {name}: {len(bad)} rows cannot be read, the first is {bad[0]}")
