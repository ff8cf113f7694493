"""The strokes of each line of a page, its size, tilt and slant, and its atoms: the least that words consist of."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from hwgan.data.connected_components import Components, find_components, keep
from hwgan.data.line_owners import owners_of_ink

_MAX_TILT, _MAX_SLANT = 0.12, 1.0  # rows per column; columns per row
_BAND = 0.75  # of an x-height above and below the middle of the small letters, within which gaps are measured
_SPECK = 0.3  # of the height of the tallest strokes; lower ones do not tell how thick strokes are
_LOW = 0.3  # x-heights above the middle; commas and full stops are lower, and no marks above letters
_POINTS = 5000  # of ink that tilts and slants are estimated by


@dataclasses.dataclass(frozen=True)
class LineStrokes:
    """The ink of a line.

    Attributes:
      corner: left and top of its box on the page, in pixels.
      components: its strokes, in a frame that begins at the corner.
      tilt: rows by which it descends per column.
      middle: row of the middle of its small letters in column 0.
      x_height: height of its small letters, in pixels.
    """

    corner: tuple[int, int]
    components: Components
    tilt: float
    middle: float
    x_height: float


def strokes_of_lines(
    ink: Bool[np.ndarray, "h w"], outlines: Sequence[Sequence[tuple[float, float]]]
) -> list[LineStrokes | None]:
    """The strokes of each line; None for a line without ink.

    Args:
      ink: of a page.
      outlines: polygon of each line, in pixels.
    """
    owners = owners_of_ink(ink, outlines)
    boxes = ndimage.find_objects(owners, max_label=len(outlines))
    return [
        None if box is None else _measure(owners[box] == number, (box[1].start, box[0].start))
        for number, box in enumerate(boxes, 1)
    ]


def _measure(ink: Bool[np.ndarray, "h w"], corner: tuple[int, int]) -> LineStrokes | None:
    components = _without_specks(find_components(ink))
    if not len(components.boxes):
        return None
    rows, columns = _points_of(components.labels > 0)
    tilt = _tilt(rows, columns)
    middle, x_height = _band_of_small_letters(rows - tilt * columns)
    return LineStrokes(corner, components, tilt, middle, x_height)


def _without_specks(components: Components) -> Components:
    """Without what is flatter than a stroke of a pen is thick, as dust and remains of a ruling are."""
    widths = components.boxes[:, 2] - components.boxes[:, 0]
    areas = np.bincount(components.labels.ravel(), minlength=len(widths) + 1)[1:]
    tall = components.heights > _SPECK * float(np.percentile(components.heights, 90)) if len(widths) else widths > 0
    # Of strokes, area is length times thickness; the length of a thin one is about half of its outline.
    thickness = areas / np.maximum(widths + components.heights, 1)
    usual = float(np.median(thickness[tall])) if tall.any() else 0.0
    return keep(components, (np.minimum(widths, components.heights) > 0.5 * usual) | (thickness > usual))


def _points_of(ink: Bool[np.ndarray, "h w"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    rows, columns = np.nonzero(ink)
    some = slice(None, None, 1 + rows.size // _POINTS)
    return rows[some].astype(float), columns[some].astype(float)


def _sharpness(places: Float[np.ndarray, " n"], smooth: int) -> float:
    """Sum of the squares of the numbers of points at each place."""
    counts = np.bincount(np.rint(places - places.min()).astype(int)).astype(float)
    return float(np.square(ndimage.uniform_filter1d(counts, smooth)).sum())


def _tilt(rows: Float[np.ndarray, " n"], columns: Float[np.ndarray, " n"]) -> float:
    """The slope along which the profile of rows is sharpest; of short lines only small slopes."""
    length = float(np.ptp(columns)) / max(float(np.ptp(rows)), 1.0)
    reach = _MAX_TILT * min(1.0, length / 10)
    slopes = np.linspace(-reach, reach, 31)
    return float(max(slopes, key=lambda slope: _sharpness(rows - slope * columns, 3)))


def _band_of_small_letters(rows: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The middle row and the height of the rows around the densest one that have at least 40 % of its ink."""
    first = rows.min()
    profile = np.bincount(np.rint(rows - first).astype(int)).astype(float)
    profile = ndimage.gaussian_filter1d(profile, max(1.0, 0.03 * len(profile)), mode="constant")
    peak = int(profile.argmax())
    sparse = np.flatnonzero(profile < 0.4 * profile[peak])
    top = int(sparse[sparse < peak].max(initial=-1)) + 1
    bottom = int(sparse[sparse > peak].min(initial=len(profile)))
    return float(first + (top + bottom) / 2), float(max(bottom - top, 2))


def common_slant(lines: Sequence[LineStrokes]) -> float:
    """The columns per row by which uprights lean to the right, of all lines of a page: by the sharpest columns."""
    points = [
        (rows - line.middle - line.tilt * columns, columns)
        for line in lines
        for rows, columns in [_points_of(line.components.labels > 0)]
    ]
    slants = np.linspace(-0.5 * _MAX_SLANT, _MAX_SLANT, 31)
    sums = [sum(_sharpness(columns + slant * rows, 3) for rows, columns in points) for slant in slants.tolist()]
    return float(slants[int(np.argmax(sums))]) if points else 0.0


@dataclasses.dataclass(frozen=True)
class Atoms:
    """Strokes of a line that overlap when they are put upright; the least that a word can consist of.

    Attributes:
      spans: left and right of each, from left to right, in x-heights along the line; their gaps are never negative.
      members: indices of the strokes of each.
      extents: top and bottom of each above the middle of the line, in x-heights.
    """

    spans: Float[np.ndarray, "n 2"]
    members: list[list[int]]
    extents: Float[np.ndarray, "n 2"]


def find_atoms(line: LineStrokes, slant: float, x_height: float) -> Atoms:
    """The atoms of a line of an image.

    Args:
      line: its strokes.
      slant: of the page.
      x_height: of the page, in pixels.
    """
    rows, columns = np.nonzero(line.components.labels)
    numbers = line.components.labels[rows, columns]
    heights = (line.middle + line.tilt * columns - rows) / x_height
    across = (columns - slant * heights * x_height) / x_height
    return atoms_of_points(numbers - 1, across, heights, len(line.components.boxes))


def atoms_of_points(
    numbers: Int[np.ndarray, " n"], across: Float[np.ndarray, " n"], heights: Float[np.ndarray, " n"], count: int
) -> Atoms:
    """The atoms of a line, by points of its strokes.

    Where a stroke reaches into the small letters its ends are those of its part there: slanted ascenders and tails
    reach over the gap between two words. Marks above the small letters, as dots and accents, go with the nearest
    letters, and are no atoms.

    Args:
      numbers: which stroke each point is of, from 0.
      across: its place along the line, in x-heights, once the strokes are upright.
      heights: above the middle of the small letters, in x-heights.
      count: number of strokes.
    """
    inside = np.abs(heights) <= _BAND
    has_body = np.isin(np.arange(count), numbers[inside])
    spans, extents = _extremes(numbers, across, count), _extremes(numbers, heights, count)
    spans = np.where(has_body[:, None], _extremes(numbers[inside], across[inside], count), spans)
    has_body |= extents[:, 1] < _LOW
    members: list[list[int]] = []
    ends: list[list[float]] = []
    for index in sorted(np.flatnonzero(has_body).tolist(), key=lambda i: spans[i, 0]):
        left, right = spans[index].tolist()
        if ends and left <= ends[-1][1]:
            members[-1].append(index)
            ends[-1][1] = max(ends[-1][1], right)
        else:
            members.append([index])
            ends.append([left, right])
    for index in np.flatnonzero(~has_body).tolist() if ends else ():
        centre = float(spans[index].mean())
        distances = [max(left - centre, centre - right, 0.0) for left, right in ends]
        members[int(np.argmin(distances))].append(index)
    tops = np.array([extents[own, 1].max() for own in members])
    bottoms = np.array([extents[own, 0].min() for own in members])
    return Atoms(np.array(ends, float).reshape(-1, 2), members, np.stack([tops, bottoms], axis=1).reshape(-1, 2))


def _extremes(
    numbers: Int[np.ndarray, " n"], values: Float[np.ndarray, " n"], count: int
) -> Float[np.ndarray, "count 2"]:
    """Smallest and largest value of each number below `count`."""
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, numbers, values)
    np.maximum.at(most, numbers, values)
    return np.stack([least, most], axis=1)
