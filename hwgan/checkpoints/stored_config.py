"""Checks a config that was read from a run or a weights file, which may be of unknown origin.

Its sizes decide how much memory and time the networks take, so they are held to ranges before a network is built. The
ranges leave room for networks a hundred times as large as any here.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections

from hwgan.data.charset import FEW_EXAMPLES, Charset
from hwgan.runtime.config import STROKES, Config
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import check_number

_RANGES = {  # of whole numbers that every config of word images has
    "data.max_width": (1, 8192),  # pixels
    "data.max_length": (1, 256),  # characters
    "data.min_length": (0, 256),
    "preprocessing.height": (1, 512),  # pixels
    "preprocessing.pixels_per_character": (0, 512),
    "model.z_dim": (1, 4096),
}
_STROKE_RANGES = {  # and those that every config of strokes has
    "data.max_points": (1, 100_000),
    "data.max_length": (1, 1000),  # characters
    "data.min_length": (0, 1000),
    "model.features": (1, 2**14),
    "model.num_layers": (1, 64),
    "model.window_components": (1, 1000),
    "model.mixture_components": (1, 1000),
}
_MAX_LAYERS, _MAX_SIZE, _MAX_WRITERS = 64, 2**14, 10**6  # of a network
_MAX_DEPTH, _MAX_LEAVES, _MAX_TEXT = 8, 10_000, 100_000
_MAX_NUMBER = 1e12
_MAX_ALPHABET = 20_000


@contextlib.contextmanager
def naming(what: str) -> Iterator[None]:
    """Tells in every `UserError` raised within that `what`, such as "the run 'a'", cannot be used."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{what} cannot be used: {error}") from error


def checked_record(record: Mapping[str, Any]) -> tuple[Config, Charset, dict[str, int]]:
    """The config, the charset, and the training examples of rare characters, of the record of a run or a weights file.

    Raises:
      KeyError: one of the first two is missing.
      UserError: one of them is not what it should be, or is out of range.
    """
    config = _checked_config(record["config"])
    charset = _checked_charset(record["alphabet"], record["right_to_left"])
    return config, charset, _checked_rare_characters(record.get("rare_characters"), charset)


def _checked_config(stored: Any) -> Config:
    """The config of a JSON value, every number of which is finite and within its range.

    Raises:
      UserError: a field that opening a run needs is missing, or a value is out of range.
    """
    leaves = dict(_leaves(stored, "", 0))
    if len(leaves) > _MAX_LEAVES:
        raise UserError(f"it has {len(leaves)} values, more than any config")
    for path, value in leaves.items():
        if isinstance(value, str) and len(value) <= _MAX_TEXT:
            continue
        if not isinstance(value, bool | None):
            check_number(path, value, -_MAX_NUMBER, _MAX_NUMBER)
    _check_sizes(leaves)
    return ml_collections.ConfigDict(stored)


def check_sizes(config: Config) -> None:
    """Raises UserError if a run of this config could not be opened again, for a size of it is out of range."""
    _check_sizes(dict(_leaves(config.to_dict(), "", 0)))


def _check_sizes(leaves: Mapping[str, Any]) -> None:
    ranges = _STROKE_RANGES if leaves.get("task") == STROKES else _RANGES
    for path, (low, high) in ranges.items():
        check_number(path, leaves.get(path), low, high, whole=True)
    for path, value in leaves.items():
        if path.startswith("model.") and isinstance(value, int | float):
            check_number(path, value + 0, -_MAX_SIZE, _MAX_WRITERS if path.endswith("num_writers") else _MAX_SIZE)
            if path.rpartition(".")[2] in ("num_layers", "lstm_layers"):
                check_number(path, value, 0, _MAX_LAYERS, whole=True)


def _checked_charset(alphabet: Any, right_to_left: Any) -> Charset:
    """The charset of two JSON values.

    Raises:
      UserError: they are no text and no truth value, or the text is longer than any alphabet.
    """
    if not isinstance(alphabet, str) or not isinstance(right_to_left, bool) or len(alphabet) > _MAX_ALPHABET:
        raise UserError(f"its alphabet is no text of at most {_MAX_ALPHABET} characters, or it has no direction")
    return Charset(alphabet, right_to_left)


def _checked_rare_characters(stored: Any, charset: Charset) -> dict[str, int]:
    """The training examples of rare characters, of a JSON value; {} for None, as older files have it.

    Raises:
      UserError: it is no object of counts of characters of the alphabet.
    """
    if stored is None:
        return {}
    if not isinstance(stored, dict) or any(len(c) != 1 or c not in charset.characters for c in stored):
        raise UserError("its rare characters are no object of characters of its alphabet")
    for character, count in stored.items():
        check_number(f"the examples of {character!r}", count, 0, FEW_EXAMPLES - 1, whole=True)
    return dict(stored)


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """(path, value) of all values that are neither dict nor list; lists of a network have at most 64 entries."""
    if depth > _MAX_DEPTH:
        raise UserError(f"{path} is nested too deeply")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list | tuple):
        if path.startswith("model.") and len(value) > _MAX_LAYERS:
            raise UserError(f"{path} has {len(value)} entries, more than {_MAX_LAYERS}")
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{number}", depth + 1)
    else:
        yield path, value
