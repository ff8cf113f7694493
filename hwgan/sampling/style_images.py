"""Images of someone's writing, of words, of lines or of pages, as word images with numbers."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from hwgan.data import transforms
from hwgan.data.page_photo import EvenPage, even_ink
from hwgan.data.word_cutting import CutWord, cut_words
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import is_there, open_regular, read_regular, user_path

LAYOUTS = ("auto", "words", "lines", "page")
_MAX_BYTES, _MAX_FILES = 100 * 10**6, 2000
_PAGE_SIDE = 400  # pixels, at least, of both sides of a page
_LINE_ASPECT = 7.0  # width / height, at least, of a line; longer words are rare
_PREVIEW_HEIGHT, _PREVIEW_WIDTH, _CAPTION = 64, 1400, 16  # pixels


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """An image in a file, not read yet.

    Attributes:
      path: of the file.
      frame: of a TIFF with several pages; else 0.
      name: the path, with the number of the page where there are several.
    """

    path: pathlib.Path
    frame: int
    name: str

    def read(self) -> UInt8[np.ndarray, "_ _"]:
        """Its grey levels.

        Raises:
          UserError: it cannot be read.
        """
        with _reading(self.path):
            return transforms.decode_grey(read_regular(self.path, _MAX_BYTES), self.frame)


def list_images(source: str) -> list[ImageFile]:
    """The images of a folder or of files, in the order of names; of a TIFF all pages.

    Args:
      source: a folder, or the paths of files with commas between.

    Raises:
      UserError: there is none, or a file cannot be read.
    """
    whole = user_path(source)
    if not is_there(whole):  # a list of files may be longer than a path can be
        paths = [user_path(part.strip()) for part in source.split(",")]
    elif whole.is_dir():
        files = (path for path in whole.iterdir() if path.suffix.lower() in transforms.IMAGE_ENDINGS)
        paths = sorted(path for path in files if not path.name.startswith("."))  # as ._a.png, which macOS leaves behind
    else:
        paths = [whole]
    if not paths:
        raise UserError(f"the folder {source!r} has no images; {transforms.KNOWN_IMAGES}")
    if len(paths) > _MAX_FILES:
        raise UserError(f"{source!r} has {len(paths)} images; give at most {_MAX_FILES} at once")
    images = []
    for path in dict.fromkeys(paths):
        with _reading(path), open_regular(path, _MAX_BYTES) as file:
            pages = transforms.find_pages(file)
        for number, frame in enumerate(pages, 1):
            images.append(ImageFile(path, frame, f"{path}#{number}" if len(pages) > 1 else str(path)))
        if len(images) > _MAX_FILES:
            raise UserError(f"{source!r} has more than {_MAX_FILES} images; give fewer at once")
    return images


@contextlib.contextmanager
def _reading(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot read the image {str(path)!r}: {error.strerror or error}") from error


def check_preview(path: str, source: str) -> None:
    """Refuses to write a picture of the words among the images that they are cut from, where it would be one of these.

    Args:
      path: of the picture; "" for none.
      source: see `list_images`.

    Raises:
      UserError: it is one of the images, or lies in their folder.
    """
    if not path:
        return
    preview_path = user_path(path).resolve()
    for part in (source, *source.split(",")):
        images = user_path(part.strip())
        if is_there(images) and preview_path in (images.resolve(), images.resolve() / preview_path.name):
            raise UserError(
                f"--preview={path} lies among the images of --images={source}, of which it would be one the next time; "
                "write it elsewhere"
            )


def find_layout(image: UInt8[np.ndarray, "h w"]) -> str:
    """What an image shows, by its size: a "page" has 400 pixels or more each way, a line is 7 times as wide as high."""
    if min(image.shape) >= _PAGE_SIDE:
        return "page"
    return "lines" if image.shape[1] >= _LINE_ASPECT * image.shape[0] else "words"


def words_of_images(
    images: Iterable[UInt8[np.ndarray, "_ _"]], layout: str = "auto", *, right_to_left: bool = False
) -> list[CutWord]:
    """The words of all images in reading order, dark ink on white; each image begins a new line.

    Args:
      images: of words, of lines or of pages, with dark ink or light ink.
      layout: what they show, one of `LAYOUTS`; "auto" tells by the size of each.
      right_to_left: the direction of the writing.

    Returns:
      The words, with their boxes in pixels of their image.
    """
    words: list[CutWord] = []
    for image in images:
        first = words[-1].line + 1 if words else 0
        if (find_layout(image) if layout == "auto" else layout) == "words":
            upright = transforms.WHITE - image if transforms.has_light_ink(image) else image
            words.append(CutWord(upright, first, (0, 0, image.shape[1], image.shape[0])))
        else:
            page = even_ink(image)
            for word in cut_words(page.darkness, right_to_left=right_to_left):
                words.append(CutWord(word.image, first + word.line, _box_in_photo(word.box, page, image.shape)))
    return words


def _box_in_photo(box: tuple[int, int, int, int], page: EvenPage, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The smallest box in a photo of this shape that holds a box of the page that was made of it."""
    left, top, right, bottom = box
    corners = page.to_photo(np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64))
    limit = np.array(shape[::-1])
    first, last = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    (left, top), (right, bottom) = first.clip(0, limit).astype(int).tolist(), last.clip(0, limit).astype(int).tolist()
    return left, top, right, bottom


def preview(words: Sequence[CutWord], left_out: Collection[int] = ()) -> Image.Image:
    """A picture of all words with their numbers, from 1, line by line; those that are left out are crossed.

    Args:
      words: as `words_of_images` returns them.
      left_out: numbers.
    """
    placed: list[tuple[Image.Image, tuple[int, int]]] = []
    x = y = 0
    for number, word in enumerate(words, 1):
        cell = _cell(word.image, number, number in left_out)
        starts_line = word.line != words[number - 2].line  # of no effect at the first, where x is 0
        if x and (x + cell.width > _PREVIEW_WIDTH or (starts_line and x > _PREVIEW_WIDTH // 3)):
            x, y = 0, y + cell.height
        placed.append((cell, (x, y)))
        x += cell.width
    sheet = Image.new("RGB", (_PREVIEW_WIDTH, y + _PREVIEW_HEIGHT + _CAPTION + 8), "white")
    for cell, place in placed:
        sheet.paste(cell, place)
    return sheet


def _cell(image: np.ndarray, number: int, crossed: bool) -> Image.Image:
    """A word with its number below."""
    scale = min(_PREVIEW_HEIGHT / image.shape[0], (_PREVIEW_WIDTH - 16) / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    cell = Image.new("RGB", (max(size[0], 24) + 12, _PREVIEW_HEIGHT + _CAPTION + 8), "white")
    cell.paste(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR), (4, 2))
    draw = ImageDraw.Draw(cell)
    draw.text(
        (4, _PREVIEW_HEIGHT + 4), str(number), "gray" if crossed else "mediumblue", ImageFont.load_default(_CAPTION)
    )
    draw.rectangle((1, 0, cell.width - 4, _PREVIEW_HEIGHT + 3), outline="lightgray")
    if crossed:
        draw.line((2, 2, cell.width - 6, _PREVIEW_HEIGHT + 2), fill="red", width=2)
        draw.line((2, _PREVIEW_HEIGHT + 2, cell.width - 6, 2), fill="red", width=2)
    return cell
