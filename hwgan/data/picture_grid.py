"""Grids of pictures with captions in any script, for previews of datasets."""

import functools
from collections.abc import Iterable, Sequence

import numpy as np
from bidi import get_display
from PIL import Image, ImageDraw, ImageFont

from hwgan.data.transforms import WHITE

WIDTH, GAP = 1500, 12  # pixels
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "LiberationSans-Regular.ttf", "arial.ttf")
_FONT_SIZE, _LINE_HEIGHT = 13, 18
Cell = tuple[np.ndarray, str]  # a grey image and its caption


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with many scripts if one is installed, else Pillow's default, which has few characters beyond ASCII."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, _FONT_SIZE)
        except OSError:
            continue
    return ImageFont.load_default(_FONT_SIZE)


@functools.cache
def _drawable(character: str) -> str:
    """The character, or its escape sequence if the font has no glyph for it."""
    missing = _font().getmask("\U0010fffd")
    mask = _font().getmask(character)
    same = mask.size == missing.size and np.array_equal(np.asarray(mask), np.asarray(missing))
    return character.encode("unicode_escape").decode() if same else character


def _caption(text: str) -> str:
    return "\n".join("".join(map(_drawable, get_display(line))) for line in text.split("\n"))


def cell_width(cell: Cell) -> int:
    """Width of a picture with its frame, or of its caption if that is wider, in pixels."""
    image, caption = cell
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    return max(image.shape[1] + 2, int(draw.multiline_textbbox((0, 0), _caption(caption), _font())[2]) + 1)


def draw_grid(rows: Sequence[Sequence[Cell]], column_widths: Sequence[int] = ()) -> Image.Image:
    """Draws rows of framed images with captions below.

    Args:
      rows: grey images and their captions.
      column_widths: widths in pixels that align them in columns; none if they are not aligned.
    """
    lines = max(caption.count("\n") + 1 for row in rows for _, caption in row)
    widths = [[max(cell_width(cell), *column_widths[i : i + 1], 0) for i, cell in enumerate(row)] for row in rows]
    heights = [max(image.shape[0] for image, _ in row) + 2 + lines * _LINE_HEIGHT for row in rows]
    size = max(sum(row) + GAP * (len(row) + 1) for row in widths), sum(heights) + GAP * (len(rows) + 1)
    grid = Image.new("L", size, WHITE)
    draw, y = ImageDraw.Draw(grid), GAP
    for row, row_widths, height in zip(rows, widths, heights, strict=True):
        x = GAP
        for (image, caption), width in zip(row, row_widths, strict=True):
            draw.rectangle((x, y, x + image.shape[1] + 1, y + image.shape[0] + 1), outline=200)
            grid.paste(Image.fromarray(image), (x + 1, y + 1))
            draw.multiline_text((x, y + image.shape[0] + 3), _caption(caption), fill=90, font=_font())
            x += width + GAP
        y += height + GAP
    return grid


def wrap_cells(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Rows of cells that are at most `WIDTH` wide, unless a single cell is wider."""
    rows: list[list[Cell]] = [[]]
    width = 0
    for cell in cells:
        width += cell_width(cell) + GAP
        if width > WIDTH and rows[-1]:
            rows.append([])
            width = cell_width(cell) + GAP
        rows[-1].append(cell)
    return rows
