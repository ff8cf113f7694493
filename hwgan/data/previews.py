"""Previews of a prepared dataset of word images: random examples, and examples after each preprocessing step."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from hwgan.data.picture_grid import GAP, WIDTH, cell_width, draw_grid, wrap_cells
from hwgan.data.prepared import open_rows, row_text
from hwgan.data.preprocessing import Preprocessing, TooWide
from hwgan.data.transforms import decode_grey, resize_to_height

_EXAMPLE_HEIGHT = 64  # pixels
_STEP_EXAMPLES = 6
_STEP_LENGTH = 5  # characters; the examples of preprocessing steps are words of about this length
_STEP_CANDIDATES = 500  # words from which these examples are chosen


def draw_examples(data_dir: str, dataset: str, splits: Sequence[str], count: int) -> Image.Image:
    """Draws a grid of random examples, each with its text, split and writer as caption."""
    rng = np.random.default_rng(0)
    sources = {split: open_rows(data_dir, dataset, split) for split in splits}
    indices = [(split, i) for split, rows in sources.items() for i in range(len(rows))]
    cells = []
    for number in sorted(rng.choice(len(indices), min(count, len(indices)), replace=False)):
        split, index = indices[number]
        row = sources[split][index]
        caption = f"{row_text(row, 'text')}\n{split} {row_text(row, 'writer')}"
        cells.append((_decode_clipped(row["image"]), caption))
    return draw_grid(wrap_cells(cells))


def draw_steps(data_dir: str, dataset: str) -> Image.Image:
    """Draws random training words after each preprocessing step: one row per step, with its setting as caption."""
    rows = open_rows(data_dir, dataset, "train")
    order = np.random.default_rng(0).permutation(len(rows)).tolist()
    texts = [(i, row_text(rows[i], "text")) for i in order[:_STEP_CANDIDATES]]
    texts.sort(key=lambda row: abs(len(row[1]) - _STEP_LENGTH))  # a stable sort keeps ties in random order
    examples = [(_decode_clipped(rows[i]["image"]), text) for i, text in texts[:_STEP_EXAMPLES]]
    large = Preprocessing(height=_EXAMPLE_HEIGHT)
    settings = [
        ("as stored, scaled to this preview", large),
        ("contrast=True", dataclasses.replace(large, contrast=True)),
        ('trim="sides"', dataclasses.replace(large, trim="sides")),
        ('trim="box"', dataclasses.replace(large, trim="box")),
        ("pad_to_line=True, height=40", Preprocessing(pad_to_line=True, height=40)),
        ("height=32", Preprocessing()),
        ("height=32, pixels_per_character=16", Preprocessing(pixels_per_character=16)),
    ]
    return draw_preprocessing(examples, settings)


def draw_preprocessing(
    examples: Sequence[tuple[np.ndarray, str]], settings: Sequence[tuple[str, Preprocessing]]
) -> Image.Image:
    """Draws example images after each of several preprocessings: one row per preprocessing, with its name as caption.

    Args:
      examples: grey images and their texts.
      settings: (name, preprocessing) of each row.
    """
    rows = [
        [(_prepared(preprocessing, *example), "" if column else caption) for column, example in enumerate(examples)]
        for caption, preprocessing in settings
    ]
    widths = [max(cell_width(row[column]) for row in rows) for column in range(len(examples))]
    return draw_grid(rows, widths)


def _prepared(preprocessing: Preprocessing, image: np.ndarray, text: str) -> np.ndarray:
    """The preprocessed image; a blank one for a word that training leaves out."""
    try:
        return preprocessing(image, text)
    except TooWide:
        return np.full((preprocessing.height, preprocessing.height), 255, np.uint8)


def _decode_clipped(encoded: bytes) -> np.ndarray:
    """An image scaled to the height of examples; columns beyond the preview's width are cut off."""
    image = decode_grey(encoded)
    max_width = max(1, image.shape[0] * (WIDTH - 2 * GAP) // _EXAMPLE_HEIGHT)
    return resize_to_height(image[:, :max_width], _EXAMPLE_HEIGHT)
