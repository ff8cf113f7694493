"""Reads tables with named columns: TSV, CSV of any separator, JSON lines, JSON."""

import csv
import posixpath
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from hwgan.datasets.raw_files import text_lines
from hwgan.datasets.word_folder.rows import COLUMNS, Row, parse_json
from hwgan.runtime.errors import UserError

TABLE_ENDINGS = (".tsv", ".csv", ".jsonl", ".json")
SEPARATORS = ("\t", ",", ";", "|")
REQUIRED_COLUMNS = ("file", "text")


def parse_table(text: str, name: str) -> tuple[list[Row], list[str]]:
    """Parses a TSV without quoting, a CSV, both with a header, JSON lines, or a JSON list of objects.

    A CSV has the separator by which its header has a column of files and one of texts: comma, semicolon (as from the
    spreadsheets of most of Europe), tab or bar. A JSON object is read as {file: text}.

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
        record = {_plain(key): value for key, value in record.items()}
        keys = {field: _first_key(record, aliases) for field, aliases in COLUMNS.items()}
        values = {field: str(record[key]).strip(" \t") for field, key in keys.items() if key}
        absent = [field for field in REQUIRED_COLUMNS if not keys[field]]
        odd = [key for key in keys.values() if key and isinstance(record[key], bool | list | dict)]
        if odd:
            bad.append(f"{place}: its {' and '.join(odd)} is neither text nor number")
        elif absent:
            bad.append(f"{place}: it has no {' and no '.join(absent)}")
        else:
            rows.append(Row(**values, place=place))
    return rows, bad


def _plain(column: str) -> str:
    """The name of a column as in `COLUMNS`, such as file_name for "File Name"."""
    return "_".join(column.lower().replace("-", " ").split())


def _first_key(record: dict[str, Any], aliases: Iterable[str]) -> str:
    """The first of these columns that a row has; "" if it has none of them."""
    return next((alias for alias in aliases if record.get(alias) is not None), "")


def has_columns(text: str, name: str) -> bool:
    """Whether a file begins with a header that names a column of files and one of texts."""
    return not _absent(_header(_table_lines(text, name), _is_quoted(name))[1])


def unread_columns(text: str, name: str) -> list[str]:
    """The columns of a CSV or TSV that nothing is read from; a misspelt one as "writter (writer?)"."""
    if not name.lower().endswith((".csv", ".tsv")):
        return []
    known = {alias for aliases in COLUMNS.values() for alias in aliases}
    columns = _header(_table_lines(text, name), _is_quoted(name))[1]
    unread = [column for column in columns if column and column not in known]
    absent = [alias for aliases in COLUMNS.values() if not set(aliases) & set(columns) for alias in aliases]
    similar = {column: get_close_matches(column, absent, n=1, cutoff=0.8) for column in unread}
    return [f"{column} ({similar[column][0]}?)" if similar[column] else column for column in unread]


def _table_lines(text: str, name: str) -> list[tuple[str, str]]:
    """The lines with their places; without the line "sep=;" with which a spreadsheet is told the separator."""
    lines = [(f"{name} line {number}", line) for number, line in enumerate(text_lines(text), start=1)]
    return lines[1:] if len(lines) > 1 and lines[0][1].lower().startswith("sep=") else lines


def _is_quoted(name: str) -> bool:
    return not name.lower().endswith(".tsv")


def _header(lines: list[tuple[str, str]], quoted: bool) -> tuple[str, list[str]]:
    """The separator and the columns; of several separators the one that leaves the fewest columns absent."""
    headers = {}
    for separator in SEPARATORS if quoted else ("\t",):
        fields = split_fields(lines[0][1], separator, quoted=quoted)
        names = [] if isinstance(fields, str) else fields
        headers[separator] = [_plain(name) for name in names]
    return min(headers.items(), key=lambda item: (len(_absent(item[1])), -len(item[1])))


def quoted_rows(name: str, rows: Iterable[Row]) -> list[Row]:
    """Rows of a TSV whose text is quoted, as some programs write it: a TSV has no quoting here."""
    quoted = re.compile(r'"([^"]|"")*"')
    return [] if _is_quoted(name) else [row for row in rows if len(row.text) > 2 and quoted.fullmatch(row.text)]


def _absent(header: list[str]) -> list[str]:
    return [field for field in REQUIRED_COLUMNS if not set(COLUMNS[field]) & set(header)]


def _read_csv(text: str, name: str, kind: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    # Every line is a row, even inside quotes: texts have no line breaks, and an unclosed quote affects only its row.
    quoted = kind != ".tsv"
    lines = _table_lines(text, name)
    separator, header = _header(lines, quoted)
    absent = _absent(header)
    if absent:
        raise UserError(f"{name} has no column {' and '.join(absent)}; its header says {header}")
    for place, line in lines[1:]:
        if not line.strip():
            continue
        values = split_fields(line, separator, quoted=quoted)
        if isinstance(values, str):
            yield place, values
        elif len(values) > len(header) and any(values[len(header) :]):
            yield place, f"it has {len(values)} fields, the header {len(header)}"
        else:
            yield place, dict(zip(header, values, strict=False))


def split_fields(line: str, separator: str, *, quoted: bool) -> list[str] | str:
    """The fields of a line, or an error message."""
    if not quoted:
        return line.split(separator)
    problem = ""
    # Of a quotation mark after a blank it is not known whether it quotes; one that is not closed is a mistake.
    for skipped in (True, False) if line.count('"') % 2 == 0 else (True,):
        try:
            return next(csv.reader([line], strict=True, delimiter=separator, skipinitialspace=skipped), [])
        except csv.Error as error:
            problem = str(error)
    return problem


def _read_json(text: str, name: str, kind: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    if kind == ".json":
        try:
            records = parse_json(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name} is not JSON: {error}") from error
        if isinstance(records, dict) and records and all(isinstance(value, str) for value in records.values()):
            records = [{"file": file, "text": value} for file, value in records.items()]
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
            record = parse_json(line)
        except (ValueError, RecursionError) as error:
            yield place, f"it is not JSON ({error})"
            continue
        yield place, record if isinstance(record, dict) else "it is no object"
