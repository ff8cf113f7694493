"""Cuts a region out of a page image."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from hwgan.data.transforms import WHITE


def cut_polygon(page: UInt8[np.ndarray, "h w"], polygon: tuple[tuple[float, float], ...]) -> UInt8[np.ndarray, "h2 w2"]:
    """The bounding box of a polygon within the page; pixels outside the polygon and its outline are white.

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
    box = page[top : bottom + 1, left : right + 1]
    return np.where(np.asarray(mask), box, np.uint8(WHITE))
