"""Looks at a prepared dataset before anything is trained on it: figures, suspicious rows, a sheet of examples."""

import dataclasses
import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from bidi import get_display
from PIL import Image, ImageDraw, ImageFont

from hwgan.data.prepared import open_rows, row_text
from hwgan.data.preprocessing import Preprocessing
from hwgan.data.transforms import WHITE, decode_grey

RARE = 10  # a character with fewer examples is hardly learned
PERCENTILES = (0, 5, 50, 95, 100)
_INK_BELOW_PAPER = 40  # grey levels: what is this much darker than the paper is ink
_BLANK_PIXELS = 8  # fewer pixels of ink are a speck
_NARROW_SHARE = 0.35  # of the median width a character: less, and the text does not fit the image
_NARROW_LENGTH = 3  # shorter texts vary too much in width
_SHEET_HEIGHT, _SHEET_WIDTH, _GAP = 64, 1500, 12  # pixels: of an example, of the sheet, between examples
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "LiberationSans-Regular.ttf", "arial.ttf")
_STEP_LENGTH, _STEP_CANDIDATES = 5, 500  # characters of the words that show the steps, and of how many they are taken
_FONT_SIZE, _LINE_HEIGHT = 13, 18
Cell = tuple[np.ndarray, str]  # an image and its caption


@dataclasses.dataclass
class Survey:
    """What was seen of a dataset.

    Attributes:
      examples: by split.
      writers: by split; 0 where unknown.
      widths: percentiles of the width in pixels of images as stored, heights likewise, and text lengths in characters.
      heights: see `widths`.
      lengths: see `widths`.
      character_counts: of all splits.
      train_counts: of the training split.
      suspicious: ids by reason.
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
        """Characters with fewer than 10 training examples, and how many they have."""
        return {c: self.train_counts[c] for c in sorted(self.character_counts) if self.train_counts[c] < RARE}


def survey(data_dir: str, dataset: str, splits: Sequence[str]) -> Survey:
    """Reads every row of the splits.

    Raises:
      UserError: the dataset was not prepared.
    """
    examples, writers = Counter[str](), defaultdict[str, set[str]](set)
    characters, train_characters = Counter[str](), Counter[str]()
    shapes, lengths, ids = [], [], []
    blank, by_content = [], defaultdict[bytes, list[str]](list)
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
            ids.append(row_id)
            by_content[hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()].append(row_id)
            if (image < int(image.max()) - _INK_BELOW_PAPER).sum() < _BLANK_PIXELS:
                blank.append(row_id)
    heights, widths = np.array(shapes).T
    suspicious = {
        "text too long for its width": _narrow(ids, widths / heights, np.array(lengths)),
        "same image as another": [row_id for same in by_content.values() for row_id in same[1:]],
        "near-blank image": blank,
    }
    return Survey(
        dict(examples),
        {split: len(names - {""}) for split, names in writers.items()},
        *(np.percentile(values, PERCENTILES).astype(int).tolist() for values in (widths, heights, lengths)),
        characters,
        train_characters,
        suspicious,
    )


def _narrow(ids: list[str], aspects: np.ndarray, lengths: np.ndarray) -> list[str]:
    """Rows whose characters are far narrower than most, at equal height: their text says more than is there."""
    each = aspects / lengths
    counted = lengths >= _NARROW_LENGTH
    if not counted.any():
        return []
    limit = _NARROW_SHARE * np.median(each[counted])
    return [ids[i] for i in np.flatnonzero(counted & (each < limit))]


def draw_examples(data_dir: str, dataset: str, splits: Sequence[str], count: int, seed: int = 0) -> Image.Image:
    """A sheet of random examples, each with its text, split and writer beneath."""
    rng = np.random.default_rng(seed)
    sources = {split: open_rows(data_dir, dataset, split) for split in splits}
    places = [(split, i) for split, rows in sources.items() for i in range(len(rows))]
    rows: list[list[Cell]] = [[]]
    width = 0
    for place in sorted(rng.choice(len(places), min(count, len(places)), replace=False)):
        split, index = places[place]
        row = sources[split][index]
        image = _clipped(row["image"])
        cell = (image, f"{row_text(row, 'text')}\n{split} {row_text(row, 'writer')}")
        width += _cell_width(cell) + _GAP
        if width > _SHEET_WIDTH and rows[-1]:
            rows.append([])
            width = _cell_width(cell) + _GAP
        rows[-1].append(cell)
    return _sheet(rows)


def draw_steps(data_dir: str, dataset: str, count: int = 6, seed: int = 0) -> Image.Image:
    """What each step of the preprocessing does to random training words: a row each, with its setting beneath."""
    rows = open_rows(data_dir, dataset, "train")
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    texts = [(i, row_text(rows[i], "text")) for i in order[:_STEP_CANDIDATES]]
    texts.sort(key=lambda row: abs(len(row[1]) - _STEP_LENGTH))  # stable, so that equals stay in random order
    chosen = [(_clipped(rows[i]["image"]), text) for i, text in texts[:count]]
    large = Preprocessing(height=_SHEET_HEIGHT)
    settings = [
        ("as stored, scaled to this sheet", large),
        ("contrast=True", dataclasses.replace(large, contrast=True)),
        ("deslant=True", dataclasses.replace(large, deslant=True)),
        ('trim="sides"', dataclasses.replace(large, trim="sides")),
        ('trim="box"', dataclasses.replace(large, trim="box")),
        ("frame=True, height=40", Preprocessing(frame=True, height=40)),
        ("height=32", Preprocessing()),
        ("height=32, pixels_per_character=16", Preprocessing(pixels_per_character=16)),
    ]
    return draw_preprocessing(chosen, settings)


def draw_preprocessing(
    examples: Sequence[tuple[np.ndarray, str]], settings: Sequence[tuple[str, Preprocessing]]
) -> Image.Image:
    """What settings do: a row each, over the same example images, with its name beneath.

    Args:
      examples: grey images and their texts.
      settings: names and what they stand for; an image is drawn as the networks would see it.
    """
    rows = [
        [(preprocessing(image, text), caption if column == 0 else "") for column, (image, text) in enumerate(examples)]
        for caption, preprocessing in settings
    ]
    widths = [max(_cell_width(row[column]) for row in rows) for column in range(len(examples))]
    return _sheet(rows, widths)


def _clipped(encoded: bytes) -> np.ndarray:
    """An image at the sheet's height; what would not fit the sheet is cut off at the right."""
    image = decode_grey(encoded)
    reach = max(1, image.shape[0] * (_SHEET_WIDTH - 2 * _GAP) // _SHEET_HEIGHT)
    return Preprocessing(height=_SHEET_HEIGHT).resize(image[:, :reach], 1)


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with many scripts, if the machine has one; else Pillow's own, which has little beyond English."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, _FONT_SIZE)
        except OSError:
            continue
    return ImageFont.load_default(_FONT_SIZE)


@functools.cache
def _drawn(character: str) -> str:
    """The character, or its escape where the font has only the box that stands for a missing one."""
    missing = _font().getmask("\U0010fffd")
    mask = _font().getmask(character)
    same = mask.size == missing.size and np.array_equal(np.asarray(mask), np.asarray(missing))
    return character.encode("unicode_escape").decode() if same else character


def _caption(text: str) -> str:
    return "\n".join("".join(map(_drawn, get_display(line))) for line in text.split("\n"))


def _cell_width(cell: Cell) -> int:
    image, caption = cell
    ruler = ImageDraw.Draw(Image.new("L", (1, 1)))
    return max(image.shape[1] + 2, int(ruler.multiline_textbbox((0, 0), _caption(caption), _font())[2]) + 1)


def _sheet(rows: Sequence[Sequence[Cell]], column_widths: Sequence[int] = ()) -> Image.Image:
    """Cells in rows, each image in a thin frame over its caption; in columns, if their widths are given."""
    lines = max(caption.count("\n") + 1 for row in rows for _, caption in row)
    widths = [[max(_cell_width(cell), *column_widths[i : i + 1], 0) for i, cell in enumerate(row)] for row in rows]
    heights = [max(image.shape[0] for image, _ in row) + 2 + lines * _LINE_HEIGHT for row in rows]
    size = max(sum(row) + _GAP * (len(row) + 1) for row in widths), sum(heights) + _GAP * (len(rows) + 1)
    sheet = Image.new("L", size, WHITE)
    draw, y = ImageDraw.Draw(sheet), _GAP
    for row, row_widths, height in zip(rows, widths, heights, strict=True):
        x = _GAP
        for (image, caption), width in zip(row, row_widths, strict=True):
            draw.rectangle((x, y, x + image.shape[1] + 1, y + image.shape[0] + 1), outline=200)
            sheet.paste(Image.fromarray(image), (x + 1, y + 1))
            draw.multiline_text((x, y + image.shape[0] + 3), _caption(caption), fill=90, font=_font())
            x += width + _GAP
        y += height + _GAP
    return sheet


def describe_survey(found: Survey) -> str:
    """The figures as a table in plain text."""
    lines = [f"{'split':<12}{'examples':>10}{'writers':>10}"]
    lines += [f"{s:<12}{n:>10,}{found.writers[s] or 'unknown':>10}" for s, n in found.examples.items()]
    lines += ["", f"{'percentile':<12}" + "".join(f"{p:>8}" for p in PERCENTILES)]
    for name, values in (("width", found.widths), ("height", found.heights), ("characters", found.lengths)):
        lines.append(f"{name:<12}" + "".join(f"{value:>8,}" for value in values))
    rare = ", ".join(f"{_shown(c)} {count}" for c, count in found.rare.items()) or "none"
    lines += ["", f"characters: {len(found.character_counts)}; with fewer than {RARE} training examples: {rare}"]
    for reason, ids in found.suspicious.items():
        lines.append(f"{reason}: {len(ids)}" + (f" (first: {', '.join(ids[:5])})" if ids else ""))
    return "\n".join(lines)


def _shown(character: str) -> str:
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"
