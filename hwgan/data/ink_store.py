"""The ink of a run: the cleaned strokes of a split that fit its alphabet and size limits, with access by index."""

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np

from hwgan.data.charset import Charset
from hwgan.data.ink import Ink, scale_offsets
from hwgan.data.ink_cache import read_cleaned
from hwgan.data.ink_cleaning import InkSpec
from hwgan.data.selection import reason_to_drop_text, select_rows
from hwgan.models.ink_batch import InkBatch


@dataclasses.dataclass(frozen=True)
class InkStore:
    """Offset ink of n examples, with their texts and writers.

    Attributes:
      spec: cleaning and size limits.
      points: float32 [sum of points, 3], offset ink in x-heights, one example after another, others between them.
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
        squares = sum(float(np.square(self.ink(i)[:, :2], dtype=np.float64).sum()) for i in range(len(self)))
        return math.sqrt(max(squares / (2.0 * int(self.num_points.sum())), 1e-12))

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
        ids = {name: number + 1 for number, name in enumerate(writer_names)}
        return InkBatch(
            points=scale_offsets(points, 1 / scale),
            num_points=self.num_points[indices],
            labels=self.labels[indices],
            lengths=self.lengths[indices],
            writers=np.array([ids.get(self.writers[i], 0) for i in indices.tolist()], np.int32),
        )


def load_ink(data_dir: str, dataset: str, split: str, charset: Charset, spec: InkSpec, cache_dir: str = "") -> InkStore:
    """Loads the cleaned ink of a split that fits alphabet and limits; logs how many examples are dropped, by reason.

    Examples are in the order of `Selection`.

    Args:
      data_dir: directory of prepared datasets.
      dataset: "name/config" of ink.
      split: name of the split.
      charset: alphabet of the run.
      spec: cleaning and size limits.
      cache_dir: directory of caches (`ink_cache.read_cleaned`).

    Raises:
      UserError: the dataset or the split does not exist, is none of ink, or none of it fits.
    """
    cleaned = read_cleaned(data_dir, dataset, split, spec.cleaning, cache_dir)
    lengths = spec.min_length, spec.max_length
    reasons = (
        reason_to_drop_text(text, charset, lengths) or ("of too many points" if num_points > spec.max_points else "")
        for text, num_points in zip(cleaned.texts, cleaned.num_points.tolist(), strict=True)
    )
    rows = select_rows(cleaned.ids, reasons, cleaned.dropped, kind="ink", name=f"{dataset} {split}").rows
    starts = np.cumsum(np.append(0, cleaned.num_points[:-1].astype(np.int64)))
    texts = [cleaned.texts[row] for row in rows]
    labels, lengths = charset.encode_batch(texts, spec.max_length)
    return InkStore(
        spec,
        cleaned.points,
        starts[rows],
        cleaned.num_points[rows],
        texts,
        labels,
        lengths,
        [cleaned.writers[row] for row in rows],
    )
