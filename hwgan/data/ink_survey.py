"""Statistics of a prepared dataset of ink, and preview images of examples and cleaning steps."""

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
from PIL import Image

from hwgan.data.ink import Ink, Stroke, draw_strokes, join_strokes, pixel_origin, split_strokes
from hwgan.data.ink_cache import read_ink
from hwgan.data.ink_cleaning import Cleaning, UnusableInk, preview_steps
from hwgan.data.picture_grid import draw_grid, wrap_cells
from hwgan.data.survey import PERCENTILES

_EXAMPLE_HEIGHT, _MAX_WIDTH = 64, 1400  # pixels
_CANDIDATES = 400  # examples from which those of the steps are chosen
_COUNT = 4  # examples of the steps


def draw_ink_examples(data_dir: str, dataset: str, splits: Sequence[str], count: int) -> Image.Image:
    """Draws a grid of examples, each with its text, split and writer as caption."""
    return draw_grid(
        wrap_cells(
            (_picture(split_strokes(ink)), f"{text}\n{split} {writer}")
            for split in splits
            for _, text, writer, ink in _spread(data_dir, dataset, split, max(1, count // len(splits)))
        )
    )


def draw_ink_steps(data_dir: str, dataset: str, cleaning: Cleaning) -> Image.Image:
    """Draws training examples as stored and after each cleaning step, one row per step; points are dots."""
    examples = [(text, ink) for _, text, _, ink in _spread(data_dir, dataset, "train", _COUNT)]
    rows = []
    for name, steps in preview_steps(cleaning):
        rows.append([(_cleaned(ink, steps), f"{name}\n{text}") for text, ink in examples])
    return draw_grid(rows)


def _spread(data_dir: str, dataset: str, split: str, count: int) -> list[tuple[str, str, str, Ink]]:
    """Examples from all over the start of a split."""
    readable = (row for row in read_ink(data_dir, dataset, split) if row is not None)
    first = list(itertools.islice(readable, max(_CANDIDATES, count)))
    return [first[i] for i in np.linspace(0, len(first) - 1, min(count, len(first))).astype(int)]


def _cleaned(ink: Ink, cleaning: Cleaning) -> np.ndarray:
    try:
        return _picture(cleaning.clean(split_strokes(ink)), points=True)
    except UnusableInk:
        return np.full((_EXAMPLE_HEIGHT, _EXAMPLE_HEIGHT), 255, np.uint8)


def _picture(strokes: list[Stroke], *, points: bool = False) -> np.ndarray:
    """Strokes of any size in a picture of one height; with `points` each point is a dot."""
    ink = join_strokes(strokes)[:, :2]
    top, bottom = ink[:, 1].min(), ink[:, 1].max()
    left, right = ink[:, 0].min(), ink[:, 0].max()
    unit = max(bottom - top, (right - left) * _EXAMPLE_HEIGHT / _MAX_WIDTH, 1e-6)
    scaled = [(stroke - [left, bottom]) / unit for stroke in strokes]
    size = _EXAMPLE_HEIGHT - 8
    picture = draw_strokes(scaled, size, thickness=(1 if points else 2) / size, extent=(1 + 4 / size, 4 / size))
    if not points:
        return picture
    # Thicker marks have a wider margin.
    shift = round(pixel_origin(scaled, size, 3 / size, 1.0)[0] - pixel_origin(scaled, size, 1 / size, 1.0)[0])
    dots = [np.repeat(point[None], 2, axis=0) for stroke in scaled for point in stroke]
    marks = draw_strokes(dots, size, thickness=3 / size, extent=(1 + 4 / size, 4 / size))
    right = max(0, marks.shape[1] - picture.shape[1] - shift)
    lines = np.pad(picture, ((0, 0), (shift, right)), constant_values=255)[:, : marks.shape[1]]
    return np.minimum(lines // 2 + 127, marks)


def survey_ink(data_dir: str, dataset: str, splits: Sequence[str]) -> str:
    """Statistics of all examples as plain text: numbers of points, strokes and characters."""
    points, strokes, lengths, counts = [], [], [], Counter[str]()
    for split in splits:
        for row in read_ink(data_dir, dataset, split):
            if row is None:
                counts["unreadable"] += 1
                continue
            _, text, _, ink = row
            points.append(len(ink))
            strokes.append(int(ink[:, 2].sum()))
            lengths.append(len(text))
            counts[split] += 1
    lines = [f"{split:<12}{count:>10,} examples" for split, count in counts.items()]
    lines += ["", f"{'percentile':<12}" + "".join(f"{p:>8}" for p in PERCENTILES)]
    for name, values in (("points", points), ("strokes", strokes), ("characters", lengths)):
        lines.append(f"{name:<12}" + "".join(f"{round(v):>8,}" for v in np.percentile(values, PERCENTILES)))
    return "\n".join(lines)
