"""Reads which image says what: from a table, or from the names of the images themselves."""

import csv
import dataclasses
import io
import json
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

from hwgan.datasets.raw_files import text_lines
from hwgan.errors import UserError

TABLE_ENDINGS = (".tsv", ".csv", ".jsonl", ".json")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".jp2")
# Columns by the names people give them; the first is ours.
COLUMNS = {
    "file": ("file", "file_name", "filename", "image", "image_path", "path"),
    "text": ("text", "transcription", "transcript", "label", "ground_truth"),
    "writer": ("writer", "writer_id", "author"),
    "split": ("split", "subset"),
}
REQUIRED_COLUMNS = ("file", "text")


@dataclasses.dataclass(frozen=True)
class Row:
    """An image and what it says; `writer` and `split` are "" where the source does not say.

    Attributes:
      file: its path, relative to the table.
      place: the row's own, such as "words.tsv line 7"; "" without a table.
    """

    file: str
    text: str
    writer: str = ""
    split: str = ""
    place: str = ""


def find_table(names: list[str]) -> str | None:
    """The one table nearest to the root; None if there is no table at all.

    Raises:
      UserError: there are several.
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
    """Rows of a TSV (taken as it is, without quoting), a CSV with a header, JSON lines, or a JSON list of objects.

    Args:
      text: of the table.
      name: of its file; the ending tells the format.

    Returns:
      The rows, and the places of others that cannot be read, with the reason.

    Raises:
      UserError: a column is missing, or the whole is no such table.
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
        if absent:
            bad.append(f"{place}: it has no {' and no '.join(absent)}")
        else:
            rows.append(Row(**{field: value or "" for field, value in values.items()}, place=place))
    return rows, bad


def _first(record: dict[str, Any], aliases: Iterable[str]) -> str | None:
    value = next((record[alias] for alias in aliases if record.get(alias) is not None), None)
    return None if value is None else str(value)


def _read_csv(text: str, name: str, kind: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    # Both keep a "\r" or another break that stands inside a label; those that end lines are dropped.
    if kind == ".tsv":
        reader = (line.split("\t") for line in text_lines(text))
    else:
        reader = csv.reader(io.StringIO(text, newline=""), strict=False)
    header = [column.strip().lower() for column in next(reader, [])]
    absent = [field for field in REQUIRED_COLUMNS if not set(COLUMNS[field]) & set(header)]
    if absent:
        raise UserError(f"{name} has no column {' and '.join(absent)}; its header says {header}")
    number = 1
    while True:
        number = reader.line_num + 1 if isinstance(reader, csv.reader("").__class__) else number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"{name} line {number}", str(error)
            continue
        if not any(values):
            continue
        yield f"{name} line {number}", dict(zip(header, values, strict=False))


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


def rows_from_names(names: list[str]) -> list[Row]:
    """Of images called `text_number.png`; where all lie in folders of their own, the folder is the writer.

    Raises:
      UserError: there is no image, or none is called so.
    """
    images = [name for name in names if name.lower().endswith(IMAGE_ENDINGS) and not _is_hidden(name)]
    rows = []
    for name in images:
        text, mark, number = posixpath.splitext(posixpath.basename(name))[0].rpartition("_")
        if mark and number.isdigit():
            rows.append((name, text))
    if not rows:
        raise UserError(
            f"no table ({', '.join(TABLE_ENDINGS)}) among {len(names)} files, and no images called text_number.png "
            f"either; a table needs the columns file and text"
        )
    folders = {posixpath.dirname(name) for name, _ in rows}
    writers = len(folders) > 1 and "" not in folders
    return [Row(name, text, posixpath.dirname(name) if writers else "") for name, text in rows]


def _is_hidden(name: str) -> bool:
    """Whether it is an operating system's own file, such as __MACOSX/._words.tsv."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
