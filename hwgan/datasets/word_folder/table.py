"""Reads the transcriptions of images from a table or from the file names of the images."""

import csv
import dataclasses
import json
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

from hwgan.datasets.raw_files import text_lines
from hwgan.runtime.errors import UserError

TABLE_ENDINGS = (".tsv", ".csv", ".jsonl", ".json")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".jp2")
# Accepted names of each column; the first one is the documented name.
COLUMNS = {
    "file": ("file", "file_name", "filename", "image", "image_path", "path"),
    "text": ("text", "transcription", "transcript", "label", "ground_truth"),
    "writer": ("writer", "writer_id", "author"),
    "split": ("split", "subset"),
}
REQUIRED_COLUMNS = ("file", "text")
_KNOWN = {name for names in COLUMNS.values() for name in names}


@dataclasses.dataclass(frozen=True)
class Row:
    """An image and its transcription.

    Attributes:
      file: path of the image, relative to the table.
      text: transcription.
      writer: name of the writer; "" if unknown.
      split: name of the split; "" if not given.
      place: location of the row, such as "words.tsv line 7"; "" without a table.
    """

    file: str
    text: str
    writer: str = ""
    split: str = ""
    place: str = ""


def find_table(names: list[str]) -> str | None:
    """The path of the table that is nearest to the root; None if there is no table.

    Raises:
      UserError: several tables are at the same depth.
    """
    tables = [name for name in names if name.lower().endswith(TABLE_ENDINGS) and not _is_hidden(name)]
    if not tables:
        return None
    depth = min(name.count("/") for name in tables)
    nearest = [name for name in tables if name.count("/") == depth]
    if len(nearest) > 1:
        raise UserError(f"several tables: {', '.join(nearest)}; leave one")
    return nearest[0]


def parse_table(text: str, name: str) -> tuple[list[Row], list[str]]:
    """Parses a TSV without quoting, a CSV, both with a header, JSON lines, or a JSON list of objects.

    Args:
      text: content of the table.
      name: name of the file; its extension determines the format.

    Returns:
      The rows, and the locations of malformed rows with the reason.

    Raises:
      UserError: a required column is missing, or the file is not of this format.
    """
    kind = posixpath.splitext(name.lower())[1]
    records = _read_json(text, name, kind) if kind in (".json", ".jsonl") else _read_csv(text, name, kind)
    rows, bad = [], []
    for place, record in records:
        if isinstance(record, str):
            bad.append(f"{place}: {record}")
            continue
        values = {field: _first(record, aliases) for field, aliases in COLUMNS.items()}
        absent = [field for field in REQUIRED_COLUMNS if values[field] is None]
        odd = [key for key, value in record.items() if isinstance(value, bool | list | dict) and key in _KNOWN]
        if odd:
            bad.append(f"{place}: its {' and '.join(odd)} is neither text nor number")
        elif absent:
            bad.append(f"{place}: it has no {' and no '.join(absent)}")
        else:
            rows.append(Row(**{field: value or "" for field, value in values.items()}, place=place))
    return rows, bad


def _first(record: dict[str, Any], aliases: Iterable[str]) -> str | None:
    value = next((record[alias] for alias in aliases if record.get(alias) is not None), None)
    return value if value is None or isinstance(value, str) else str(value)


def _read_csv(text: str, name: str, kind: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    # Every line is a row, even inside quotes: texts have no line breaks, and an unclosed quote affects only its row.
    lines = [(f"{name} line {number}", line) for number, line in enumerate(text_lines(text), start=1)]
    split = _split_tsv if kind == ".tsv" else _split_csv
    first = split(lines[0][1])
    header = [] if isinstance(first, str) else [column.strip().lower() for column in first]
    absent = [field for field in REQUIRED_COLUMNS if not set(COLUMNS[field]) & set(header)]
    if absent:
        raise UserError(f"{name} has no column {' and '.join(absent)}; its header says {header}")
    for place, line in lines[1:]:
        if not line.strip():
            continue
        values = split(line)
        if isinstance(values, str):
            yield place, values
        elif len(values) > len(header):
            yield place, f"it has {len(values)} fields, the header {len(header)}"
        else:
            yield place, dict(zip(header, values, strict=False))


def _split_tsv(line: str) -> list[str] | str:
    return line.split("\t")


def _split_csv(line: str) -> list[str] | str:
    """The fields of a line, or an error message."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        return str(error)


def _read_json(text: str, name: str, kind: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    if kind == ".json":
        try:
            records = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name} is not JSON: {error}") from error
        if not isinstance(records, list):
            raise UserError(f"{name} is no list of objects such as {{'file': 'a.png', 'text': 'word'}}")
        for number, record in enumerate(records, start=1):
            yield f"{name} item {number}", record if isinstance(record, dict) else "it is no object"
        return
    for number, line in enumerate(text_lines(text), start=1):
        if not line.strip():
            continue
        place = f"{name} line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield place, f"it is not JSON ({error})"
            continue
        yield place, record if isinstance(record, dict) else "it is no object"


def rows_from_names(names: list[str]) -> tuple[list[Row], list[str]]:
    """Rows of images called `text_number.png`.

    If the images are in several folders and none is at the root, the folder is the writer.

    Returns:
      The rows, and the paths of images with other names.

    Raises:
      UserError: no image has such a name.
    """
    images = [name for name in names if name.lower().endswith(IMAGE_ENDINGS) and not _is_hidden(name)]
    rows, others = [], []
    for name in images:
        text, separator, number = posixpath.splitext(posixpath.basename(name))[0].rpartition("_")
        if separator and number.isdigit():
            rows.append((name, text))
        else:
            others.append(name)
    if not rows:
        raise UserError(
            f"no table ({', '.join(TABLE_ENDINGS)}) among {len(names)} files, and no images called text_number.png "
            f"either; a table needs the columns file and text"
        )
    folders = {posixpath.dirname(name) for name, _ in rows}
    folder_is_writer = len(folders) > 1 and "" not in folders
    return [Row(name, text, posixpath.dirname(name) if folder_is_writer else "") for name, text in rows], others


def _is_hidden(name: str) -> bool:
    """Whether a path is a hidden file or metadata of an operating system, such as __MACOSX/._words.tsv."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
