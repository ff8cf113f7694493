"""The IAM dataset, words or lines, from the archives its users have, or the same extracted."""

import functools
import pathlib
import posixpath

import numpy as np
import tensorflow_datasets as tfds

from hwgan.datasets.builder import SPLITS, Example, WordImageBuilder, split_of
from hwgan.datasets.iam.parser import parse_forms, parse_rows
from hwgan.datasets.raw_files import RawFiles
from hwgan.errors import UserError

_MISSING_TOLERATED = 0.1  # of the listed images; with more, the tree is half extracted


class Iam(WordImageBuilder, skip_registration=True):
    """IAM Handwriting Database 3.0: 115,320 words or 13,353 lines by 657 writers.

    Writers are dealt out to train, validation and test (80, 10, 10 %) by the hash of their number.
    """

    name = "iam"
    description = "IAM Handwriting Database: English words and lines on scanned forms."
    homepage = "https://fki.tic.heia-fr.ch/databases/iam-handwriting-database"
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="words"), tfds.core.BuilderConfig(name="lines")]
    extra_features = {
        "segmentation_ok": np.bool_,
        "grey_level": np.int32,
        "tag": tfds.features.Text(),
    }

    def _read_splits(self) -> dict[str, list[Example]]:
        assert self.source is not None
        assert self.builder_config is not None
        root = pathlib.Path(self.source).expanduser()
        kind = self.builder_config.name
        table, forms = _read_tables(root, f"{kind}.txt")
        files = _open_images(root, kind)
        paths = {posixpath.basename(name): name for name in files.names() if name.endswith(".png")}
        missing = sum(row.image_name not in paths for row in table)
        if missing > _MISSING_TOLERATED * len(table):
            raise UserError(
                f"{missing} of the {len(table)} images that {kind}.txt lists are not in {files.source}: "
                f"IAM seems to be half extracted; give --source= a folder with all of {kind}.tgz"
            )
        splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
        for row in table:
            writer = forms.get(row.form)
            if writer is None:
                self.skip("form not in forms.txt", row.id)
                continue
            load = functools.partial(files.read, paths.get(row.image_name, row.image_name))
            extras = {"segmentation_ok": row.segmentation_ok, "grey_level": row.grey_level, "tag": row.tag}
            splits[split_of(writer)].append(Example(row.id, row.text, writer, load, extras))
        return splits


def _read_tables(root: pathlib.Path, table: str):
    """The rows of words.txt or lines.txt, and the writer of each form."""
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
    return parse_rows(files.read_text(paths[table]), table), parse_forms(files.read_text(paths["forms.txt"]))


def _open_images(root: pathlib.Path, kind: str) -> RawFiles:
    """The images, in `words.tgz`, `words/`, or right in the root."""
    for place in (root / f"{kind}.tgz", root / kind, root):
        if place.is_file() or (place.is_dir() and next(place.rglob("*.png"), None)):
            return RawFiles(place)
    raise UserError(
        f"{root} holds no {kind}.tgz, nor its images extracted under {kind}/: see hwgan/datasets/iam/README.md"
    )
