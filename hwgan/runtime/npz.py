"""NumPy's .npz files of arrays and a JSON record of what made them: weights, styles. They may be of unknown origin."""

import contextlib
import dataclasses
import json
import pathlib
import zipfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import open_regular, replacing, writing

_RECORD = "record"


@dataclasses.dataclass(frozen=True)
class NpzKind:
    """A kind of file, and how large one may be.

    Attributes:
      name: of what it holds, in the singular or plural: "weights".
      writer: the command that writes it.
      max_bytes: of the file, and of all arrays unpacked.
      max_record_bytes: of the record, as a NumPy array of characters of four bytes.
      max_members: number of arrays.
    """

    name: str
    writer: str
    max_bytes: int
    max_record_bytes: int
    max_members: int


def write_npz(record: dict[str, Any], arrays: dict[str, np.ndarray], path: str) -> None:
    """Writes a file, and its folder.

    Raises:
      UserError: it cannot be written.
    """
    with writing(path), replacing(pathlib.Path(path)) as file:
        np.savez(file, allow_pickle=False, **{_RECORD: np.array(json.dumps(record))}, **arrays)


def read_npz(path: str, kind: NpzKind, *, with_arrays: bool = True) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record and the arrays (none without `with_arrays`) of a file.

    To be called within `reading`, for what NumPy and zipfile raise for files that are no archives.

    Raises:
      UserError: it would unpack to more than its kind may, or has no such record.
    """
    with open_regular(pathlib.Path(path), kind.max_bytes) as file:
        _check_sizes(file, path, kind)
        with np.load(file, allow_pickle=False) as stored:
            record = json.loads(str(stored[_RECORD]))
            arrays = {name: stored[name] for name in stored.files if name != _RECORD} if with_arrays else {}
    if not isinstance(record, dict):
        raise UserError(f"{path!r} holds no {kind.name}: its record is no JSON object")
    return record, arrays


@contextlib.contextmanager
def open_stored(path: pathlib.Path, max_bytes: int) -> Iterator[Any]:
    """The arrays of a file of unknown origin by name, as `numpy.load` gives them.

    Raises:
      ValueError: it has compressed members, which could unpack to any size.
    """
    with open_regular(path, max_bytes) as file:
        with zipfile.ZipFile(file) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("it is compressed")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays


def _check_sizes(file: IO[bytes], path: str, kind: NpzKind) -> None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if f"{_RECORD}.npy" not in archive.namelist():
            raise UserError(f"{path!r} holds no {kind.name}; {kind.writer} writes such files")
        unpacked = sum(member.file_size for member in members)
        size = archive.getinfo(f"{_RECORD}.npy").file_size
    if unpacked > kind.max_bytes or size > kind.max_record_bytes or len(members) > kind.max_members:
        raise UserError(
            f"{path!r} would unpack to {unpacked / 1e6:,.1f} MB in {len(members)} arrays, with a record of "
            f"{size / 1e6:,.1f} MB: no {kind.name} of hwgan"
        )
    file.seek(0)
