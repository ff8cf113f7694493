"""The word images of a run: those of a split that fit its alphabet and size limits, with access by index."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from hwgan.data import transforms
from hwgan.data.cache import read_split
from hwgan.data.charset import Charset
from hwgan.data.prepared import dataset_names, has_split, writer_among
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.selection import reason_to_drop_text, select_rows
from hwgan.models.batch import RealWords
from hwgan.runtime.errors import UserError


@dataclasses.dataclass(frozen=True)
class WordStore:
    """Preprocessed images of n words, with their texts and writers.

    Attributes:
      spec: preprocessing and size limits of the images.
      pixels: uint8 arrays of images one after another, each [height, width] in row-major order, in reading direction;
        they may be memory maps.
      places: int64 [n, 2], in which of `pixels` each image is, and its offset there.
      widths: int32 [n], width of each image in pixels.
      texts: transcriptions in NFC.
      labels: int32 [n, max_length], label ids padded with 0.
      lengths: int32 [n], number of labels of each word.
      writers: names of the writers; "" where unknown.
      sources: int32 [n], which of several datasets each word is from, counted from 0.
      right_to_left: whether the images in `pixels` are mirrored.
      left_out: number of words of the split that are not among those that were loaded, by reason.
    """

    spec: ImageSpec
    pixels: tuple[np.ndarray, ...]
    places: np.ndarray
    widths: np.ndarray
    texts: list[str]
    labels: np.ndarray
    lengths: np.ndarray
    writers: list[str]
    sources: np.ndarray
    right_to_left: bool
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)

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
        """A store of unmirrored images that need no preprocessing, such as generated ones."""
        labels, lengths = charset.encode_batch(texts, spec.max_length)
        return cls(
            spec,
            *_pack([transforms.flip_reading(image, charset.right_to_left) for image in images]),
            list(texts),
            labels,
            lengths,
            list(writers),
            np.zeros(len(texts), np.int32),
            charset.right_to_left,
        )

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> "WordStore":
        """The words at the given indices, in that order; the pixels are shared."""
        indices = list(rows)
        arrays = {name: getattr(self, name)[indices] for name in ("places", "widths", "labels", "lengths", "sources")}
        lists = {name: [getattr(self, name)[row] for row in indices] for name in ("texts", "writers")}
        return dataclasses.replace(self, **arrays, **lists)

    def first(self, share: float) -> "WordStore":
        """The first words, so that they are this share of all, in [0, 1]."""
        return self.take(range(round(share * len(self))))

    def join(self, other: "WordStore") -> "WordStore":
        """Words of two stores of equal spec, whose pixels are shared; writers of the same name are the same writer.

        The words of `other` count as those of further sources.
        """
        assert self.spec == other.spec and self.right_to_left == other.right_to_left
        arrays = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("widths", "labels", "lengths")
        }
        places = np.concatenate([self.places, other.places + np.array([len(self.pixels), 0])])
        sources = np.concatenate([self.sources, other.sources + self.sources.max(initial=-1) + 1])
        texts, writers = self.texts + other.texts, self.writers + other.writers
        left_out = dict(Counter(self.left_out) + Counter(other.left_out))
        return dataclasses.replace(
            self,
            **arrays,
            pixels=self.pixels + other.pixels,
            places=places,
            texts=texts,
            writers=writers,
            sources=sources,
            left_out=left_out,
        )

    def with_images(self, images: Sequence[np.ndarray]) -> "WordStore":
        """The same words with other images, uint8 [height, width] each, in reading direction."""
        pixels, places, widths = _pack(images)
        return dataclasses.replace(self, pixels=pixels, places=places, widths=widths)

    def image(self, index: int) -> np.ndarray:
        """The image of a word, uint8 [height, width], not mirrored."""
        return transforms.flip_reading(self._image(index), self.right_to_left)

    def _image(self, index: int) -> np.ndarray:
        height, width, (part, start) = self.spec.height, self.widths[index], self.places[index]
        return self.pixels[part][start : start + height * width].reshape(height, width)

    def batch(self, indices: np.ndarray, width: int | None = None, length: int | None = None) -> RealWords:
        """A batch of words in reading direction, padded with white to one width; all weights are 1.

        Args:
          indices: [b], indices of the words.
          width: width of the padded images in pixels; `spec.max_width` by default.
          length: number of label columns; `spec.max_length` by default.
        """
        width, length = width or self.spec.max_width, length or self.spec.max_length
        images = transforms.pad_images([self._image(i) for i in indices.tolist()], width)
        return RealWords(
            image=transforms.to_float(images)[..., None],
            widths=self.widths[indices],
            labels=self.labels[indices, :length],
            lengths=self.lengths[indices],
            writers=self._writer_ids[indices],
            weights=np.ones(len(indices), np.float32),
        )

    @property
    def num_writers(self) -> int:
        """Number of different known writers."""
        return int(self._writer_ids.max(initial=-1)) + 1

    @functools.cached_property
    def writer_names(self) -> list[str]:
        """The known writers, sorted: the id of a writer is the place in this list."""
        return sorted(set(self.writers) - {""})

    @functools.cached_property
    def _writer_ids(self) -> np.ndarray:
        ids = {name: number for number, name in enumerate(self.writer_names)}
        return np.array([ids.get(name, -1) for name in self.writers], np.int32)


def _places(starts: np.ndarray) -> np.ndarray:
    """`WordStore.places` of images that begin at these offsets of one array."""
    return np.stack([np.zeros_like(starts), starts], axis=1)


def _pack(images: Sequence[np.ndarray]) -> tuple[tuple[np.ndarray], np.ndarray, np.ndarray]:
    """`pixels`, `places` and `widths` of a `WordStore` of images in reading direction."""
    starts = np.cumsum([0, *(image.size for image in images[:-1])])
    widths = np.array([image.shape[1] for image in images], np.int32)
    return (np.concatenate([image.ravel() for image in images]),), _places(starts), widths


def load_words(
    data_dir: str,
    dataset: str,
    split: str,
    charset: Charset,
    spec: ImageSpec,
    cache_dir: str = "",
    *,
    doubtful: bool = False,
) -> WordStore:
    """Loads the words of a split that fit alphabet and limits; logs how many are dropped, by reason.

    Words are in a random but fixed order, in which any first k words are by many writers, and of several datasets as
    many as belong to each, so that metrics of a part of the split are representative.

    Args:
      data_dir: directory of prepared datasets.
      dataset: "name/config", or several, separated by commas. Then writers are named "name/config writer", and a
        dataset without this split has no words in it.
      split: name of the split.
      charset: alphabet of the run.
      spec: preprocessing and size limits.
      cache_dir: directory of caches (`cache.read_split`).
      doubtful: whether words are loaded too that the dataset calls badly segmented, or whose width is implausible for
        their text.

    Raises:
      UserError: a dataset or the split does not exist, or none of the words of a dataset fits.
    """
    load = functools.partial(
        _load_dataset, split=split, charset=charset, spec=spec, cache_dir=cache_dir, doubtful=doubtful
    )
    names = dataset_names(dataset)
    if len(names) == 1:
        return load(data_dir, names[0])
    found = [name for name in names if has_split(data_dir, name, split)]
    if not found:
        raise UserError(f"none of {dataset} has a split {split!r}")
    stores = []
    for number, name in enumerate(names):
        if name in found:
            words = load(data_dir, name)
            writers = [writer_among(names, name, writer) for writer in words.writers]
            stores.append(dataclasses.replace(words, writers=writers, sources=words.sources + number))
    joined = functools.reduce(WordStore.join, stores)
    joined = dataclasses.replace(joined, sources=np.concatenate([store.sources for store in stores]))
    places = np.concatenate([(np.arange(len(store)) + 0.5) / len(store) for store in stores])
    return joined.take(np.argsort(places, kind="stable").tolist())


def _load_dataset(
    data_dir: str, dataset: str, *, split: str, charset: Charset, spec: ImageSpec, cache_dir: str, doubtful: bool
) -> WordStore:
    """The words of one dataset, in the order of `Selection`."""
    decoded = read_split(
        data_dir, dataset, split, spec.preprocessing, right_to_left=charset.right_to_left, cache_dir=cache_dir
    )
    facts = zip(decoded.texts, decoded.widths.tolist(), decoded.segmentation_ok, strict=True)
    reasons = (_reason_to_drop(text, width, bool(ok), charset, spec, doubtful) for text, width, ok in facts)
    rows, left_out = select_rows(decoded.ids, reasons, decoded.dropped, kind="word", name=f"{dataset} {split}")
    texts = [decoded.texts[row] for row in rows]
    labels, lengths = charset.encode_batch(texts, spec.max_length)
    return WordStore(
        spec,
        (decoded.pixels,),
        _places(decoded.starts[rows]),
        decoded.widths[rows],
        texts,
        labels,
        lengths,
        [decoded.writers[row] for row in rows],
        np.zeros(len(rows), np.int32),
        charset.right_to_left,
        left_out,
    )


def _reason_to_drop(
    text: str, width: int, segmentation_ok: bool, charset: Charset, spec: ImageSpec, doubtful: bool
) -> str:
    """Why a word cannot be used; "" if it can be used. `doubtful` as of `load_words`."""
    if not (segmentation_ok or doubtful):
        return "badly segmented"
    if reason := reason_to_drop_text(text, charset, (spec.min_length, spec.max_length)):
        return reason
    if charset.right_to_left and charset.decode(charset.encode(text)) != text:
        return "of ambiguous character order"
    if width > spec.max_width:
        return "too wide"
    if not (doubtful or spec.is_plausible(text, width)):
        return "of implausible width for their text"
    return ""
