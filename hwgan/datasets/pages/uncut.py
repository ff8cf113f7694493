"""Words of the lines of a page that have no places of their own, and a picture of lines that could not be cut."""

import bisect
import dataclasses
import functools
import itertools
import unicodedata
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from hwgan.data.line_cutting import LineWord, cut_lines
from hwgan.data.picture_grid import draw_grid
from hwgan.datasets.builder import Example
from hwgan.datasets.pages.layout import Region
from hwgan.datasets.pages.reader import Description
from hwgan.datasets.pages.scan import Placement
from hwgan.datasets.splits import hash_fraction
from hwgan.runtime.wording import some

_SHOWN, _WIDTH, _MARGIN = 16, 1400, 8  # lines of the picture; their width and margin in pixels
_LISTED = 4  # words of each reason in a caption
_KEPT, _DOUBTED = 190, 0  # grey levels of the boxes around words that are used, and that are not


class UncutLines:
    """Cuts lines into words, and remembers some lines that it could not cut, for the preview."""

    def __init__(self, skip: Callable[..., None]):
        """Creates it.

        Args:
          skip: takes reason, id and detail of each word that is left out.
        """
        self._skip = skip
        self._doubtful: list[tuple[float, np.ndarray, str]] = []

    def cut(
        self, page: Description, pixels: UInt8[np.ndarray, "h w"], regions: Sequence[Region], writer: str
    ) -> Iterator[Example]:
        """The words of the lines of a page; the doubtful ones are skipped.

        Args:
          page: the page.
          pixels: its image, as `decode_grey` returns it.
          regions: its lines.
          writer: its writer.
        """
        image, placement = _upright(pixels, page.placement)
        outlines = [placement.to_pixels(region.polygon) for region in regions]
        lines = cut_lines(image, outlines, [region.text for region in regions])
        for region, outline, words in zip(regions, outlines, lines, strict=True):
            line_id = page.region_id(region)
            words = [_without_reference(word, page.name) for word in words]
            if any(word.image is None and word.box for word in words):
                self._remember(line_id, image, outline, words)
            for number, word in enumerate(words, 1):
                example = Example(
                    f"{line_id}/{number}",
                    word.text,
                    writer,
                    functools.partial(_image_of, word),
                    {"page": page.name},
                    page.place,
                )
                if word.image is None:
                    self._skip(word.doubt, example, word.text)
                else:
                    yield example

    def _remember(
        self, line_id: str, image: np.ndarray, outline: Sequence[tuple[float, float]], words: Sequence[LineWord]
    ) -> None:
        """Keeps the picture of a line if it is among the first by the hash of its id."""
        key = hash_fraction(line_id)
        if len(self._doubtful) < _SHOWN or key < self._doubtful[-1][0]:
            line = key, _draw_line(image, outline, words), _caption(line_id, words)
            bisect.insort(self._doubtful, line, key=lambda line: line[0])
            del self._doubtful[_SHOWN:]

    def picture(self) -> Image.Image | None:
        """Some lines with words that were left out, in dark boxes; None if there are none."""
        rows = [[(image, caption)] for _, image, caption in self._doubtful]
        return draw_grid(rows) if rows else None


def _upright(pixels: np.ndarray, placement: Placement) -> tuple[np.ndarray, Placement]:
    """The image with its lines level, and the way to its pixels."""
    if not placement.stale:
        return pixels, placement
    return placement.turn_back(pixels), dataclasses.replace(placement, orientation=1, stale=False)


def _without_reference(word: LineWord, page: str) -> LineWord:
    """The word; a doubtful one if it is the name of the page, which writers copy on it."""
    plain = unicodedata.normalize("NFC", word.text).casefold()
    if any(c.isdigit() for c in plain) and any(c.isalpha() for c in plain) and page.casefold().startswith(plain):
        return dataclasses.replace(word, image=None, doubt="name of the page", box=None)
    return word


def _image_of(word: LineWord) -> np.ndarray:
    assert word.image is not None
    return word.image


def _draw_line(image: np.ndarray, outline: Sequence[tuple[float, float]], words: Sequence[LineWord]) -> np.ndarray:
    """A line with a box around each word."""
    boxes = [word.box for word in words if word.box]
    xs, ys = zip(*outline, *((x, y) for box in boxes for x, y in (box[:2], box[2:])), strict=True)
    left, top = max(0, round(min(xs)) - _MARGIN), max(0, round(min(ys)) - _MARGIN)
    part = Image.fromarray(image[top : round(max(ys)) + _MARGIN, left : round(max(xs)) + _MARGIN]).copy()
    draw = ImageDraw.Draw(part)
    for word in sorted(words, key=lambda word: word.image is None):
        if word.box:
            corners = [place - origin for place, origin in zip(word.box, (left, top) * 2, strict=True)]
            draw.rectangle(corners, outline=_DOUBTED if word.image is None else _KEPT, width=3)
    scale = _WIDTH / part.width
    return np.asarray(part.resize((_WIDTH, max(1, round(part.height * scale)))) if scale < 1.0 else part)


def _caption(line_id: str, words: Sequence[LineWord]) -> str:
    """Id of the line, and its doubtful words by reason."""
    doubted = sorted((word for word in words if word.image is None), key=lambda word: word.doubt)
    reasons = []
    for doubt, group in itertools.groupby(doubted, key=lambda word: word.doubt):
        texts = [word.text for word in group]
        reasons.append(f"{doubt}: {some(texts, _LISTED)}")
    return f"{line_id}; left out: {'; '.join(reasons)}"
