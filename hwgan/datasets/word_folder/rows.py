"""What every source of texts gives: rows of images with their transcriptions."""

import dataclasses
import json
import posixpath
import re
from typing import Any

from hwgan.data.transforms import IMAGE_ENDINGS

# Accepted names of each column or JSON key, the better ones first; the first one is the documented name.
COLUMNS = {
    "file": ("file", "file_name", "filename", "image", "image_path", "image_name", "img", "img_path", "path"),
    "text": (
        *(
            "text",
            "transcription",
            "transcript",
            "ground_truth",
            "gt",
            "label",
            "identity",
            "sentence",
            "word",
            "words",
        ),
        *("description", "value", "content"),
    ),
    "writer": ("writer", "writer_id", "author"),
    "split": ("split", "subset"),
}
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLITS_BY_WORD = {word: split for split, words in _SPLIT_WORDS.items() for word in words}


@dataclasses.dataclass(frozen=True)
class Row:
    """An image and its transcription.

    Attributes:
      file: path of the image as the source names it; with `image` set, its path from the folder of the source.
      text: transcription.
      writer: name of the writer; "" if unknown.
      split: name of the split; "" if not given.
      place: location of the row, such as "words.tsv line 7"; "" without a table.
      image: path of the image from the root of the raw files; "" if it is not there, or not yet looked for.
      stated: with `image` set, the path as the source names it.
    """

    file: str
    text: str
    writer: str = ""
    split: str = ""
    place: str = ""
    image: str = ""
    stated: str = ""


def is_image(name: str, endings: tuple[str, ...] = IMAGE_ENDINGS) -> bool:
    """Whether a path has the ending of an image, or another one of these."""
    return name.lower().endswith(endings)


def stem(name: str, endings: tuple[str, ...] = IMAGE_ENDINGS) -> str:
    """The path of an image without its ending; other paths as they are."""
    return posixpath.splitext(name)[0] if is_image(name, endings) else name


def split_of_word(word: str) -> str:
    """The split that a word means, such as "validation" for Val or dev; other words as they are."""
    return _SPLITS_BY_WORD.get(word.lower(), word)


def split_of_folder(name: str) -> str:
    """The split that a folder of the path is named after, such as "validation" for data/val/7.png; "" if none is."""
    folders = posixpath.dirname(name).lower().split("/")
    return next((_SPLITS_BY_WORD[folder] for folder in reversed(folders) if folder in _SPLITS_BY_WORD), "")


def split_of_file(name: str) -> str:
    """The split that a table is named after, such as "test" for labels_test.txt or test/metadata.csv; "" if none is."""
    words = re.findall("[a-z]+", posixpath.splitext(posixpath.basename(name))[0].lower())
    splits = {_SPLITS_BY_WORD[word] for word in words if word in _SPLITS_BY_WORD}
    return splits.pop() if len(splits) == 1 else split_of_folder(name)


def parse_json(text: str) -> Any:
    """The value of a JSON text with fractions as they are written, and NaN, by which programs mean no value, as None.

    Raises:
      ValueError, RecursionError: it is not JSON.
    """
    return json.loads(text, parse_constant=lambda _: None, parse_float=str)
