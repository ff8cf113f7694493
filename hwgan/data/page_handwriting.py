"""What the lines of a page tell of its handwriting: how wide its words are, and the gaps within and between them."""

from collections.abc import Sequence

import numpy as np

from hwgan.data.line_components import Atoms
from hwgan.data.word_alignment import MIN_GAP, Handwriting, Placed, Word, align, expected_width, log_gaps

_WIDTH_RANGE = 0.3, 3.0  # of the width of a handwriting relative to the expected one
_PRIOR = 10  # words or gaps that the values before count as
_MIN_DEVIATION = 0.3  # of log gaps
# Reasons to leave words out, to which others add what to do.
DOUBTFUL_LINE, DOUBTFUL_ENDS = "doubtful line", "doubtful ends of a word"
_MIN_LEARNED = 0.5  # probability of the place of a word that is learned from
_MIN_PROBABILITY, _MIN_LINE = 0.97, 0.65  # of a word; mean of a line, below which it is left out as a whole
_MAX_MISFIT = 4.0  # of the width and height of a word


def place_words(texts: Sequence[Sequence[Word]], atoms: Sequence[Atoms | None]) -> list[list[Placed | None]]:
    """The places of the words of each line of a page.

    Args:
      texts: words of each line, from left to right.
      atoms: of each line; None for a line without ink.
    """
    known = [(words, own.spans, own.extents) for words, own in zip(texts, atoms, strict=True) if own and words]
    writing = first_guess([(words, spans) for words, spans, _ in known])
    writing = learn([(words, spans, align(words, spans, rest, writing)) for words, spans, rest in known], writing)
    return [
        [None] * len(words) if own is None else align(words, own.spans, own.extents, writing)
        for words, own in zip(texts, atoms, strict=True)
    ]


def doubts(words: Sequence[Word], places: Sequence[Placed | None]) -> list[str]:
    """Why each word of a line was not placed reliably; "" for words that were."""
    sure = [place.probability for word, place in zip(words, places, strict=True) if place and not word.is_struck]
    doubtful = bool(sure) and float(np.mean(sure)) < _MIN_LINE
    return [_doubt(word, place, doubtful) for word, place in zip(words, places, strict=True)]


def _doubt(word: Word, place: Placed | None, doubtful: bool) -> str:
    if word.is_struck:
        return "struck out or illegible"
    if place is None:
        return "word without ink"
    reasons = (
        (DOUBTFUL_LINE, doubtful),
        ("written together with another word", place.joined),
        (DOUBTFUL_ENDS, place.probability < _MIN_PROBABILITY),
        ("text that does not fit its strokes", place.misfit > _MAX_MISFIT),
    )
    return next((reason for reason, holds in reasons if holds), "")


def first_guess(lines: Sequence[tuple[Sequence[Word], np.ndarray]]) -> Handwriting:
    """The handwriting of a page by the widths of its lines as a whole.

    Args:
      lines: words of each line, and spans of its atoms.
    """
    gap = float(np.exp(Handwriting().outer[0]))
    ratios = [
        (np.ptp(spans) - gap * (len(words) - 1)) / sum(expected_width(word.text) for word in words)
        for words, spans in lines
        if len(spans) and words and not any(word.is_struck for word in words)
    ]
    return Handwriting(float(np.clip(np.median(ratios), *_WIDTH_RANGE))) if ratios else Handwriting()


def learn(
    lines: Sequence[tuple[Sequence[Word], np.ndarray, Sequence[Placed | None]]], before: Handwriting
) -> Handwriting:
    """The handwriting of a page by its lines as they are placed; little changes where there are few words.

    Args:
      lines: words, spans of atoms, and places of the words of each line.
      before: the handwriting that they were placed by.
    """
    widths, inner, outer = [], [], []
    for words, spans, placed in lines:
        gaps = log_gaps(spans)
        previous = None
        for word, place in zip(words, placed, strict=True):
            if place is None or place.joined or place.probability < _MIN_LEARNED:
                previous = None
                continue
            if len(word.text) > 2 and not word.is_struck:
                width = max(float(spans[place.last, 1] - spans[place.first, 0]), MIN_GAP)  # a stroke may be a dot
                widths.append(np.log(width / expected_width(word.text)))
            inner += gaps[place.first : place.last].tolist()
            if previous is not None and place.first == previous + 1:
                outer.append(gaps[previous])
            previous = place.last
    weight = len(widths) / (len(widths) + _PRIOR)
    width = float(np.exp(weight * np.median(widths) + (1 - weight) * np.log(before.width))) if widths else before.width
    default = Handwriting()
    return Handwriting(width, _update(inner, default.inner), _update(outer, default.outer))


def _update(logs: list[float], default: tuple[float, float]) -> tuple[float, float]:
    """Mean and deviation of log gaps; that of few gaps is drawn to the default."""
    count = len(logs) + _PRIOR
    mean = (sum(logs) + _PRIOR * default[0]) / count
    square = (sum((log - mean) ** 2 for log in logs) + _PRIOR * default[1] ** 2) / count
    return float(mean), float(max(np.sqrt(square), _MIN_DEVIATION))
