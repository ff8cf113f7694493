"""Reads word images with their original size: of a folder or archive, such as those of another method, or a dataset."""

import contextlib
import functools
import logging
import posixpath
from collections.abc import Sequence

import numpy as np

from hwgan.data import transforms
from hwgan.data.prepared import dataset_names, open_rows, row_text, writer_among
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.word_folder.rows import Row, split_of_word
from hwgan.datasets.word_folder.sources import read_source
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path

logger = logging.getLogger(__name__)


def is_folder_of_words(name: str) -> bool:
    """Whether `name` is an existing folder or file, as opposed to the name of a prepared dataset."""
    return user_path(name).exists()


def read_folder(source: str, split: str = "") -> tuple[list[np.ndarray], list[str], list[str]]:
    """Reads images and their texts and writers, from the best source of texts in the folder.

    Args:
      source: a folder, zip or tar, in the format of `hwgan.prepare --dataset=word_folder`.
      split: reads only this split, if the table has several; "" for all.

    Returns:
      Images (uint8 [height, width]), texts, and writers ("" where unknown).

    Raises:
      UserError: there are no rows of the split, a row is malformed, or an image cannot be read.
    """
    files = _open(source)
    found = read_source(files)
    rows = found.rows
    if found.warning:
        logger.warning("%s: %s", source, found.warning)
    if found.bad:
        raise UserError(f"{source}: {found.bad[0]}")
    splits = _splits_of(rows)
    if split and len(splits) > 1:  # a table with a single split is used completely
        rows = [row for row in rows if split_of_word(row.split) == split]
    if not rows:
        raise UserError(f"{source}: its table has no rows of split {split!r}; it has {', '.join(sorted(splits))}")
    images = []
    for row in rows:
        try:
            images.append(transforms.decode_grey(files.read(row.image or posixpath.join(found.folder, row.file))))
        except (OSError, KeyError) as error:
            raise UserError(f"{source}: the image {row.file!r} of the table cannot be read: {error}") from error
    return images, [row.text for row in rows], [row.writer for row in rows]


def folder_has_split(source: str, split: str) -> bool:
    """Whether `read_folder` reads a part of a folder for this split; else its table has no splits, or a single one."""
    splits = _splits_of(read_source(_open(source)).rows)
    if len(splits) == 1 and not splits <= {"", split}:
        logger.warning("%s: its table has only rows of split %r, and all of them are used", source, *splits)
    return len(splits) > 1


def _open(source: str) -> RawFiles:
    """The files of a folder or archive; one that is read several times is unpacked once."""
    path = user_path(source)
    if not path.is_file():
        return RawFiles(source)
    status = path.stat()
    return _open_archive(source, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _open_archive(source: str, _changed: int, _size: int) -> RawFiles:
    return RawFiles(source)


def _splits_of(rows: Sequence[Row]) -> set[str]:
    """The splits that rows name; "" where they name none."""
    return {split_of_word(row.split) for row in rows}


def read_dataset_images(data_dir: str, dataset: str, split: str) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Images, texts and writers of a split of one or several prepared datasets; see `read_folder`.

    Words that the dataset calls badly segmented are left out, as in training.

    Raises:
      UserError: a dataset or the split does not exist, or none of its images can be decoded.
    """
    images, texts, writers = [], [], []
    names = dataset_names(dataset)
    for source, row in ((name, row) for name in names for row in open_rows(data_dir, name, split)):
        if not row.get("segmentation_ok", True):
            continue
        with contextlib.suppress(OSError):
            images.append(transforms.decode_grey(row["image"]))
            texts.append(row_text(row, "text"))
            writers.append(writer_among(names, source, row_text(row, "writer")))
    if not images:
        raise UserError(f"no image of {dataset} {split} can be decoded")
    return images, texts, writers
