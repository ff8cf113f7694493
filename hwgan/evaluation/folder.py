"""Words of a folder or archive that was not prepared: images of any other method."""

import pathlib
import posixpath

import numpy as np

from hwgan.data import transforms
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.word_folder.table import find_table, parse_table, rows_from_names
from hwgan.errors import UserError


def is_folder_of_words(name: str) -> bool:
    """Whether it is a folder or file, and not the name of a prepared dataset."""
    return pathlib.Path(name).expanduser().exists()


def read_folder(source: str, split: str = "") -> tuple[list[np.ndarray], list[str], list[str]]:
    """Images, texts and writers ("" where unknown), by a table or by the names of images.

    Args:
      source: a folder, zip or tar, as `hwgan.prepare --dataset=word_folder` takes it.
      split: rows of this split alone, where the table has several; "" for all.

    Raises:
      UserError: there is no table and no such image, or an image cannot be read.
    """
    files = RawFiles(source)
    names = files.names()
    table = find_table(names)
    if table is None:
        (rows, _), folder = rows_from_names(names), ""
    else:
        rows, bad = parse_table(files.read_text(table), table)
        folder = posixpath.dirname(table)
        if bad:
            raise UserError(f"{source}: {bad[0]}")
    splits = {row.split for row in rows}
    if split and len(splits) > 1:  # a table of one split alone is taken whole
        rows = [row for row in rows if row.split == split]
    if not rows:
        raise UserError(f"{source}: its table has no rows of split {split!r}; it has {', '.join(sorted(splits))}")
    images = []
    for row in rows:
        try:
            images.append(transforms.decode_grey(files.read(posixpath.join(folder, row.file))))
        except (OSError, KeyError) as error:
            raise UserError(f"{source}: the image {row.file!r} of the table cannot be read: {error}") from error
    return images, [row.text for row in rows], [row.writer for row in rows]
