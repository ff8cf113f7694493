"""Outlines of words as Bézier curves, which print smoothly at any size."""

from typing import NamedTuple

import contourpy
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from hwgan.data import transforms
from hwgan.sampling.page_layout import PlacedWord
from hwgan.sampling.sharpening import sharpen

TINTS = ((0.28, 0.5), (0.6, 1.0))  # levels of ink, and the shade in which what has more is filled, from light to dark
_FINE_HEIGHT = 120  # pixels; contours are taken from images enlarged to at least this height
_STEP = 1 / 34  # length of a curve, as a share of the height of the image
_FEWEST_CURVES = 6
_SMALLEST = 8e-4  # area of a spot, as a share of the squared height; smaller ones are no ink
_PADDING = 2  # pixels of paper around the image, so that all outlines are closed


class Outlines(NamedTuple):
    """Closed chains of cubic Bézier curves. Inside is what an odd number of chains surrounds.

    Attributes:
      curves: of all chains, one after the other; each with start, two control points and end as (x, y).
      ends: of each chain, as the number of the curve after its last one.
    """

    curves: Float[np.ndarray, "n 4 2"]
    ends: list[int]


def word_outlines(word: PlacedWord) -> list[Outlines]:
    """The outlines of a word on its page in em, for each of `TINTS`.

    Light ink surrounds dark ink, so that hairlines stay light.
    """
    linear, origin = word.matrix[:, :2], word.matrix[:, 2]
    return [Outlines(layer.curves @ linear.T + origin, layer.ends) for layer in find_outlines(word.image)]


def find_outlines(image: UInt8[np.ndarray, "h w"]) -> list[Outlines]:
    """The outlines of the ink of an image in pixels from its top left corner, for each of `TINTS`."""
    height = image.shape[0]
    ink = np.pad(1.0 - image.astype(np.float32) / transforms.WHITE, _PADDING)
    factor = max(1, -(-_FINE_HEIGHT // height))
    fine = Image.fromarray(ink).resize((ink.shape[1] * factor, ink.shape[0] * factor), Image.Resampling.BICUBIC)
    contours = contourpy.contour_generator(z=sharpen(np.asarray(fine), factor * height))
    layers = []
    for level, _ in TINTS:
        polygons = [np.asarray(line) for line in contours.lines(level)]
        smallest = _SMALLEST * (factor * height) ** 2
        polygons = [polygon for polygon in polygons if abs(_area(polygon)) >= smallest]
        outlines = _smooth_curves(polygons, _STEP * factor * height)
        layers.append(Outlines((outlines.curves + 0.5) / factor - _PADDING, outlines.ends))
    return layers


def _area(points: Float[np.ndarray, "n 2"]) -> float:
    """Area within a closed polygon, whose last point is its first; its sign is the sense of rotation."""
    x, y = points.T
    return float((np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2)


def _smooth_curves(polygons: list[Float[np.ndarray, "_ 2"]], step: float) -> Outlines:
    """Closed chains of curves of about `step` in length along polygons (Catmull-Rom splines)."""
    if not polygons:
        return Outlines(np.zeros((0, 4, 2)), [])
    points = np.concatenate(polygons)
    ends = np.cumsum([len(polygon) for polygon in polygons])
    lengths = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    lengths[ends[:-1]] = step  # from one polygon to the next, anything above 0
    distances = np.cumsum(lengths)
    first, last = distances[np.concatenate([[0], ends[:-1]])], distances[ends - 1]
    counts = np.maximum(_FEWEST_CURVES, np.rint((last - first) / step).astype(int))
    chain_ends = np.cumsum(counts)
    chain_starts = chain_ends - counts
    place = np.arange(chain_ends[-1]) - np.repeat(chain_starts, counts)
    at = np.repeat(first, counts) + place * np.repeat((last - first) / counts, counts)
    knots = np.column_stack([np.interp(at, distances, points[:, axis]) for axis in (0, 1)])
    after = np.arange(1, chain_ends[-1] + 1)
    after[chain_ends - 1] = chain_starts
    before = np.empty_like(after)
    before[after] = np.arange(len(after))
    tangents = (knots[after] - knots[before]) / 6
    curves = np.stack([knots, knots + tangents, knots[after] - tangents[after], knots[after]], axis=1)
    return Outlines(curves, chain_ends.tolist())
