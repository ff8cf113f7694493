"""Erases printed rulings of scanned paper without nicking the strokes that cross or touch them.

A ruling is known by its length: along it, nearly all columns of a long window have ink at one height. It is erased
column by column, only where the ink at its height is no thicker than the ruling itself; where a stroke crosses it or
runs into it, the ink is thicker and stays whole. Dotted rulings are bridged.
"""

import dataclasses
import itertools

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from hwgan.data.page_photo import ink_threshold
from hwgan.data.strokes import label_regions

_FAINT = 0.5  # of the threshold of ink; rulings are often lighter than the writing
_BRIDGE = 9  # pixels; wider than the gaps of a dotted ruling
_STRIP, _WINDOW = 64, 13  # pixels of a strip; strips of a window that a ruling crosses
_SHARE, _FULL = 30, 0.85  # percentile over the strips of a window; share of columns that have ink there
_MAX_SLOPE, _SLOPES = 0.024, 25  # of rulings: scans lie askew by a degree at most
_REACH = 9  # pixels above and below a ruling within which the thickness of ink is measured
_APART = 4  # rows between two rulings at least
_NEAR = 3  # pixels between the middle of a ruling in its strip and its place in a column
_DARKER, _USUAL = 1.2, 90  # times the darkness of rulings, which is this percentile of that of their columns
_SHORT = 10  # pixels
_MAX_REMAINS = 6  # pixels that a remain is high
_MAX_THICKNESS = 9  # pixels; anything thicker is no ruling


def erase_rulings(darkness: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The darkness without rulings in either direction.

    Args:
      darkness: of a page, 0 where there is paper (`page_photo.without_lighting`).
    """
    threshold = ink_threshold(darkness)
    result = darkness
    for turned in (False, True):
        layer = np.ascontiguousarray(result.T) if turned else result.copy()
        parts = _find_rulings(layer > _FAINT * threshold)
        measures = [_measure(layer, part, _FAINT * threshold) for part in parts]
        darkest = np.concatenate([[0.0], *(measure.darkest[measure.thin] for measure in measures)])
        limit = _DARKER * float(np.percentile(darkest, _USUAL))
        for part, measure in zip(parts, measures, strict=True):
            _erase(layer, part, measure, limit)
        for part in parts:
            _erase_remains(layer, part, _FAINT * threshold, limit)
        result = np.ascontiguousarray(layer.T) if turned else layer
    return result


def _find_rulings(ink: Bool[np.ndarray, "h w"]) -> list[tuple[int, int, int]]:
    """Row, first column and last column + 1 of the part of a ruling in each strip."""
    height, width = ink.shape
    count = width // _STRIP
    if count < _WINDOW:
        return []
    bridged = ndimage.maximum_filter1d(ink.view(np.uint8), _BRIDGE, axis=1)
    bridged = ndimage.minimum_filter1d(bridged, _BRIDGE, axis=1)
    thick = ndimage.maximum_filter1d(bridged, 3, axis=0)
    shares = thick[:, : count * _STRIP].reshape(height, count, _STRIP).mean(axis=2, dtype=np.float32)
    best: Float[np.ndarray, "h n"] = np.zeros((height, count), np.float32)
    rows = np.arange(height)[:, None]
    for slope in np.linspace(-_MAX_SLOPE, _MAX_SLOPE, _SLOPES):
        shifts = np.rint(slope * _STRIP * (np.arange(count) - count / 2)).astype(int)
        sources = (rows + shifts).clip(0, height - 1)
        level = np.take_along_axis(shares, sources, axis=0)
        if slope and float((level > _FULL).mean(axis=1).max()) < 0.3:
            continue
        level = ndimage.percentile_filter(level, _SHARE, (1, _WINDOW), mode="nearest")
        np.maximum(best, np.take_along_axis(level, (rows - shifts).clip(0, height - 1), axis=0), out=best)
    found = (best >= _FULL) & (best >= ndimage.maximum_filter(best, (7, 1)))
    rows_of = []
    for strip in range(count):
        own: list[int] = []
        for start, end in _runs(found[:, strip]):
            if not own or (start + end - 1) // 2 - own[-1] >= _APART:
                own.append((start + end - 1) // 2)
        rows_of.append(own)
    _extend(rows_of, shares)
    ends = [*range(_STRIP, count * _STRIP, _STRIP), width]
    return [(row, strip * _STRIP, ends[strip]) for strip, own in enumerate(rows_of) for row in own]


def _extend(rows_of: list[list[int]], shares: Float[np.ndarray, "h n"]) -> None:
    """Adds, in place, the strips beyond which a ruling ends: full ones beside those found, up to half a window."""
    for order in (range(1, len(rows_of)), range(len(rows_of) - 2, -1, -1)):
        step = order.step
        for strip in order:
            for row in rows_of[strip - step]:
                first = max(0, row - 2)
                near = shares[first : row + 3, strip]
                place = first + int(near.argmax())
                if near.max() >= _FULL and all(abs(place - other) >= _APART for other in rows_of[strip]):
                    rows_of[strip].append(place)


def _runs(marks: Bool[np.ndarray, " n"]) -> list[tuple[int, int]]:
    """First index and last index + 1 of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    return (
        list(itertools.batched(edges.tolist(), 2))
        if hasattr(itertools, "batched")
        else [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    )


@dataclasses.dataclass(frozen=True)
class _Measure:
    """The ink of each column at the height of a ruling.

    Attributes:
      lengths: rows of its run of ink; 0 if there is none.
      firsts: first row of that run, from the top of the neighbourhood of the ruling.
      thin: whether the run is as thin as the ruling.
      darkest: its darkest pixel, the median of nine columns.
    """

    lengths: Int[np.ndarray, " w"]
    firsts: Int[np.ndarray, " w"]
    thin: Bool[np.ndarray, " w"]
    darkest: Float[np.ndarray, " w"]


def _neighbourhood(darkness: Float[np.ndarray, "h w"], part: tuple[int, int, int]) -> Float[np.ndarray, "h2 w2"]:
    row, left, right = part
    return darkness[max(0, row - _REACH) : row + _REACH + 1, left:right]


def _measure(darkness: Float[np.ndarray, "h w"], part: tuple[int, int, int], threshold: float) -> _Measure:
    near = _neighbourhood(darkness, part)
    lengths, firsts = _run_at(near > threshold, min(part[0], _REACH))
    measured = lengths[(lengths > 0) & (lengths <= _MAX_THICKNESS)]
    limit = min(int(np.median(measured)) + 1, _MAX_THICKNESS) if measured.size >= 0.3 * lengths.size else 0
    rows = np.arange(len(near))[:, None]
    darkest = np.where((rows >= firsts) & (rows < firsts + lengths), near, 0.0).max(axis=0)
    return _Measure(lengths, firsts, (lengths > 0) & (lengths <= limit), ndimage.median_filter(darkest, 9))


def _erase(darkness: Float[np.ndarray, "h w"], part: tuple[int, int, int], measure: _Measure, limit: float) -> None:
    """Erases a part of a ruling in place.

    Args:
      darkness: of the page.
      part: row, first column and last column + 1.
      measure: its ink.
      limit: darkness of the darkest ruling; what is darker is a stroke that runs along it.
    """
    thin = measure.thin & (measure.darkest <= limit)
    # A short part between two strokes is more likely the bottom of a letter than a ruling.
    kept = (measure.lengths > 0) & ~thin
    for start, end in _runs(thin):
        if end - start <= _SHORT and kept[max(0, start - 1)] and kept[min(end, len(kept) - 1)]:
            thin[start:end] = False
    near = _neighbourhood(darkness, part)
    rows = np.arange(len(near))[:, None]
    # The grey edges of the ruling go, too.
    near[thin & (rows >= measure.firsts - 1) & (rows < measure.firsts + measure.lengths + 1)] = 0.0


def _erase_remains(
    darkness: Float[np.ndarray, "h w"], part: tuple[int, int, int], threshold: float, limit: float
) -> None:
    """Erases, in place, what is flat, no darker than a ruling, and lies within its height."""
    row, left, right = part
    near = _neighbourhood(darkness, (row, max(0, left - _STRIP // 2), right + _STRIP // 2))
    labels, _ = label_regions(near > threshold)
    for number, (down, across) in enumerate(ndimage.find_objects(labels), 1):
        height, width = down.stop - down.start, across.stop - across.start
        inside = down.start > 0 and down.stop < len(near) and across.start > 0 and across.stop < near.shape[1]
        if inside and height <= min(_MAX_REMAINS, width):
            box = near[down.start - 1 : down.stop + 1, across.start - 1 : across.stop + 1]
            if box.max() <= limit:
                own = ndimage.binary_dilation(
                    labels[down.start - 1 : down.stop + 1, across.start - 1 : across.stop + 1] == number,
                    np.ones((3, 3)),
                )
                box[own] = 0.0


def _run_at(ink: Bool[np.ndarray, "h w"], row: int) -> tuple[Int[np.ndarray, " w"], Int[np.ndarray, " w"]]:
    """Length and first row of the run of ink in each column that lies nearest to a row; length 0 if none is near."""
    height, width = ink.shape
    order = sorted(range(max(0, row - _NEAR), min(height, row + _NEAR + 1)), key=lambda r: abs(r - row))
    start = np.full(width, -1)
    for r in reversed(order):
        start[ink[r]] = r
    columns = np.arange(width)
    lengths, firsts = np.zeros(width, int), start.copy()
    live = start >= 0
    for direction in (-1, 1):
        at, on = start.copy(), live.copy()
        for _ in range(height):
            at = at + direction
            on = on & (at >= 0) & (at < height)
            on &= ink[at.clip(0, height - 1), columns]
            if not on.any():
                break
            lengths += on
            if direction < 0:
                firsts -= on
    return lengths + live, firsts
