"""The format of weights files: NumPy's .npz with arrays, and a JSON record of what made them.

The record has a checksum over itself and all arrays. Files may be of unknown origin.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import traverse_util

from hwgan.runtime.errors import UserError
from hwgan.runtime.npz import NpzKind, read_npz, write_npz

_SEPARATOR, _SLASH = "/", "|"
_WEIGHTS = NpzKind("weights", "hwgan.export", max_bytes=10**9, max_record_bytes=10**7, max_members=10_000)


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
    write_npz(record | {"checksum": checksum(record, arrays)}, arrays, path)


def read_archive(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record and the variables of a file that unpacks to at most 1 GB.

    To be called within `reading`, as `read_npz`.

    Raises:
      UserError: it would unpack to more, is damaged, or holds something else.
    """
    record, arrays = read_npz(path, _WEIGHTS)
    _check_record(record, path)
    expected = record.pop("checksum", None)
    if checksum(record, arrays) != expected:
        raise UserError(f"the weights {path!r} are damaged: their checksum is not the one they were written with")
    return record, nested(arrays)


def read_record(path: str) -> dict[str, Any]:
    """The record of a file, whose arrays are not read, so that its checksum is not known to hold.

    To be called within `reading`, as `read_npz`.

    Raises:
      UserError: it would unpack to more than 1 GB, or holds something else.
    """
    record, _ = read_npz(path, _WEIGHTS, with_arrays=False)
    _check_record(record, path)
    return record


def _check_record(record: dict[str, Any], path: str) -> None:
    if "config" not in record:  # as of a file of hwgan.style
        raise UserError(f"{path!r} holds no weights, but something else of hwgan, such as a style (--style=)")


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
