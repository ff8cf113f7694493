"""Pages as pixels."""

import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from hwgan.data import transforms
from hwgan.sampling.page_layout import Page, PlacedWord
from hwgan.sampling.page_settings import Color
from hwgan.sampling.ruling import RULE_WIDTH, Rule, rules
from hwgan.sampling.sharpening import sharpen

_FULLY_SHARPENED = 1.5  # factor of enlarging from which on words are sharpened fully
_SMALLEST = 0.8  # of the height of an image: words that are drawn smaller are drawn larger and reduced


def draw_page(page: Page, pixels_per_em: int | float, ink: Color, paper: str) -> UInt8[np.ndarray, "h w *rgb"]:
    """Draws a page.

    Args:
      page: the words and their places.
      pixels_per_em: size of the result.
      ink: its colour.
      paper: "plain", "lined" or "squared".

    Returns:
      Grey levels if the ink is black and the paper plain, else red, green and blue.
    """
    size = round(page.width * pixels_per_em), round(page.height * pixels_per_em)
    # Words that are to become smaller are drawn large first, so that no stroke falls between pixels.
    reduction = max([1, *(math.ceil(_SMALLEST * word.image.shape[0] / pixels_per_em) for word in page.words[:1])])
    darkness = Image.new("L", (size[0] * reduction, size[1] * reduction))
    for word in page.words:
        _draw_word(darkness, word, pixels_per_em * reduction)
    return on_paper(darkness.reduce(reduction), page, pixels_per_em, ink, paper)


def on_paper(
    darkness: Image.Image, page: Page, pixels_per_em: int | float, ink: Color, paper: str
) -> UInt8[np.ndarray, "h w *rgb"]:
    """A page of this darkness, 0 for paper and 255 for full ink; see `draw_page`."""
    size = darkness.size
    lines = rules(page, paper)
    if not lines and ink == (0, 0, 0):
        return transforms.WHITE - np.asarray(darkness)
    sheet = np.full((size[1], size[0], 3), transforms.WHITE, np.uint8)
    for line in lines:
        _draw_rule(sheet, line, pixels_per_em)
    return np.asarray(Image.composite(Image.new("RGB", size, ink), Image.fromarray(sheet), darkness))


def _draw_word(darkness: Image.Image, word: PlacedWord, pixels_per_em: int | float) -> None:
    """Adds a word; where words meet the darker one counts."""
    matrix = word.matrix * pixels_per_em
    height, width = word.image.shape
    corners = matrix @ np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T
    left, top = np.floor(corners.min(axis=1)).astype(int).tolist()
    right, bottom = np.ceil(corners.max(axis=1)).astype(int).tolist()
    linear = matrix[:, :2]
    # Whole pixels: a shift by a part of one would blur.
    origin = np.rint(matrix[:, 2]) - [left, top]
    inverse = np.linalg.inv(linear)
    data = np.column_stack([inverse, -inverse @ origin]).ravel().tolist()
    ink = Image.fromarray(1.0 - word.image.astype(np.float32) / transforms.WHITE)
    size = right - left, bottom - top
    drawn = np.asarray(ink.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC))
    enlarged = math.sqrt(abs(np.linalg.det(linear)))
    if enlarged > 1.0:
        drawn = sharpen(drawn, enlarged * height, min(1.0, (enlarged - 1.0) / (_FULLY_SHARPENED - 1.0)))
    levels = np.rint(drawn.clip(0.0, 1.0) * transforms.WHITE).astype(np.uint8)
    box = left, top, right, bottom
    old = np.asarray(darkness.crop(box))
    darkness.paste(Image.fromarray(np.maximum(old, levels)), (left, top))


def _draw_rule(sheet: UInt8[np.ndarray, "h w 3"], line: Rule, pixels_per_em: int | float) -> None:
    """Draws a printed line, at least one pixel wide."""
    thickness = max(1, round(RULE_WIDTH * pixels_per_em))
    x0, y0, x1, y1 = (round(value * pixels_per_em) for value in (line.x0, line.y0, line.x1, line.y1))
    if y0 == y1:
        sheet[y0 : y0 + thickness, x0:x1] = line.color
    else:
        sheet[y0:y1, x0 : x0 + thickness] = line.color
