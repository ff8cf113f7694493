"""Which strokes of a line belong to which word of its text: dynamic programming over the gaps between strokes.

A line is a row of atoms (`line_components.Atoms`) with gaps between them, and a text of n words. Word i takes the atoms
a to b with a likelihood that consists of its width, which is normal on a log scale around the expected width of its
text; of its gaps, which are log-normal, those inside a word and those between two words; and of its height above and
below the small letters. Two or three words may be written together without a gap, and an atom may belong to no word.
The forward-backward algorithm sums over all such segmentations, so that each word has a probability. Words whose
probability is low are not to be used.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from hwgan.data.letterforms import BOTTOM, TOP, text_widths, vertical_extent

MIN_GAP = 0.12  # x-heights; narrower gaps are alike
_LOG_JOINED = -3.0  # log probability that a word is written together with the next
_LOG_EXTRA, _EXTRA_WIDTH = -5.0, 2.0  # log probability of an atom of no word, less for each x-height of its width
_LOG_EXTRA_MARK = -2.5  # of a low mark of no word, such as the remains of a ruling
_LOG_ABSENT = -2.0  # of a word that was struck out so thoroughly that it counts as a blot
_HEIGHT_DEVIATION = 0.35  # x-heights
_ATOMS_PER_CHARACTER, _ATOM_PENALTY = 1.3, 1.0  # strokes of a word beyond which each one counts against it
_LOW_MARKS, _MARKS = ".,_…", ".,_…;:-–—"  # marks below the middle of small letters; those that may be there
_LOW, _LOW_WIDTH = 0.1, 0.7  # x-heights; an atom that is as narrow, and below the middle of small letters, is a mark
_WRONG_MARK, _MISSING_MARK = 4.0, 1.5  # log probability of a mark at an end of a word without one, and of none
_MAX_JOINED = 3
_MAX_CELLS = 8_000_000  # words of a line times the square of its atoms, which the memory needed grows with


@dataclasses.dataclass(frozen=True)
class Handwriting:
    """What a page tells of its writer.

    Attributes:
      width: width of a text relative to its expected width.
      inner: mean and deviation of the log gaps inside words, in x-heights.
      outer: the same between words.
    """

    width: float = 1.0
    inner: tuple[float, float] = (-1.3, 0.6)
    outer: tuple[float, float] = (-0.05, 0.45)


@dataclasses.dataclass(frozen=True)
class Word:
    """A word to be found.

    Attributes:
      text: its characters.
      is_struck: whether it is struck out or illegible, so that its width is unknown, and it may be missing.
    """

    text: str
    is_struck: bool = False


@dataclasses.dataclass(frozen=True)
class Placed:
    """Where a word is.

    Attributes:
      first: its first atom.
      last: its last atom.
      probability: of exactly these atoms.
      misfit: minus log likelihood, up to a constant, of its width and height; 4.5 is three standard deviations.
      joined: whether it is more likely written together with another word; its atoms are those of both.
    """

    first: int
    last: int
    probability: float
    misfit: float = 0.0
    joined: bool = False


def align(
    words: Sequence[Word],
    spans: Float[np.ndarray, "n 2"],
    extents: Float[np.ndarray, "n 2"],
    writing: Handwriting,
) -> list[Placed | None]:
    """The most probable atoms of each word; None where there are none, and for lines of thousands of strokes.

    Args:
      words: of the line, from left to right.
      spans: left and right of each atom, in x-heights, from left to right.
      extents: top and bottom of each atom above the middle of the small letters, in x-heights.
      writing: of the page.
    """
    if not words or not len(spans) or len(words) * len(spans) ** 2 > _MAX_CELLS:
        return [None] * len(words)
    return _Lattice(words, spans, extents, writing).best()


class _Lattice:
    """Forward and backward sums over all segmentations; states are (words done, atoms used up)."""

    def __init__(self, words: Sequence[Word], spans: np.ndarray, extents: np.ndarray, writing: Handwriting):
        self._words, self._spans, self._writing = words, spans, writing
        gaps = log_gaps(spans)
        inner = np.concatenate([[0.0, 0.0], np.cumsum(_log_normal(gaps, *writing.inner))])
        n = len(spans)
        # inside[a, b]: log density of the gaps from atom a to atom b, -inf for b < a.
        ordered = np.triu(np.ones((n, n), bool))
        self._inside = np.where(ordered, inner[1:][None] - inner[1:][:, None], -np.inf)
        self._outer = np.concatenate([[0.0], _log_normal(gaps, *writing.outer)])  # before each atom
        self._tops = np.maximum.accumulate(np.where(ordered, extents[None, :, 0], -np.inf), axis=1)
        self._bottoms = np.minimum.accumulate(np.where(ordered, extents[None, :, 1], np.inf), axis=1)
        is_low = (extents[:, 0] < _LOW) & (extents[:, 1] < -_LOW) & (np.ptp(spans, axis=1) < _LOW_WIDTH)
        self._low = is_low.astype(float)
        widths = np.where(ordered, spans[None, :, 1] - spans[:, None, 0], 1.0)
        self._log_widths = np.log(np.maximum(widths, MIN_GAP))
        self._counts = np.where(ordered, np.arange(n)[None] - np.arange(n)[:, None] + 1, 1)
        # Sums over the atoms so far if all of them belong to no word.
        extra = np.where(is_low, _LOG_EXTRA_MARK, _LOG_EXTRA) - _EXTRA_WIDTH * np.ptp(spans, axis=1)
        self._extra = np.concatenate([[0.0], np.cumsum(extra)])
        scores = {
            (first, size): self._score(words[first : first + size])
            for first in range(len(words))
            for size in range(1, min(_MAX_JOINED, len(words) - first) + 1)
        }
        self._steps = {key: score for key, (score, _) in scores.items()}
        self._misfits = {key: misfit for key, (_, misfit) in scores.items()}
        self._forward, self._backward = self._sum_forward(), self._sum_backward()

    def _score(self, words: Sequence[Word]) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n n"]]:
        """Log likelihood that words are written together in the atoms a to b, and the gap before them; the misfit."""
        text = "".join(word.text for word in words)
        expected = self._writing.width * expected_width(text) + 0.3 * (len(words) - 1)
        deviation = 0.7 if any(word.is_struck for word in words) else 0.17 + 0.45 / (1.0 + len(text))
        misfit = 0.5 * np.square((self._log_widths - np.log(expected)) / deviation)
        score = self._inside - np.log(deviation) + (len(words) - 1) * _LOG_JOINED
        if not any(word.is_struck for word in words):
            top, bottom = vertical_extent(text)
            off = (self._tops - (top - 0.5)) / _HEIGHT_DEVIATION, (self._bottoms - (bottom - 0.5)) / _HEIGHT_DEVIATION
            misfit = misfit + sum(np.minimum(0.5 * np.square(part), 2.0) for part in off)
            wrong = [0.0 if end in _MARKS else _WRONG_MARK for end in (text[0], text[-1])]
            missing = _MISSING_MARK if text[-1] in _LOW_MARKS else 0.0
            score = score - wrong[0] * self._low[:, None]
            score = score - (wrong[1] * self._low + missing * (1.0 - self._low))[None]
            score = score - _ATOM_PENALTY * np.maximum(self._counts - _ATOMS_PER_CHARACTER * len(text) - 1, 0)
        return score - misfit + self._outer[:, None], misfit

    def _sum_forward(self) -> Float[np.ndarray, "words atoms"]:
        words, atoms = len(self._words), len(self._spans)
        sums = np.full((words + 1, atoms + 1), -np.inf)
        sums[0, 0] = 0.0
        for done in range(words + 1):
            for size in range(1, min(_MAX_JOINED, done) + 1):
                step = sums[done - size, :-1, None] + self._steps[done - size, size]
                sums[done, 1:] = np.logaddexp(sums[done, 1:], np.logaddexp.reduce(step, axis=0))
            if done and self._words[done - 1].is_struck:
                sums[done] = np.logaddexp(sums[done], sums[done - 1] + _LOG_ABSENT)
            sums[done] = np.logaddexp.accumulate(sums[done] - self._extra) + self._extra
        return sums

    def _sum_backward(self) -> Float[np.ndarray, "words atoms"]:
        words, atoms = len(self._words), len(self._spans)
        sums = np.full((words + 1, atoms + 1), -np.inf)
        sums[-1, -1] = 0.0
        for done in range(words, -1, -1):
            for size in range(1, min(_MAX_JOINED, words - done) + 1):
                step = self._steps[done, size] + sums[done + size, 1:]
                sums[done, :-1] = np.logaddexp(sums[done, :-1], np.logaddexp.reduce(step, axis=1))
            if done < words and self._words[done].is_struck:
                sums[done] = np.logaddexp(sums[done], sums[done + 1] + _LOG_ABSENT)
            sums[done] = np.logaddexp.accumulate((sums[done] + self._extra)[::-1])[::-1] - self._extra
        return sums

    def best(self) -> list[Placed | None]:
        placed: list[Placed | None] = []
        if not np.isfinite(self._forward[-1, -1]):  # no way to give all atoms to the words
            return [None] * len(self._words)
        for number in range(len(self._words)):
            found = None
            for first in range(max(0, number - _MAX_JOINED + 1), number + 1):
                for size in range(number - first + 1, min(_MAX_JOINED, len(self._words) - first) + 1):
                    candidate = self._place(first, size)
                    if candidate and (found is None or candidate.probability > found.probability):
                        found = candidate
            placed.append(found)
        return placed

    def _place(self, first: int, size: int) -> Placed | None:
        log = (
            self._forward[first, :-1, None]
            + self._steps[first, size]
            + self._backward[first + size, 1:]
            - self._forward[-1, -1]
        )
        best = int(np.nanargmax(np.where(np.isfinite(log), log, -1e9)))
        start, end = divmod(best, log.shape[1])
        if not np.isfinite(log[start, end]):
            return None
        misfit = float(self._misfits[first, size][start, end])
        return Placed(start, end, float(np.exp(min(log[start, end], 0.0))), misfit, size > 1)


def log_gaps(spans: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n_minus_1"]:
    """Logarithms of the gaps between atoms, in x-heights; overlaps and narrow gaps count alike.

    Args:
      spans: left and right of each atom, in x-heights, from left to right.
    """
    return np.log(np.maximum(spans[1:, 0] - spans[:-1, 1], MIN_GAP))


def expected_width(text: str) -> float:
    """Expected width of a word in x-heights, of average handwriting."""
    return float(text_widths([text], 1)[0]) * (TOP - BOTTOM)


def _log_normal(logs: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Log density, up to a constant, of logarithms that are normal."""
    return -0.5 * np.square((logs - mean) / deviation) - np.log(deviation)
