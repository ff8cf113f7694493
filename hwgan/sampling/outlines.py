"""Outlines of words as Bézier curves, which print smoothly at any size."""


import contourpy
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from hwgan.data import transforms
from hwgan.sampling.page_layout import PlacedWord

_LEVEL = 0.42  # of full ink, where the border of a stroke is
_FINE_HEIGHT = 120  # pixels; contours are taken from images enlarged to at least this height
_STEP = 1 / 34  # length of a curve, as a share of the height of the image
_FEWEST_CURVES = 6
_SMALLEST = 4e-4  # area of a spot, as a share of the squared height; smaller ones are no ink
_PADDING = 2  # pixels of paper around the image, so that all outlines are closed

Curves = Float[np.ndarray, "n 4 2"]


def word_outlines(word: PlacedWord) -> list[Curves]:
    """The outlines of a word on its page, in em.

    Returns:
      Closed chains of cubic Bézier curves, each with start, two control points and end as (x, y). Inside is what an odd
      number of outlines surrounds.
    """
    linear, origin = word.matrix[:, :2], word.matrix[:, 2]
    return [curves @ linear.T + origin for curves in outlines(word.image)]


def outlines(image: UInt8[np.ndarray, "h w"]) -> list[Curves]:
    """The outlines of the ink of an image, in pixels from its top left corner; see `word_outlines`."""
    height = image.shape[0]
    ink = np.pad((transforms.WHITE - image.astype(np.float32)) / transforms.WHITE, _PADDING)
    factor = max(1, -(-_FINE_HEIGHT // height))
    fine = Image.fromarray(ink).resize((ink.shape[1] * factor, ink.shape[0] * factor), Image.Resampling.BICUBIC)
    lines = contourpy.contour_generator(z=np.asarray(fine)).lines(_LEVEL)
    found = []
    for line in lines:
        points = (np.asarray(line) + 0.5) / factor - _PADDING
        if abs(_area(points)) >= _SMALLEST * height**2:
            found.append(_smooth_curves(points, _STEP * height))
    return found


def _area(points: Float[np.ndarray, "n 2"]) -> float:
    """Area within a closed polygon, whose last point is its first; its sign is the sense of rotation."""
    (x, y), (next_x, next_y) = points[:-1].T, points[1:].T
    return float((x * next_y - next_x * y).sum() / 2)


def _smooth_curves(points: Float[np.ndarray, "n 2"], step: float) -> Curves:
    """A closed chain of curves of even length along a polygon (Catmull-Rom splines)."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    count = max(_FEWEST_CURVES, round(lengths[-1] / step))
    at = np.linspace(0.0, lengths[-1], count, endpoint=False)
    knots = np.column_stack([np.interp(at, lengths, points[:, axis]) for axis in (0, 1)])
    ends = np.roll(knots, -1, axis=0)
    tangents = (ends - np.roll(knots, 1, axis=0)) / 6
    return np.stack([knots, knots + tangents, ends - np.roll(tangents, -1, axis=0), ends], axis=1)
