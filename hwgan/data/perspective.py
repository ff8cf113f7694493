"""The sheet of paper in a photograph, and its perspective."""

import numpy as np
from jaxtyping import Bool, Float, Num, UInt8
from PIL import Image
from scipy import ndimage

from hwgan.data.connected_components import label_regions
from hwgan.data.transforms import WHITE

_MAX_SIDE = 2600  # pixels; an A4 page at 220 dpi: words are some 60 pixels high
_SEARCH_SIDE = 400  # pixels of the longer side, at which the edges of the sheet are searched
_MIN_SHEET, _MIN_SOLIDITY = 0.25, 0.93  # of the image; of the quadrilateral through the corners
_EDGE_REACH = 4  # pixels to either side of an edge, where its contrast is measured
_MIN_EDGE_CONTRAST = 30  # grey levels between sheet and table


def limited(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """The image scaled down to at most 2600 pixels at its longer side."""
    return scaled_down(image, _MAX_SIDE)[0]


def scaled_down(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The image with this longer side, and by how much it was scaled; never enlarged."""
    scale = min(1.0, side / max(image.shape))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)), scale


def find_sheet(image: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "4 2"] | None:
    """The corners (x, y) of a sheet on a darker table, clockwise from the upper left; None where no edge is seen."""
    small, scale = scaled_down(image, _SEARCH_SIDE)
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
    coefficients = sheet_homography(corners, (height, width))
    picture = Image.fromarray(image).transform(
        (width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR, fillcolor=WHITE
    )
    return np.asarray(picture)


def sheet_homography(corners: Float[np.ndarray, "4 2"], shape: tuple[int, ...]) -> list[float]:
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
