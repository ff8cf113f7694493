"""The words of a run: those of a split that fit its alphabet and sizes, ready to be put into batches."""

import dataclasses
import functools
import hashlib
import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np

from hwgan.data import transforms
from hwgan.data.cache import read_split
from hwgan.data.charset import Charset, pad_labels
from hwgan.data.preprocessing import ImageSpec
from hwgan.errors import UserError

logger = logging.getLogger(__name__)

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class WordStore:
    """Decoded word images with fast access by number.

    Attributes:
      spec: the preprocessing that made the images, and the sizes they fit.
      pixels: uint8, images one after another, each [height, width] row by row, in reading direction.
      starts: int64 [n], where each begins.
      widths: int32 [n].
      texts: in NFC.
      labels: int32 [n, max_length], label ids padded with 0.
      lengths: int32 [n], of the labels.
      writers: "" where unknown.
      right_to_left: whether the images are mirrored.
    """

    spec: ImageSpec
    pixels: np.ndarray
    starts: np.ndarray
    widths: np.ndarray
    texts: list[str]
    labels: np.ndarray
    lengths: np.ndarray
    writers: list[str]
    right_to_left: bool

    @classmethod
    def from_images(
        cls,
        spec: ImageSpec,
        images: Sequence[np.ndarray],
        texts: Sequence[str],
        writers: Sequence[str],
        *,
        charset: Charset,
    ) -> "WordStore":
        """Of images as on paper that are of `spec` already, such as generated ones."""
        widths = np.array([image.shape[1] for image in images], np.int32)
        rows = [transforms.flip_reading(image, charset.right_to_left).ravel() for image in images]
        starts = np.cumsum([0, *(row.size for row in rows[:-1])])
        labels, lengths = _encode(texts, charset, spec)
        return cls(
            spec,
            np.concatenate(rows),
            starts,
            widths,
            list(texts),
            labels,
            lengths,
            list(writers),
            charset.right_to_left,
        )

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> "WordStore":
        """These words, in this order."""
        chosen = list(rows)
        arrays = {name: getattr(self, name)[chosen] for name in ("starts", "widths", "labels", "lengths")}
        lists = {name: [getattr(self, name)[row] for row in chosen] for name in ("texts", "writers")}
        return dataclasses.replace(self, **arrays, **lists)

    def join(self, other: "WordStore") -> "WordStore":
        """These words and then those of another store of the same spec; writers of one name count as one."""
        assert self.spec == other.spec and self.right_to_left == other.right_to_left
        arrays = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("pixels", "widths", "labels", "lengths")
        }
        starts = np.concatenate([self.starts, other.starts + len(self.pixels)])
        return dataclasses.replace(
            self, **arrays, starts=starts, texts=self.texts + other.texts, writers=self.writers + other.writers
        )

    def image(self, index: int) -> np.ndarray:
        """uint8 [height, width], as on paper."""
        return transforms.flip_reading(self._image(index), self.right_to_left)

    def _image(self, index: int) -> np.ndarray:
        height, start, width = self.spec.height, self.starts[index], self.widths[index]
        return self.pixels[start : start + height * width].reshape(height, width)

    def batch(self, indices: np.ndarray, width: int | None = None, length: int | None = None) -> Batch:
        """Words in reading direction, padded with white to one size.

        Args:
          indices: [B], which words.
          width: of the images; `spec.max_width` by default.
          length: of the labels; `spec.max_length` by default.

        Returns:
          image [B, H, width, 1] in [-1, 1], image_width [B], labels [B, length], label_length [B], and writer [B]: a
          number from 0 for each name in their order, -1 where it is unknown.
        """
        width, length = width or self.spec.max_width, length or self.spec.max_length
        images = transforms.pad_images([self._image(i) for i in indices.tolist()], width)
        return {
            "image": transforms.to_float(images)[..., None],
            "image_width": self.widths[indices],
            "labels": self.labels[indices, :length],
            "label_length": self.lengths[indices],
            "writer": self._writer_numbers[indices],
        }

    @property
    def num_writers(self) -> int:
        """Different writers that are known."""
        return int(self._writer_numbers.max(initial=-1)) + 1

    @functools.cached_property
    def _writer_numbers(self) -> np.ndarray:
        numbers = {name: number for number, name in enumerate(sorted(set(self.writers) - {""}))}
        return np.array([numbers.get(name, -1) for name in self.writers], np.int32)


def _encode(texts: Sequence[str], charset: Charset, spec: ImageSpec) -> tuple[np.ndarray, np.ndarray]:
    labels = [charset.encode(text) for text in texts]
    return pad_labels(labels, spec.max_length), np.array([len(row) for row in labels], np.int32)


def load_words(
    data_dir: str, dataset: str, split: str, charset: Charset, spec: ImageSpec, cache_dir: str = ""
) -> WordStore:
    """The words of a split that fit, in a random order that never changes; the log says how many do not, and why.

    The first few of them are then of many writers, as a figure needs that is measured on a part.

    Raises:
      UserError: the dataset or the split does not exist, or nothing in it fits.
    """
    decoded = read_split(
        data_dir, dataset, split, spec.preprocessing, right_to_left=charset.right_to_left, cache_dir=cache_dir
    )
    dropped = Counter(decoded.dropped)
    rows = []
    for row, (text, width, ok) in enumerate(zip(decoded.texts, decoded.widths, decoded.segmentation_ok, strict=True)):
        reason = _misfit(text, int(width), bool(ok), charset, spec)
        if reason:
            dropped[reason] += 1
        else:
            rows.append(row)
    rows.sort(key=lambda row: hashlib.md5(decoded.ids[row].encode()).digest())
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "none"
    logger.info("%s %s: %d words, dropped: %s", dataset, split, len(rows), reasons)
    if not rows:
        raise UserError(f"no word of {dataset} {split} fits this config; dropped: {reasons}")
    texts = [decoded.texts[row] for row in rows]
    labels, lengths = _encode(texts, charset, spec)
    writers = [decoded.writers[row] for row in rows]
    starts, widths = decoded.starts[rows], decoded.widths[rows]
    return WordStore(spec, decoded.pixels, starts, widths, texts, labels, lengths, writers, charset.right_to_left)


def _misfit(text: str, width: int, segmentation_ok: bool, charset: Charset, spec: ImageSpec) -> str:
    """Why a word cannot be used; "" if it can."""
    if not segmentation_ok:
        return "badly segmented"
    if charset.unknown(text):
        return "outside the alphabet"
    if not spec.min_length <= len(text) <= spec.max_length:
        return "too long" if len(text) > spec.max_length else "too short"
    if charset.right_to_left and charset.decode(charset.encode(text)) != text:
        return "of an order that cannot be told back"
    if width > spec.max_width:
        return "too wide"
    if spec.preprocessing.frame and not spec.is_plausible(text, width):
        return "of an unlikely width for their text"
    return ""
