"""Reads the table of a word folder: which image says what."""

import csv
import dataclasses
import io

from hwgan.errors import UserError

REQUIRED_COLUMNS = ("file", "text")


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table; `writer` and `split` are "" where the table does not say."""

    file: str
    text: str
    writer: str = ""
    split: str = ""


def find_table(names: list[str]) -> str:
    """The one .tsv or .csv file nearest to the root.

    Raises:
      UserError: there is none, or there are several.
    """
    tables = [name for name in names if name.endswith((".tsv", ".csv"))]
    if not tables:
        raise UserError(f"no .tsv or .csv table among {len(names)} files; it needs the columns file and text")
    depth = min(name.count("/") for name in tables)
    nearest = [name for name in tables if name.count("/") == depth]
    if len(nearest) > 1:
        raise UserError(f"several tables: {', '.join(nearest)}; leave one")
    return nearest[0]


def parse_table(text: str, name: str) -> list[Row]:
    """Rows of a TSV (taken as it is, without quoting) or CSV with a header.

    Args:
      text: of the table.
      name: of its file; the ending tells the format.

    Raises:
      UserError: a column is missing, or a row has no value for it.
    """
    lines = io.StringIO(text)
    if name.endswith(".tsv"):
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.DictReader(lines)
    missing = [column for column in REQUIRED_COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{name} has no column {' and '.join(missing)}; its header says {reader.fieldnames}")
    rows = []
    for values in reader:
        if values["file"] is None or values["text"] is None:
            raise UserError(f"{name} line {reader.line_num}: too few columns")
        rows.append(Row(values["file"], values["text"], values.get("writer") or "", values.get("split") or ""))
    return rows
