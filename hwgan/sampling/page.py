"""Word images on a page: words side by side, lines under one another."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from hwgan.data import transforms


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


def break_lines(widths: Sequence[int | float], gaps: Sequence[int | float], room: int | float) -> list[slice]:
    """Which words stand on which line, each line as full as it can be.

    Args:
      widths: of the words.
      gaps: before each word, if it is not the first of its line.
      room: width of a line. A word wider than this has a line of its own.

    Returns:
      A slice of the words for each line.
    """
    starts, reach = [0], 0.0
    for number, (width, gap) in enumerate(zip(widths, gaps, strict=True)):
        reach += width + (gap if number > starts[-1] else 0.0)
        if reach > room and number > starts[-1]:
            starts.append(number)
            reach = width
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)]
