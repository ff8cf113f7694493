"""The strokes of penman's writers as a dataset of ink; it needs no raw files."""

import functools

import numpy as np

from hwgan.data.ink import Stroke
from hwgan.datasets.builder import Example
from hwgan.datasets.ink_builder import InkBuilder
from hwgan.datasets.penman import pen
from hwgan.datasets.penman.builder import PENMAN_CONFIGS, PENMAN_SPLITS, PenmanConfig, PenmanWord, penman_splits

_TOUCHING = 0.15  # x-heights; strokes that begin so near to the end of the one before go on without a lift of the pen


class PenmanStrokes(InkBuilder, skip_registration=True):
    """The words of `Penman`, by the same writers, as strokes in x-heights with the baseline at y = 0.

    Dots and bars come directly after the rest of their letter.
    """

    name = "penman_strokes"
    description = "Synthetic handwriting: strokes in the styles of procedural writers."
    BUILDER_CONFIGS = PENMAN_CONFIGS
    split_source = PENMAN_SPLITS

    def _read_splits(self):
        assert isinstance(self.builder_config, PenmanConfig)
        return {
            split: (Example(word.id, word.text, word.writer_name, functools.partial(_strokes, word)) for word in words)
            for split, words in penman_splits(self.builder_config).items()
        }


def _strokes(word: PenmanWord) -> list[Stroke]:
    return connect(pen.word_strokes(word.writer, word.text, word.rng))


def connect(strokes: list[Stroke]) -> list[Stroke]:
    """Joins strokes that begin where the one before ends."""
    joined: list[Stroke] = []
    for stroke in strokes:
        if joined and np.linalg.norm(stroke[0] - joined[-1][-1]) < _TOUCHING:
            joined[-1] = np.concatenate([joined[-1], stroke])
        else:
            joined.append(stroke)
    return joined
