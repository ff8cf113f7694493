"""Reading files of unknown origin: whatever is wrong with them becomes one sentence.

Sizes and ranges are checked before memory is taken, by `open_regular` and by those who know the fields. What is left is
damage of any kind, for which parsers document no complete list of exceptions.
"""

import contextlib
import json
import math
import numbers
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import read_regular

MAX_SEED = 2**32 - 1
_MAX_JSON_BYTES = 64 * 10**6


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns every exception within into a `UserError`.

    Args:
      what: what is read, for the message, such as "the weights 'a.npz'".
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot read {what}: {error.strerror or error}") from error
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(
            f"cannot read {what}: it is damaged, or was written by another version of hwgan ({reason})"
        ) from error


def read_json_object(path: pathlib.Path) -> dict[str, Any]:
    """The object in a JSON file of at most 64 MB.

    Raises:
      UserError: it cannot be read, or is no JSON object.
    """
    with reading(f"{str(path)!r}"):
        value = json.loads(read_regular(path, _MAX_JSON_BYTES).decode())
        if not isinstance(value, dict):
            raise UserError(f"{str(path)!r} holds no JSON object")
        return value


def plain_number(value: Any) -> Any:
    """Python's number for one of NumPy's, as programs have them that compute settings; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def check_number(name: str, value: Any, low: int | float, high: int | float, *, whole: bool = False) -> None:
    """Raises UserError if a field is no finite number within [low, high], or no whole one where it must be."""
    number: Any = value  # of any kind that is a number to Python or NumPy
    fits = isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool | np.bool_)
    if not fits or not low <= number <= high or number == math.inf:
        kind = "a whole number" if whole else "a number"
        shown = [f"{limit:,}" if isinstance(limit, int) else f"{limit:g}" for limit in (low, high)]
        limits = f"from {shown[0]} to {shown[1]}" if math.isfinite(high) else f"of at least {shown[0]}"
        raise UserError(f"{name}={str(value)[:100]} must be {kind} {limits}")
