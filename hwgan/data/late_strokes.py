"""Late strokes: dots and bars that a writer goes back for are put where their letter is.

References:
  Jaeger et al., Online handwriting recognition: the NPen++ recognizer, IJDAR 2001
"""

import numpy as np

from hwgan.data.ink import Stroke

_OVERLAP = 0.3  # x-heights; a late stroke lies so far to the left of where the pen was


def place_late_strokes(strokes: list[Stroke], *, cut: bool) -> list[Stroke]:
    """Puts strokes that the pen went back for directly after what it had drawn there.

    Args:
      strokes: in x-heights, in the order of writing, from left to right.
      cut: whether a stroke that goes on to the right of a late one is cut there; else the late one comes after it.
    """
    placed: list[Stroke] = []
    ends: list[float] = []  # the right end of each
    reach = -np.inf
    for stroke in strokes:
        right = float(stroke[:, 0].max())
        if right >= reach - _OVERLAP:
            placed.append(stroke)
            ends.append(right)
            reach = max(reach, right)
            continue
        index = next(i for i, end in enumerate(ends) if end >= right)
        other = placed[index]
        after = _place_to_cut(other, right) if cut else len(other)
        parts = [other] if after >= len(other) - 1 else [other[: after + 1], other[after:]]
        parts[1:1] = [stroke]
        placed[index : index + 1] = parts
        ends[index : index + 1] = [float(part[:, 0].max()) for part in parts]
    return placed


def _place_to_cut(stroke: Stroke, right: int | float) -> int:
    """The first bottom of the pen's way, or else its end, after it has passed `right` for the last time."""
    left_of = np.flatnonzero(stroke[:, 0] < right)
    start = int(left_of[-1]) + 1 if left_of.size else 0
    for i in range(max(start, 1), len(stroke) - 1):
        if stroke[i, 1] >= stroke[i - 1, 1] and stroke[i, 1] > stroke[i + 1, 1]:
            return i
    return len(stroke) - 1
