"""The base class of datasets of a folder of files with their texts: rows to examples, and examples to splits."""

import functools
import posixpath
from typing import Any

from hwgan.datasets.builder import Example, HandwritingBuilder, clean_text
from hwgan.datasets.raw_files import RawFiles, plain_path
from hwgan.datasets.splits import SPLITS, deal_groups
from hwgan.datasets.word_folder.rows import Row, split_of_word
from hwgan.datasets.word_folder.sources import Source
from hwgan.datasets.writers import warn_of_few_writers
from hwgan.runtime.errors import UserError
from hwgan.runtime.wording import some


class FolderBuilder(HandwritingBuilder, skip_registration=True):
    """A builder of a folder, zip or tar; subclasses implement `_read_source` and `_read_file`.

    Without splits of its own and without lists, the writers are dealt to the splits, so that no writer is in two; an
    example of an unknown writer is dealt by itself. With so few writers that this would take much from training, all
    examples are dealt so.
    """

    def _read_source(self, files: RawFiles) -> Source:
        """The rows of the source."""
        raise NotImplementedError

    def _read_file(self, files: RawFiles, path: str) -> Any:
        """What an example's `load` returns, of the file at this path."""
        raise NotImplementedError

    def _read_splits(self) -> dict[str, list[Example]]:
        assert self.source is not None
        files = RawFiles(self.source)
        source = self._read_source(files)
        self.text_source = source.description
        self.warnings += [source.warning] if source.warning else []
        for place in source.bad:
            self.skip("unreadable row", place)
        for reason, names in source.unused.items():
            for name in names:
                self.skip(reason, name)
        splits: dict[str, list[Example]] = {}
        for row, own_split in zip(source.rows, self._assign_splits(source), strict=True):
            load = functools.partial(self._read_file, files, row.image or posixpath.join(source.folder, row.file))
            example = Example(plain_path(row.file), row.text, row.writer, load, place=row.place)
            split = self.choose_split(example, otherwise=own_split, alias=row.stated)
            if split in SPLITS:
                splits.setdefault(split, []).append(example)
            elif split is not None:
                self.skip("unknown split", example, f"{split!r} is not one of {', '.join(SPLITS)}")
        if train := splits.get("train"):
            self.warnings += warn_of_few_writers(clean_text(example.writer) for example in train)
        return self._complete(splits)

    def _complete(self, splits: dict[str, list[Example]]) -> dict[str, list[Example]]:
        """The splits to write, with those that must not be empty, which the base class then reports."""
        if self.lists is not None:
            return {split: splits.get(split, []) for split in SPLITS}
        if len(splits) > 1 and "train" in splits:
            absent = [split for split in SPLITS if split not in splits]
            self.warnings += [f"there is no {split} split" for split in absent]
        # A table of a single split, such as generated words for training, yields a dataset of that split only.
        needed = set(splits) if len(splits) == 1 else {"train", *splits}
        return {split: splits.get(split, []) for split in SPLITS if split in needed}

    def _assign_splits(self, source: Source) -> list[str]:
        """The split of each row: its own, or by writer or image (see the class).

        Raises:
          UserError: rows have splits, but none of the names train, validation and test.
        """
        rows = source.rows
        named = [split_of_word(clean_text(row.split)) for row in rows]
        if self.lists is not None:
            return named
        if not any(named):
            named = ["train"] * len(rows)
            self.split_source = self._deal(rows, list(range(len(rows))), named, held_out=SPLITS[1:])
            return named
        known = set(named) & set(SPLITS)
        if not known:
            raise UserError(f"split must be one of {', '.join(SPLITS)}, got {some(sorted(set(named)), 10)}")
        self.split_source = source.splits
        if known == {"train", "test"}:
            # Many collections have these two parts alone, and training needs a validation split.
            train = [i for i, split in enumerate(named) if split == "train"]
            how = self._deal(rows, train, named, held_out=("validation",))
            self.split_source += f", and a tenth of train as validation, {how}"
        return named

    def _deal(self, rows: list[Row], dealt: list[int], named: list[str], held_out: tuple[str, ...]) -> str:
        """Deals the rows of these indices to the splits, writes that to `named`, and returns how it was done."""
        # Rows that are certainly skipped must not make up a split.
        usable = [i for i in dealt if rows[i].image and clean_text(rows[i].text)]
        writers = [clean_text(rows[i].writer) for i in usable]
        known = set(writers) - {""}
        groupings = [("file name", [rows[i].file for i in usable])]
        if known:
            files = [f"\0{rows[i].file}" for i in usable]  # no writer is called so
            groupings.insert(0, ("writer", [writer or file for writer, file in zip(writers, files, strict=True)]))
        splits, how = deal_groups(groupings, held_out)
        for i, split in zip(usable, splits, strict=True):
            named[i] = split
        if "file name" in how and len(known) > 1:
            self.warnings.append(
                f"the {len(known)} writers are too few to hold some of them out: all are in train and in "
                f"{' and '.join(held_out)}, with other images"
            )
        return how
