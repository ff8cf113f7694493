"""The format of weights files: NumPy's .npz with arrays, and a JSON record of what made them.

The record has a checksum over itself and all arrays. Files may be of unknown origin.
"""

import hashlib
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from flax import traverse_util

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import open_regular, replacing

_RECORD, _SEPARATOR, _SLASH = "record", "/", "|"
_MAX_BYTES, _MAX_RECORD_BYTES, _MAX_MEMBERS = 10**9, 10**7, 10_000


def write_archive(record: dict[str, Any], variables: dict[str, Any], path: str) -> None:
    """Writes a file, and its folder.

    Args:
      record: JSON values.
      variables: nested dicts of arrays.
      path: of the file.

    Raises:
      UserError: it cannot be written.
    """
    arrays = flat(variables)
    record = record | {"checksum": checksum(record, arrays)}
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(pathlib.Path(path)) as file:
            np.savez(file, allow_pickle=False, **{_RECORD: np.array(json.dumps(record))}, **arrays)
    except OSError as error:
        raise UserError(f"cannot write {path!r}: {error.strerror or error}") from error


def read_archive(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record and the variables of a file that unpacks to at most 1 GB.

    To be called within `reading`, for what NumPy and zipfile raise for files that are no archives.

    Raises:
      UserError: it would unpack to more, is damaged, or holds something else.
    """
    with open_regular(pathlib.Path(path), _MAX_BYTES) as file:
        _check_sizes(file, path)
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    record = _checked_json(arrays.pop(_RECORD), path)
    expected = record.pop("checksum", None)
    if checksum(record, arrays) != expected:
        raise UserError(f"the weights {path!r} are damaged: their checksum is not the one they were written with")
    return record, nested(arrays)


def read_record(path: str) -> dict[str, Any]:
    """The record of a file, whose arrays are not read, so that its checksum is not known to hold.

    To be called within `reading`, as `read_archive`.

    Raises:
      UserError: it would unpack to more than 1 GB, or holds something else.
    """
    with open_regular(pathlib.Path(path), _MAX_BYTES) as file:
        _check_sizes(file, path)
        with np.load(file, allow_pickle=False) as stored:
            return _checked_json(stored[_RECORD], path)


def _check_sizes(file: IO[bytes], path: str) -> None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if f"{_RECORD}.npy" not in archive.namelist():
            raise UserError(f"{path!r} holds no weights; hwgan.export writes them")
        unpacked = sum(member.file_size for member in members)
        size = archive.getinfo(f"{_RECORD}.npy").file_size
    if unpacked > _MAX_BYTES or size > _MAX_RECORD_BYTES or len(members) > _MAX_MEMBERS:
        raise UserError(
            f"the weights {path!r} would unpack to {unpacked / 1e9:.1f} GB in {len(members)} arrays, above the "
            f"limit of {_MAX_BYTES / 1e9:.0f} GB in {_MAX_MEMBERS}"
        )
    file.seek(0)


def _checked_json(stored: np.ndarray, path: str) -> dict[str, Any]:
    record = json.loads(str(stored))
    if not isinstance(record, dict):
        raise UserError(f"{path!r} holds no weights: its record is no JSON object")
    if "config" not in record:  # as of a file of hwgan.style
        raise UserError(f"{path!r} holds no weights, but something else of hwgan")
    return record


def check_arrays(found: Mapping[str, Any], expected: Mapping[str, Any], network: str) -> None:
    """Raises UserError unless arrays are finite and have the names, shapes and kinds that a network needs.

    Args:
      found: nested dicts of arrays.
      expected: nested dicts of arrays or of their shapes and types.
      network: its name, for messages.
    """
    wanted: dict[Any, Any] = traverse_util.flatten_dict(dict(expected))
    given: dict[Any, Any] = traverse_util.flatten_dict(dict(found))
    # Running averages that another version of a network lacked are reset by those who can.
    missing = [path for path in wanted if path not in given and path[0] == "params"]
    for path in missing or given:
        name = f"{network}/{'/'.join(path)}"[:200]
        if missing or path not in wanted:
            raise UserError(f"the array {name} is {'missing' if missing else 'of no network of its config'}")
        array, like = given[path], wanted[path]
        if array.shape != like.shape or array.dtype.kind != np.dtype(like.dtype).kind:
            raise UserError(
                f"the array {name} is {array.dtype} {array.shape}; its config asks for {like.dtype} {like.shape}"
            )
        if not np.isfinite(array).all():
            raise UserError(f"the array {name} has values that are not finite")


def flat(variables: dict[str, Any]) -> dict[str, np.ndarray]:
    """By names as of paths; a slash inside a name, as spectral norm has them, is written otherwise."""
    return {
        _SEPARATOR.join(part.replace(_SEPARATOR, _SLASH) for part in path): np.asarray(array)
        for path, array in traverse_util.flatten_dict(variables).items()
    }


def nested(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of `flat`."""
    return traverse_util.unflatten_dict(
        {
            tuple(part.replace(_SLASH, _SEPARATOR) for part in name.split(_SEPARATOR)): array
            for name, array in arrays.items()
        }
    )


def checksum(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over the record and each array with its name, type and shape."""
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
