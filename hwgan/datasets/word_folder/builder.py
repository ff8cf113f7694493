"""The word_folder dataset: anybody's word images with a table of what they say."""

import functools
import posixpath

import tensorflow_datasets as tfds

from hwgan.datasets.builder import SPLITS, Example, WordImageBuilder, split_of
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.word_folder.table import Row, find_table, parse_table
from hwgan.errors import UserError


class WordFolder(WordImageBuilder, skip_registration=True):
    """A folder, zip or tar with images and one TSV or CSV: file, text and, if known, writer and split.

    Where the table has no split, writers are dealt out by the hash of their names, so that no hand is in two splits;
    with no writers, or too few for three splits, the images are.
    """

    name = "word_folder"
    description = "Word images from a folder, with a table of their texts."

    def __init__(self, *, dataset_name: str, **kwargs):
        super().__init__(config=tfds.core.BuilderConfig(name=dataset_name), **kwargs)

    def _read_splits(self) -> dict[str, list[Example]]:
        assert self.source is not None
        files = RawFiles(self.source)
        names = files.names()
        table = find_table(names)
        rows = parse_table(files.read_text(table), table)
        folder = posixpath.dirname(table)
        splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
        seen: set[str] = set()
        for row, split in zip(rows, assign_splits(rows, table), strict=True):
            if row.file in seen:
                self.skip("duplicate row", row.file)
                continue
            seen.add(row.file)
            load = functools.partial(files.read, posixpath.join(folder, row.file))
            splits[split].append(Example(row.file, row.text, row.writer, load))
        return splits


def assign_splits(rows: list[Row], table: str) -> list[str]:
    """The split of each row: the table's own, or else by hash of writer, or of file where writers are too few.

    Raises:
      UserError: only some rows name a split, or one that does not exist.
    """
    named = {row.split for row in rows}
    if named == {""}:
        by_writer = [split_of(row.writer) for row in rows]
        return by_writer if set(by_writer) == set(SPLITS) else [split_of(row.file) for row in rows]
    unknown = named - set(SPLITS)
    if unknown:
        raise UserError(f"{table}: split must be one of {', '.join(SPLITS)}, got {sorted(unknown)}")
    return [row.split for row in rows]
