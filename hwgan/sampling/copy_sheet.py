"""A sheet to copy by hand: words above boxes, and marks in the corners by which a photograph of it is put right."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from hwgan.data.charset import Charset
from hwgan.data.connected_components import label_regions
from hwgan.data.page_photo import ink_threshold, without_lighting
from hwgan.data.perspective import homography, limited, project, straighten
from hwgan.data.transforms import WHITE
from hwgan.data.word_cutting import CutWord
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import replacing, writing

# Every letter of English and French; a sheet adds what else its alphabet has.
_SENTENCES = """The quick brown fox jumps over a lazy dog, while Portez ce vieux whisky au juge blond qui fume.
Voyez le brick géant que j'examine près du wharf: déjà Noël, où êtes-vous reçu?
Quand Zoé, Karim et Hugo ont lu 1976 pages (en 30 jours), Yves disait Bonjour!"""
_DPI = 200
_WIDTH, _HEIGHT = 1654, 2339  # pixels; A4
_MARGIN, _MARK = 70, 56  # pixels from the edge of the page to a mark; side of a mark
_LEFT, _TOP, _BOTTOM = 150, 250, 2200  # of the boxes
_BOX_HEIGHT, _ROW, _GAP = 106, 150, 22
_LETTER, _LEAST = 46, 110  # width of a box for each letter, and at least
_INSET = 9  # pixels within a box that are not read: its outline, and what photographs shift
_GROUP = 3  # characters of a word that is made of those missing in the sentences
_MIN_INK = 25  # pixels of ink in a box that is filled in
_OUTLINE = 205  # grey level
_MARK_SIZES = 0.008, 0.08  # of the longer side of a photograph
_MARK_FILL, _MARK_ASPECT = 0.62, 1.7  # area within the bounding box of a mark, turned by up to 15 degrees


@dataclasses.dataclass(frozen=True)
class Box:
    """A place to write: a text, and left, top, right, bottom in pixels of the sheet."""

    text: str
    place: tuple[int, int, int, int]


def sheet_page(charset: Charset) -> list[Box]:
    """The boxes of the sheet for an alphabet: words with every character of it, as far as a page has room."""
    words = [word for word in _SENTENCES.split() if not charset.unknown(word)]
    seen = set("".join(words))
    missing = [character for character in charset.characters if character not in seen and not character.isspace()]
    words += ["".join(missing[start : start + _GROUP]) for start in range(0, len(missing), _GROUP)]
    boxes, x, y = [], _LEFT, _TOP
    for word in words:
        width = max(_LEAST, _LETTER * len(word))
        if x + width > _WIDTH - _LEFT:
            x, y = _LEFT, y + _ROW
        if y + _BOX_HEIGHT > _BOTTOM:
            break
        boxes.append(Box(word, (x, y, x + width, y + _BOX_HEIGHT)))
        x += width + _GAP
    return boxes


def draw_sheet(boxes: Sequence[Box]) -> Image.Image:
    """The sheet, to be printed at A4."""
    page = Image.new("L", (_WIDTH, _HEIGHT), WHITE)
    draw = ImageDraw.Draw(page)
    for number, (x, y) in enumerate(_mark_corners()):
        draw.rectangle((x, y, x + _MARK - 1, y + _MARK - 1), fill=0)
        if not number:  # the upper left one has a hole, which tells how the page is turned
            third = _MARK // 3
            draw.rectangle((x + third, y + third, x + _MARK - third - 1, y + _MARK - third - 1), fill=WHITE)
    draw.text((_LEFT, 80), "Write each word in its box, as you usually write.", 0, _font(34))
    draw.text((_LEFT, 130), "Leave out what you do not like to write. Photograph the whole page,", 0, _font(24))
    draw.text((_LEFT, 164), "with its four marks, in even light. Your own handwriting, or with consent.", 0, _font(24))
    for box in boxes:
        left, top, right, bottom = box.place
        draw.rectangle((left, top, right, bottom), outline=_OUTLINE, width=2)
        draw.text((left + 2, top - 32), box.text, 90, _font(22))
    return page


def write_sheet(boxes: Sequence[Box], path: str) -> None:
    """Writes the sheet as a PDF or an image.

    Raises:
      UserError: it cannot be written.
    """
    kind = "PDF" if path.lower().endswith(".pdf") else "PNG"
    options = {"resolution": _DPI} if kind == "PDF" else {"dpi": (_DPI, _DPI)}
    with writing(path), replacing(pathlib.Path(path)) as file:
        draw_sheet(boxes).save(file, kind, **options)


def read_sheet(
    photos: Iterable[tuple[str, UInt8[np.ndarray, "_ _"]]], boxes: Sequence[Box]
) -> list[tuple[CutWord, str]]:
    """The words that are written on photographed sheets, with their texts; empty boxes are left out.

    Args:
      photos: name and image of each sheet.
      boxes: of the sheet.

    Raises:
      UserError: the marks of a sheet are not found, or no box is filled in.
    """
    found = []
    for name, photo in photos:
        image = limited(photo)
        corners = find_marks(image)
        if corners is None:
            raise UserError(
                f"{name}: the four marks in the corners of the sheet are not found; photograph the whole page, "
                "all four black squares with it, or leave out --filled_sheet"
            )
        page = straighten(image, corners, (_WIDTH, _HEIGHT))
        darkness = without_lighting(page)
        inside = np.zeros(darkness.shape, bool)
        for box in boxes:
            inside[_within(box)] = True
        threshold = ink_threshold(np.where(inside, darkness, 0.0))
        ink = darkness[inside & (darkness > threshold)]
        if not ink.size:
            continue  # nothing is filled in
        strongest = max(float(np.percentile(ink, 80)), 1.0)
        rows = sorted({box.place[1] for box in boxes})
        for box in boxes:
            part = darkness[_within(box)]
            if (part > threshold).sum() < _MIN_INK:
                continue
            level = np.where(part > 0.5 * threshold, part, 0.0) * (WHITE / strongest)
            image_of_word = (WHITE - level.clip(0.0, WHITE)).astype(np.uint8)
            found.append((CutWord(image_of_word, rows.index(box.place[1]), box.place), box.text))
    if not found:
        raise UserError("no box of the sheet is filled in")
    return found


def find_marks(image: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "4 2"] | None:
    """The corners (x, y) of the sheet in a photograph, clockwise from its upper left; None where marks are missing."""
    side = max(image.shape)
    dark = image < 0.5 * ndimage.maximum_filter(ndimage.uniform_filter(image.astype(np.float32), 5), side // 12)
    labels, _ = label_regions(dark)
    centres, holes = [], []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        low, high = (share * side for share in _MARK_SIZES)
        if (
            not low <= height <= high
            or not low <= width <= high
            or max(height, width) > _MARK_ASPECT * min(height, width)
        ):
            continue
        own = labels[rows, columns] == number
        filled = np.asarray(ndimage.binary_fill_holes(own))
        if filled.mean() < _MARK_FILL:
            continue
        hole = 1.0 - own.sum() / filled.sum()
        if hole > 0.3:  # a letter or a drawn ring
            continue
        y, x = ndimage.center_of_mass(filled)
        centres.append((columns.start + x, rows.start + y, filled.sum()))
        holes.append(hole)
    return _order_marks(np.array(centres).reshape(-1, 3), np.array(holes))


def _order_marks(marks: Float[np.ndarray, "n 3"], holes: Float[np.ndarray, " n"]) -> np.ndarray | None:
    """The corners of the sheet from candidates (x, y, area): the outermost four, of which one has a hole."""
    if len(marks) < 4:
        return None
    x, y, areas = marks.T
    picks = [int(np.argmin(x + y)), int(np.argmax(x - y)), int(np.argmax(x + y)), int(np.argmin(x - y))]
    if len(set(picks)) < 4 or areas[picks].max() > 3.0 * areas[picks].min():
        return None
    first = int(np.argmax(holes[picks]))
    if holes[picks][first] < 0.04 or np.sort(holes[picks])[2] > 0.04:
        return None
    centres = np.roll(marks[picks, :2], -first, axis=0)
    known = np.array(_mark_corners(), float) + (_MARK - 1) / 2
    page = np.array([(0, 0), (_WIDTH, 0), (_WIDTH, _HEIGHT), (0, _HEIGHT)], float)
    return project(page, homography(known, centres))


def _mark_corners() -> list[tuple[int, int]]:
    """The upper left corner of each mark, clockwise from that of the upper left."""
    right, bottom = _WIDTH - _MARGIN - _MARK, _HEIGHT - _MARGIN - _MARK
    return [(_MARGIN, _MARGIN), (right, _MARGIN), (right, bottom), (_MARGIN, bottom)]


def _within(box: Box) -> tuple[slice, slice]:
    left, top, right, bottom = box.place
    return slice(top + _INSET, bottom - _INSET), slice(left + _INSET, right - _INSET)


def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has the letters of most alphabets."""
    return ImageFont.truetype(str(pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
