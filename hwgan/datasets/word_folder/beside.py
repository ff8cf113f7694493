"""Reads texts that lie beside their images, one file an image: x.gt.txt or x.txt for x.png, or x.json."""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from hwgan.datasets.word_folder.images import ImageIndex
from hwgan.datasets.word_folder.rows import COLUMNS, Row, is_image, parse_json, stem
from hwgan.runtime.errors import UserError

TEXT_ENDINGS = (".gt.txt", ".txt")  # the better one first: x.txt may be what a recognizer read
# What Calamari, kraken and ocropy call further images of a line; the better one first.
_KINDS_OF_IMAGE = (".raw", ".nrm", ".dew", ".bin")

Beside = dict[str, str]  # the file of each image


def match_files(names: list[str], index: ImageIndex, endings: tuple[str, ...]) -> Beside:
    """The file that belongs to each image: of the same name in the same folder, else the only one of its name.

    A file x.gt.txt belongs to x.png, or to x.nrm.png or x.bin.png if there is no x.png. Where there are several, only
    the best image of a line gets the file.

    Args:
      names: paths of all files.
      index: the images.
      endings: endings of the files, the better ones first.
    """
    by_line: dict[str, list[str]] = defaultdict(list)
    for image in index.images:
        for key in {image, stem(image), _line(image)}:
            by_line[key].append(image)
    found: Beside = {}
    for ending in endings:
        files = [(name, name[: -len(ending)]) for name in names if name.lower().endswith(ending) and not is_image(name)]
        for name, key in files:
            if images := by_line.get(key):
                found.setdefault(min(images, key=lambda image: _rank(image, key)), name)
        for name, key in files:
            if key not in by_line and (image := index.find_anywhere(posixpath.basename(key))):
                found.setdefault(image, name)
    return found


def _line(image: str) -> str:
    """The path of an image without ending and without the kind of image, such as ".nrm"."""
    name = stem(image)
    kind = next((kind for kind in _KINDS_OF_IMAGE if name.lower().endswith(kind)), "")
    return name[: len(name) - len(kind)]


def _rank(image: str, key: str) -> tuple[int, str]:
    kind = stem(image)[len(key) :].lower()
    return (_KINDS_OF_IMAGE.index(kind) + 1 if kind in _KINDS_OF_IMAGE else 0), image


def other_images(index: ImageIndex, beside: Beside) -> tuple[list[str], list[str]]:
    """The images without a file of their own: further images of a line that has one, and those without any text."""
    lines = {_line(image) for image in beside}
    others = [image for image in index.images if image not in beside]
    return [i for i in others if _line(i) in lines], [i for i in others if _line(i) not in lines]


def rows_of_texts(beside: Beside, read_text: Callable[[str], str]) -> tuple[list[Row], list[str]]:
    """Rows of images with their text files, and the locations of files that are no single line of UTF-8."""
    rows, bad = [], []
    for image, name in sorted(beside.items()):
        try:
            text = read_text(name).strip()
        except UserError as error:
            bad.append(f"{name}: {error}")
            continue
        if "\n" in text:
            bad.append(f"{name}: it has {text.count(chr(10)) + 1} lines, and an image is of one")
        else:
            rows.append(Row(image, text, place=name, image=image))
    return rows, bad


def rows_of_json(beside: Beside, read_text: Callable[[str], str]) -> tuple[list[Row], list[str]]:
    """Rows of images with their JSON files, and the locations of files without a text.

    Raises:
      UserError: no file has a text.
    """
    rows, bad, keys = [], [], list[str]()
    for image, name in sorted(beside.items()):
        try:
            record = parse_json(read_text(name))
        except (UserError, ValueError, RecursionError) as error:
            bad.append(f"{name}: it is not JSON ({error})")
            continue
        record = {str(key).lower(): value for key, value in record.items()} if isinstance(record, dict) else {}
        keys = keys or list(record)
        text, writer, split = (_plain_value(record, COLUMNS[field]) for field in ("text", "writer", "split"))
        if text is None:
            bad.append(f"{name}: it has no text")
        else:
            rows.append(Row(image, text, writer or "", split or "", place=name, image=image))
    if not rows:
        raise UserError(
            f"none of the {len(beside)} JSON files beside the images has a text under one of the keys "
            f"{', '.join(COLUMNS['text'])} (the first has {', '.join(keys[:8]) or 'no keys'}); "
            "put the texts into a table words.tsv with the columns file and text"
        )
    return rows, bad


def _plain_value(record: dict[str, Any], aliases: Iterable[str]) -> str | None:
    """The value under the first of these keys that has a text or a number."""
    values = (record.get(alias) for alias in aliases)
    plain = (value for value in values if isinstance(value, str | int | float) and not isinstance(value, bool))
    return next((str(value) for value in plain), None)
