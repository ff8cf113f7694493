"""Reads lists without a header: a file and its text a line, as in many benchmarks, and the `text` of Kaldi and PyLaia.

img/word_1.png<TAB>apple       gt.txt, labels.txt
word_1.png, "apple"            ICDAR 2015
0.png green apple              TextRecognitionDataGenerator
a01-000-00 a <space> m o v e   Kaldi, PyLaia: an id, and spelled characters
"""

import functools
import re
import unicodedata
from collections.abc import Callable

from hwgan.data.transforms import IMAGE_ENDINGS
from hwgan.datasets.raw_files import text_lines
from hwgan.datasets.word_folder.images import ImageIndex
from hwgan.datasets.word_folder.rows import COLUMNS, Row, is_image
from hwgan.datasets.word_folder.table import split_fields
from hwgan.runtime.errors import UserError

LIST_ENDINGS = (".txt", ".lst", ".list", ".tsv", ".csv", ".tab")
_SAMPLE = 200  # lines that show what the separator is
_MIN_FOUND = 0.2  # share of these lines that begin with an image that is there
_SPACES = {"<space>", "<sp>", "{space}"}
_WITH_ENDING = re.compile(rf"(\S.*?(?:{'|'.join(map(re.escape, IMAGE_ENDINGS))}))\s+(.*)", re.IGNORECASE)
_ID = re.compile(r"(\S+)\s+(.*)")
_NUMBERS = re.compile(r"[-\d.]+([\s,;]+[-\d.]+){3,}")  # coordinates of boxes
_IAM = re.compile(r"(ok|err) \d+ ")


def parse_text_list(text: str, name: str, index: ImageIndex, folder: str) -> tuple[list[Row], list[str]]:
    """Parses a list without a header.

    The separator (tab, comma, semicolon or blank) is the one by which most lines begin with the name of an image.

    Args:
      text: content of the list.
      name: path of the list, for messages.
      index: the images of the source.
      folder: folder of the list.

    Returns:
      The rows with their images, and the locations of malformed rows; no rows if the file is no such list.

    Raises:
      UserError: the file begins each line with an image, but what follows is no text.
    """
    lines = [(f"{name} line {number}", line.strip()) for number, line in enumerate(text_lines(text), start=1)]
    lines = [(place, line) for place, line in lines if line]
    sample = [line for _, line in lines[:: max(1, len(lines) // _SAMPLE)]]
    separator, found = _best_separator(sample, index, folder)
    if not sample or found < max(1, _MIN_FOUND * len(sample)):
        return [], []
    _check_header(lines[0][1], name)
    _check_columns(sample, separator, name)
    pairs = [(*_SPLITS[separator](line), place) for place, line in lines]
    _check_texts([text for _, text, _ in pairs], name)
    if _is_spelled(pairs):
        pairs = [(file, _join_spelled(text), place) for file, text, place in pairs]
    bad = [f"{place}: it names no file and text" for file, _, place in pairs if not file]
    return index.locate([Row(file, text, place=place) for file, text, place in pairs if file], folder), bad


def _best_separator(sample: list[str], index: ImageIndex, folder: str) -> tuple[str, int]:
    """The separator ("" for a blank) by which most lines begin with an image that is there, and how many do."""
    best = "\t", 0
    for separator, split in _SPLITS.items():
        files = [file for file, text in map(split, sample) if file and text]
        found = sum(bool(row.image) for row in index.locate([Row(file, "") for file in files], folder))
        if found > best[1]:
            best = separator, found
    return best


def _by_tab(line: str) -> tuple[str, str]:
    file, _, text = line.partition("\t")
    return file.strip(), text.strip()


def _by_mark(line: str, mark: str) -> tuple[str, str]:
    quoted = re.match(rf'"([^"]*)"\s*{mark}(.*)', line)
    file, text = quoted.groups() if quoted else line.partition(mark)[::2]
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace('""', '"')
    return file.strip(), text


def _by_blank(line: str) -> tuple[str, str]:
    match = _WITH_ENDING.fullmatch(line) or _ID.fullmatch(line)
    return match.groups() if match else (line, "")  # pyright: ignore[reportReturnType]


# File and text of a line, by separator.
_SPLITS: dict[str, Callable[[str], tuple[str, str]]] = {
    "\t": _by_tab,
    ",": functools.partial(_by_mark, mark=","),
    ";": functools.partial(_by_mark, mark=";"),
    "": _by_blank,
}


def _check_header(first: str, name: str) -> None:
    """Raises UserError for a table whose header names the files, but no column that is known to hold texts."""
    for separator in "\t,;":
        cells = [cell.strip() for cell in _fields(first, separator)]
        if len(cells) > 1 and cells[0].lower() in COLUMNS["file"]:
            raise UserError(
                f"{name} has the columns {', '.join(cells)}, none of which is known to hold the texts; name that one "
                f"{COLUMNS['text'][0]!r}"
            )


def _fields(line: str, separator: str) -> list[str]:
    """The fields of a line; the line as one field where its quotes are wrong."""
    fields = split_fields(line, separator, quoted=separator != "\t")
    return [line] if isinstance(fields, str) else fields


def _check_columns(sample: list[str], separator: str, name: str) -> None:
    """Raises UserError where each line has the same three or more fields: which of them is the text is not known."""
    if not separator:
        return
    counts = {len(_fields(line, separator)) for line in sample}
    if len(counts) == 1 and (columns := counts.pop()) > 2 and (separator == "\t" or len(sample) > 4):
        raise UserError(
            f"{name} has {columns} columns and no header; give it a first line that names them, such as "
            f"{separator.join(('file', 'text', 'writer'))!r}"
        )


def _check_texts(texts: list[str], name: str) -> None:
    """Raises UserError for lists of boxes, of IAM's own tables, and the like."""
    if all(_NUMBERS.fullmatch(text) for text in texts):
        raise UserError(f"{name} gives {texts[0]!r} for the first image: these are numbers, not texts")
    if all(text.startswith(("[{", "{")) and text.endswith(("]", "}")) for text in texts):
        raise UserError(f"{name} gives JSON for each image, such as boxes of a page, not a text")
    if all(_IAM.match(text) for text in texts):
        raise UserError(f"{name} is a table of IAM; prepare it with --dataset=iam/words (or iam/lines)")


def _is_spelled(pairs: list[tuple[str, str, str]]) -> bool:
    """Whether texts are characters with blanks between them, for which a blank is a symbol of its own."""
    tokens = [token for _, text, _ in pairs for token in text.split()]
    if any(token.lower() in _SPACES for token in tokens):
        return True
    is_of_ids = not any(is_image(file) for file, _, _ in pairs)
    return is_of_ids and any(" " in text for _, text, _ in pairs) and all(map(_is_one_character, tokens))


def _is_one_character(token: str) -> bool:
    return sum(not unicodedata.combining(c) for c in token) <= 1


def _join_spelled(text: str) -> str:
    return "".join(" " if token.lower() in _SPACES else token for token in text.split())
