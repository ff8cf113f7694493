"""Finds the parts of IAM in a folder: tables, images and its own split lists, as archives or extracted."""

import pathlib
import posixpath

from hwgan.datasets.iam.parser import IamForm, IamRow, parse_forms, parse_rows
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.splits import SplitLists, parse_list
from hwgan.runtime.errors import UserError

_TASK = "largeWriterIndependentTextLineRecognitionTask"  # IAM's own splits, as lists of lines
_TASK_LISTS = {
    "train": ("trainset.txt",),
    "validation": ("validationset1.txt", "validationset2.txt"),
    "test": ("testset.txt",),
}


def read_tables(root: pathlib.Path, table: str) -> tuple[list[IamRow], list[str], dict[str, IamForm] | None]:
    """Reads the tables in ascii.tgz, in ascii/, or anywhere in the folder.

    Args:
      root: the folder of IAM.
      table: words.txt or lines.txt.

    Returns:
      The rows, the locations of malformed rows, and the forms by id; None instead of forms if there is no forms.txt.

    Raises:
      UserError: the table is not there, or cannot be read.
    """
    texts: dict[str, str] = {}
    for place in (root / "ascii.tgz", root / "ascii", root):
        if place.is_file() or (place.is_dir() and any(next(place.rglob(n), None) for n in (table, "forms.txt"))):
            files = RawFiles(place)
            paths = {posixpath.basename(name): name for name in files.names()}
            texts |= {n: files.read_text(paths[n]) for n in (table, "forms.txt") if n in paths and n not in texts}
        if len(texts) == 2:
            break
    if table not in texts:
        raise UserError(
            f"{root} holds no {table}, neither in IAM's ascii.tgz nor extracted: see hwgan/datasets/iam/README.md"
        )
    rows, bad = parse_rows(texts[table], table)
    if "forms.txt" not in texts:
        return rows, bad, None
    forms, bad_forms = parse_forms(texts["forms.txt"])
    return rows, bad + bad_forms, forms


def open_images(root: pathlib.Path, kind: str) -> RawFiles:
    """The images, in `words.tgz` (`lines.tgz`), in `words/` (`lines/`), or in the root itself."""
    for place in (root / f"{kind}.tgz", root / kind, root):
        if place.is_file() or (place.is_dir() and next(place.rglob("*.png"), None)):
            return RawFiles(place)
    raise UserError(
        f"{root} holds no {kind}.tgz, nor its images extracted under {kind}/: see hwgan/datasets/iam/README.md"
    )


def read_task_lists(root: pathlib.Path) -> SplitLists | None:
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
