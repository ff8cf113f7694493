"""The IAM dataset, words or lines, from its original archives, packed or extracted."""

import dataclasses
import functools
import json
import posixpath
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from hwgan.data.transforms import WHITE, decode_grey
from hwgan.datasets.builder import Example
from hwgan.datasets.iam.layout import open_images, read_tables, read_task_lists
from hwgan.datasets.iam.parser import IamForm, IamRow
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.splits import SPLITS, deal_groups, split_of
from hwgan.datasets.word_image_builder import WordImageBuilder
from hwgan.datasets.writers import warn_of_few_writers
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path

_MAX_MISSING = 0.1  # share of the listed images that may be missing without the user's consent
_SOFT_EDGE = 20  # grey levels below the threshold, over which ink fades to white


class Iam(WordImageBuilder, skip_registration=True):
    """IAM Handwriting Database 3.0: 115,320 words or 13,353 lines by 657 writers.

    Splits: the user's lists; or the lists of IAM's large writer independent text line recognition task, if its archive
    is in the source folder; or 80, 10 and 10 % of the writers, by the hash of their number; or of the forms, where
    forms.txt is not there and writers are unknown.

    Options: `whiten`, see `whiten_paper`; `allow_missing`, whether more than a tenth of the images may be missing.
    """

    name = "iam"
    description = "IAM Handwriting Database: English words and lines on scanned forms."
    homepage = "https://fki.tic.heia-fr.ch/databases/iam-handwriting-database"
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="words"), tfds.core.BuilderConfig(name="lines")]
    extra_features = {
        "segmentation_ok": np.bool_,
        "grey_level": np.int32,
        "tag": tfds.features.Text(),
        "tokens": tfds.features.Text(),
        "form": tfds.features.Text(),
        "box": tfds.features.Tensor(shape=(4,), dtype=np.int32),
    }
    _forms: dict[str, IamForm] = {}

    @property
    def _kind(self) -> str:
        """ "words" or "lines"."""
        return self.builder_config.name if self.builder_config else ""

    def _read_splits(self) -> dict[str, list[Example]]:
        assert self.source is not None
        root, kind = user_path(self.source), self._kind
        rows, bad, forms = read_tables(root, f"{kind}.txt")
        self._forms = forms or {}
        for place in bad:
            self.skip("unreadable row", place)
        if self.lists is None:
            self.lists = read_task_lists(root)
            self.split_source = self.lists.origin if self.lists else self.split_source
        files = open_images(root, kind)
        paths = {posixpath.basename(name): name for name in files.names() if name.endswith(".png")}
        rows = self._usable_rows(rows, is_known=None if forms is None else forms.__contains__)
        self._check_missing(rows, paths, files)
        self._name_odd_tokens([row for row in rows if row.image_name in paths])
        splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
        for row, own_split in zip(rows, self._assign_splits(rows, paths), strict=True):
            load = functools.partial(self._read_image, files, paths.get(row.image_name, row.image_name), row.grey_level)
            example = self._example(row, load)
            split = self.choose_split(example, otherwise=own_split)
            if split is not None:
                splits[split].append(example)
        present = (e.writer for e in splits["train"] if f"{e.id}.png" in paths)
        self.warnings += warn_of_few_writers(present)
        return splits

    def _usable_rows(self, rows: list[IamRow], is_known: Callable[[str], bool] | None) -> list[IamRow]:
        """The rows of known forms; all rows, with a warning, where there is no forms.txt."""
        if is_known is None:
            self.warnings.append("forms.txt, which names the writer of each form, is not there: writers are unknown")
            return rows
        for row in rows:
            if not is_known(row.form):
                self.skip("form not in forms.txt", row.id, self._place(row))
        return [row for row in rows if is_known(row.form)]

    def _check_missing(self, rows: list[IamRow], paths: Mapping[str, str], files: RawFiles) -> None:
        """Counts the images that are listed, by the split lists if there are any, but not there.

        Raises:
          UserError: more than a tenth of them is missing, and the user has not allowed it.
        """
        listed = [row for row in rows if self.lists is None or self.lists.find(row.id)]
        missing = sum(row.image_name not in paths for row in listed)
        if not missing:
            return
        kind = self._kind
        what = (
            f"{missing:,} of the {len(listed):,} {kind} that {'the split lists' if self.lists else f'{kind}.txt'} name"
        )
        if missing > _MAX_MISSING * len(listed) and not self.options.get("allow_missing"):
            raise UserError(
                f"{what} have no image in {files.source}, more than a tenth; if it is a part of IAM, add "
                f"--allow_missing, else give --source= a folder with all of {kind}.tgz"
            )
        self.warnings.append(f"{what} have no image ({missing / len(listed):.1%}) and are left out")

    def _name_odd_tokens(self, rows: list[IamRow]) -> None:
        """Warns of tokens such as "B B C", which are words of a line in one box."""
        odd = [row for row in rows if " " in row.text and self._kind == "words"]
        if odd:
            examples = ", ".join(f"{row.text!r} ({row.id})" for row in odd[:3])
            self.warnings.append(
                f"{len(odd)} tokens with a blank in them are no words, such as {examples}: an alphabet without "
                "the blank drops them"
            )

    def _assign_splits(self, rows: list[IamRow], paths: Mapping[str, str]) -> list[str]:
        """The split of each row without lists: by hash of the writer, which missing images do not change.

        Where writers are unknown, or the images that are there are by so few that a split would be empty, the forms or
        the words that are there are dealt.
        """
        if self.lists is not None:
            return [""] * len(rows)
        there = [i for i, row in enumerate(rows) if row.image_name in paths]
        if self._forms:
            splits = [split_of(self._forms[row.form].writer) for row in rows]
            if {splits[i] for i in there} == set(SPLITS):
                self.split_source = "by hash of writer"
                return splits
        splits = ["train"] * len(rows)
        forms = [rows[i].form for i in there]
        groupings = [("form", forms), ("word", [rows[i].id for i in there])]
        if self._forms:
            groupings.insert(0, ("writer", [self._forms[form].writer for form in forms]))
        dealt, self.split_source = deal_groups(groupings)
        if "word" in self.split_source:
            self.split_source += f" (too few forms: {len(set(forms))})"
        for i, split in zip(there, dealt, strict=True):
            splits[i] = split
        return splits

    def _place(self, row: IamRow) -> str:
        return f"{self._kind}.txt line {row.line_number}"

    def _example(self, row: IamRow, load: Callable[[], bytes | np.ndarray]) -> Example:
        extras = {
            "segmentation_ok": row.segmentation_ok,
            "grey_level": row.grey_level,
            "tag": row.tag,
            "tokens": row.tokens,
            "form": row.form,
            "box": np.array(row.box, np.int32),
        }
        form = self._forms.get(row.form)
        return Example(row.id, row.text, form.writer if form else "", load, extras, self._place(row))

    def _read_image(self, files: RawFiles, name: str, grey_level: int) -> bytes | np.ndarray:
        encoded = files.read(name)
        return whiten_paper(decode_grey(encoded), grey_level) if self.options.get("whiten") else encoded

    def side_files(self) -> dict[str, str]:
        """forms.jsonl: the metadata of the forms, one JSON object per line; nothing if there is no forms.txt."""
        forms = (json.dumps(dataclasses.asdict(form)) for form in self._forms.values())
        return {"forms.jsonl": "\n".join(forms) + "\n"} if self._forms else {}


def whiten_paper(image: UInt8[np.ndarray, "h w"], threshold: int) -> UInt8[np.ndarray, "h w"]:
    """Makes the grey paper around the ink of a word white.

    Grey level g becomes g + a (255 - g) with a = clip((g - (threshold - 20)) / 20, 0, 1): levels from the threshold up
    are white, levels up to threshold - 20 are unchanged.

    Args:
      image: dark ink on grey paper.
      threshold: grey level between ink and paper, which IAM gives for each word.
    """
    levels = np.arange(256, dtype=np.float32)
    whiteness = ((levels - (threshold - _SOFT_EDGE)) / _SOFT_EDGE).clip(0.0, 1.0)
    table = np.rint(levels + whiteness * (WHITE - levels)).astype(np.uint8)
    return table[image]
