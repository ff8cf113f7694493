"""Chooses where the texts of a folder of images come from: the best source that is there, and never a guess in silence.

The order, best first: a table with named columns; a list without a header; a text file beside each image; a JSON file
beside each image; the names of the images.
"""

import dataclasses
import posixpath
import re
from collections.abc import Callable

from hwgan.data.transforms import KNOWN_IMAGES
from hwgan.datasets.raw_files import RawFiles, is_hidden
from hwgan.datasets.word_folder.beside import (
    TEXT_ENDINGS,
    Beside,
    match_files,
    other_images,
    rows_of_json,
    rows_of_texts,
)
from hwgan.datasets.word_folder.images import ImageIndex
from hwgan.datasets.word_folder.lists import LIST_ENDINGS, parse_text_list
from hwgan.datasets.word_folder.names import rows_from_names
from hwgan.datasets.word_folder.rows import Row, split_of_file, split_of_folder
from hwgan.datasets.word_folder.table import TABLE_ENDINGS, has_columns, parse_table, quoted_rows, unread_columns
from hwgan.runtime.errors import UserError
from hwgan.runtime.wording import some

_MAX_TABLES = 50  # files that are looked at for a table or list, those near the root first
_MIN_BESIDE = 0.2  # share of the images that have a text beside them, if it is not called .gt.txt
_LIST_WORDS = ("gt", "label", "transcript", "text", "annotation", "words", "metadata")


@dataclasses.dataclass
class Source:
    """The rows of a folder of images.

    Attributes:
      rows: images with their texts.
      name: what the texts come from, such as "table words.tsv".
      folder: the folder from which the paths of the rows start; "" for the root.
      splits: what the splits of the rows come from; "" if rows have none.
      bad: locations of malformed rows, with the reason.
      unused: images and texts that make no row, by reason.
      ignored: other sources that are there.
      unread: columns of its table that nothing is read from.
      warning: what must be checked, where the source is a guess.
    """

    rows: list[Row]
    name: str
    folder: str = ""
    splits: str = ""
    bad: list[str] = dataclasses.field(default_factory=list)
    unused: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    ignored: list[str] = dataclasses.field(default_factory=list)
    unread: list[str] = dataclasses.field(default_factory=list)
    warning: str = ""

    @property
    def description(self) -> str:
        """One line: the source, its size, and which others are ignored."""
        ignored = f"; ignored: {some(self.ignored)}" if self.ignored else ""
        unread = f"; columns that are not read: {some(self.unread)}" if self.unread else ""
        return f"{self.name}, {len(self.rows):,} rows{unread}{ignored}"


@dataclasses.dataclass
class _Table:
    """A table or list that is there, with the rows that it has."""

    name: str
    rows: list[Row]
    bad: list[str]
    unread: list[str] = dataclasses.field(default_factory=list)

    @property
    def content(self) -> frozenset[tuple[str, str]]:
        return frozenset((row.image or row.file, row.text) for row in self.rows)

    @property
    def known(self) -> int:
        """How many writers and splits the rows name."""
        return sum(bool(row.writer) + bool(row.split) for row in self.rows)


def read_source(files: RawFiles) -> Source:
    """Reads the texts of all images from the best source that is there.

    Raises:
      UserError: there are no images or no texts, several tables contradict each other, or the best source cannot be
        read.
    """
    names = [name for name in files.names() if not is_hidden(name)]
    index = ImageIndex(files.names())
    if not index.images:
        others = f"; other files: {some(names)}" if names else ""
        raise UserError(f"there are no images; {KNOWN_IMAGES}{others}")
    texts, jsons = _texts_beside(names, index), match_files(names, index, (".json",))
    beside = {*texts.values(), *jsons.values()}
    candidates = [name for name in names if _may_be_table(name) and name not in beside]
    tables, lists, problems = _read_tables(files, sorted(candidates, key=_depth)[:_MAX_TABLES], index)
    choices: list[tuple[list[str], Callable[[], Source]]] = [
        ([table.name for table in tables], lambda: _source_of_tables("table", tables, index)),
        ([table.name for table in lists], lambda: _source_of_tables("list", lists, index)),
        (_named(texts, "text files"), lambda: _source_of_texts(files, index, names, texts)),
        (_named(jsons, "JSON files"), lambda: _source_of_json(files, index, jsons)),
    ]
    there = [(labels, make) for labels, make in choices if labels]
    if there:
        source = there[0][1]()
        source.ignored += [label for labels, _ in there[1:] for label in labels] + list(problems)
    elif problems:
        raise UserError(next(iter(problems.values())))
    else:
        source = _source_of_names(index)
    if quoted := [row for table in tables + lists for row in quoted_rows(table.name, table.rows)]:
        source.warning = (
            f"{len(quoted)} texts stand in quotation marks, which a .tsv keeps as part of the text (first: "
            f"{quoted[0].text} at {quoted[0].place}): if they are no part of it, write the table as .csv"
        )
    if source.rows and not source.warning and all(row.text.isdecimal() for row in source.rows):
        source.warning = "all texts are numbers: if they number the entries of a lexicon, put its words there instead"
    return _with_splits_of_folders(source)


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _named(beside: Beside, kind: str) -> list[str]:
    return [f"{len(beside):,} {kind} beside images"] if beside else []


def _may_be_table(name: str) -> bool:
    return name.lower().endswith((*TABLE_ENDINGS, *LIST_ENDINGS)) or posixpath.basename(name) == "text"


def _texts_beside(names: list[str], index: ImageIndex) -> Beside:
    """The text file of each image; none if only a few stray files are called like images."""
    texts = match_files(names, index, TEXT_ENDINGS)
    is_meant = any(name.lower().endswith(".gt.txt") for name in texts.values())
    return texts if is_meant or len(texts) >= _MIN_BESIDE * len(index.images) else {}


def _read_tables(
    files: RawFiles, names: list[str], index: ImageIndex
) -> tuple[list[_Table], list[_Table], dict[str, str]]:
    """The tables with columns, the lists without, and what is wrong with files that should be one of them."""
    tables, lists, problems = [], [], dict[str, str]()
    for name in names:
        try:
            is_table, table = _read_table(files.read_text(name), name, index)
        except UserError as error:
            if _should_be_table(name):
                problems[name] = str(error)
            continue
        if any(row.image for row in table.rows):
            (tables if is_table else lists).append(table)
        elif _should_be_table(name):
            problems[name] = _why_unused(table, index)
    return tables, lists, problems


def _why_unused(table: _Table, index: ImageIndex) -> str:
    if table.bad and not table.rows:
        return f"no row of {table.name} can be used; {table.bad[0]}"
    first = f": the first is {table.rows[0].file!r}" if table.rows else ""
    return f"{table.name} names none of the {len(index.images):,} images that are there{first}"


def _read_table(text: str, name: str, index: ImageIndex) -> tuple[bool, _Table]:
    """Whether a file is a table with columns, and its rows.

    Raises:
      UserError: the file is neither a table nor a list.
    """
    folder = posixpath.dirname(name)
    is_json = name.lower().endswith((".json", ".jsonl"))
    if not is_json and not has_columns(text, name):
        rows, bad = parse_text_list(text, name, index, folder)
        if rows or not name.lower().endswith(TABLE_ENDINGS):
            return False, _Table(name, rows, bad)
    rows, bad = parse_table(text, name)
    return True, _Table(name, index.locate(rows, folder), bad, unread_columns(text, name))


def _should_be_table(name: str) -> bool:
    """Whether a file that cannot be read as a table or list is worth a message."""
    words = re.split(r"[\W_]+", posixpath.basename(name).lower())
    return name.lower().endswith(TABLE_ENDINGS) or any(word.startswith(_LIST_WORDS) for word in words)


def _source_of_tables(kind: str, tables: list[_Table], index: ImageIndex) -> Source:
    """The rows of the tables nearest to the root: of one, or of one for each split; with the images that none names.

    Raises:
      UserError: there are several, they differ, and they are not one for each split.
    """
    nearest = [table for table in tables if _depth(table.name)[0] == _depth(tables[0].name)[0]]
    # Of several with the same texts the one that knows most.
    fullest: dict[frozenset[tuple[str, str]], _Table] = {}
    for table in nearest:
        if table.known > fullest.setdefault(table.content, table).known:
            fullest[table.content] = table
    chosen = [table for table in nearest if table is fullest[table.content]]
    ignored = [table.name for table in tables if table not in chosen]
    named = {row.image for table in chosen for row in table.rows}
    unused = {f"image in no row of the {kind}": [image for image in index.images if image not in named]}
    if len(chosen) == 1:
        (table,) = chosen
        splits = "column of the table" if any(row.split for row in table.rows) else ""
        folder = posixpath.dirname(table.name)
        return Source(
            table.rows, f"{kind} {table.name}", folder, splits, table.bad, unused, ignored, unread=table.unread
        )
    splits = [split_of_file(table.name) for table in chosen]
    if "" in splits or len(set(splits)) < len(splits):
        raise UserError(
            f"several {kind}s: {some([table.name for table in chosen])}; leave one, or one for each split, "
            "such as train.csv and test.csv"
        )
    rows = [
        dataclasses.replace(
            row, split=row.split or split, file=row.image or posixpath.join(posixpath.dirname(table.name), row.file)
        )
        for table, split in zip(chosen, splits, strict=True)
        for row in table.rows
    ]
    name = f"{kind}s {some([table.name for table in chosen])}"
    bad = [place for table in chosen for place in table.bad]
    unread = sorted({column for table in chosen for column in table.unread})
    return Source(rows, name, splits="one table for each split", bad=bad, unused=unused, ignored=ignored, unread=unread)


def _source_of_texts(files: RawFiles, index: ImageIndex, names: list[str], texts: Beside) -> Source:
    rows, bad = rows_of_texts(texts, files.read_text)
    further, without = other_images(index, texts)
    used = set(texts.values())
    of_none = [name for name in names if name.lower().endswith(".gt.txt") and name not in used]
    unused = {"another image of the same line": further, "image without text": without, "text without image": of_none}
    kinds = sorted({"x.gt.txt" if name.lower().endswith(".gt.txt") else "x.txt" for name in used})
    return Source(rows, f"text files beside the images ({' and '.join(kinds)})", bad=bad, unused=unused)


def _source_of_json(files: RawFiles, index: ImageIndex, jsons: Beside) -> Source:
    rows, bad = rows_of_json(jsons, files.read_text)
    splits = "JSON files beside the images" if any(row.split for row in rows) else ""
    without = {"image without text": [image for image in index.images if image not in jsons]}
    return Source(rows, "JSON files beside the images", splits=splits, bad=bad, unused=without)


def _source_of_names(index: ImageIndex) -> Source:
    rows, others = rows_from_names(index.images)
    examples = {row.text: row for row in reversed(rows)}
    shown = ", ".join(f"{row.file} is {row.text!r}" for row in list(examples.values())[-1:-4:-1])
    return Source(
        rows,
        "names of the images",
        unused={"not called text_number": others},
        warning="THE TEXTS COME FROM THE NAMES OF THE IMAGES, for there is no table, list or text file: "
        f"{shown}; if these are not the words in the images, put a table beside them",
    )


def _with_splits_of_folders(source: Source) -> Source:
    """The source with the splits that folders are named after, if all rows lie in such folders and none has a split."""
    folders = {row.file: split_of_folder(row.image or row.file) for row in source.rows}
    if not any(row.split for row in source.rows) and all(folders.values()) and len(set(folders.values())) > 1:
        source.rows = [dataclasses.replace(row, split=folders[row.file]) for row in source.rows]
        source.splits = "folders named after splits"
    return source
