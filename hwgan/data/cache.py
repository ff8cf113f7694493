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
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from tqdm import tqdm

from hwgan.data import transforms
from hwgan.data.charset import normalize_text
from hwgan.data.prepared import dataset_directory, open_rows, read_summary, row_text
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
    if not (folder / _DONE).exists():
        rows = open_rows(data_dir, dataset, split)
        try:
            _write(folder, rows, f"{dataset} {split}", preprocessing, right_to_left)
        except OSError as error:
            raise UserError(
                f"cannot write the decoded images of {dataset} {split} under {parent}: {error.strerror or error}; "
                "give --config.data.cache_dir= a folder with room"
            ) from error
    return _read(folder, preprocessing.height)


def _write(
    folder: pathlib.Path, rows: Sequence[dict[str, Any]], name: str, preprocessing: Preprocessing, right_to_left: bool
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
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
        _move(making, folder)
        seconds = time.perf_counter() - began
        logger.info("decoded %s: %d words, %.0f/s, kept in %s", name, len(rows), len(rows) / seconds, folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _move(making: pathlib.Path, folder: pathlib.Path) -> None:
    if folder.exists() and not (folder / _DONE).exists():
        shutil.rmtree(folder)  # nobody made this whole
    try:
        making.rename(folder)
    except OSError:
        if not (folder / _DONE).exists():  # else another process was faster, and its work is as good
            raise


def _decode_all(rows: Sequence[dict[str, Any]], preprocessing: Preprocessing) -> Iterator[tuple | str]:
    decode = functools.partial(_decode_row, preprocessing=preprocessing)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), _CHUNK):
            yield from pool.map(decode, (rows[i] for i in range(start, min(start + _CHUNK, len(rows)))))


def _decode_row(row: dict[str, Any], preprocessing: Preprocessing) -> tuple | str:
    """(image, id, text, writer, segmentation_ok), or why the row cannot be used."""
    text = normalize_text(row_text(row, "text"))
    try:
        image = preprocessing(transforms.decode_grey(row["image"]), len(text))
    except TooWide:
        return "far too wide"
    except OSError:  # prepared images were readable once; a damaged one must not cost the rest
        return "unreadable"
    return image, row_text(row, "id"), text, row_text(row, "writer"), bool(row.get("segmentation_ok", True))


def _read(folder: pathlib.Path, height: int) -> DecodedSplit:
    try:
        made_by = json.loads((folder / _DONE).read_text())
        with np.load(folder / _INDEX) as index:
            widths, ok = index["widths"], index["segmentation_ok"]
            ids, texts, writers = (json.loads(str(index[name])) for name in ("ids", "texts", "writers"))
        starts = np.concatenate([[0], np.cumsum(widths.astype(np.int64) * height)])
        path = folder / _PIXELS
        if path.stat().st_size != starts[-1]:
            raise ValueError(f"{path} holds {path.stat().st_size} bytes instead of {starts[-1]}")
        # A plain array over the mapping: slices of np.memmap itself are several times slower.
        pixels = np.asarray(np.memmap(path, np.uint8, "r")) if starts[-1] else np.empty(0, np.uint8)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"the decoded images in {folder} are damaged ({error}); remove that folder") from error
    return DecodedSplit(height, pixels, starts[:-1], widths, ids, texts, writers, ok, made_by["dropped"])
