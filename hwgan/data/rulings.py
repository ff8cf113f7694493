"""Erases printed rulings of scanned paper without nicking the strokes that cross or touch them.

A ruling is known by its length: along it, nearly all columns of a long window have ink at one height. It is erased
column by column, only where the ink at its height is no thicker than the ruling itself; where a stroke crosses it or
runs into it, the ink is thicker and stays whole. Dotted rulings are bridged.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from hwgan.data.connected_components import label_regions
from hwgan.data.page_photo import ink_threshold

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
_SEEN = 0.3  # of the columns of a part, in which a ruling is seen
_MAX_REMAINS, _FLAT = 6, 1.6  # pixels that a remain is high; times as wide as high: a full stop is less
_MAX_THICKNESS = 9  # pixels; anything thicker is no ruling


def erase_rulings(darkness: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The darkness without rulings in either direction.

    Args:
      darkness: of a page, 0 where there is paper (`page_photo.without_lighting`).
    """
    threshold = _FAINT * ink_threshold(darkness)
    result = darkness
    for turned in (False, True):
        layer = result.T if turned else result
        parts = _find_rulings(layer > threshold)
        if parts:
            padded = np.pad(layer, ((_REACH, _REACH), (0, 0)))
            _erase(padded, parts, threshold)
            layer = padded[_REACH:-_REACH]
        result = layer.T if turned else layer
    return np.ascontiguousarray(result)


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
    return [(start, end) for start, end in edges.reshape(-1, 2).tolist()]


def _erase(darkness: Float[np.ndarray, "h w"], parts: list[tuple[int, int, int]], threshold: float) -> None:
    """Erases rulings in place.

    Args:
      darkness: of the page, with `_REACH` rows of paper added above and below.
      parts: row, first column and last column + 1 of each part, on the page without these rows.
      threshold: of ink.
    """
    views = [darkness[row : row + 2 * _REACH + 1, left:right] for row, left, right in parts]
    near = np.concatenate(views, axis=1)  # all columns of all parts side by side
    part_of = np.repeat(np.arange(len(parts)), [view.shape[1] for view in views])
    lengths, firsts = _run_near_middle(near > threshold)
    thin = (lengths > 0) & (lengths <= _thickness(lengths, part_of)[part_of])
    rows = np.arange(len(near))[:, None]
    darkest = np.where((rows >= firsts) & (rows < firsts + lengths), near, 0.0).max(axis=0)
    darkest = ndimage.median_filter(darkest, 9)
    # What is darker than nearly all rulings is a stroke that runs along one.
    limit = _DARKER * float(np.percentile(darkest[thin], _USUAL)) if thin.any() else 0.0
    thin &= darkest <= limit
    # A short part between two strokes is more likely the bottom of a letter than a ruling.
    kept = (lengths > 0) & ~thin
    for start, end in _runs(thin):
        inside = start > 0 and end < len(thin) and part_of[start - 1] == part_of[end]
        if inside and end - start <= _SHORT and kept[start - 1] and kept[end]:
            thin[start:end] = False
    # The grey edges of the ruling go, too.
    erased = thin & (rows >= firsts - 1) & (rows < firsts + lengths + 1)
    ends = np.cumsum([view.shape[1] for view in views])
    for view, own in zip(views, np.split(erased, ends[:-1], axis=1), strict=True):
        view[own] = 0.0
    for row, left, right in parts:
        columns = slice(max(0, left - _STRIP // 2), right + _STRIP // 2)
        _erase_remains(darkness[row : row + 2 * _REACH + 1, columns], threshold, limit)


def _thickness(lengths: Int[np.ndarray, " w"], part_of: Int[np.ndarray, " w"]) -> Int[np.ndarray, " parts"]:
    """The most rows that a ruling takes in each part; 0 where it is not seen."""
    result = np.zeros(part_of[-1] + 1, int)
    for part, own in enumerate(np.split(lengths, np.flatnonzero(np.diff(part_of)) + 1)):
        measured = own[(own > 0) & (own <= _MAX_THICKNESS)]
        if measured.size >= _SEEN * own.size:
            result[part] = min(int(np.median(measured)) + 1, _MAX_THICKNESS)
    return result


def _erase_remains(near: Float[np.ndarray, "h w"], threshold: float, limit: float) -> None:
    """Erases, in place, what is flat, no darker than a ruling, and lies within its height."""
    labels, _ = label_regions(near > threshold)
    for number, (down, across) in enumerate(ndimage.find_objects(labels), 1):
        height, width = down.stop - down.start, across.stop - across.start
        inside = down.start > 0 and down.stop < len(near) and across.start > 0 and across.stop < near.shape[1]
        if inside and height <= min(_MAX_REMAINS, width / _FLAT):
            box = slice(down.start - 1, down.stop + 1), slice(across.start - 1, across.stop + 1)
            if near[box].max() <= limit:
                own = np.asarray(ndimage.binary_dilation(labels[box] == number, np.ones((3, 3))), bool)
                near[box][own] = 0.0


def _run_near_middle(ink: Bool[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, " w"], Int[np.ndarray, " w"]]:
    """Length and first row of the run of ink in each column that is nearest to the middle row; length 0 for none."""
    height, width = ink.shape
    start = np.full(width, -1)
    for row in sorted(range(height // 2 - _NEAR, height // 2 + _NEAR + 1), key=lambda row: -abs(row - height // 2)):
        start[ink[row]] = row
    padded, columns = np.pad(ink, ((1, 1), (0, 0))), np.arange(width)
    lengths = (start >= 0).astype(int)
    firsts = start.copy()
    for direction in (-1, 1):
        at, on = start + 1, start >= 0
        while on.any():
            at = np.where(on, at + direction, 0)
            on = padded[at, columns]  # row 0 is paper
            lengths += on
            firsts -= on if direction < 0 else 0
    return lengths, firsts
