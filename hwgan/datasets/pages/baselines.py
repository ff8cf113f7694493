"""Polygons around lines of which only the baseline is known; their height follows from the distance of the lines."""

import statistics
from collections.abc import Sequence

import numpy as np

Points = tuple[tuple[float, float], ...]

# Shares of the distance of two baselines: ascenders reach higher above the baseline than descenders below it.
_ABOVE, _BELOW = 0.7, 0.3
_MIN_OVERLAP = 0.3  # of the shorter of two lines; lines that overlap less stand in different columns


def line_spacing(baselines: Sequence[Points]) -> float:
    """Median vertical distance from a baseline to the nearest one in its column; 0 if no two are in one column.

    Args:
      baselines: (x, y) points of each baseline.
    """
    distances = []
    for i, line in enumerate(baselines):
        others = [_distance(line, other) for k, other in enumerate(baselines) if k != i]
        near = [distance for distance in others if 0 < distance < float("inf")]
        distances += [min(near)] if near else []
    return statistics.median(distances) if distances else 0.0


def around_baseline(line: Points, spacing: float) -> Points:
    """The strip from 0.7 spacings above the baseline to 0.3 below it; no points if it is vertical or spacing is 0."""
    if len(line) < 2 or not spacing or np.ptp([x for x, _ in line]) <= np.ptp([y for _, y in line]):
        return ()
    return (*((x, y - _ABOVE * spacing) for x, y in line), *((x, y + _BELOW * spacing) for x, y in reversed(line)))


def _distance(line: Points, other: Points) -> float:
    """The vertical distance of two baselines where both overlap; infinite if they hardly do."""
    (xs, ys), (other_xs, other_ys) = _sorted(line), _sorted(other)
    start, end = max(xs[0], other_xs[0]), min(xs[-1], other_xs[-1])
    if end - start < _MIN_OVERLAP * min(xs[-1] - xs[0], other_xs[-1] - other_xs[0]):
        return float("inf")
    middle = (start + end) / 2
    return abs(float(np.interp(middle, xs, ys) - np.interp(middle, other_xs, other_ys)))


def _sorted(line: Points) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The x and y of a baseline from left to right, also where the script runs from right to left."""
    xs, ys = zip(*sorted(line), strict=True)
    return xs, ys
