"""Word images on a page: words side by side, lines under one another."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from hwgan.data import transforms

# As in web/src/layout.ts.
_CLOSING, _OPENING = set("?!;:.,…»)]}%€”"), set("«([{“„¿¡")


def join_words(images: Sequence[UInt8[np.ndarray, "h _"]], gap: int) -> UInt8[np.ndarray, "h w"]:
    """Images of one height in a row, with white between."""
    space = np.full((images[0].shape[0], gap), transforms.WHITE, np.uint8)
    parts = [part for image in images for part in (image, space)]
    return np.concatenate(parts[:-1], axis=1)


def stack_lines(
    lines: Sequence[UInt8[np.ndarray, "_ _"]], gap: int = 4, right_to_left: bool = False
) -> UInt8[np.ndarray, "h w"]:
    """Images under one another on white, beginning where their script begins."""
    width = max(line.shape[1] for line in lines)
    space = np.full((gap, width), transforms.WHITE, np.uint8)
    parts = []
    for line in lines:
        padded = transforms.pad_images([transforms.flip_reading(line, right_to_left)], width)[0]
        parts += [transforms.flip_reading(padded, right_to_left), space]
    return np.concatenate(parts[:-1])


def add_margin(image: UInt8[np.ndarray, "h w"], margin: int) -> UInt8[np.ndarray, "h2 w2"]:
    """White on all four sides, `margin` pixels wide."""
    return np.pad(image, margin, constant_values=transforms.WHITE)


def bound_words(words: Sequence[str]) -> list[bool]:
    """For each word whether it stays on the line of the one before: in French, signs stand apart, as in "Qui ?"."""
    return [
        number > 0 and (set(word) <= _CLOSING or set(words[number - 1]) <= _OPENING)
        for number, word in enumerate(words)
    ]


def break_lines(
    widths: Sequence[int | float],
    gaps: Sequence[int | float],
    room: int | float,
    bound: Sequence[bool] = (),
) -> list[slice]:
    """Which words stand on which line, each line as full as it can be.

    Args:
      widths: of the words.
      gaps: before each word, if it is not the first of its line.
      room: width of a line. A word wider than this has a line of its own.
      bound: for each word whether it stays on the line of the one before, if a line has room for them.

    Returns:
      A slice of the words for each line.
    """
    bound = bound or [False] * len(widths)
    followers = [0.0] * len(widths)  # what the words take that are bound to each
    for number in range(len(widths) - 1, 0, -1):
        if bound[number]:
            followers[number - 1] = gaps[number] + widths[number] + followers[number]
    starts, reach = [0], 0.0
    for number, (width, gap) in enumerate(zip(widths, gaps, strict=True)):
        first = number == starts[-1]
        reach += width + (0.0 if first else gap)
        if not first and reach + (0.0 if bound[number] else followers[number]) > room:
            starts.append(number)
            reach = width
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)]
