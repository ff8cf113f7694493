"""Takes texts from the file names of images, which is a guess: it is the last resort, and names that say nothing fail.

bonjour_17.png is read as "bonjour". Names such as word_3.png or book_0001_003.png number images and are no texts.
"""

import posixpath
import re

from hwgan.datasets.word_folder.rows import Row, split_of_folder, stem
from hwgan.runtime.errors import UserError
from hwgan.runtime.wording import some

# What numbered images are called that are named after no text.
_NO_WORDS = {
    *("", "a", "b", "c", "crop", "cropped", "data", "example", "file", "form", "frame", "image", "img", "label"),
    *("line", "lines", "ocr", "output", "p", "page", "patch", "photo", "pic", "picture", "row", "sample", "scan"),
    *(
        "segment",
        "text",
        "textline",
        "train",
        "test",
        "val",
        "word",
        "words",
        "writer",
        "zeile",
        "wort",
        "mot",
        "ligne",
    ),
}
_ADVICE = "put the texts into a table words.tsv with the columns file and text, or into x.gt.txt beside each x.png"


def rows_from_names(images: list[str]) -> tuple[list[Row], list[str]]:
    """Rows of images called `text_number.png`.

    If the images are in several folders and none is at the root, the folder is the writer, unless it is a split.

    Args:
      images: paths of all images.

    Returns:
      The rows, and the paths of images with other names.

    Raises:
      UserError: no image has such a name, or the names are clearly no texts.
    """
    rows, others = [], []
    for name in images:
        text, separator, number = stem(posixpath.basename(name)).rpartition("_")
        if separator and number.isdigit():
            rows.append((name, text))
        else:
            others.append(name)
    if not rows:
        raise UserError(
            f"no texts are there: no table, list or text file for {_count(images)}, and no image is called "
            f"text_number.png either; {_ADVICE}"
        )
    kinds = {_without_numbers(text) for _, text in rows}
    if len(kinds) == 1 or kinds <= _NO_WORDS:
        raise UserError(
            f"no texts are there: no table, list or text file for {_count(images)}, and their names are no texts "
            f"({some([posixpath.basename(name) for name, _ in rows])}); {_ADVICE}"
        )
    folders = {posixpath.dirname(name) for name, _ in rows}
    folder_is_writer = len(folders) > 1 and "" not in folders and not all(split_of_folder(name) for name, _ in rows)
    return [
        Row(name, text, posixpath.dirname(name) if folder_is_writer else "", image=name) for name, text in rows
    ], others


def _count(images: list[str]) -> str:
    return f"{len(images):,} image{'' if len(images) == 1 else 's'}"


def _without_numbers(text: str) -> str:
    return re.sub(r"[\d_\W]+", "", text.lower())
