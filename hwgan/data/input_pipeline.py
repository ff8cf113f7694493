"""Prepared dataset → shuffled batches of fixed shape, the same stream at every restart and on any number of hosts."""

import dataclasses
import functools
import json
import logging
import os
import pathlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grain
import numpy as np
import tensorflow_datasets as tfds

from hwgan.data import transforms
from hwgan.data.charset import Charset, normalize_text, pad_labels
from hwgan.errors import UserError

logger = logging.getLogger(__name__)

SUMMARY_FILE = "summary.json"  # written beside the data by hwgan.prepare
Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """How word images are scaled; the same for training, evaluation and sampling.

    Attributes:
      height: pixels.
      max_width: pixels; batches are padded to it, wider images are dropped.
      pixels_per_character: 0 keeps the proportions of the image; else a word of n characters is scaled to n times
        this many pixels (after Fogel et al. 2020), so that width follows the text.
      max_length: longest text, in characters; longer ones are dropped.
      min_length: shortest text.
    """

    height: int
    max_width: int
    pixels_per_character: int
    max_length: int
    min_length: int = 1

    def __post_init__(self):
        if self.pixels_per_character * self.max_length > self.max_width:
            raise UserError(
                f"data.max_width={self.max_width} is too small for data.max_length={self.max_length} characters of "
                f"data.pixels_per_character={self.pixels_per_character} pixels"
            )

    def resize(self, image: np.ndarray, num_characters: int) -> np.ndarray:
        """The image at this height; see `pixels_per_character` for its width."""
        width = self.pixels_per_character * num_characters or None
        return transforms.resize_to_height(image, self.height, width)


@dataclasses.dataclass(frozen=True)
class WordStore:
    """Decoded word images in memory, side by side in one flat array, ready for fast access.

    Attributes:
      spec: the preprocessing that made the images.
      pixels: uint8 [height, sum of widths].
      starts: first column of each image, and one past the last.
      texts: in NFC.
      labels: label ids of each text.
      writers: "" where unknown.
    """

    spec: ImageSpec
    pixels: np.ndarray
    starts: np.ndarray
    texts: list[str]
    labels: list[np.ndarray]
    writers: list[str]

    @classmethod
    def from_images(
        cls,
        spec: ImageSpec,
        images: Sequence[np.ndarray],
        texts: Sequence[str],
        charset: Charset,
        writers: Sequence[str],
    ) -> "WordStore":
        """Puts images that are of `spec` already side by side."""
        starts = np.cumsum([0, *(image.shape[1] for image in images)])
        labels = [charset.encode(text) for text in texts]
        return cls(spec, np.concatenate(images, axis=1), starts, list(texts), labels, list(writers))

    def __len__(self) -> int:
        return len(self.texts)

    def image(self, index: int) -> np.ndarray:
        """uint8 [height, width]."""
        return self.pixels[:, self.starts[index] : self.starts[index + 1]]

    def batch(self, indices: np.ndarray) -> Batch:
        """Image [B, H, W, 1] in [-1, 1], image_width [B], labels [B, T], label_length [B]."""
        rows = indices.tolist()
        images = transforms.pad_images([self.image(i) for i in rows], self.spec.max_width)
        labels = [self.labels[i] for i in rows]
        return {
            "image": transforms.to_float(images)[..., None],
            "image_width": (self.starts[indices + 1] - self.starts[indices]).astype(np.int32),
            "labels": pad_labels(labels, self.spec.max_length),
            "label_length": np.array([len(row) for row in labels], np.int32),
        }


def dataset_directory(data_dir: str, dataset: str) -> pathlib.Path:
    """Where the newest prepared version of `dataset` ("name/config") lies.

    Raises:
      UserError: it was not prepared.
    """
    name, _, config = dataset.partition("/")
    parent = pathlib.Path(data_dir).expanduser() / name / config
    versions = sorted(path.parent for path in parent.glob(f"*/{SUMMARY_FILE}"))
    if not versions:
        raise UserError(
            f"no prepared dataset {dataset!r} under {str(data_dir)!r}; "
            f"make it with: python -m hwgan.prepare --dataset={name} --data_dir={data_dir} (see --help for the rest)"
        )
    return versions[-1]


def read_summary(data_dir: str, dataset: str) -> dict:
    """What `hwgan.prepare` wrote of a dataset: counts, alphabet, what was skipped."""
    return json.loads((dataset_directory(data_dir, dataset) / SUMMARY_FILE).read_text(encoding="utf-8"))


def load_words(data_dir: str, dataset: str, split: str, charset: Charset, spec: ImageSpec) -> WordStore:
    """Reads and decodes one split into memory; what does not fit is dropped, and the log says how many and why.

    Raises:
      UserError: the dataset or the split does not exist, or nothing in it fits.
    """
    builder = tfds.builder_from_directory(dataset_directory(data_dir, dataset))
    if split not in builder.info.splits:
        raise UserError(f"dataset {dataset} has no split {split!r}; it has {sorted(builder.info.splits)}")
    source = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
    dropped: dict[str, int] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = pool.map(functools.partial(_decode_row, charset=charset, spec=spec), source, chunksize=64)
        kept = []
        for row in rows:
            if isinstance(row, str):
                dropped[row] = dropped.get(row, 0) + 1
            else:
                kept.append(row)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "none"
    logger.info("%s %s: %d words, dropped: %s", dataset, split, len(kept), reasons)
    if not kept:
        raise UserError(f"no word of {dataset} {split} fits this config; dropped: {reasons}")
    images, texts, writers = zip(*kept, strict=True)
    return WordStore.from_images(spec, images, texts, charset, writers)


def _decode_row(row: dict, charset: Charset, spec: ImageSpec) -> tuple | str:
    """(image, text, writer), or why the row is dropped."""
    text = normalize_text(row["text"].decode() if isinstance(row["text"], bytes) else row["text"])
    if not row.get("segmentation_ok", True):
        return "badly segmented"
    if charset.unknown(text):
        return "outside the alphabet"
    if not spec.min_length <= len(text) <= spec.max_length:
        return "too long" if len(text) > spec.max_length else "too short"
    image = spec.resize(transforms.decode_grey(row["image"]), len(text))
    if image.shape[1] > spec.max_width:
        return "too wide"
    writer = row["writer"]
    return image, text, writer.decode() if isinstance(writer, bytes) else writer


@dataclasses.dataclass(frozen=True)
class Lexicon:
    """Words to write, drawn with the frequency they are listed with.

    Attributes:
      labels: int32 [num_words, max_length], padded with 0.
      lengths: int32 [num_words].
    """

    labels: np.ndarray
    lengths: np.ndarray

    @classmethod
    def from_words(cls, words: list[str], charset: Charset, spec: ImageSpec) -> "Lexicon":
        """Drops words that do not fit; raises UserError if none does."""
        fitting = [w for w in words if spec.min_length <= len(w) <= spec.max_length and not charset.unknown(w)]
        if len(fitting) < len(words):
            logger.info("lexicon: %d words, dropped: %d", len(fitting), len(words) - len(fitting))
        if not fitting:
            raise UserError("no word of the lexicon fits the alphabet and the lengths of this config")
        labels = [charset.encode(word) for word in fitting]
        return cls(pad_labels(labels, spec.max_length), np.array([len(row) for row in labels], np.int32))

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """fake_labels [count, T], fake_label_length [count]."""
        rows = rng.integers(len(self.lengths), size=count)
        return {"fake_labels": self.labels[rows], "fake_label_length": self.lengths[rows]}


def read_lexicon_file(path: str) -> list[str]:
    """One word a line, UTF-8, blank lines skipped.

    Raises:
      UserError: there is no such file.
    """
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot read the lexicon {path!r}: {error.strerror}") from error
    return [normalize_text(line.strip()) for line in lines if line.strip()]


def train_batches(
    words: WordStore,
    lexicon: Lexicon,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """An endless, prefetched stream of this host's share of each batch.

    Batch `i` of the stream depends on `seed` and `i` alone, so a restart at any step, or on another number of hosts,
    continues the same global stream.

    Args:
      words: the training words.
      lexicon: the words to write.
      batch_size: over all hosts.
      seed: of shuffling and drawing.
      start_step: the first batch to give.
      process_index: of this host.
      process_count: number of hosts.

    Returns:
      Batches with the fields of `WordStore.batch` and `Lexicon.draw`.
    """
    local_size = batch_size // process_count
    share = slice(process_index, None, process_count)

    def make_batch(step: int, indices: np.ndarray) -> Batch:
        fakes = lexicon.draw(np.random.default_rng((seed, start_step + step)), batch_size)
        return words.batch(indices) | {name: rows[share] for name, rows in fakes.items()}

    stream = grain.MapDataset.range(len(words)).seed(seed).shuffle().repeat()
    stream = stream[share].batch(local_size, drop_remainder=True)[start_step:].map_with_index(make_batch)
    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)
    return iter(stream.to_iter_dataset(options))


def eval_batches(words: WordStore, batch_size: int, limit: int | None = None) -> Iterator[tuple[Batch, list[str]]]:
    """Batches in order with their texts; the last one is filled up by repeating its last row."""
    count = len(words) if limit is None else min(limit, len(words))
    for start in range(0, count, batch_size):
        indices = np.arange(start, min(start + batch_size, count))
        padded = np.pad(indices, (0, batch_size - len(indices)), mode="edge")
        yield words.batch(padded), [words.texts[i] for i in indices]
