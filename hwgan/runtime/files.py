"""Atomic writes: for files that others read meanwhile, and for full disks."""

import os
import pathlib


def replace_text(path: pathlib.Path, text: str, *, sync: bool = False) -> None:
    """Replaces a file atomically: readers, and a crash, find the old text or the new one.

    Args:
      path: of the file.
      text: all of it.
      sync: wait until the disk has it, so that this holds of a crash of the machine too.

    Raises:
      OSError: it cannot be written; the old one is as it was.
    """
    making = path.with_name(path.name + ".making")
    with making.open("w", encoding="utf-8") as file:
        file.write(text)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    making.replace(path)
