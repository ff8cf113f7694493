"""A split decoded and preprocessed once, kept on disk as plain bytes that later runs map into memory.

    CACHE_DIR/<key of dataset and preprocessing>/<split>/
      pixels.bin   uint8: the images one after another, each [height, width] row by row, in reading direction
      index.npz    start and width of each image, its id, text and writer, whether its segmentation is vouched for
      cache.json   what made it, and how many rows could not be used; written last

It knows nothing of alphabets and lengths, so runs that choose other words share it. It is made in a folder of its own
and renamed into place: a reader sees all of it or nothing, whatever dies on the way, and of two that make it at once
the second gives way.
"""

import dataclasses
import functools
import json
import logging
import os
import pathlib
import shutil
import sys
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from hwgan.data import transforms
from hwgan.data.charset import normalize_text
from hwgan.data.locking import only_writer
from hwgan.data.prepared import Rows, dataset_directory, open_rows, read_summary, row_text
from hwgan.data.preprocessing import Preprocessing, TooWide
from hwgan.errors import UserError

logger = logging.getLogger(__name__)

_PIXELS, _INDEX, _DONE = "pixels.bin", "index.npz", "cache.json"
_CHUNK = 1024  # rows decoded at a time: what bounds the memory


@dataclasses.dataclass(frozen=True)
class DecodedSplit:
    """A split as the cache holds it.

    Attributes:
      height: of every image.
      pixels: uint8 [sum of height * width], mapped from disk.
      starts: int64 [n], where each image begins in `pixels`.
      widths: int32 [n].
      ids: of the rows.
      texts: in NFC.
      writers: "" where unknown.
      segmentation_ok: bool [n]; True where the dataset does not say.
      dropped: how many rows could not be used, by reason.
    """

    height: int
    pixels: np.ndarray
    starts: np.ndarray
    widths: np.ndarray
    ids: list[str]
    texts: list[str]
    writers: list[str]
    segmentation_ok: np.ndarray
    dropped: dict[str, int]


def read_split(
    data_dir: str, dataset: str, split: str, preprocessing: Preprocessing, *, right_to_left: bool, cache_dir: str = ""
) -> DecodedSplit:
    """The split, from the cache, which is made first where there is none.

    Args:
      data_dir: where prepared datasets lie.
      dataset: "name/config".
      split: of the dataset.
      preprocessing: what is done to each image.
      right_to_left: whether images are mirrored into reading direction.
      cache_dir: where caches lie; "" for a folder inside the prepared dataset.

    Raises:
      UserError: no such dataset or split, or the cache cannot be written.
    """
    home = dataset_directory(data_dir, dataset)
    content = read_summary(data_dir, dataset)["content"]
    key = preprocessing.key(f"{dataset} {content} {'rtl' if right_to_left else 'ltr'}")
    parent = pathlib.Path(cache_dir).expanduser() if cache_dir else home / "cache"
    folder = parent / key / split
    name = f"{dataset} {split}"
    try:
        found = _read(folder, preprocessing.height, name)
        if found is None:
            rows = open_rows(data_dir, dataset, split)
            with only_writer(folder.parent) as alone:  # who waited finds it made
                found = _read(folder, preprocessing.height, name)
                if found is None:
                    _write(folder, rows, name, preprocessing, right_to_left, alone)
                    found = _read(folder, preprocessing.height, name)
    except OSError as error:
        raise UserError(
            f"cannot write the decoded images of {name} under {parent}: {error.strerror or error}; "
            "give --config.data.cache_dir= a folder with room"
        ) from error
    if found is None:
        raise UserError(f"the decoded images of {name} are damaged as soon as they are written to {folder}")
    return found


def _write(
    folder: pathlib.Path,
    rows: Rows,
    name: str,
    preprocessing: Preprocessing,
    right_to_left: bool,
    alone: bool,
) -> None:
    if alone:  # then these are of processes that died
        for leftover in folder.parent.glob(f".{folder.name}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
    making = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
    making.mkdir()
    try:
        began, dropped, kept = time.perf_counter(), Counter[str](), []
        with (making / _PIXELS).open("wb") as file:
            decoded = _decode_all(rows, preprocessing)
            progress = tqdm(decoded, f"decoding {name}", len(rows), unit=" words", disable=not sys.stderr.isatty())
            for row in progress:
                if isinstance(row, str):
                    dropped[row] += 1
                    continue
                image, *fields = row
                file.write(np.ascontiguousarray(transforms.flip_reading(image, right_to_left)).data)
                kept.append((image.shape[1], *fields))
        widths, ids, texts, writers, ok = zip(*kept, strict=True) if kept else ((),) * 5
        np.savez(
            making / _INDEX,
            widths=np.array(widths, np.int32),
            ids=np.array(json.dumps(ids)),
            texts=np.array(json.dumps(texts)),
            writers=np.array(json.dumps(writers)),
            segmentation_ok=np.array(ok, bool),
        )
        made_by = {"rows": name, "preprocessing": dataclasses.asdict(preprocessing), "dropped": dict(dropped)}
        (making / _DONE).write_text(json.dumps(made_by, indent=1))
        for path in making.iterdir():  # on disk before the folder has its name, should the power fail
            with path.open("rb") as file:
                os.fsync(file.fileno())
        _move(making, folder)
        seconds = time.perf_counter() - began
        logger.info("decoded %s: %d words, %.0f/s, kept in %s", name, len(rows), len(rows) / seconds, folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _move(making: pathlib.Path, folder: pathlib.Path) -> None:
    try:
        making.rename(folder)
    except OSError:
        if not (folder / _DONE).exists():  # else another process was faster, and its work is as good
            raise


def _decode_all(rows: Rows, preprocessing: Preprocessing) -> Iterator[tuple | str]:
    decode = functools.partial(_decode_row, rows, preprocessing=preprocessing)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), _CHUNK):
            yield from pool.map(decode, range(start, min(start + _CHUNK, len(rows))))


def _decode_row(rows: Rows, index: int, preprocessing: Preprocessing) -> tuple | str:
    """(image, id, text, writer, segmentation_ok), or why the row cannot be used."""
    try:
        row = rows[index]
        if row["image"] is None:  # so array_record gives a row that it has lost
            return "unreadable"
        text = normalize_text(row_text(row, "text"))
        image = preprocessing(transforms.decode_grey(row["image"]), text)
    except TooWide:
        return "far too wide"
    except (OSError, RuntimeError):  # it was whole when prepared; what was damaged since must not cost the rest
        return "unreadable"
    return image, row_text(row, "id"), text, row_text(row, "writer"), bool(row.get("segmentation_ok", True))


def _read(folder: pathlib.Path, height: int, name: str) -> DecodedSplit | None:
    """What the folder holds; None if it does not exist, or is damaged and was removed."""
    if not folder.exists():
        return None
    try:
        made_by = json.loads((folder / _DONE).read_text())
        with (folder / _INDEX).open("rb") as file, np.load(file) as index:
            widths, ok = index["widths"], index["segmentation_ok"]
            ids, texts, writers = (json.loads(str(index[field])) for field in ("ids", "texts", "writers"))
        starts = np.concatenate([[0], np.cumsum(widths.astype(np.int64) * height)])
        path = folder / _PIXELS
        if path.stat().st_size != starts[-1]:
            raise ValueError(f"{path} holds {path.stat().st_size} bytes instead of {starts[-1]}")
        # A plain array over the mapping: slices of np.memmap itself are several times slower.
        pixels = np.asarray(np.memmap(path, np.uint8, "r")) if starts[-1] else np.empty(0, np.uint8)
        return DecodedSplit(height, pixels, starts[:-1], widths, ids, texts, writers, ok, made_by["dropped"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        logger.warning("the decoded images of %s in %s are damaged (%s) and are made anew", name, folder, error)
        shutil.rmtree(folder)
        return None
