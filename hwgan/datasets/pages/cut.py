"""Cuts a region out of a page image."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from hwgan.data.transforms import WHITE, has_light_ink
from hwgan.datasets.pages.paper import paper_levels


def cut_polygon(page: UInt8[np.ndarray, "h w"], polygon: tuple[tuple[float, float], ...]) -> UInt8[np.ndarray, "h2 w2"]:
    """The bounding box of a polygon within the page; pixels outside the polygon are as light as the paper inside.

    With white there instead, the polygon's outline would look like writing on paper that is not white.

    Args:
      page: grey image of the page.
      polygon: (x, y) corners in pixels.

    Raises:
      OSError: the polygon is outside the page.
    """
    height, width = page.shape
    corners = [(round(x), round(y)) for x, y in polygon]
    xs, ys = zip(*corners, strict=True)
    left, right = max(0, min(xs)), min(width - 1, max(xs))
    top, bottom = max(0, min(ys)), min(height - 1, max(ys))
    if left > right or top > bottom:
        raise OSError(f"it lies outside the page of {width}x{height} pixels")
    mask = Image.new("1", (right - left + 1, bottom - top + 1))
    ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in corners], fill=1, outline=1)
    box, inside = page[top : bottom + 1, left : right + 1], np.asarray(mask)
    if not inside.any():
        raise OSError(f"it lies outside the page of {width}x{height} pixels")
    if inside.all():
        return box
    # Whether ink is dark shows in the surroundings, for within a tight polygon ink may cover more than half.
    around = bottom - top + 1
    light_ink = has_light_ink(
        page[max(0, top - around) : bottom + 1 + around, max(0, left - around) : right + 1 + around]
    )
    levels = WHITE - paper_levels(WHITE - box, inside) if light_ink else paper_levels(box, inside)
    return np.where(inside, box, np.rint(levels).clip(0, WHITE).astype(np.uint8))
