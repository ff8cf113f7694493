"""What the record of a run or of a file of weights says, without its arrays."""

import contextlib
from typing import Any

from hwgan.checkpoints.archive import read_record
from hwgan.checkpoints.learned import Learned
from hwgan.checkpoints.names import names_weights
from hwgan.checkpoints.stored_config import naming
from hwgan.runtime.config import task_of
from hwgan.runtime.untrusted import reading


def task_of_checkpoint(path: str, step: int | None = None) -> str:
    """The task of a run or a file of weights, by its record; see `hwgan.runtime.config.task_of`.

    Raises:
      UserError: there is no readable checkpoint.
    """
    config = _record(path, step).get("config")
    return task_of(config) if isinstance(config, dict) else ""


def learned_of_checkpoint(path: str, step: int | None = None) -> Learned:
    """What a run or a file of weights learned from.

    Raises:
      UserError: there is no readable checkpoint.
    """
    what = f"the record of {path!r}"
    with reading(what), naming(what):
        return Learned.of_record(_record(path, step))


def _record(path: str, step: int | None) -> dict[str, Any]:
    """The record of a checkpoint, which may be of unknown origin.

    Raises:
      UserError: there is no readable record.
    """
    is_file = names_weights(path)
    with reading(f"the weights {path!r}" if is_file else f"the run {path!r}"):
        if is_file:
            record = read_record(path)
        else:
            from hwgan.checkpoints import orbax  # here, as files of weights need no Orbax, which takes long to import

            with contextlib.closing(orbax.open_for_reading(path)) as checkpointer:
                record = checkpointer.read_record(step)
        return record
