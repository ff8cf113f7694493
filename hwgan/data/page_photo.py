"""A photograph or scan of a page as even ink on level lines: perspective, lighting, skew, ruling and grid are removed.

Images of darkness are float32, 0 where there is paper, up to 255 where there is the blackest ink.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Num, UInt8
from PIL import Image
from scipy import ndimage

from hwgan.data.strokes import label_regions
from hwgan.data.transforms import WHITE, has_light_ink

_MAX_SIDE = 2600  # pixels; an A4 page at 220 dpi: words are some 60 pixels high
_SEARCH_SIDE = 400  # pixels of the longer side, at which the edges of the sheet are searched
_LIGHT_SIDE = 600  # the same, at which the lighting is estimated
_LIGHT_WINDOW = 17  # pixels there; wider than a stroke of a pen
_MIN_SHEET, _MIN_SOLIDITY = 0.25, 0.93  # of the image; of the quadrilateral through the corners
_EDGE_REACH = 4  # pixels to either side of an edge, where its contrast is measured
_MIN_EDGE_CONTRAST = 30  # grey levels between sheet and table
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
        return scale * (turned if corners is None else project(turned, _sheet_coefficients(corners, sheet.shape)))

    return EvenPage(even, to_photo)


def limited(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """The image scaled down to at most 2600 pixels at its longer side."""
    return _small(image, _MAX_SIDE)[0]


def _small(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The image with this longer side, and by how much it was scaled; never enlarged."""
    scale = min(1.0, side / max(image.shape))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)), scale


def find_sheet(image: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "4 2"] | None:
    """The corners (x, y) of a sheet on a darker table, clockwise from the upper left; None where no edge is seen."""
    small, scale = _small(image, _SEARCH_SIDE)
    closed = ndimage.grey_closing(small, (9, 9)).astype(np.float32)  # without the writing
    threshold = _otsu(closed)
    for share in (1.0, 0.8, 0.65, 0.5):  # a shadow may be darker than the middle between sheet and table
        corners = _corners_of_largest(closed > share * threshold)
        if corners is not None and _has_sharp_edges(closed, corners):
            return (corners + 0.5) / scale
    return None


def _corners_of_largest(bright: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "4 2"] | None:
    """The corners of the largest bright region, if it is a quadrilateral."""
    labels, count = label_regions(bright)
    if not count:
        return None
    sizes = ndimage.sum_labels(bright, labels, np.arange(1, count + 1))
    sheet = np.asarray(ndimage.binary_fill_holes(labels == 1 + int(np.argmax(sizes))))
    rows, columns = np.nonzero(sheet)
    picks = [np.argmin(columns + rows), np.argmax(columns - rows), np.argmax(columns + rows), np.argmin(columns - rows)]
    corners = np.array([(columns[i], rows[i]) for i in picks], np.float64)
    area = _area(corners)
    if area < _MIN_SHEET * sheet.size or not _MIN_SOLIDITY < sheet.sum() / max(area, 1.0) < 1.0 / _MIN_SOLIDITY:
        return None
    return corners


def _has_sharp_edges(image: np.ndarray, corners: np.ndarray) -> bool:
    """Whether it gets darker at once beyond the sides, as at the edge of a sheet and not as in a shadow.

    Sides along the border of the image do not count, but there must be others.
    """
    limit = np.array([image.shape[1] - 1, image.shape[0] - 1])
    centre, seen = corners.mean(axis=0), 0
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        points = start + np.linspace(0.1, 0.9, 40)[:, None] * (end - start)
        outward = np.array([end[1] - start[1], start[0] - end[0]]) / max(np.linalg.norm(end - start), 1.0)
        outward *= np.sign(np.dot(outward, points.mean(axis=0) - centre))
        beyond, within = points + _EDGE_REACH * outward, points - _EDGE_REACH * outward
        outside = ((beyond < 0) | (beyond > limit)).any(axis=1)
        if outside.mean() > 0.5:
            continue
        levels = [
            image[tuple(np.rint(place[~outside][:, ::-1].T).astype(int).clip(0, limit[::-1, None]))]
            for place in (within, beyond)
        ]
        if np.median(levels[0] - levels[1]) < _MIN_EDGE_CONTRAST:
            return False
        seen += 1
    return seen > 0


def _otsu(levels: np.ndarray) -> float:
    """The threshold that separates two classes of levels with the largest variance between them."""
    counts, edges = np.histogram(levels, 128)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    means = sums / np.maximum(below, 1), (sums[-1] - sums) / np.maximum(above, 1)
    between = below * above * np.square(means[0] - means[1])
    best = np.flatnonzero(between >= between.max() * (1.0 - 1e-9))  # a gap between the classes: its middle
    return float(middles[best].mean())


def _area(corners: np.ndarray) -> float:
    x, y = corners.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def straighten(
    image: Num[np.ndarray, "h w"], corners: Float[np.ndarray, "4 2"], size: tuple[int, int] | None = None
) -> Num[np.ndarray, "h2 w2"]:
    """The quadrilateral within an image as a rectangle.

    Args:
      image: grey, or any other values of pixels.
      corners: (x, y), clockwise from the upper left.
      size: width and height of the result in pixels; by default those of the longer opposite sides.
    """
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = size or (round(max(sides[0], sides[2])), round(max(sides[1], sides[3])))
    coefficients = _sheet_coefficients(corners, (height, width))
    picture = Image.fromarray(image).transform(
        (width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR, fillcolor=WHITE
    )
    return np.asarray(picture)


def _sheet_coefficients(corners: Float[np.ndarray, "4 2"], shape: tuple[int, ...]) -> list[float]:
    """The `homography` from a rectangle of this shape (height, width) to the quadrilateral with these corners."""
    height, width = shape
    return homography(np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64), corners)


def project(points: Float[np.ndarray, "n 2"], coefficients: list[float]) -> Float[np.ndarray, "n 2"]:
    """Points (x, y) after a `homography`."""
    a, b, c, d, e, f, g, h = coefficients
    x, y = points.T
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1) / (g * x + h * y + 1)[:, None]


def homography(source: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> list[float]:
    """The a … h with x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (…), of at least four points."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0].tolist()


def without_lighting(image: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """How much darker each pixel is than the paper around it, relative to that paper, times 255."""
    small, _ = _small(image, _LIGHT_SIDE)
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
    small, _ = _small(darkness, _SKEW_SIDE)
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
