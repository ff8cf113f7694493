"""Locks between processes. They go with the process that holds them, however it ends."""

import contextlib
import fcntl
import json
import os
import pathlib
import socket
import time
from collections.abc import Iterator

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import read_regular, replace_text

_LOCK, _RUN_LOCK = ".lock", ".run-lock"  # opened, and never written to
_HOLDER, _MAX_HOLDER_BYTES = ".run-lock.json", 10_000


@contextlib.contextmanager
def exclusive_lock(folder: pathlib.Path) -> Iterator[bool]:
    """Waits until no other process is within this for the same folder.

    Yields:
      Whether the lock was to be had: some cluster file systems have none, and all are then within at once.

    Raises:
      OSError: the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _opened(folder / _LOCK) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def run_lock(workdir: pathlib.Path) -> Iterator[None]:
    """Holds a workdir for one run: two that write to it lose each other's metrics and checkpoints.

    Raises:
      UserError: another process holds it; the message says which, on which host, and since when.
      OSError: the folder cannot be made or written to.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with _opened(workdir / _RUN_LOCK) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"the workdir {str(workdir)!r} is in use by {_holder(workdir / _HOLDER)}; wait for it to end, stop it, "
                "or choose another --workdir"
            ) from error
        except OSError:  # a file system without locks
            yield
            return
        facts = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        replace_text(workdir / _HOLDER, json.dumps(facts) + "\n")
        try:
            yield
        finally:
            (workdir / _HOLDER).unlink(missing_ok=True)


def _holder(path: pathlib.Path) -> str:
    try:
        facts = json.loads(read_regular(path, _MAX_HOLDER_BYTES))
        return f"process {facts['pid']:d} on {str(facts['host'])[:100]!r} since {str(facts['since'])[:30]}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[int]:
    """A descriptor of a lock file, which is made if need be; never of what a link of its name leads to."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
