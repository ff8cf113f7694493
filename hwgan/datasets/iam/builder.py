"""The IAM dataset, words or lines, from its original archives, packed or extracted."""

import dataclasses
import functools
import json
import pathlib
import posixpath

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from hwgan.data.transforms import WHITE, decode_grey
from hwgan.datasets.builder import Example, WordImageBuilder
from hwgan.datasets.iam.parser import IamForm, IamRow, parse_forms, parse_rows
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.splits import SPLITS, SplitLists, parse_list, split_of
from hwgan.runtime.errors import UserError

_MAX_MISSING = 0.1  # share of the listed images; if more are missing, the archive is incompletely extracted
_TASK = "largeWriterIndependentTextLineRecognitionTask"  # IAM's own splits, as lists of lines
_TASK_LISTS = {
    "train": ("trainset.txt",),
    "validation": ("validationset1.txt", "validationset2.txt"),
    "test": ("testset.txt",),
}
_SOFT_EDGE = 20  # grey levels below the threshold, over which ink fades to white


class Iam(WordImageBuilder, skip_registration=True):
    """IAM Handwriting Database 3.0: 115,320 words or 13,353 lines by 657 writers.

    Splits: the user's lists; or the lists of IAM's large writer independent text line recognition task, if its archive
    is in the source folder; or 80, 10 and 10 % of the writers, by the hash of their number.

    Options: `whiten`, see `whiten_paper`.
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

    def _read_splits(self) -> dict[str, list[Example]]:
        assert self.source is not None
        assert self.builder_config is not None
        root = pathlib.Path(self.source).expanduser()
        kind = self.builder_config.name
        rows, bad, self._forms = _read_tables(root, f"{kind}.txt")
        for place in bad:
            self.skip("unreadable row", place)
        files = _open_images(root, kind)
        paths = {posixpath.basename(name): name for name in files.names() if name.endswith(".png")}
        missing = sum(row.image_name not in paths for row in rows)
        if missing > _MAX_MISSING * len(rows):
            raise UserError(
                f"{missing} of the {len(rows)} images that {kind}.txt lists are not in {files.source}: "
                f"IAM seems to be half extracted; give --source= a folder with all of {kind}.tgz"
            )
        if self.lists is None:
            self.lists = _read_task_lists(root)
            self.split_source = self.lists.origin if self.lists else self.split_source
        splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
        for row in rows:
            load = functools.partial(self._load, files, paths.get(row.image_name, row.image_name), row.grey_level)
            self._add_example(row, load, f"{kind}.txt line {row.line_number}", splits)
        return splits

    def _add_example(self, row: IamRow, load, place: str, splits: dict[str, list[Example]]) -> None:
        form = self._forms.get(row.form)
        if form is None:
            self.skip("form not in forms.txt", row.id, place)
            return
        extras = {
            "segmentation_ok": row.segmentation_ok,
            "grey_level": row.grey_level,
            "tag": row.tag,
            "tokens": row.tokens,
            "form": row.form,
            "box": np.array(row.box, np.int32),
        }
        example = Example(row.id, row.text, form.writer, load, extras, place)
        split = self.choose_split(example, otherwise=split_of(form.writer))
        if split is not None:
            splits[split].append(example)

    def _load(self, files: RawFiles, name: str, grey_level: int) -> bytes | np.ndarray:
        encoded = files.read(name)
        return whiten_paper(decode_grey(encoded), grey_level) if self.options.get("whiten") else encoded

    def side_files(self) -> dict[str, str]:
        """forms.jsonl: the metadata of the forms, one JSON object per line."""
        forms = (json.dumps(dataclasses.asdict(form)) for form in self._forms.values())
        return {"forms.jsonl": "\n".join(forms) + "\n"}


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


def _read_tables(root: pathlib.Path, table: str) -> tuple[list[IamRow], list[str], dict[str, IamForm]]:
    """The rows of words.txt or lines.txt, the locations of malformed rows, and the forms by id."""
    candidates = [root / "ascii.tgz", root / "ascii", root]
    for place in candidates:
        if place.is_file() or (place.is_dir() and any(place.rglob(table))):
            files = RawFiles(place)
            break
    else:
        raise UserError(f"{root} holds no ascii.tgz, nor its {table} extracted: see hwgan/datasets/iam/README.md")
    paths = {posixpath.basename(name): name for name in files.names()}
    for name in (table, "forms.txt"):
        if name not in paths:
            raise UserError(f"{files.source} holds no {name}; it should hold all of IAM's ascii.tgz")
    rows, bad = parse_rows(files.read_text(paths[table]), table)
    forms, bad_forms = parse_forms(files.read_text(paths["forms.txt"]))
    return rows, bad + bad_forms, forms


def _open_images(root: pathlib.Path, kind: str) -> RawFiles:
    """The images, in `words.tgz` (`lines.tgz`), in `words/` (`lines/`), or in the root itself."""
    for place in (root / f"{kind}.tgz", root / kind, root):
        if place.is_file() or (place.is_dir() and next(place.rglob("*.png"), None)):
            return RawFiles(place)
    raise UserError(
        f"{root} holds no {kind}.tgz, nor its images extracted under {kind}/: see hwgan/datasets/iam/README.md"
    )


def _read_task_lists(root: pathlib.Path) -> SplitLists | None:
    """IAM's own split lists, if their archive is in `root`, packed or extracted; else None."""
    for place in (root / f"{_TASK}.zip", root / f"{_TASK}.tgz", root / _TASK):
        if place.exists():
            files = RawFiles(place)
            paths = {posixpath.basename(name): name for name in files.names()}
            ids = {}
            for split, names in _TASK_LISTS.items():
                absent = [name for name in names if name not in paths]
                if absent:
                    raise UserError(f"{place} holds no {' and no '.join(absent)}: it is incomplete")
                ids[split] = [i for name in names for i in parse_list(files.read_text(paths[name]))]
            return SplitLists(ids, _TASK, nested=True)
    return None
