"""Cache of the cleaned ink of a split, which runs of the same cleaning share.

    CACHE_DIR/<key of dataset and cleaning>/<split>-ink.npz

holds the points of all examples, whatever their text and length. A file is complete, for it is renamed when it is
written; one that is damaged is written again.
"""

import dataclasses
import hashlib
import json
import logging
import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from hwgan.data.charset import normalize_text
from hwgan.data.ink import Ink
from hwgan.data.ink_cleaning import Cleaning, UnusableInk
from hwgan.data.prepared import cache_folders, open_rows, read_summary, row_text
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import is_denied, replacing
from hwgan.runtime.npz import open_stored
from hwgan.runtime.progress import with_progress

logger = logging.getLogger(__name__)

MAX_POINTS = 100_000  # of an example; a page written at 200 points a second for eight minutes
_CONTENT = "ink"  # the field of a row
_MAX_BYTES = 16 * 10**9
_REVISION = 1  # of what cleaning computes


@dataclasses.dataclass(frozen=True)
class CleanedSplit:
    """The cleaned ink of a split.

    Attributes:
      points: float32 [sum of points, 3], offset ink, one example after another.
      num_points: int32 [n].
      ids: of the rows.
      texts: transcriptions in NFC.
      writers: names of the writers; "" where unknown.
      dropped: number of examples that cannot be used, by reason.
    """

    points: np.ndarray
    num_points: np.ndarray
    ids: list[str]
    texts: list[str]
    writers: list[str]
    dropped: dict[str, int]


def is_ink(data_dir: str, dataset: str) -> bool:
    """Whether a prepared dataset is of ink, not of images."""
    return read_summary(data_dir, dataset).get("kind") == _CONTENT


def read_ink(data_dir: str, dataset: str, split: str) -> Iterator[tuple[str, str, str, Ink] | None]:
    """(id, text, writer, stored ink) of each example of a split; None for one that is damaged.

    Raises:
      UserError: the dataset or the split does not exist, or is none of ink.
    """
    if not is_ink(data_dir, dataset):
        raise UserError(f"{dataset} has no strokes: it is a dataset of images")
    rows = open_rows(data_dir, dataset, split)
    for index in range(len(rows)):
        try:
            row = rows[index]
            ink = np.asarray(row[_CONTENT], np.float32)
            fields = row_text(row, "id"), normalize_text(row_text(row, "text")), row_text(row, "writer")
        except (KeyError, OSError, RuntimeError, TypeError, ValueError):  # the rest of the split stays usable
            yield None
            continue
        whole = ink.ndim == 2 and ink.shape[1] == 3 and 0 < len(ink) <= MAX_POINTS and bool(np.isfinite(ink).all())
        yield (*fields, ink) if whole else None


def read_cleaned(data_dir: str, dataset: str, split: str, cleaning: Cleaning, cache_dir: str = "") -> CleanedSplit:
    """The cleaned ink of a split, from the cache if it is there; else it is cleaned and written to the cache.

    Args:
      data_dir: directory of prepared datasets.
      dataset: "name/config".
      split: name of the split.
      cleaning: the steps.
      cache_dir: see `cache_folders`.

    Raises:
      UserError: the dataset or the split does not exist, or is none of ink.
    """
    facts = [dataset, read_summary(data_dir, dataset)["content"], _REVISION, dataclasses.asdict(cleaning)]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    paths = [folder / key / f"{split}-ink.npz" for folder in cache_folders(data_dir, dataset, cache_dir)]
    for path in paths:
        found = _read(path)
        if found is not None:
            return found
    cleaned = _clean(data_dir, dataset, split, cleaning)
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, cleaned)
            break
        except OSError as error:
            if is_denied(error) and path != paths[-1]:
                continue
            logger.warning("cannot keep the cleaned ink of %s in %s: %s", dataset, path, error.strerror or error)
    return cleaned


def _clean(data_dir: str, dataset: str, split: str, cleaning: Cleaning) -> CleanedSplit:
    dropped, inks, rows = Counter[str](), [], []
    for row in with_progress(read_ink(data_dir, dataset, split), f"cleaning {dataset} {split}", "examples"):
        if row is None:
            dropped["unreadable"] += 1
            continue
        *fields, ink = row
        try:
            inks.append(cleaning(ink))
            rows.append(fields)
        except UnusableInk as error:
            dropped[str(error)] += 1
    ids, texts, writers = map(list, zip(*rows, strict=True)) if rows else ([], [], [])
    points = np.concatenate(inks) if inks else np.zeros((0, 3), np.float32)
    return CleanedSplit(points, np.array([len(ink) for ink in inks], np.int32), ids, texts, writers, dict(dropped))


def _write(path: pathlib.Path, split: CleanedSplit) -> None:
    fields = {name: getattr(split, name) for name in ("ids", "texts", "writers", "dropped")}
    with replacing(path, sync=True) as file:
        np.savez(
            file,
            allow_pickle=False,
            points=split.points,
            num_points=split.num_points,
            fields=np.frombuffer(json.dumps(fields).encode(), np.uint8),
        )


def _read(path: pathlib.Path) -> CleanedSplit | None:
    """A cached split; None if there is none, or if it is damaged, for it may have come with a dataset of any origin."""
    try:
        with open_stored(path, _MAX_BYTES) as arrays:
            fields: Any = json.loads(arrays["fields"].tobytes())
            split = CleanedSplit(arrays["points"], arrays["num_points"], **fields)
        _check(split)
        return split
    except FileNotFoundError:
        return None
    except Exception as error:
        logger.warning("the cleaned ink in %s is damaged (%s) and is written again", path, error)
        return None


def _check(split: CleanedSplit) -> None:
    """Raises ValueError if the parts of a split do not belong together."""
    points, num_points = split.points, split.num_points
    if points.dtype != np.float32 or points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError("its points are no offsets")
    if (
        num_points.dtype != np.int32
        or num_points.ndim != 1
        or (num_points < 1).any()
        or num_points.sum() != len(points)
    ):
        raise ValueError("its numbers of points do not fit")
    for names in (split.ids, split.texts, split.writers):
        if not isinstance(names, list) or len(names) != len(num_points) or not all(isinstance(n, str) for n in names):
            raise ValueError("its texts do not fit")
    if not isinstance(split.dropped, dict) or not all(isinstance(count, int) for count in split.dropped.values()):
        raise ValueError("its counts do not fit")
