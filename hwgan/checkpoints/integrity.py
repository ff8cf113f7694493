"""Checksums of checkpoints, and what is checked before orbax opens or writes one: its files, their size, and room."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_plain

_MAX_FILES, _MAX_GROWTH = 100_000, 10
_DESCRIPTIONS, _MAX_DESCRIPTION_BYTES = (
    ("manifest.ocdbt", "metadata", "_METADATA", "_CHECKPOINT_METADATA", "_sharding"),
    50 * 10**6,
)
_OVERHEAD_BYTES = 1 << 20  # of what orbax writes beside the arrays


class DamagedCheckpoint(Exception):
    """A checkpoint cannot be read, or is not what was saved; the message says which, and why."""


def state_checksum(state: Any) -> str:
    """SHA-256 over all leaves of a state: their places, shapes, dtypes and bytes."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        array = np.ascontiguousarray(jax.device_get(leaf))
        digest.update(f"{jax.tree_util.keystr(path)} {array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def record_checksum(record: dict[str, Any]) -> str:
    """SHA-256 over the values of a record but its own checksum."""
    plain = {key: value for key, value in record.items() if key != "record_checksum"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def check_finite(variables: Any) -> None:
    """Raises UserError if a number of networks is not finite."""
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(variables)):
        raise UserError("its networks have values that are not finite")


def check_files(folder: pathlib.Path) -> None:
    """Checks that checkpoints, which may be of unknown origin, are regular files in folders, before orbax opens them.

    Raises:
      UserError: something else is among them, such as a link or a pipe; or one describes itself at absurd length.
    """
    for number, path in enumerate(_walk(folder)):
        try:
            status = check_plain(path, "checkpoint")
        except FileNotFoundError:  # a run that is training deletes old checkpoints meanwhile
            continue
        if number > _MAX_FILES:
            raise UserError(f"{folder} holds more than {_MAX_FILES} files, which no checkpoints do")
        if path.name in _DESCRIPTIONS and status.st_size > _MAX_DESCRIPTION_BYTES:
            raise UserError(f"{path} has {status.st_size / 1e6:.0f} MB, more than any checkpoint's description")


def _walk(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """All files and folders within a folder, also where one is deleted meanwhile (`rglob` of Python 3.11 fails)."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield pathlib.Path(place, name)


def check_size(folder: pathlib.Path, abstract_state: Any) -> None:
    """Raises DamagedCheckpoint if the files of a step are much larger than its state: orbax would read them all."""
    expected = _OVERHEAD_BYTES + sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(abstract_state))
    found = 0
    for path in _walk(folder):
        with contextlib.suppress(FileNotFoundError):
            found += path.lstat().st_size
    if found > _MAX_GROWTH * expected:
        raise DamagedCheckpoint(
            f"checkpoint {folder} is damaged: it has {found / 1e6:.0f} MB, and its state only {expected / 1e6:.0f}"
        )


def check_room(folder: pathlib.Path, state: Any) -> None:
    """Raises OSError where a save would fail; orbax would begin, and leave its threads and files behind."""
    probe = folder / f".probe-{jax.process_index()}"
    probe.write_bytes(b"")
    probe.unlink()
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + _OVERHEAD_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"no room: a checkpoint needs {needed / 1e6:.1f} MB, {free / 1e6:.1f} are free")
