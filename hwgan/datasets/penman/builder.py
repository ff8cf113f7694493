"""The penman dataset: synthetic handwriting by procedural writers; it needs no raw files."""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from hwgan.data.transforms import trim_box
from hwgan.datasets.builder import Example
from hwgan.datasets.penman import pen, words
from hwgan.datasets.word_image_builder import WordImageBuilder, png_bytes

_HELD_OUT_SHARE = 0.1  # of the words and of the writers, each for validation and for test


@dataclasses.dataclass(kw_only=True)
class PenmanConfig(tfds.core.BuilderConfig):
    """Size and alphabet of a penman dataset.

    Attributes:
      num_words: number of examples over all splits.
      num_writers: number of writers over all splits; no writer is in two splits.
      lower_case: whether words have only a-z; otherwise capitals, digits and punctuation too.
      max_letters: maximum number of characters of a word.
      signs: texts of `words.draw_signs`, as tight crops, in place of words.
      seed: seed of the writers and of the words they write.
    """

    num_words: int = 20_000
    num_writers: int = 300
    lower_case: bool = False
    max_letters: int = 16
    signs: bool = False
    seed: int = 0


PENMAN_SPLITS = "writers of its own for each"
PENMAN_CONFIGS = [
    PenmanConfig(name="demo", num_words=16_000, num_writers=200, lower_case=True, max_letters=8),
    PenmanConfig(name="words"),
    PenmanConfig(name="signs", num_words=8000, num_writers=400, max_letters=8, signs=True),
    PenmanConfig(name="smoke", num_words=240, num_writers=12, lower_case=True, max_letters=6),
]


@dataclasses.dataclass(frozen=True)
class PenmanWord:
    """A word to write.

    Attributes:
      id: of the example.
      text: of the word.
      writer_name: for the table.
      writer: who writes it.
      rng: of the variation of this word.
    """

    id: str
    text: str
    writer_name: str
    writer: pen.Writer
    rng: np.random.Generator


class Penman(WordImageBuilder, skip_registration=True):
    """Words drawn with the strokes of single-stroke fonts; see `pen`.

    Words for which `words.is_train_word` is False occur only in the validation and test splits, so these splits have
    out-of-vocabulary words.
    """

    name = "penman"
    description = "Synthetic handwriting: words drawn with spline strokes in the styles of procedural writers."
    BUILDER_CONFIGS = PENMAN_CONFIGS
    split_source = PENMAN_SPLITS

    def _read_splits(self) -> dict[str, Iterator[Example]]:
        assert isinstance(self.builder_config, PenmanConfig)
        tight = self.builder_config.signs
        return {
            split: (
                Example(word.id, word.text, word.writer_name, functools.partial(_encode_word, word, tight=tight))
                for word in words
            )
            for split, words in penman_splits(self.builder_config).items()
        }


def penman_splits(config: PenmanConfig) -> dict[str, Iterator[PenmanWord]]:
    """The words of each split; no writer is in two."""
    held_out_words = round(config.num_words * _HELD_OUT_SHARE)
    held_out_writers = max(1, round(config.num_writers * _HELD_OUT_SHARE))
    num_words = {
        "train": config.num_words - 2 * held_out_words,
        "validation": held_out_words,
        "test": held_out_words,
    }
    test_start = config.num_writers - held_out_writers
    validation_start = test_start - held_out_writers
    writers = {
        "train": range(validation_start),
        "validation": range(validation_start, test_start),
        "test": range(test_start, config.num_writers),
    }
    return {split: _words(config, split, num_words[split], writers[split]) for split in num_words}


def _words(config: PenmanConfig, split: str, num_words: int, writer_ids: range) -> Iterator[PenmanWord]:
    vocabulary = tuple(
        word
        for word in words.vocabulary()
        if len(word) <= config.max_letters - (not config.lower_case) and (split != "train" or words.is_train_word(word))
    )
    writers = {i: pen.Writer((config.seed, i)) for i in writer_ids}
    for index in range(num_words):
        writer_id = writer_ids[index % len(writer_ids)]
        rng = np.random.default_rng((config.seed, writer_id, index))
        text = (
            words.draw_signs(vocabulary, rng) if config.signs else words.draw_text(vocabulary, rng, config.lower_case)
        )
        yield PenmanWord(f"{split}-{index:06d}", text, f"p{writer_id:04d}", writers[writer_id], rng)


def _encode_word(word: PenmanWord, *, tight: bool) -> bytes:
    image = pen.write_word(word.writer, word.text, word.rng)
    return png_bytes(trim_box(image) if tight else image)
