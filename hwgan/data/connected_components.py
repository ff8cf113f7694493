"""Connected components of the ink on a page, called strokes here; without blots, remains of rulings, and print."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

_MIN_AREA = 6  # pixels of a component
_BLOT = 3.5  # a component whose thickest part is as many times as thick as strokes usually are is a blot
_PRINT_LETTERS, _PRINT_SHARE, _PRINT_TOLERANCE = 14, 0.8, 0.06  # of a line; those that stand exactly; letter heights


@dataclasses.dataclass(frozen=True)
class Components:
    """Connected strokes.

    Attributes:
      labels: int [h, w], 0 for paper.
      boxes: left, top, right, bottom of each.
      centres: row of the centre of gravity of each.
    """

    labels: Int[np.ndarray, "h w"]
    boxes: Int[np.ndarray, "n 4"]
    centres: Float[np.ndarray, " n"]

    @property
    def heights(self) -> Int[np.ndarray, " n"]:
        return self.boxes[:, 3] - self.boxes[:, 1]


def label_regions(mask: Bool[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, "h w"], int]:
    """Numbers the regions of a mask from 1, pixels that touch by a corner together; returns how many there are, too."""
    found: Any = ndimage.label(mask, np.ones((3, 3)))
    return found


def find_components(ink: Bool[np.ndarray, "h w"]) -> Components:
    """The connected strokes of at least six pixels."""
    labels, count = label_regions(ink)
    large = np.bincount(labels.ravel(), minlength=count + 1) >= _MIN_AREA
    large[0] = False
    labels = (np.cumsum(large) * large)[labels]
    slices = ndimage.find_objects(labels)
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in slices], int).reshape(-1, 4)
    rows = np.arange(ink.shape[0], dtype=float)[:, None]
    index = np.arange(1, len(boxes) + 1)
    centres = ndimage.mean(np.broadcast_to(rows, ink.shape), labels, index) if len(boxes) else np.zeros(0)
    return Components(labels, boxes, np.asarray(centres, float))


def keep(components: Components, kept: Bool[np.ndarray, " n"]) -> Components:
    """Some of the strokes."""
    numbers = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)])
    return Components(numbers[components.labels], components.boxes[kept], components.centres[kept])


def with_edges(labels: Int[np.ndarray, "h w"], members: Int[np.ndarray, " m"]) -> Bool[np.ndarray, "h w"]:
    """The pixels of some strokes and, two pixels around them, their grey edges, without other strokes.

    Args:
      labels: of components (`Components.labels`), or of a part of the page.
      members: indices of the strokes.
    """
    own: Bool[np.ndarray, "h w"] = np.isin(labels, members + 1)
    near = np.asarray(ndimage.binary_dilation(own, np.ones((3, 3)), iterations=2), bool)
    return near & ((labels == 0) | own)


def without_blots(components: Components) -> Components:
    """Without what is far thicker than a stroke, and long straight remains of edges and rulings."""
    if not len(components.boxes):
        return components
    depth = ndimage.distance_transform_edt(components.labels > 0)
    thickest = np.asarray(ndimage.maximum(depth, components.labels, np.arange(1, len(components.boxes) + 1)))
    usual = max(float(np.median(thickest)), 1.0)
    width = components.boxes[:, 2] - components.boxes[:, 0]
    height = components.heights
    size = float(np.median(height[height > 2 * usual])) if (height > 2 * usual).any() else float(np.median(height))
    straight = (width > 8 * size) & (height < 0.5 * size) | (height > 8 * size)
    page_height, page_width = components.labels.shape
    framing = (width > 0.8 * page_width) | (height > 0.5 * page_height) & (height > 4 * size)
    left, top, right, bottom = components.boxes.T
    at_border = (left <= 3) | (top <= 3) | (right >= page_width - 3) | (bottom >= page_height - 3)
    stub = at_border & (np.maximum(width, height) > 3 * np.minimum(width, height))
    return keep(components, ~(thickest > _BLOT * usual) & ~straight & ~framing & ~stub)


def without_print(components: Components) -> Components:
    """Without lines of print, nearly all of whose letters stand exactly on one straight line, as no hand writes."""
    boxes = components.boxes
    heights, bottoms = components.heights, boxes[:, 3]
    kept = np.ones(len(boxes), bool)
    for top, bottom in boxes[:, [1, 3]].tolist():
        size = bottom - top
        in_band = (boxes[:, 1] < bottom - 0.3 * size) & (bottoms > top + 0.5 * size)
        letters = in_band & (heights > 0.6 * size) & (heights < 2.2 * size)
        if letters.sum() < _PRINT_LETTERS:
            continue
        exact = np.abs(bottoms - bottom) <= max(_PRINT_TOLERANCE * size, 1.0)
        if (letters & exact).sum() >= max(_PRINT_LETTERS, _PRINT_SHARE * letters.sum()):
            kept &= ~in_band
    return keep(components, kept)
