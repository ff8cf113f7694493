"""What happens when a process ends, also where it ends at once: temporary folders are deleted, threads abandoned."""

import atexit
import contextlib
import pathlib
import tempfile

_folders: list[tempfile.TemporaryDirectory[str]] = []
_threads_abandoned = False


def temporary_folder() -> pathlib.Path:
    """A new folder that is deleted when the process ends; `delete_temporary_folders` does it before."""
    if not _folders:
        atexit.register(delete_temporary_folders)
    _folders.append(tempfile.TemporaryDirectory(prefix="hwgan-"))
    return pathlib.Path(_folders[-1].name)


def delete_temporary_folders() -> None:
    """Deletes the folders of `temporary_folder`, for an end of the process that does without Python's own."""
    while _folders:
        with contextlib.suppress(OSError):
            _folders.pop().cleanup()


def abandon_threads() -> None:
    """Makes `command_line.run_main` end the process without joining threads, for a library left some that never end."""
    global _threads_abandoned
    _threads_abandoned = True


def threads_are_abandoned() -> bool:
    """Whether `abandon_threads` was called."""
    return _threads_abandoned
