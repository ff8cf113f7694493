"""Pure functions from predictions to figures."""

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from hwgan.data.charset import BLANK_ID, Charset


def greedy_texts(ids: np.ndarray, lengths: np.ndarray, charset: Charset) -> list[str]:
    """Reads CTC frames: the best label of each frame, repeats merged, blanks dropped.

    Args:
      ids: [batch, frames], the best label of each frame.
      lengths: [batch], frames that are not padding.
      charset: the alphabet.
    """
    texts = []
    for row, length in zip(np.asarray(ids), np.asarray(lengths), strict=True):
        row = row[:length]
        starts = np.ones(len(row), bool)
        starts[1:] = row[1:] != row[:-1]
        texts.append(charset.decode(row[starts & (row != BLANK_ID)]))
    return texts


def character_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Edits over all references divided by their characters, in [0, ...); 0 is perfect.

    Raises:
      ValueError: there is no character to read.
    """
    total = sum(map(len, references))
    if not total:
        raise ValueError("no reference characters")
    return sum(Levenshtein.distance(r, h) for r, h in zip(references, hypotheses, strict=True)) / total


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """The share of images that are not read exactly, in [0, 1]."""
    return float(np.mean([r != h for r, h in zip(references, hypotheses, strict=True)]))
