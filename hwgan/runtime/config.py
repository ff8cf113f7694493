"""The type of a run's config, and its task."""

from typing import Any

Config = Any  # an ml_collections.ConfigDict: all others reach its fields by their names

WORDS, STROKES = "words", "strokes"


def task_of(config: Any) -> str:
    """What a run learns to write: "words", as images, which is the default; or "strokes" of a pen."""
    return config.get("task", WORDS)
