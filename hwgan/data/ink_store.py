"""The ink of a run: the cleaned strokes of a split that fit its alphabet and size limits, with access by index."""

import dataclasses
import functools
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from hwgan.data.charset import Charset, normalize_text, pad_labels
from hwgan.data.ink import Ink
from hwgan.data.ink_cleaning import Cleaning, UnusableInk
from hwgan.data.prepared import open_rows, read_summary, row_text
from hwgan.models.ink_batch import InkBatch
from hwgan.runtime.errors import UserError
from hwgan.runtime.progress import with_progress

logger = logging.getLogger(__name__)

_CONTENT = "ink"  # the field of a row


@dataclasses.dataclass(frozen=True)
class InkSpec:
    """What is done to ink, and which of it is used.

    Attributes:
      cleaning: the steps.
      max_points: examples with more points are left out.
      max_length: examples with more characters are left out.
      min_length: examples with fewer characters are left out.
    """

    cleaning: Cleaning
    max_points: int
    max_length: int
    min_length: int = 1


@dataclasses.dataclass(frozen=True)
class InkStore:
    """Offset ink of n examples, with their texts and writers.

    Attributes:
      spec: cleaning and size limits.
      points: float32 [sum of points, 3], offset ink in x-heights, one example after another.
      starts: int64 [n], offset of each example in `points`.
      num_points: int32 [n].
      texts: transcriptions in NFC.
      labels: int32 [n, max_length], label ids padded with 0.
      lengths: int32 [n], number of labels.
      writers: names of the writers; "" where unknown.
    """

    spec: InkSpec
    points: np.ndarray
    starts: np.ndarray
    num_points: np.ndarray
    texts: list[str]
    labels: np.ndarray
    lengths: np.ndarray
    writers: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def ink(self, index: int) -> Ink:
        """The offset ink of an example, in x-heights."""
        start = self.starts[index]
        return self.points[start : start + self.num_points[index]]

    @functools.cached_property
    def offset_scale(self) -> float:
        """The root mean square of all offsets, in x-heights; ink is divided by it for the network."""
        return float(np.sqrt(np.mean(np.square(self.points[:, :2], dtype=np.float64))))

    @functools.cached_property
    def writer_names(self) -> list[str]:
        """The known writers, sorted."""
        return sorted(set(self.writers) - {""})

    def batch(self, indices: np.ndarray, width: int, writer_names: Sequence[str], scale: int | float) -> InkBatch:
        """A batch of examples, padded with zeros to one number of points.

        Args:
          indices: [b].
          width: points of the padded examples.
          writer_names: names whose index + 1 is the id of a writer; others have id 0.
          scale: what offsets are divided by.
        """
        points = np.zeros((len(indices), width, 3), np.float32)
        for row, index in zip(points, indices.tolist(), strict=True):
            ink = self.ink(index)
            row[: len(ink)] = ink
        points[:, :, :2] /= scale
        ids = {name: number + 1 for number, name in enumerate(writer_names)}
        return InkBatch(
            points=points,
            num_points=self.num_points[indices],
            labels=self.labels[indices],
            lengths=self.lengths[indices],
            writers=np.array([ids.get(self.writers[i], 0) for i in indices.tolist()], np.int32),
        )


def load_ink(data_dir: str, dataset: str, split: str, charset: Charset, spec: InkSpec) -> InkStore:
    """Cleans the ink of a split that fits alphabet and limits; logs how many examples are dropped, by reason.

    Examples are sorted by the hash of their ids, as words of images are (`word_store.load_words`).

    Args:
      data_dir: directory of prepared datasets.
      dataset: "name/config" of ink.
      split: name of the split.
      charset: alphabet of the run.
      spec: cleaning and size limits.

    Raises:
      UserError: the dataset or the split does not exist, is none of ink, or none of it fits.
    """
    dropped, kept = Counter[str](), []
    for row_id, text, writer, ink in with_progress(
        read_ink(data_dir, dataset, split), f"cleaning {dataset}", "examples"
    ):
        found = _usable(text, ink, charset, spec)
        if isinstance(found, str):
            dropped[found] += 1
        else:
            kept.append((hashlib.md5(row_id.encode()).digest(), found, text, writer))
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "none"
    logger.info("%s %s: %d examples, dropped: %s", dataset, split, len(kept), reasons)
    if not kept:
        raise UserError(f"no ink of {dataset} {split} fits this config; dropped: {reasons}")
    kept.sort(key=lambda example: example[0])
    _, inks, texts, writers = zip(*kept, strict=True)
    num_points = np.array([len(ink) for ink in inks], np.int32)
    labels = [charset.encode(text) for text in texts]
    return InkStore(
        spec,
        np.concatenate(inks),
        np.cumsum(np.append(0, num_points[:-1].astype(np.int64))),
        num_points,
        list(texts),
        pad_labels(labels, spec.max_length),
        np.array([len(row) for row in labels], np.int32),
        list(writers),
    )


def read_ink(data_dir: str, dataset: str, split: str) -> Iterator[tuple[str, str, str, Ink]]:
    """(id, text, writer, stored ink) of each example of a split.

    Raises:
      UserError: the dataset or the split does not exist, or is none of ink.
    """
    rows = open_rows(data_dir, dataset, split)
    for index in range(len(rows)):
        row = rows[index]
        if _CONTENT not in row:
            raise UserError(f"{dataset} has no strokes: it is a dataset of images")
        ink = np.asarray(row[_CONTENT], np.float32)
        yield row_text(row, "id"), normalize_text(row_text(row, "text")), row_text(row, "writer"), ink


def is_ink(data_dir: str, dataset: str) -> bool:
    """Whether a prepared dataset is of ink, not of images."""
    return read_summary(data_dir, dataset).get("kind") == _CONTENT


def _usable(text: str, ink: Ink, charset: Charset, spec: InkSpec) -> Ink | str:
    """The cleaned ink, or why it cannot be used."""
    if charset.unknown(text):
        return "outside the alphabet"
    if not spec.min_length <= len(text) <= spec.max_length:
        return "too long" if len(text) > spec.max_length else "too short"
    try:
        cleaned = spec.cleaning(ink)
    except UnusableInk as error:
        return str(error)
    return cleaned if len(cleaned) <= spec.max_points else "of too many points"
