"""Digital ink: the strokes of a pen as arrays, their curves, and pictures of them.

A stroke is float [points, 2], x to the right and y down. Stored ink is float32 [points, 3]: all strokes of an example
one after another, with 1 in the third column at the last point of each stroke. Offset ink has in its first two columns
the way from the point before; the first point's is the way from the left end of the writing, on the baseline.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

CORNER_COSINE = 0.3  # turns sharper than about 72 degrees stay corners; others become curves
_SPLINE_STEPS = 4  # samples per segment
_SUPERSAMPLE = 3

Stroke = Float[np.ndarray, "_ 2"]
Ink = Float[np.ndarray, "_ 3"]


def join_strokes(strokes: Sequence[Stroke]) -> Ink:
    """The points of all strokes that have any."""
    parts = [np.column_stack([stroke, np.zeros(len(stroke))]) for stroke in strokes if len(stroke)]
    for part in parts:
        part[-1, 2] = 1.0
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 3), np.float32)


def split_strokes(ink: Ink) -> list[Stroke]:
    """The strokes of stored ink; the last one ends with the ink."""
    ends = np.flatnonzero(ink[:-1, 2] > 0.5) + 1
    return np.split(ink[:, :2].astype(np.float64), ends) if len(ink) else []


def to_offsets(ink: Ink) -> Ink:
    """Stored ink, whose baseline is y = 0, as offset ink."""
    points = ink[:, :2].astype(np.float64)
    start = np.array([[points[:, 0].min(), 0.0]])
    return np.column_stack([np.diff(points, axis=0, prepend=start), ink[:, 2]]).astype(np.float32)


def from_offsets(ink: Ink) -> Ink:
    """Offset ink as stored ink; the inverse of `to_offsets` for ink that begins at x = 0."""
    return np.column_stack([np.cumsum(ink[:, :2].astype(np.float64), axis=0), ink[:, 2]]).astype(np.float32)


def scale_offsets(ink: Float[np.ndarray, "*n 3"], factor: float) -> Float[np.ndarray, "*n 3"]:
    """Offset ink in another unit, as float32: offsets times `factor`, ends of strokes as they are."""
    return (ink * [factor, factor, 1.0]).astype(np.float32)


def split_at_corners(stroke: Stroke) -> list[Stroke]:
    """The parts of a stroke between its sharp turns; a corner belongs to both of its parts."""
    steps = np.diff(stroke, axis=0)
    steps = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)
    cosines = (steps[1:] * steps[:-1]).sum(axis=1)
    cuts = [0, *(np.flatnonzero(cosines < CORNER_COSINE) + 1), len(stroke) - 1]
    return [stroke[a : b + 1] for a, b in itertools.pairwise(cuts)]


def _catmull_rom(stroke: Stroke) -> Stroke:
    """Samples of the uniform Catmull-Rom spline through the points, `_SPLINE_STEPS` per segment."""
    padded = np.concatenate([2 * stroke[:1] - stroke[1:2], stroke, 2 * stroke[-1:] - stroke[-2:-1]])
    p0, p1, p2, p3 = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(_SPLINE_STEPS) / _SPLINE_STEPS)[:, None, None]
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.concatenate([curve.transpose(1, 0, 2).reshape(-1, 2), stroke[-1:]])


def smooth(stroke: Stroke) -> Stroke:
    """The stroke as a smooth curve through its points; sharp corners are kept."""
    if len(stroke) < 3:
        return stroke
    return np.concatenate([_catmull_rom(part) for part in split_at_corners(stroke)])


def draw_strokes(
    strokes: Sequence[Stroke],
    x_height: int | float,
    *,
    thickness: int | float,
    ink: int | float = 0.0,
    extent: tuple[int | float, int | float],
) -> UInt8[np.ndarray, "h w"]:
    """Draws anti-aliased strokes, dark ink on white (255); the image fits them horizontally.

    Args:
      strokes: strokes in x-heights, with the baseline at y = 0.
      x_height: x-height in pixels.
      thickness: pen width in x-heights.
      ink: grey level of a stroke, 0 is black.
      extent: how far the image extends above and below the baseline, in x-heights.
    """
    scale = x_height * _SUPERSAMPLE
    pen = max(1, round(thickness * scale))
    left, width = _horizontal_extent(strokes, x_height, thickness)
    height = int(np.ceil(sum(extent) * x_height))
    canvas = Image.new("L", (width * _SUPERSAMPLE, height * _SUPERSAMPLE), 255)
    draw = ImageDraw.Draw(canvas)
    origin = np.array([-left, extent[0] * scale])
    for stroke in strokes:
        points = stroke * scale + origin
        draw.line(points.ravel().tolist(), fill=round(ink), width=pen)
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=round(ink))
    return np.asarray(canvas.reduce(_SUPERSAMPLE))


def _horizontal_extent(strokes: Sequence[Stroke], x_height: int | float, thickness: int | float) -> tuple[float, int]:
    """The left side in supersampled pixels, and the width in pixels, of the image of `draw_strokes`."""
    scale = x_height * _SUPERSAMPLE
    margin = max(1, round(thickness * scale)) + _SUPERSAMPLE
    left = min(stroke[:, 0].min() for stroke in strokes) * scale - margin
    right = max(stroke[:, 0].max() for stroke in strokes) * scale + margin
    return left, max(1, int(np.ceil((right - left) / _SUPERSAMPLE)))


def pixel_origin(
    strokes: Sequence[Stroke], x_height: int | float, thickness: int | float, ascent: int | float
) -> tuple[float, float]:
    """Where the point (0, 0) of the strokes lies in the image of `draw_strokes`, as (column, row)."""
    left, _ = _horizontal_extent(strokes, x_height, thickness)
    return -left / _SUPERSAMPLE, ascent * x_height
