"""A photograph or scan of a page as even ink on level lines: perspective, lighting, skew, ruling and grid are removed.

Images of darkness are float32, 0 where there is paper, up to 255 where there is the blackest ink.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from scipy import ndimage

from hwgan.data.perspective import find_sheet, limited, project, scaled_down, sheet_homography, straighten
from hwgan.data.transforms import WHITE, has_light_ink

_LIGHT_SIDE = 600  # pixels of the longer side, at which the lighting is estimated
_LIGHT_WINDOW = 17  # pixels there; wider than a stroke of a pen
_SKEW_POINTS, _SKEW_SIDE = 15_000, 1000
_MAX_SKEW, _MAX_CONVERGENCE = np.radians(12.0), 0.08  # of lines; change of their slope from top to bottom
_RULING_BLOCK, _RULING_BLOCKS = 16, 13  # a ruling is seen through windows of 16 · 13 pixels
_STRONG_INK = 99.5  # percentile of darkness on a page with writing


@dataclasses.dataclass(frozen=True)
class EvenPage:
    """A page whose ink is even and whose lines are level.

    Attributes:
      darkness: of the ink.
      to_photo: maps points (x, y) of the page, [n, 2], to those of the photo that it was made of.
    """

    darkness: Float[np.ndarray, "h w"]
    to_photo: Callable[[Float[np.ndarray, "n 2"]], Float[np.ndarray, "n 2"]]


def even_ink(photo: UInt8[np.ndarray, "h w"]) -> EvenPage:
    """The ink on a page, its lines level; a ruling or grid is taken out.

    Args:
      photo: grey; a page that fills the image, or a sheet on a darker table; light ink on dark paper is inverted.
    """
    image = limited(photo)
    scale = photo.shape[1] / image.shape[1]
    # The sheet comes first: most of the photo may be a table, which looks like dark paper then.
    corners = find_sheet(image)
    sheet = image if corners is None else straighten(image, corners)
    if has_light_ink(sheet):
        sheet = WHITE - sheet
        if corners is None and (corners := find_sheet(sheet)) is not None:
            sheet = straighten(sheet, corners)
    darkness = without_lighting(sheet)
    slopes = find_slopes(darkness)
    even = without_ruling(level(darkness, *slopes))

    def to_photo(points: np.ndarray) -> np.ndarray:
        turned = _before_level(points, darkness.shape, *slopes)
        return scale * (turned if corners is None else project(turned, sheet_homography(corners, sheet.shape)))

    return EvenPage(even, to_photo)


def without_lighting(image: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """How much darker each pixel is than the paper around it, relative to that paper, times 255."""
    small, _ = scaled_down(image, _LIGHT_SIDE)
    paper = ndimage.grey_closing(ndimage.median_filter(small, 3), (_LIGHT_WINDOW, _LIGHT_WINDOW)).astype(np.float32)
    paper = ndimage.gaussian_filter(paper, _LIGHT_WINDOW / 3)
    size = image.shape[1], image.shape[0]
    paper = np.asarray(Image.fromarray(paper).resize(size, Image.Resampling.BILINEAR))
    ratio = image / np.maximum(paper, 1.0)
    ratio /= max(float(np.median(ratio)), 0.1)  # the closing is above the noise of the paper
    return (WHITE * (1.0 - ratio)).clip(0.0, WHITE).astype(np.float32)


def level(darkness: Float[np.ndarray, "h w"], slope: float, convergence: float) -> Float[np.ndarray, "h2 w2"]:
    """Turns the page until its lines are level.

    Letters are turned with their line, so that their slant to it stays: the slant is part of a style.

    Args:
      darkness: of the page.
      slope: of lines in its middle.
      convergence: the slope of a line at row y of the middle column is slope + convergence (y / h - 1/2).
    """
    reach = _level_reach(darkness.shape, slope, convergence)
    if not any(reach):
        return darkness
    height, width = darkness.shape
    x = np.arange(width + 2 * reach[0], dtype=np.float32)[None]
    y = np.arange(height + 2 * reach[1], dtype=np.float32)[:, None]
    columns, rows = _turned(x, y, darkness.shape, slope, convergence)
    return ndimage.map_coordinates(darkness, [rows, columns], order=1, mode="constant").astype(np.float32)


def _level_reach(shape: tuple[int, ...], slope: float, convergence: float) -> tuple[int, int]:
    """By how many columns and rows `level` widens a page of this shape on either side; 0 where it does not turn it."""
    height, width = shape
    reach = abs(slope) + abs(convergence)
    return (0, 0) if reach * width < 4 else (math.ceil(reach * height / 2), math.ceil(reach * width / 2))


def _turned(
    x: np.ndarray, y: np.ndarray, shape: tuple[int, ...], slope: float, convergence: float
) -> tuple[np.ndarray, np.ndarray]:
    """The x and y in a page of this shape of points of the page that `level` makes of it."""
    (height, width), reach, angle = shape, _level_reach(shape, slope, convergence), np.arctan(slope)
    x, y = x - np.float32(reach[0] + width / 2), y - np.float32(reach[1] + height / 2)
    along = np.arctan(slope + convergence * y / np.cos(angle) / height)  # the angle of the line of each row
    return width / 2 - y * np.sin(angle) + x * np.cos(along), height / 2 + y * np.cos(angle) + x * np.sin(along)


def _before_level(
    points: Float[np.ndarray, "n 2"], shape: tuple[int, ...], slope: float, convergence: float
) -> Float[np.ndarray, "n 2"]:
    """The points in a page of this shape of points of the page that `level` makes of it."""
    if not any(_level_reach(shape, slope, convergence)):
        return points
    return np.stack(_turned(*points.T, shape, slope, convergence), axis=1)


def find_slopes(darkness: Float[np.ndarray, "h w"]) -> tuple[float, float]:
    """The slope of lines in the middle of the page, and its change from top to bottom, by the sharpest row profile."""
    small, _ = scaled_down(darkness, _SKEW_SIDE)
    height, width = small.shape
    rows, columns = np.nonzero(small > ink_threshold(small))
    if rows.size < 50:
        return 0.0, 0.0
    some = np.random.default_rng(0).permutation(rows.size)[:_SKEW_POINTS]
    x, y = columns[some] - width / 2, rows[some].astype(np.float64)

    def sharpness(slope: float, convergence: float) -> float:
        at = y - x * (slope + convergence * (y / height - 0.5))
        counts = np.bincount(np.rint(at + width / 2).astype(int).clip(0, height + width)).astype(float)
        return float(np.square(ndimage.uniform_filter1d(counts, 3)).sum())

    steps = np.linspace(-_MAX_SKEW, _MAX_SKEW, 49)
    slope = max(steps, key=lambda s: sharpness(s, 0.0))
    best = (float(slope), 0.0)
    for reach, count in ((0.01, 9), (0.003, 7)):
        slopes = best[0] + np.linspace(-reach, reach, count)
        changes = np.linspace(-_MAX_CONVERGENCE, _MAX_CONVERGENCE, 17) if count == 9 else best[1] + slopes - best[0]
        best = max(((float(s), float(c)) for s in slopes for c in changes), key=lambda pair: sharpness(*pair))
    return best


def ink_threshold(darkness: Float[np.ndarray, "h w"]) -> float:
    """The darkness above which a pixel is ink: a third of that of strong ink, and above the noise of the paper."""
    some = darkness.ravel()[:: 1 + darkness.size // 500_000]
    noise = 1.4826 * float(np.percentile(some, 75))  # half of the noise of paper is cut off at 0
    return max(10.0, 3.0 * noise, 0.33 * float(np.percentile(some, _STRONG_INK)))


def without_ruling(darkness: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Takes out printed lines in both directions; strokes across them stay, as far as they are darker or pass on."""
    result = darkness
    for turned in (False, True):
        layer = result.T if turned else result
        lines = _lines(layer)
        strong = lines > 4.0
        if not strong.any():
            continue
        rest = (layer - lines).clip(0.0)
        # Where a line was, a stroke above and below it is closed again.
        thickness = 2 * _thickness(strong) + 1
        closed = ndimage.grey_closing(rest, (thickness, 1))
        rest = np.where(strong, np.maximum(rest, closed), rest)
        result = rest.T if turned else rest
    return np.ascontiguousarray(result)


def _lines(darkness: np.ndarray) -> np.ndarray:
    """The darkness of level lines: what is there nearly all along a window, which no writing is."""
    height, width = darkness.shape
    count = width // _RULING_BLOCK
    if count < _RULING_BLOCKS:
        return np.zeros_like(darkness)
    thick = ndimage.grey_dilation(darkness, (3, 1))  # lines that are not quite level
    blocks = thick[:, : count * _RULING_BLOCK].reshape(height, count, _RULING_BLOCK)
    blocks = np.partition(blocks, _RULING_BLOCK // 4, axis=2)[..., _RULING_BLOCK // 4]
    blocks = ndimage.percentile_filter(blocks, 30, (1, _RULING_BLOCKS), mode="nearest")
    # Nothing that fades away slowly up and down, as paper that is darker as a whole.
    blocks = (blocks - ndimage.grey_opening(blocks, (15, 1))).clip(0.0)
    lines = np.repeat(blocks, _RULING_BLOCK, axis=1)
    return np.pad(lines, ((0, 0), (0, width - lines.shape[1])), mode="edge")


def _thickness(lines: Bool[np.ndarray, "h w"]) -> int:
    """Median number of rows of lines."""
    edges = np.diff(np.pad(lines, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    starts, ends = np.nonzero(edges.T == 1)[1], np.nonzero(edges.T == -1)[1]
    return int(np.clip(np.median(ends - starts), 1, 9)) if starts.size else 1
