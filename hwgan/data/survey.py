"""Statistics and suspicious rows of a prepared dataset, and preview images of examples and preprocessing steps."""

import dataclasses
import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from bidi import get_display
from PIL import Image, ImageDraw, ImageFont

from hwgan.data.graphemes import num_columns
from hwgan.data.prepared import open_rows, row_text
from hwgan.data.preprocessing import Preprocessing
from hwgan.data.transforms import WHITE, decode_grey, has_light_ink

RARE = 10  # training examples; characters with fewer are reported as rare
PERCENTILES = (0, 5, 50, 95, 100)
_INK_CONTRAST = 40  # grey levels; pixels darker than the lightest one by more than this are ink
_BLANK_PIXELS = 8  # images with fewer ink pixels are reported as near-blank
_NARROW_RATIO = 0.35  # of the median width per character; below it, the text probably does not match the image
_NARROW_LENGTH = 3  # characters; the widths of shorter texts vary too much for this test
_EXAMPLE_HEIGHT, _PREVIEW_WIDTH, _GAP = 64, 1500, 12  # pixels
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "LiberationSans-Regular.ttf", "arial.ttf")
_STEP_LENGTH = 5  # characters; the examples of preprocessing steps are words of about this length
_STEP_CANDIDATES = 500  # words from which these examples are chosen
_FONT_SIZE, _LINE_HEIGHT = 13, 18
Cell = tuple[np.ndarray, str]  # a grey image and its caption


@dataclasses.dataclass
class Survey:
    """Statistics of a dataset.

    Attributes:
      examples: number of examples of each split.
      writers: number of known writers of each split.
      widths: percentiles (`PERCENTILES`) of the widths of the stored images, in pixels.
      heights: percentiles of their heights, in pixels.
      lengths: percentiles of the text lengths, in characters.
      character_counts: occurrences of each character in all splits.
      train_counts: occurrences of each character in the training split.
      suspicious: ids of suspicious rows, by reason.
    """

    examples: dict[str, int]
    writers: dict[str, int]
    widths: list[int]
    heights: list[int]
    lengths: list[int]
    character_counts: Counter[str]
    train_counts: Counter[str]
    suspicious: dict[str, list[str]]

    @property
    def rare(self) -> dict[str, int]:
        """Number of training examples of each character that has fewer than 10."""
        return {c: self.train_counts[c] for c in sorted(self.character_counts) if self.train_counts[c] < RARE}


def survey(data_dir: str, dataset: str, splits: Sequence[str]) -> Survey:
    """Reads every row of the splits and computes their statistics.

    Raises:
      UserError: the dataset was not prepared.
    """
    examples, writers = Counter[str](), defaultdict[str, set[str]](set)
    characters, train_characters = Counter[str](), Counter[str]()
    shapes, lengths, columns, ids = [], [], [], []
    blank, light, by_content = [], [], defaultdict[bytes, list[str]](list)
    for split in splits:
        rows = open_rows(data_dir, dataset, split)
        for index in range(len(rows)):
            row = rows[index]
            image, text, row_id = decode_grey(row["image"]), row_text(row, "text"), row_text(row, "id")
            examples[split] += 1
            writers[split].add(row_text(row, "writer"))
            characters.update(text)
            train_characters.update(text if split == "train" else "")
            shapes.append(image.shape)
            lengths.append(len(text))
            columns.append(num_columns(text))
            ids.append(row_id)
            by_content[hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()].append(row_id)
            if (image < int(image.max()) - _INK_CONTRAST).sum() < _BLANK_PIXELS:
                blank.append(row_id)
            if has_light_ink(image):
                light.append(row_id)
    heights, widths = np.array(shapes).T
    suspicious = {
        "text too long for its width": _narrow(ids, widths / heights, np.array(columns)),
        "same image as another": [row_id for same in by_content.values() for row_id in same[1:]],
        "near-blank image": blank,
        "ink lighter than paper": light,
    }
    return Survey(
        dict(examples),
        {split: len(names - {""}) for split, names in writers.items()},
        *(np.percentile(values, PERCENTILES).astype(int).tolist() for values in (widths, heights, lengths)),
        characters,
        train_characters,
        suspicious,
    )


def _narrow(ids: list[str], aspects: np.ndarray, columns: np.ndarray) -> list[str]:
    """Ids of rows whose aspect ratio per character is below 0.35 times the median: their text seems too long.

    Args:
      ids: ids of all rows.
      aspects: width / height of each image.
      columns: number of characters of each text, without marks that take no width.
    """
    aspect_per_character = aspects / columns
    long_enough = columns >= _NARROW_LENGTH
    if not long_enough.any():
        return []
    limit = _NARROW_RATIO * np.median(aspect_per_character[long_enough])
    return [ids[i] for i in np.flatnonzero(long_enough & (aspect_per_character < limit))]


def draw_examples(data_dir: str, dataset: str, splits: Sequence[str], count: int, seed: int = 0) -> Image.Image:
    """Draws a grid of random examples, each with its text, split and writer as caption."""
    rng = np.random.default_rng(seed)
    sources = {split: open_rows(data_dir, dataset, split) for split in splits}
    indices = [(split, i) for split, rows in sources.items() for i in range(len(rows))]
    grid: list[list[Cell]] = [[]]
    width = 0
    for number in sorted(rng.choice(len(indices), min(count, len(indices)), replace=False)):
        split, index = indices[number]
        row = sources[split][index]
        image = _decode_clipped(row["image"])
        cell = (image, f"{row_text(row, 'text')}\n{split} {row_text(row, 'writer')}")
        width += _cell_width(cell) + _GAP
        if width > _PREVIEW_WIDTH and grid[-1]:
            grid.append([])
            width = _cell_width(cell) + _GAP
        grid[-1].append(cell)
    return draw_grid(grid)


def draw_steps(data_dir: str, dataset: str, count: int = 6, seed: int = 0) -> Image.Image:
    """Draws random training words after each preprocessing step: one row per step, with its setting as caption."""
    rows = open_rows(data_dir, dataset, "train")
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    texts = [(i, row_text(rows[i], "text")) for i in order[:_STEP_CANDIDATES]]
    texts.sort(key=lambda row: abs(len(row[1]) - _STEP_LENGTH))  # a stable sort keeps ties in random order
    examples = [(_decode_clipped(rows[i]["image"]), text) for i, text in texts[:count]]
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
        [(preprocessing(image, text), caption if column == 0 else "") for column, (image, text) in enumerate(examples)]
        for caption, preprocessing in settings
    ]
    widths = [max(_cell_width(row[column]) for row in rows) for column in range(len(examples))]
    return draw_grid(rows, widths)


def _decode_clipped(encoded: bytes) -> np.ndarray:
    """An image scaled to the height of examples; columns beyond the preview's width are cut off."""
    image = decode_grey(encoded)
    max_width = max(1, image.shape[0] * (_PREVIEW_WIDTH - 2 * _GAP) // _EXAMPLE_HEIGHT)
    return Preprocessing(height=_EXAMPLE_HEIGHT).resize(image[:, :max_width], 1)


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


def _cell_width(cell: Cell) -> int:
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
    widths = [[max(_cell_width(cell), *column_widths[i : i + 1], 0) for i, cell in enumerate(row)] for row in rows]
    heights = [max(image.shape[0] for image, _ in row) + 2 + lines * _LINE_HEIGHT for row in rows]
    size = max(sum(row) + _GAP * (len(row) + 1) for row in widths), sum(heights) + _GAP * (len(rows) + 1)
    grid = Image.new("L", size, WHITE)
    draw, y = ImageDraw.Draw(grid), _GAP
    for row, row_widths, height in zip(rows, widths, heights, strict=True):
        x = _GAP
        for (image, caption), width in zip(row, row_widths, strict=True):
            draw.rectangle((x, y, x + image.shape[1] + 1, y + image.shape[0] + 1), outline=200)
            grid.paste(Image.fromarray(image), (x + 1, y + 1))
            draw.multiline_text((x, y + image.shape[0] + 3), _caption(caption), fill=90, font=_font())
            x += width + _GAP
        y += height + _GAP
    return grid


def describe_survey(found: Survey) -> str:
    """Formats the statistics as plain text."""
    lines = [f"{'split':<12}{'examples':>10}{'writers':>10}"]
    lines += [f"{s:<12}{n:>10,}{found.writers[s] or 'unknown':>10}" for s, n in found.examples.items()]
    lines += ["", f"{'percentile':<12}" + "".join(f"{p:>8}" for p in PERCENTILES)]
    for name, values in (("width", found.widths), ("height", found.heights), ("characters", found.lengths)):
        lines.append(f"{name:<12}" + "".join(f"{value:>8,}" for value in values))
    rare = ", ".join(f"{_printable(c)} {count}" for c, count in found.rare.items()) or "none"
    lines += ["", f"characters: {len(found.character_counts)}; with fewer than {RARE} training examples: {rare}"]
    for reason, ids in found.suspicious.items():
        lines.append(f"{reason}: {len(ids)}" + (f" (first: {', '.join(ids[:5])})" if ids else ""))
    return "\n".join(lines)


def _printable(character: str) -> str:
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"
