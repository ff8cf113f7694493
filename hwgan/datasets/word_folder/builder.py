"""The word_folder dataset: any word or line images with their transcriptions."""

import functools
import posixpath

import tensorflow_datasets as tfds

from hwgan.datasets.builder import Example, WordImageBuilder, clean_text
from hwgan.datasets.raw_files import RawFiles, plain_path
from hwgan.datasets.splits import SPLITS, deal_out
from hwgan.datasets.word_folder.table import Row, find_table, parse_table, rows_from_names
from hwgan.runtime.errors import UserError


class WordFolder(WordImageBuilder, skip_registration=True):
    """A folder, zip or tar with images and a table (TSV, CSV, JSON), or with images called `text_number.png`.

    Without a split column and without lists, the hash of the writer's name decides the split, so that no writer is in
    two splits. With fewer than three writers, or if any writer is unknown, the hash of the file name decides.
    """

    name = "word_folder"
    description = "Word images from a folder, with their texts."

    def __init__(self, *, dataset_name: str, **kwargs):
        super().__init__(config=tfds.core.BuilderConfig(name=dataset_name), **kwargs)

    def _read_splits(self) -> dict[str, list[Example]]:
        assert self.source is not None
        files = RawFiles(self.source)
        names = files.names()
        table = find_table(names)
        if table is None:
            (rows, others), folder = rows_from_names(names), ""
            for name in others:
                self.skip("not called text_number", name)
        else:
            rows, bad = parse_table(files.read_text(table), table)
            folder = posixpath.dirname(table)
            for place in bad:
                self.skip("unreadable row", place)
        assigned = self._assign_splits(rows)
        splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
        for row, own_split in zip(rows, assigned, strict=True):
            load = functools.partial(files.read, posixpath.join(folder, row.file))
            example = Example(plain_path(row.file), row.text, row.writer, load, place=row.place)
            split = self.choose_split(example, otherwise=own_split)
            if split in splits:
                splits[split].append(example)
            elif split is not None:
                self.skip("unknown split", example, f"{split!r} is not one of {', '.join(SPLITS)}")
        named_splits = {clean_text(row.split) for row in rows}
        if self.lists is None and len(named_splits) == 1 and named_splits <= set(SPLITS):
            # A table of a single split, such as generated words for training, yields a dataset of that split only.
            return {split: splits[split] for split in named_splits}
        return splits

    def _assign_splits(self, rows: list[Row]) -> list[str]:
        """The split of each row: from the split column, or by hash of the writer or file name (see the class).

        Raises:
          UserError: the split column has none of the names train, validation and test.
        """
        named = [clean_text(row.split) for row in rows]
        source = "column of the table"
        if not any(named):
            writers = [clean_text(row.writer) for row in rows]
            by_writer = len(set(writers) - {""}) >= len(SPLITS) and "" not in writers
            keys = writers if by_writer else [plain_path(row.file) for row in rows]
            source = "by hash of writer" if by_writer else "by hash of file name"
            split_by_key = deal_out(keys)
            named = [split_by_key[key] for key in keys]
        elif not set(named) & set(SPLITS) and self.lists is None:
            raise UserError(f"split must be one of {', '.join(SPLITS)}, got {sorted(set(named))}")
        self.split_source = source if self.lists is None else self.split_source
        return named
