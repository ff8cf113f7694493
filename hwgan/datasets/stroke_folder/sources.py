"""Finds the stroke files of a folder and their texts: in a table, or in the files themselves."""

from hwgan.datasets.raw_files import RawFiles, is_hidden
from hwgan.datasets.stroke_folder.parser import STROKE_ENDINGS, parse_stroke_file
from hwgan.datasets.word_folder.images import ImageIndex
from hwgan.datasets.word_folder.rows import Row
from hwgan.datasets.word_folder.sources import Source
from hwgan.datasets.word_folder.table import has_columns, parse_table
from hwgan.runtime.errors import UserError

_TABLE_ENDINGS = (".tsv", ".csv", ".jsonl")
_LIST_ENDINGS = (".txt", ".lst")


def read_stroke_source(files: RawFiles) -> Source:
    """The stroke files with their texts, writers and splits.

    Raises:
      UserError: there is no stroke file, or several tables.
    """
    names = [name for name in files.names() if not is_hidden(name)]
    strokes = [name for name in names if name.lower().endswith(STROKE_ENDINGS)]
    if not strokes:
        raise UserError(f"{files.source} holds no files of strokes: their names end in {' or '.join(STROKE_ENDINGS)}")
    tables = [name for name in names if name.lower().endswith(_TABLE_ENDINGS) and _is_table(files, name)]
    if len(tables) > 1:
        raise UserError(f"{files.source} holds several tables: {', '.join(tables[:5])}; leave one")
    if tables:
        return _from_table(files, tables[0])
    source = _from_files(files, strokes)
    unread = [name for name in names if name.lower().endswith((*_TABLE_ENDINGS, *_LIST_ENDINGS))]
    if unread and not any(row.text for row in source.rows):
        raise UserError(
            f"the files of strokes have no texts, and {unread[0]} is no table: its first line must name a column "
            "`file` and a column `text` (with tabs between in a .tsv, commas in a .csv)"
        )
    source.ignored += unread
    return source


def _is_table(files: RawFiles, name: str) -> bool:
    return name.lower().endswith(".jsonl") or has_columns(files.read_text(name), name)


def _from_table(files: RawFiles, table: str) -> Source:
    folder = table.rpartition("/")[0]
    rows, bad = parse_table(files.read_text(table), table)
    located = ImageIndex(files.names(), STROKE_ENDINGS).locate(rows, folder)
    splits = "column of the table" if any(row.split for row in rows) else ""
    return Source(located, f"table {table}", folder, splits, bad)


def _from_files(files: RawFiles, names: list[str]) -> Source:
    """Rows from the fields of the files; a file is read, and kept only for as long."""
    rows, bad = [], []
    for name in names:
        try:
            found = parse_stroke_file(files.read(name), name)
        except (KeyError, OSError, ValueError) as error:
            bad.append(f"{name}: {error}")
            continue
        rows.append(Row(name, found.text, found.writer, found.split, image=name))
    splits = "files of strokes" if any(row.split for row in rows) else ""
    return Source(rows, "files of strokes", splits=splits, bad=bad)
