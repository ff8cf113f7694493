"""Cache of decoded and preprocessed splits, stored as raw bytes that every run maps into memory.

    CACHE_DIR/<key of dataset and preprocessing>/<split>/
      pixels.bin   uint8: the images one after another, each [height, width] in row-major order, in reading direction
      index.npz    width, id, text, writer and segmentation flag of each image
      cache.json   dataset, preprocessing, and counts of dropped rows by reason; written last

The cache does not depend on alphabet or length limits, so runs that differ only in these share it. It is written to a
temporary folder, which is then renamed: a folder under the final name is complete, even if a writing process is
killed. If two processes write the same cache, the first rename wins and the second result is deleted.
"""

import dataclasses
import functools
import json
import logging
import os
import pathlib
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hwgan.data import transforms
from hwgan.data.charset import normalize_text
from hwgan.data.prepared import Rows, cache_folders, open_rows, read_summary, row_text
from hwgan.data.preprocessing import Preprocessing, TooWide
from hwgan.runtime.cpu import granted_cores
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import is_denied, read_regular
from hwgan.runtime.locking import exclusive_lock
from hwgan.runtime.npz import open_stored
from hwgan.runtime.progress import with_progress

logger = logging.getLogger(__name__)

_PIXELS, _INDEX, _DONE = "pixels.bin", "index.npz", "cache.json"
_MAX_METADATA_BYTES, _MAX_INDEX_BYTES = 10**6, 4 * 10**9
_CHUNK = 1024  # rows decoded at a time, which bounds the memory


@dataclasses.dataclass(frozen=True)
class DecodedSplit:
    """The content of a cached split of n images.

    Attributes:
      height: height of every image in pixels.
      pixels: uint8 [sum of height * width], mapped from disk.
      starts: int64 [n], offset of each image in `pixels`.
      widths: int32 [n], width of each image in pixels.
      ids: ids of the rows.
      texts: transcriptions in NFC.
      writers: names of the writers; "" where unknown.
      segmentation_ok: bool [n], whether the dataset marks the segmentation as correct; True if it has no such flag.
      dropped: number of rows that could not be decoded, by reason.
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
    """Reads a split from the cache, and writes the cache first if it does not exist.

    Args:
      data_dir: directory of prepared datasets.
      dataset: "name/config".
      split: name of the split.
      preprocessing: steps applied to each image.
      right_to_left: whether images are mirrored into reading direction.
      cache_dir: see `cache_folders`.

    Raises:
      UserError: the dataset or the split does not exist, or the cache cannot be written.
    """
    content = read_summary(data_dir, dataset)["content"]
    key = preprocessing.key(f"{dataset} {content} {'rtl' if right_to_left else 'ltr'}")
    name = f"{dataset} {split}"
    parents = cache_folders(data_dir, dataset, cache_dir)
    for parent in parents:
        folder = parent / key / split
        try:
            found = _read(folder, preprocessing.height, name)
            if found is None:
                found = _make(folder, open_rows(data_dir, dataset, split), name, preprocessing, right_to_left)
        except OSError as error:
            if is_denied(error) and parent != parents[-1]:
                logger.info("%s cannot be written to, so decoded images go to %s", parent, parents[-1])
                continue
            raise UserError(
                f"cannot write the decoded images of {name} under {parent}: {error.strerror or error}; "
                "give --config.data.cache_dir= a folder with free space"
            ) from error
        if found is None:
            raise UserError(f"the decoded images of {name} were written to {folder}, but cannot be read back")
        return found
    raise AssertionError("the last folder returns or raises")


def _make(
    folder: pathlib.Path, rows: Rows, name: str, preprocessing: Preprocessing, right_to_left: bool
) -> DecodedSplit | None:
    with exclusive_lock(folder.parent) as locked:
        found = _read(folder, preprocessing.height, name)  # another process may have written it meanwhile
        if found is None:
            if locked:
                _remove_leftovers(folder)
            _write(folder, rows, name, preprocessing, right_to_left)
            found = _read(folder, preprocessing.height, name)
        return found


def _remove_leftovers(folder: pathlib.Path) -> None:
    """Deletes temporary folders of killed processes; under the lock no running process has one."""
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _write(folder: pathlib.Path, rows: Rows, name: str, preprocessing: Preprocessing, right_to_left: bool) -> None:
    temporary = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
    temporary.mkdir()
    try:
        start, dropped, kept = time.perf_counter(), Counter[str](), []
        with (temporary / _PIXELS).open("wb") as file:
            decoded = _decode_all(rows, preprocessing)
            for row in with_progress(decoded, f"decoding {name}", "words", len(rows)):
                if isinstance(row, str):
                    dropped[row] += 1
                    continue
                image, *fields = row
                file.write(np.ascontiguousarray(transforms.flip_reading(image, right_to_left)).data)
                kept.append((image.shape[1], *fields))
        widths, ids, texts, writers, ok = zip(*kept, strict=True) if kept else ((),) * 5
        np.savez(
            temporary / _INDEX,
            widths=np.array(widths, np.int32),
            # As bytes: numpy has four for each character of a string.
            ids=_as_bytes(ids),
            texts=_as_bytes(texts),
            writers=_as_bytes(writers),
            segmentation_ok=np.array(ok, bool),
        )
        metadata = {"rows": name, "preprocessing": dataclasses.asdict(preprocessing), "dropped": dict(dropped)}
        (temporary / _DONE).write_text(json.dumps(metadata, indent=1))
        for path in temporary.iterdir():  # the files must be on disk before the rename, in case the power fails
            with path.open("rb") as file:
                os.fsync(file.fileno())
        _rename(temporary, folder)
        seconds = time.perf_counter() - start
        logger.info("decoded %s: %d words, %.0f/s, cached in %s", name, len(rows), len(rows) / seconds, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _as_bytes(strings: Sequence[str]) -> np.ndarray:
    return np.frombuffer(json.dumps(strings, ensure_ascii=False).encode(errors="surrogatepass"), np.uint8)


def _rename(temporary: pathlib.Path, folder: pathlib.Path) -> None:
    try:
        temporary.rename(folder)
    except OSError:
        if not (folder / _DONE).exists():  # if it exists, another process wrote the same cache first
            raise


def _decode_all(rows: Rows, preprocessing: Preprocessing) -> Iterator[tuple | str]:
    decode = functools.partial(_decode_row, rows, preprocessing=preprocessing)
    with ThreadPoolExecutor(granted_cores()) as pool:
        for start in range(0, len(rows), _CHUNK):
            yield from pool.map(decode, range(start, min(start + _CHUNK, len(rows))))


def _decode_row(rows: Rows, index: int, preprocessing: Preprocessing) -> tuple | str:
    """(image, id, text, writer, segmentation_ok), or the reason why the row is dropped."""
    try:
        row = rows[index]
        if row["image"] is None:  # array_record returns None for a row that it cannot read
            return "unreadable"
        text = normalize_text(row_text(row, "text"))
        image = preprocessing(transforms.decode_grey(row["image"]), text)
    except TooWide:
        return "far too wide"
    except (OSError, RuntimeError):  # a row damaged on disk is dropped, and the rest of the split stays usable
        return "unreadable"
    return image, row_text(row, "id"), text, row_text(row, "writer"), bool(row.get("segmentation_ok", True))


def _read(folder: pathlib.Path, height: int, name: str) -> DecodedSplit | None:
    """Reads a cached split; returns None if the folder does not exist, or is damaged, in which case it is deleted."""
    if not folder.exists():
        return None
    try:
        metadata = json.loads(read_regular(folder / _DONE, _MAX_METADATA_BYTES))
        with open_stored(folder / _INDEX, _MAX_INDEX_BYTES) as index:
            widths, ok = index["widths"], index["segmentation_ok"]
            ids, texts, writers = (json.loads(index[field].tobytes()) for field in ("ids", "texts", "writers"))
        if len({len(part) for part in (widths, ok, ids, texts, writers)}) > 1:
            raise ValueError("its parts do not fit")
        starts = np.concatenate([[0], np.cumsum(widths.astype(np.int64) * height)])
        path = folder / _PIXELS
        if path.stat().st_size != starts[-1]:
            raise ValueError(f"{path} holds {path.stat().st_size} bytes instead of {starts[-1]}")
        # An ndarray over the mapping, because slicing an np.memmap is several times slower.
        pixels = np.asarray(np.memmap(path, np.uint8, "r")) if starts[-1] else np.empty(0, np.uint8)
        return DecodedSplit(height, pixels, starts[:-1], widths, ids, texts, writers, ok, metadata["dropped"])
    except Exception as error:  # the cache may have come with a dataset of unknown origin
        logger.warning("the decoded images of %s in %s are damaged (%s) and are written again", name, folder, error)
        shutil.rmtree(folder)
        return None
