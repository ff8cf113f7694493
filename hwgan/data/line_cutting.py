"""Cuts the lines of a page, of which only outlines and texts are known, into words."""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from hwgan.data.connected_components import with_edges
from hwgan.data.direction import is_right_to_left
from hwgan.data.line_components import Atoms, LineStrokes, common_slant, find_atoms, strokes_of_lines
from hwgan.data.page_handwriting import doubts, place_words
from hwgan.data.page_photo import ink_threshold, without_lighting
from hwgan.data.perspective import limited
from hwgan.data.rulings import erase_rulings
from hwgan.data.transforms import WHITE, has_light_ink
from hwgan.data.word_alignment import Placed, Word
from hwgan.data.word_cutting import as_word_image

# No-break, narrow and thin spaces stand inside one word, such as "10 000"; every other white space ends a word.
WORD_BREAK = re.compile(r"[^\S\u00a0\u2007\u2009\u202f]+")
_STRUCK = re.compile(r">[^<>]*<")  # what is struck out, by the conventions of CREMMA
_MAX_SIDE = 3600  # pixels of a page; larger ones are scaled down
_MARGIN = 3  # pixels of paper around a word
_MIN_X_HEIGHT = 6  # pixels


@dataclasses.dataclass(frozen=True)
class LineWord:
    """A word of the text of a line.

    Attributes:
      text: its transcription.
      image: dark ink on white; None if it could not be cut out reliably.
      doubt: why, if so.
      box: left, top, right, bottom on the page of `cut_lines`, in pixels; None where no strokes were found.
    """

    text: str
    image: UInt8[np.ndarray, "h w"] | None
    doubt: str = ""
    box: tuple[int, int, int, int] | None = None


def split_text(text: str) -> list[Word]:
    """The words of a text; those with struck out or illegible parts, marked by ">…<", count as struck."""
    marked = _STRUCK.sub(lambda match: WORD_BREAK.sub("\x00", match.group()), text.strip())
    words = [part for part in WORD_BREAK.split(marked) if part]
    return [Word(word.replace("\x00", ""), "<" in word or ">" in word) for word in words]


def cut_lines(
    page: UInt8[np.ndarray, "h w"], outlines: Sequence[Sequence[tuple[float, float]]], texts: Sequence[str]
) -> list[list[LineWord]]:
    """The words of each line, in the order of its text.

    Args:
      page: grey image of the page, its lines about level.
      outlines: polygon of each line, in pixels of the page.
      texts: transcription of each line.
    """
    image = WHITE - page if has_light_ink(_around(page, outlines)) else page
    small = limited(image) if max(image.shape) > _MAX_SIDE else image
    scale = small.shape[1] / image.shape[1]
    darkness = erase_rulings(without_lighting(small))
    threshold = ink_threshold(darkness)
    lines = strokes_of_lines(
        darkness > threshold, [[(x * scale, y * scale) for x, y in outline] for outline in outlines]
    )
    words = [_in_order_of_page(split_text(text)) for text in texts]
    found = [line for line in lines if line is not None]
    if not found:
        return [[LineWord(word.text, None, "line without ink") for word in line] for line in words]
    writing = as_word_image(darkness, threshold, darkness > threshold)
    atoms, placed = _place(lines, words)
    results = []
    for line, own_atoms, own_words, places, text in zip(lines, atoms, words, placed, texts, strict=True):
        if line is None or own_atoms is None or not len(own_atoms.spans):
            cut = [LineWord(word.text, None, "line without ink") for word in own_words]
        else:
            cut = _Cutter(writing, scale, line, own_atoms).cut(own_words, places)
        results.append(cut[::-1] if is_right_to_left(Counter(text)) else cut)
    return results


def _around(
    page: UInt8[np.ndarray, "h w"], outlines: Sequence[Sequence[tuple[float, float]]]
) -> UInt8[np.ndarray, "h2 w2"]:
    """The part of a page that has its lines, without the table that it may lie on."""
    x, y = (np.array([point[axis] for outline in outlines for point in outline]) for axis in (0, 1))
    if not len(x):
        return page
    (left, right), (top, bottom) = (
        (max(0, math.floor(places.min())), min(size, math.ceil(places.max()) + 1))
        for places, size in ((x, page.shape[1]), (y, page.shape[0]))
    )
    part = page[top:bottom, left:right]
    return part if part.size else page


def _in_order_of_page(words: list[Word]) -> list[Word]:
    """The words from left to right."""
    return words[::-1] if is_right_to_left(Counter("".join(word.text for word in words))) else words


def _place(
    lines: Sequence[LineStrokes | None], words: Sequence[list[Word]]
) -> tuple[list[Atoms | None], list[list[Placed | None]]]:
    """The atoms of each line, and the places of its words."""
    found = [line for line in lines if line is not None]
    x_height = max(_median_x_height(found), _MIN_X_HEIGHT)
    slant = common_slant(found)
    atoms = [None if line is None else find_atoms(line, slant, x_height) for line in lines]
    return atoms, place_words(words, atoms)


def _median_x_height(lines: Sequence[LineStrokes]) -> float:
    """The median over lines, weighted by their lengths."""
    heights = np.array([line.x_height for line in lines])
    lengths = np.array([float(np.ptp(line.components.boxes[:, [0, 2]])) for line in lines])
    return float(np.quantile(heights, 0.5, weights=lengths, method="inverted_cdf"))


class _Cutter:
    """Cuts words out of a line."""

    def __init__(self, writing: UInt8[np.ndarray, "h w"], scale: float, line: LineStrokes, atoms: Atoms):
        """Creates the cutter.

        Args:
          writing: the page as words look, dark ink on white.
          scale: its pixels per pixel of the page.
          line: strokes of the line.
          atoms: their atoms; one at least.
        """
        self._writing, self._scale, self._line, self._atoms = writing, scale, line, atoms

    def cut(self, words: Sequence[Word], places: Sequence[Placed | None]) -> list[LineWord]:
        """The words, from left to right.

        Args:
          words: of the line.
          places: their places.
        """
        return [self._cut(*row) for row in zip(words, places, doubts(words, places), strict=True)]

    def _cut(self, word: Word, place: Placed | None, doubt: str) -> LineWord:
        if place is None:
            return LineWord(word.text, None, doubt)
        left, top, right, bottom = (round(side / self._scale) for side in self._box(place))
        return LineWord(word.text, None if doubt else self._image(place), doubt, (left, top, right, bottom))

    def _members(self, place: Placed) -> list[int]:
        return [index for own in self._atoms.members[place.first : place.last + 1] for index in own]

    def _box(self, place: Placed) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the strokes, in pixels of the writing."""
        boxes = self._line.components.boxes[self._members(place)]
        x, y = self._line.corner
        left, top = boxes[:, :2].min(axis=0).tolist()
        right, bottom = boxes[:, 2:].max(axis=0).tolist()
        return left + x, top + y, right + x, bottom + y

    def _image(self, place: Placed) -> UInt8[np.ndarray, "h w"]:
        """The strokes of a word with their grey edges, without strokes of others."""
        left, top, right, bottom = self._box(place)
        x, y = self._line.corner
        labels = np.pad(self._line.components.labels[top - y : bottom - y, left - x : right - x], _MARGIN)
        own = with_edges(labels, np.array(self._members(place)))
        return np.where(own, self._paper(left, top, right, bottom), WHITE).astype(np.uint8)

    def _paper(self, left: int, top: int, right: int, bottom: int) -> UInt8[np.ndarray, "h w"]:
        """The writing within a box and its margin; white beyond the page."""
        height, width = self._writing.shape
        part = self._writing[max(0, top - _MARGIN) : bottom + _MARGIN, max(0, left - _MARGIN) : right + _MARGIN]
        before = max(0, _MARGIN - top), max(0, _MARGIN - left)
        after = max(0, bottom + _MARGIN - height), max(0, right + _MARGIN - width)
        return np.pad(part, ((before[0], after[0]), (before[1], after[1])), constant_values=WHITE)
