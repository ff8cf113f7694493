"""Compiled programs on disk, so that the next call of an entry point does not compile them again."""

import functools
import os

import jax

from hwgan.runtime.files import user_cache_folder

_SETTINGS = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,  # to write a word, fifty programs of 0.03 s each are compiled
    "jax_persistent_cache_min_entry_size_bytes": -1,  # any
}
_LOAD_EVENT = "/jax/compilation_cache/cache_hits"


def use_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, if it can be written to.

    What the user has set in jax's environment variables, such as JAX_COMPILATION_CACHE_DIR, stays; where a program has
    chosen a folder by `jax.config`, nothing is changed.
    """
    if jax.config.values["jax_compilation_cache_dir"] and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        return
    settings = {name: value for name, value in _SETTINGS.items() if name.upper() not in os.environ}
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and (folder := _writable_folder()):
        settings["jax_compilation_cache_dir"] = folder
    for name, value in settings.items():
        jax.config.update(name, value)


def loaded_programs() -> int:
    """How many programs came from the cache since the first call of this function."""
    return len(_loads())


@functools.cache
def _loads() -> list[str]:
    """An item for each program that comes from the cache from now on."""
    loads: list[str] = []

    def record(event: str, **_: object) -> None:
        if event == _LOAD_EVENT:
            loads.append(event)

    jax.monitoring.register_event_listener(record)
    return loads


def _writable_folder() -> str:
    """The folder of hwgan's programs in the user's cache folder, made if need be; "" if it cannot be written to."""
    try:
        folder = user_cache_folder("xla")
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a read-only home, or none
        return ""
    return str(folder) if os.access(folder, os.W_OK) else ""
