"""What the dataset builders share: features, splits, and the account of what was left out."""

import dataclasses
import hashlib
import io
import json
import pathlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from hwgan.data.charset import Charset, normalize_text
from hwgan.data.input_pipeline import SUMMARY_FILE
from hwgan.data.transforms import decode_grey
from hwgan.errors import UserError

SPLITS = ("train", "validation", "test")
_MAX_LISTED = 20  # skipped ids kept by name, for each reason


@dataclasses.dataclass(frozen=True)
class Example:
    """One row of a dataset before it is written.

    Attributes:
      id: unique within the dataset.
      text: what the image says, in NFC.
      writer: "" where it is unknown.
      load: returns the encoded image (PNG, JPEG, TIFF...); raises KeyError or OSError if it is missing.
      extras: values of the features that only this dataset has.
    """

    id: str
    text: str
    writer: str
    load: Callable[[], bytes]
    extras: dict[str, Any] = dataclasses.field(default_factory=dict)


def hash_fraction(key: str) -> float:
    """A stable pseudo-random number in [0, 1) for a string."""
    return int.from_bytes(hashlib.md5(key.encode()).digest()[:4], "big") / 2**32


def split_of(key: str, validation: float = 0.1, test: float = 0.1) -> str:
    """The split of a writer (or id): by hash, so that it never moves when others come or go."""
    fraction = hash_fraction(key)
    return "test" if fraction < test else "validation" if fraction < test + validation else "train"


class WordImageBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A tfds builder of word images; a dataset gives `_read_splits` and the fields below.

    Attributes:
      extra_features: features beside id, image, text and writer.
      citation_file: a BibTeX file beside the builder's module.
      skipped: ids left out, by reason; complete once the dataset is prepared.
    """

    VERSION = tfds.core.Version("1.0.0")
    extra_features: dict[str, Any] = {}
    description = "Images of handwritten words."
    homepage = ""

    def __init__(self, *, source: str | None = None, **kwargs):
        self.source = source
        self.skipped: dict[str, list[str]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._writers: dict[str, set[str]] = defaultdict(set)
        self._characters: Counter[str] = Counter()
        super().__init__(file_format="array_record", **kwargs)

    def _read_splits(self) -> dict[str, Iterable[Example]]:
        """Examples by split."""
        raise NotImplementedError

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "id": tfds.features.Text(),
            "image": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
            "text": tfds.features.Text(),
            "writer": tfds.features.Text(),
            **self.extra_features,
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.description,
            homepage=self.homepage,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=False,
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing is fetched
        return {split: self._generate_examples(split, examples) for split, examples in self._read_splits().items()}

    def _generate_examples(self, split: str, examples: Iterable[Example]) -> Iterator[tuple[str, dict[str, Any]]]:
        for example in examples:
            text = normalize_text(example.text)
            if not text.strip():
                self.skip("empty text", example.id)
                continue
            try:
                encoded = example.load()
            except (KeyError, OSError):
                self.skip("missing image", example.id)
                continue
            try:
                grey = decode_grey(encoded)
            except (
                Exception
            ):  # Pillow raises half a dozen kinds for broken files, and one bad file must not cost the rest
                self.skip("unreadable image", example.id)
                continue
            image = encoded if _is_grey_png(encoded) else png_bytes(grey)
            self._counts[split] += 1
            self._writers[split].add(example.writer)
            self._characters.update(Counter(text))
            yield (
                example.id,
                {"id": example.id, "image": image, "text": text, "writer": example.writer, **example.extras},
            )
        if not self._counts[split]:
            raise UserError(
                f"the {split} split of {self.name} is empty: no usable example was found in "
                f"{self.source or 'the source'} ({_skipped_text(self.skipped) or 'nothing was skipped'})"
            )

    def skip(self, reason: str, example_id: str) -> None:
        """Counts an example as left out."""
        self.skipped[reason].append(example_id)

    def summary(self) -> dict[str, Any]:
        """What was written and what was left out: counts, writers, alphabet, skipped."""
        characters = sorted(self._characters)
        return {
            "dataset": f"{self.name}/{self.builder_config.name}" if self.builder_config else self.name,
            "version": str(self.version),
            "source": pathlib.Path(self.source).name if self.source else "",
            "examples": {split: self._counts[split] for split in SPLITS if split in self._counts},
            "writers": {split: len(self._writers[split] - {""}) for split in SPLITS if split in self._counts},
            "alphabet": Charset("".join(characters)).characters,
            "character_counts": {c: self._characters[c] for c in characters},
            "skipped": {
                reason: {"count": len(ids), "first": ids[:_MAX_LISTED]} for reason, ids in sorted(self.skipped.items())
            },
        }


def _is_grey_png(encoded: bytes) -> bool:
    """Whether an image file may be kept as it is: a PNG with 8 bits of grey, by its header (ISO/IEC 15948, 11.2.2)."""
    return encoded[:8] == b"\x89PNG\r\n\x1a\n" and encoded[24:26] == b"\x08\x00"


def _skipped_text(skipped: dict[str, list[str]]) -> str:
    return ", ".join(f"{len(ids)} skipped for {reason}" for reason, ids in skipped.items())


def prepare(builder: WordImageBuilder) -> dict[str, Any]:
    """Writes the dataset unless a whole one is there; returns its summary."""
    directory = pathlib.Path(builder.data_dir)
    summary_file = directory / SUMMARY_FILE
    if not summary_file.exists():
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP)
        )
        summary_file.write_text(json.dumps(builder.summary(), indent=1, ensure_ascii=False), encoding="utf-8")
    return json.loads(summary_file.read_text(encoding="utf-8"))


def png_bytes(image: np.ndarray) -> bytes:
    """Encodes a uint8 [h, w] image as PNG."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
