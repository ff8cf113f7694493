"""Files that are rewritten while others read them, or while the disk fills."""

import pathlib


def replace_text(path: pathlib.Path, text: str) -> None:
    """Writes the file in one move: who reads it sees the old text or the new, and so does who finds it after a crash.

    Raises:
      OSError: it cannot be written; the old one is as it was.
    """
    making = path.with_name(path.name + ".making")
    making.write_text(text, encoding="utf-8")
    making.replace(path)
