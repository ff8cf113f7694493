"""Estimates the grey level of the paper around the writing of a region."""

import itertools

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

_BIN = 8  # grey levels that the search for the most frequent level takes together
_NOISE = 16  # grey levels by which paper differs from its most frequent level
_MIN_PIXELS, _MAX_PIXELS = 32, 3000  # of a strip; with fewer it takes the level of its neighbours; of more, some serve


def paper_levels(image: UInt8[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The grey level of the paper at every pixel of a region's bounding box.

    The region is cut into strips as wide as it is high. The level of a strip is the most frequent one among the lighter
    half of its pixels inside the region. Between the centres of strips levels are interpolated, and down the strips
    they follow one slope, as shadows and the curve of a book demand.

    Args:
      image: the bounding box of the region.
      inside: which of its pixels lie inside the region.
    """
    height, width = image.shape
    count = max(1, round(width / height))
    edges = np.linspace(0, width, count + 1).astype(int)
    least = max(1, min(_MIN_PIXELS, int(inside.sum()) // count))
    centres, levels, slopes = [], [], []
    for left, right in itertools.pairwise(edges):
        rows, columns = np.nonzero(inside[:, left:right])
        if rows.size < least:
            continue
        some = slice(None, None, 1 + rows.size // _MAX_PIXELS)
        rows, pixels = rows[some], image[rows[some], left + columns[some]]
        level = _most_frequent(pixels)
        centres.append((left + right - 1) / 2)
        levels.append(level)
        slopes.append(_slope(rows, pixels, level))
    # A strip that a blot covers takes the level beside it.
    levels = ndimage.median_filter(np.array(levels), 3, mode="nearest")
    columns = np.interp(np.arange(width), centres, levels)
    # Beyond the region the paper is taken to be as it is at its edge in the same column.
    rows = np.arange(height)[:, None]
    top, bottom = inside.argmax(axis=0), height - 1 - inside[::-1].argmax(axis=0)
    return columns + np.median(slopes) * (np.clip(rows, top, bottom) - (top + bottom) / 2)


def _most_frequent(pixels: UInt8[np.ndarray, " n"]) -> float:
    """The most frequent level of the lighter half, which has paper in it even where ink covers most pixels."""
    lighter = np.sort(pixels)[pixels.size // 2 :]
    counts = np.convolve(np.bincount(lighter, minlength=256), np.ones(_BIN), "same")
    peak = int(counts.argmax())
    return float(np.median(pixels[np.abs(pixels.astype(int) - peak) <= _NOISE]))


def _slope(rows: np.ndarray, pixels: np.ndarray, level: float) -> float:
    """Grey levels by which paper grows lighter from one row to the next."""
    paper = np.abs(pixels - level) <= 2 * _NOISE
    rows, pixels = rows[paper], pixels[paper]
    if pixels.size < _MIN_PIXELS or np.ptp(rows) < 2:
        return 0.0
    return float(np.polyfit(rows, pixels, 1)[0])
