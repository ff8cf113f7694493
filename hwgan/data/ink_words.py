"""Cuts the lines of a form, as strokes of a pen with their texts, into words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hwgan.data.ink import Stroke
from hwgan.data.ink_cleaning import Cleaning, UnusableInk, resample_all, slant_of
from hwgan.data.line_components import Atoms, atoms_of_points
from hwgan.data.line_cutting import split_text
from hwgan.data.page_handwriting import doubts, place_words

# Of a line as a whole: its slope and size cannot be told by a word alone.
_CLEANING = Cleaning(outliers=12.0, slope=True, size="deviation")
_STEP = 0.1  # x-heights between the points by which strokes are measured


class InkWord(NamedTuple):
    """A word of the text of a line.

    Attributes:
      text: its transcription.
      strokes: in x-heights and in the order of writing, with the baseline at y = 0 and the left end at x = 0; None if
        it could not be cut out reliably.
      doubt: why, if so.
    """

    text: str
    strokes: list[Stroke] | None
    doubt: str = ""


def cut_ink_lines(lines: Sequence[Sequence[Stroke]], texts: Sequence[str]) -> list[list[InkWord]]:
    """The words of each line, in the order of its text; by the rules of lines in images.

    Args:
      lines: strokes of each line of one writer in the order of writing, y down, in any unit.
      texts: transcription of each line, which is written from left to right.

    Returns:
      The words of each line; "word without ink" is the doubt of all words of a line that cannot be used.
    """
    words = [split_text(text) for text in texts]
    cleaned = [_cleaned(list(line)) for line in lines]
    slant = slant_of([stroke for line in cleaned for stroke in line])
    atoms = [_find_atoms(line, slant) for line in cleaned]
    results = []
    for own, strokes, found, places in zip(words, cleaned, atoms, place_words(words, atoms), strict=True):
        cut = []
        for word, place, doubt in zip(own, places, doubts(own, places), strict=True):
            if doubt or place is None or found is None:
                cut.append(InkWord(word.text, None, doubt))
                continue
            members = sorted(index for atom in found.members[place.first : place.last + 1] for index in atom)
            left = min(strokes[index][:, 0].min() for index in members)
            cut.append(InkWord(word.text, [strokes[index] - [left, 0.0] for index in members]))
        results.append(cut)
    return results


def _cleaned(strokes: list[Stroke]) -> list[Stroke]:
    """The strokes in x-heights; none of a line that cannot be used."""
    try:
        return _CLEANING.clean(strokes)
    except UnusableInk:
        return []


def _find_atoms(strokes: list[Stroke], slant: float) -> Atoms | None:
    """The atoms of a line of strokes in x-heights; None of a line that cannot be used.

    Args:
      strokes: y down, with the baseline at y = 0.
      slant: way in x of a steep stroke on a way of 1 in y.
    """
    try:
        points = resample_all(strokes, _STEP)
    except UnusableInk:
        return None
    if not points:
        return None
    numbers = np.repeat(np.arange(len(points)), [len(part) for part in points])
    x, y = np.concatenate(points).T
    return atoms_of_points(numbers, x - slant * y, -y - 0.5, len(points))
