"""Words on pages: line breaks, margins, and the small variations of handwriting.

Positions are in heights of a line (em), that is, of the images of words; x points right, y down, from the top left
corner of the page. All variations are drawn from the seed of the settings.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from hwgan.data import transforms
from hwgan.data.letterforms import BOTTOM, TOP
from hwgan.runtime.errors import UserError
from hwgan.sampling.page import bound_words, break_lines
from hwgan.sampling.page_settings import PageSettings

BASELINE = TOP / (TOP - BOTTOM)  # of a line, in em below its top
_WORD_GAP = 0.29  # em
_MIN_LINE = 2.0  # em; a page with shorter lines has no room for words
# Variations at wander 1. Those of the baseline sum up to less than half the space between lines.
_GAP_STD = 0.16  # of the logarithm of the distance of words
_LINE_END, _WAVE, _WORD_SHIFT = 0.07, 0.025, 0.012  # em: rise or fall over a line, wave along it, shift of a word
_SHORT_LINE = 12.0  # em; shorter lines rise and fall as much as a part of one of this length
_WAVE_LENGTH = 9.0, 22.0  # em
_INDENT = 0.12  # em, of the left margin
_SLANT, _LINE_SLANT, _ROTATION, _SIZE = 0.022, 0.012, 0.005, 0.018  # slopes; radians; logarithm of the size
_BASELINE_RANGE = 0.12  # of the height, above and below the average baseline
_BELOW_LETTERS = 0.3  # ink of a row below the letters, where descenders are, relative to a row of letters
_INERTIA = 0.7  # of what changes from line to line
_LIMIT = 2.0  # standard deviations
_MAX_STRETCH = 1.2  # em; a line that needs more between its words is not justified

Word = UInt8[np.ndarray, "h _"]
Block = Sequence[Sequence[Word]]  # lines of words; one without words is blank


@dataclasses.dataclass(frozen=True)
class PlacedWord:
    """A word on a page.

    Attributes:
      image: dark ink on white.
      matrix: from (column, row, 1) in the image to (x, y) on the page.
    """

    image: UInt8[np.ndarray, "h w"]
    matrix: Float[np.ndarray, "2 3"]


@dataclasses.dataclass(frozen=True)
class Page:
    """A page with its words; all lengths in em.

    Attributes:
      width: of the page.
      height: of the page.
      margin: at each side.
      baselines: y of all lines of writing that the page has room for.
      words: in reading order.
    """

    width: float
    height: float
    margin: float
    baselines: list[float]
    words: list[PlacedWord]


@dataclasses.dataclass(frozen=True)
class _Line:
    """Words of a line with their widths, the gap before each of them, and their baseline below their top, in em."""

    images: Sequence[Word]
    widths: Float[np.ndarray, " n"]
    gaps: Float[np.ndarray, " n"]
    baseline: float
    ends_paragraph: bool

    @property
    def width(self) -> float:
        return float(self.widths.sum() + self.gaps[1:].sum())


def lay_out(
    blocks: Sequence[Block],
    settings: PageSettings,
    height: int,
    right_to_left: bool = False,
    texts: Sequence[Sequence[str]] = (),
) -> list[Page]:
    """Puts words on pages.

    Args:
      blocks: paragraphs that stand under one another, with a blank line between if one has several lines. They have at
        least one word.
      settings: how the pages look.
      height: of the images in pixels.
      right_to_left: whether lines begin at the right.
      texts: of the words of each block, by line, where they are known: no line begins with a closing sign then.

    Returns:
      At least one page.

    Raises:
      UserError: the page is too narrow.
    """
    rng = np.random.default_rng(settings.seed)
    width, page_height = settings.page_extent(height)
    margin = settings.margin(height)
    if width - 2 * margin < _MIN_LINE:
        raise UserError(
            f"width={settings.width} leaves no room for words between the margins; it must be at least "
            f"{math.ceil(height * (_MIN_LINE + 2 * margin))} pixels"
        )
    bound = [bound_words(line) for line in texts]
    lines = _break_blocks(blocks, bound, settings, height, width - 2 * margin, rng)
    if math.isinf(width):
        width = max(line.width for line in lines) + 2 * margin
    capacity = len(lines)
    if not math.isinf(page_height):
        capacity = 1 + int((page_height - 2 * margin - BASELINE) / settings.line_spacing)
    placer = _WordPlacer(settings, width, margin, right_to_left, rng)
    pages = []
    for part in _split_pages(lines, capacity):
        rows = len(part) if math.isinf(page_height) else capacity
        baselines = [margin + BASELINE + i * settings.line_spacing for i in range(rows)]
        words = [word for line, y in zip(part, baselines, strict=False) for word in placer.place(line, y)]
        end = baselines[-1] - BASELINE + 1 + margin
        pages.append(Page(width, end if math.isinf(page_height) else page_height, margin, baselines, words))
    return pages


def _break_blocks(
    blocks: Sequence[Block],
    bound: Sequence[Sequence[bool]],
    settings: PageSettings,
    height: int,
    room: float,
    rng: np.random.Generator,
) -> list[_Line]:
    """The lines of all blocks, broken to fit in `room`; a word that is too wide for a line is made smaller."""
    broken = []
    for block in blocks:
        broken.append([])
        images = [image for line in block for image in line]
        baseline = find_baseline(images) if settings.paper != "plain" else BASELINE
        for images, stays in itertools.zip_longest(block, bound, fillvalue=()):
            widths = np.minimum([image.shape[1] / height for image in images], room)
            noise = settings.wander * _GAP_STD * _limited_normal(rng, len(images))
            gaps = _WORD_GAP * settings.word_spacing * np.exp(noise)
            parts = break_lines(widths.tolist(), gaps.tolist(), room, stays) if images else [slice(0, 0)]
            broken[-1] += [
                _Line(images[part], widths[part], gaps[part], baseline, part.stop == len(images)) for part in parts
            ]
    blank = [_Line([], np.zeros(0), np.zeros(0), BASELINE, True)] if any(len(lines) > 1 for lines in broken) else []
    lines = [line for block in broken for line in [*blank, *block]]
    return lines[len(blank) :]


def find_baseline(images: Sequence[Word]) -> float:
    """Where the ink of most letters ends, as a share of the height below the top.

    Styles stand higher or lower in their images than the average, which shows on ruled paper.

    Args:
      images: of words in one style; one at least.
    """
    height = images[0].shape[0]
    ink = np.sum([(transforms.WHITE - image.astype(np.float32)).sum(axis=1) for image in images], axis=0)
    first, last = round((BASELINE - _BASELINE_RANGE) * height), round((BASELINE + _BASELINE_RANGE) * height)
    full = np.flatnonzero(ink[first:last] > _BELOW_LETTERS * np.max(ink[height // 3 : last]))
    return (first + full[-1] + 1 if full.size else first) / height


def _split_pages(lines: Sequence[_Line], capacity: int) -> list[list[_Line]]:
    """Lines of each page: none begins with a blank one."""
    pages = [[]]
    for line in lines:
        if len(pages[-1]) == capacity:
            pages.append([])
        if line.images or pages[-1]:
            pages[-1].append(line)
    return [page for page in pages if page]


class _WordPlacer:
    """Places the words of lines, with variations that change slowly from line to line."""

    def __init__(
        self, settings: PageSettings, width: float, margin: float, right_to_left: bool, rng: np.random.Generator
    ):
        self._settings, self._width, self._margin, self._right_to_left = settings, width, margin, right_to_left
        self._rng = rng
        self._line_state = np.zeros(3)  # of slope, left margin and slant, in standard deviations

    def place(self, line: _Line, baseline: float) -> list[PlacedWord]:
        """The words of a line on a page, along a baseline that rises or falls a little and is not quite straight."""
        wander, rng = self._settings.wander, self._rng
        noise = _limited_normal(rng, 3)
        self._line_state = _INERTIA * self._line_state + math.sqrt(1 - _INERTIA**2) * noise
        slope, indent, slant = self._line_state.clip(-_LIMIT, _LIMIT) / _LIMIT
        length, phase = rng.uniform(*_WAVE_LENGTH), rng.uniform(0, 2 * math.pi)
        room = self._width - 2 * self._margin

        def rise(x: float) -> float:  # of the baseline, relative to the middle of the page
            x -= self._width / 2
            line_rise = slope * _LINE_END * x / max(room / 2, _SHORT_LINE)
            return wander * (line_rise + _WAVE * math.sin(2 * math.pi * x / length + phase))

        placed = []
        for image, x, width in zip(line.images, self._positions(line, indent), line.widths.tolist(), strict=True):
            shift, rotation, own_slant, size = _limited_normal(rng, 4).tolist()
            center = self._width - x - width / 2 if self._right_to_left else x + width / 2
            tilt = math.atan(rise(center + 0.5) - rise(center - 0.5)) + wander * _ROTATION * rotation
            y = baseline + rise(center) + wander * _WORD_SHIFT * shift
            shear = wander * (_LINE_SLANT * _LIMIT * slant + _SLANT * own_slant)
            scale = width / image.shape[1] * math.exp(wander * _SIZE * (size - _LIMIT))
            placed.append(PlacedWord(image, _matrix(image, (center, y), scale, (tilt, shear), line.baseline)))
        return placed

    def _positions(self, line: _Line, indent: float) -> list[float]:
        """The left side of each word, as if lines began at the left."""
        room = self._width - 2 * self._margin
        spare = room - line.width
        start = self._margin + min(max(0.0, self._settings.wander * _INDENT * (1 + indent)), spare)
        gaps = line.gaps.copy()
        if self._settings.justify and not line.ends_paragraph and len(gaps) > 1:
            stretch = (self._margin + room - start - line.width) / (len(gaps) - 1)
            gaps[1:] += stretch if stretch <= _MAX_STRETCH else 0.0
        steps = gaps + np.concatenate([[0.0], line.widths[:-1]])
        return (start + np.cumsum(steps) - gaps[:1]).tolist()


def _matrix(
    image: np.ndarray, center: tuple[float, float], scale: float, turns: tuple[float, float], baseline: float
) -> Float[np.ndarray, "2 3"]:
    """Maps pixels to em: the middle of the word's baseline to `center`, sheared and tilted around it.

    Args:
      image: of the word.
      center: (x, y) in em.
      scale: em per pixel.
      turns: angle of the baseline, downward to the right, in radians; shift to the right by height above it.
      baseline: of the image, as a share of its height below its top.
    """
    height, width = image.shape
    tilt, shear = turns
    turn = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    linear = scale * turn @ np.array([[1.0, -shear], [0.0, 1.0]])
    origin = np.array(center) - linear @ np.array([width / 2, baseline * height])
    return np.column_stack([linear, origin])


def _limited_normal(rng: np.random.Generator, count: int) -> Float[np.ndarray, " count"]:
    """Normal variates, limited to two standard deviations."""
    return rng.standard_normal(count).clip(-_LIMIT, _LIMIT)
