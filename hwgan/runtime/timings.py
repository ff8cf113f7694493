"""How long things took the last time on this machine, to say beforehand how long they will take."""

import contextlib
import hashlib
import json
import pathlib
from typing import Any

import jax

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import replace_text
from hwgan.runtime.untrusted import read_json_object

_FILE, _MAX_ENTRIES = "hwgan_timings.json", 1000


class Timings:
    """Seconds by key, in a file beside the cache of compiled programs; remembers nothing where there is no cache."""

    def __init__(self, *facts: Any):
        """Opens the file.

        Args:
          *facts: what all keys have in common, such as a config; JSON values.
        """
        folder = jax.config.values["jax_compilation_cache_dir"]
        self._path = pathlib.Path(folder) / _FILE if folder else None
        device = jax.devices()[0].device_kind
        self._facts = json.dumps([*facts, jax.device_count(), device, jax.__version__], sort_keys=True, default=str)

    def _key(self, name: str) -> str:
        return hashlib.sha256(f"{name} {self._facts}".encode()).hexdigest()[:24]

    def get(self, name: str) -> float | None:
        """The seconds last put under this name; None if there are none."""
        value = self._all().get(self._key(name))
        return float(value) if isinstance(value, int | float) else None

    def put(self, name: str, seconds: float) -> None:
        """Remembers seconds; where the file cannot be written, nothing is remembered."""
        if self._path is None:
            return
        entries = self._all()
        entries.pop(self._key(name), None)
        entries[self._key(name)] = round(seconds, 4)
        newest = dict(list(entries.items())[-_MAX_ENTRIES:])
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._path, json.dumps(newest))

    def _all(self) -> dict[str, Any]:
        try:
            return read_json_object(self._path) if self._path is not None and self._path.exists() else {}
        except UserError:  # damaged: it is written anew
            return {}
