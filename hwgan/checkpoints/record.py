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
    config, _ = _config_and_content(path, step)
    return task_of(config) if isinstance(config, dict) else ""


def learned_data(path: str, step: int | None = None) -> dict[str, str]:
    """The prepared datasets that a run or a file of weights learned from.

    Returns:
      The checksum that each had then, by its name; {} where the record does not say, as an older version wrote it.

    Raises:
      UserError: there is no readable checkpoint.
    """
    config, content = _config_and_content(path, step)
    with reading(f"the record of {path!r}"):
        return learned_from(config["data"]["dataset"], content)


def learned_from(names: str, content: str) -> dict[str, str]:
    """The checksum of each dataset by its name, of both in one text each; {} without checksums."""
    return dict(zip(map(str.strip, names.split(",")), content.split("+"), strict=False)) if content else {}


def _config_and_content(path: str, step: int | None) -> tuple[Any, Any]:
    """Two fields of the record of a checkpoint, which may be of unknown origin; "" for no content.

    Raises:
      UserError: there is no record, or it has no config.
    """
    is_file = names_weights(path)
    with reading(f"the weights {path!r}" if is_file else f"the run {path!r}"):
        if is_file:
            record = read_record(path)
        else:
            with contextlib.closing(orbax.open_for_reading(path)) as checkpointer:
                record = checkpointer.read_record(step)
        return record["config"], record.get("content", "")
