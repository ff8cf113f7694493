"""Which ink of a page belongs to which line, of lines whose outlines are known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image, ImageDraw
from scipy import ndimage

from hwgan.data.connected_components import Components, find_components

_OWN = 0.8  # share of a stroke's outlined pixels in one outline, above which that line has all of it
_OUTLINED = 0.3  # share of a stroke's pixels that lie in outlines; a stroke with less belongs to no line
_REACH = 0.3  # of the median height of outlines, to dots and accents outside
_MAX_MARKS = 5000  # of a page; with more it is noise
_MAX_IN_ROW = 6  # dots and accents near one another


def owners_of_ink(
    ink: Bool[np.ndarray, "h w"], outlines: Sequence[Sequence[tuple[float, float]]]
) -> Int[np.ndarray, "h w"]:
    """The line of each pixel of ink, from 1; 0 for paper and strokes of no line.

    A stroke belongs to the line whose outline has nearly all of it, also where its ends reach over the outline. One
    that several lines share is cut where their outlines meet. A dot or accent outside belongs to an outline close by.

    Args:
      ink: of a page.
      outlines: polygon of each line, in pixels.
    """
    height, width = ink.shape
    picture = Image.new("I", (width, height))
    draw = ImageDraw.Draw(picture)
    for number, outline in enumerate(outlines, 1):
        draw.polygon([(round(x), round(y)) for x, y in outline], fill=number, outline=number)
    lines, components = np.asarray(picture, np.int32), find_components(ink)
    owner = _owners_of_components(components, lines, len(outlines))
    owners = np.concatenate([[0], owner])[components.labels]
    heights = [np.ptp([y for _, y in outline]) for outline in outlines]
    _adopt_marks(owners, components, owner, lines, round(_REACH * float(np.median(heights))) if heights else 0)
    for number in np.flatnonzero(owner == -1).tolist():
        box, part = _part(components, number)
        nearest: Any = ndimage.distance_transform_edt(lines[box] == 0, return_distances=False, return_indices=True)
        owners[box][part] = lines[box][tuple(nearest)][part]
    return owners


def _owners_of_components(
    components: Components, lines: Int[np.ndarray, "h w"], count: int
) -> Int[np.ndarray, " components"]:
    """The line of each component; 0 for none, -1 for several."""
    rows, columns = np.nonzero(components.labels)
    own, line = components.labels[rows, columns] - 1, lines[rows, columns]
    table = np.bincount(own * (count + 1) + line, minlength=len(components.boxes) * (count + 1))
    table = table.reshape(len(components.boxes), count + 1)
    outlined = table[:, 1:].sum(axis=1)
    most = 1 + table[:, 1:].argmax(axis=1) if count else np.zeros(len(table), int)
    share = table[:, 1:].max(axis=1, initial=0) / np.maximum(outlined, 1)
    return np.where(outlined < _OUTLINED * table.sum(axis=1), 0, np.where(share >= _OWN, most, -1))


def _part(components: Components, number: int) -> tuple[tuple[slice, slice], Bool[np.ndarray, "h w"]]:
    """The box of a component and which of its pixels are its own."""
    left, top, right, bottom = components.boxes[number].tolist()
    box = slice(top, bottom), slice(left, right)
    return box, components.labels[box] == number + 1


def _adopt_marks(
    owners: Int[np.ndarray, "h w"],
    components: Components,
    owner: Int[np.ndarray, " components"],
    lines: Int[np.ndarray, "h w"],
    reach: int,
) -> None:
    """Gives, in place, small strokes outside all outlines to a line within reach that has ink beside them.

    Where many stand in a row they are print.
    """
    sizes = np.maximum(components.heights, components.boxes[:, 2] - components.boxes[:, 0])
    marks = np.flatnonzero((owner == 0) & (sizes < reach))
    if len(marks) > _MAX_MARKS:
        return
    x, y = components.boxes[marks][:, [0, 2]].mean(axis=1), components.boxes[marks][:, [1, 3]].mean(axis=1)
    in_row = (np.abs(x[:, None] - x) < 4 * reach) & (np.abs(y[:, None] - y) < reach / 2)
    for number in marks[in_row.sum(axis=1) <= _MAX_IN_ROW].tolist():
        left, top, right, bottom = components.boxes[number].tolist()
        line = _nearest_line(lines, (left, top, right, bottom), reach)
        rows = slice(max(0, top - 2 * reach), bottom + 2 * reach)
        columns = slice(max(0, left - reach // 2), right + reach // 2)
        if line and (owners[rows, columns] == line).any():
            box, part = _part(components, number)
            owners[box][part] = line


def _nearest_line(lines: Int[np.ndarray, "h w"], box: tuple[int, int, int, int], reach: int) -> int:
    """The line that is nearest to a mark above or below; 0 if none is within reach.

    Lines below are preferred, for most marks stand above their letters.
    """
    left, top, right, bottom = box
    column = (left + right) // 2
    below, above = lines[bottom : bottom + reach, column], lines[max(0, top - reach) : top, column][::-1]
    candidates = [
        (weight * int(np.argmax(rows > 0)), int(rows[np.argmax(rows > 0)]))
        for weight, rows in ((1, below), (2, above))
        if (rows > 0).any()
    ]
    return min(candidates)[1] if candidates else 0
