"""Values and files that no honest program writes, for the tests of what reads files of unknown origin."""

import copy
import os
import pathlib
import resource
import time
from contextlib import contextmanager

from hwgan.runtime.errors import UserError

MAX_SECONDS, MAX_BYTES = 10, 2 * 10**9
VALUES = {
    "huge": 10**9,
    "negative": -1,
    "zero": 0,
    "nan": float("nan"),
    "1e308": 1e308,
    "text": "a word",
    "null": None,
    "list": [[10**9] * 3],
    "object": {"name": "x"},
    "many digits": 10**300,
}
_ABSENT = object()


def changed(record, path, value=_ABSENT):
    """A copy of nested dicts with the field "a.b.c" set, or removed."""
    record = copy.deepcopy(record)
    *parents, last = path.split(".")
    inner = record
    for name in parents:
        inner = inner[name]
    if value is _ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return record


def mutations(record, paths):
    """(name, record) with each of the fields absent, and set to each of the values above."""
    for path in paths:
        yield f"{path} absent", changed(record, path)
        for name, value in VALUES.items():
            yield f"{path} {name}", changed(record, path, value)


def file_damages(path: pathlib.Path):
    """(name, function) that make something else of a file."""
    whole = path.read_bytes()

    def write(content):
        return lambda: path.write_bytes(content)

    yield "empty", write(b"")
    yield "text", write(b"hello\n" * 99)
    yield "binary", write(bytes(range(256)) * 40)
    for part in (1, 5, 9):
        yield f"cut at {part}/10", write(whole[: len(whole) * part // 10])
    yield "nested", write(b"[" * 10**6)
    yield "folder", lambda: (path.unlink(), path.mkdir())
    yield "pipe", lambda: (path.unlink(), os.mkfifo(path))
    yield "endless", lambda: (path.unlink(), path.symlink_to("/dev/zero"))
    yield "loop", lambda: (path.unlink(), path.symlink_to(path))
    yield "sparse", lambda: os.truncate(path, 3 * 10**9)


def peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def held():
    """Whatever happens within is a `UserError` or nothing, soon, and without filling the memory."""
    before, start, cpu = peak_bytes(), time.perf_counter(), time.process_time()
    try:
        yield
    except UserError as error:
        message = str(error)
        assert message and len(message) < 2000 and "\n" not in message, message
    seconds = time.process_time() - cpu  # the machine may be busy with other tests
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s"
    assert time.perf_counter() - start < 6 * MAX_SECONDS, "it waits for something"
    grown = peak_bytes() - before
    assert grown < MAX_BYTES, f"{grown / 1e9:.1f} GB more memory"
