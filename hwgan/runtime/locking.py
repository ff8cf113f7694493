"""One process at a time makes what many want to read."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def exclusive_lock(folder: pathlib.Path) -> Iterator[bool]:
    """Waits until no other process is within this for the same folder; the lock goes with the process, however it ends.

    Yields:
      Whether the lock was to be had: some cluster file systems have none, and all are then within at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True
