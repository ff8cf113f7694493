"""What the record of a run or of a file of weights says, without its arrays."""

import contextlib
from typing import Any

from hwgan.checkpoints import orbax
from hwgan.checkpoints.archive import read_record
from hwgan.checkpoints.weights_file import names_weights
from hwgan.runtime.config import task_of
from hwgan.runtime.untrusted import reading


def task_of_checkpoint(path: str, step: int | None = None) -> str:
    """The task of a run or a file of weights, by its record; see `hwgan.runtime.config.task_of`.

    Raises:
      UserError: there is no readable checkpoint.
    """
    config = _record(path, step)["config"]
    return task_of(config) if isinstance(config, dict) else ""


def learned_data(path: str, step: int | None = None) -> dict[str, str]:
    """The prepared datasets that a run or a file of weights learned from.

    Returns:
      The checksum that each had then, by its name; {} where the record does not say, as an older version wrote it.

    Raises:
      UserError: there is no readable checkpoint.
    """
    record = _record(path, step)
    with reading(f"the record of {path!r}"):
        names, content = record["config"]["data"]["dataset"], record.get("content", "")
        return learned_from(names, content)


def learned_from(names: str, content: str) -> dict[str, str]:
    """The checksum of each dataset by its name, of both in one text each; {} without checksums."""
    return dict(zip(map(str.strip, names.split(",")), content.split("+"), strict=False)) if content else {}


def _record(path: str, step: int | None) -> dict[str, Any]:
    """The record of a checkpoint, which may be of unknown origin; it has a config.

    Raises:
      UserError: there is none, or it has no config.
    """
    what = f"the weights {path!r}" if names_weights(path) else f"the run {path!r}"
    with reading(what):
        if names_weights(path):
            record = read_record(path)
        else:
            with contextlib.closing(orbax.open_for_reading(path)) as checkpointer:
                record = checkpointer.read_record(step)
        return {**record, "config": record["config"]}
