"""Checkpoints by orbax; only this file knows its API.

A checkpoint holds the state and a JSON record of what made it: config, alphabet, step, and a checksum of the state.
Sampling needs nothing else. A damaged checkpoint is detected by its checksum, and the one before it is used.
"""

import dataclasses
import logging
import pathlib
import shutil
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from hwgan.checkpoints.integrity import (
    DamagedCheckpoint,
    check_files,
    check_room,
    check_size,
    record_checksum,
    state_checksum,
)
from hwgan.checkpoints.names import CHECKPOINTS, describe_missing
from hwgan.runtime.distributed import barrier, everywhere, is_primary
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path
from hwgan.runtime.process_end import abandon_threads

logger = logging.getLogger(__name__)

State = Any  # a struct of flax whose fields are saved by their names, such as `TrainState`

DAMAGED_DIRECTORY = "damaged_checkpoints"


class Checkpointer:
    """Saves and restores the states of one run.

    Args:
      workdir: of the run; steps lie under `checkpoints/`.
      keep: how many of the newest to keep, beside the best.
      read_only: whether only to read; creates and deletes nothing, because the run may still be saving.
    """

    def __init__(self, workdir: str, keep: int = 2, *, read_only: bool = False):
        self._workdir = user_path(workdir).resolve()
        self._failure: str | None = None  # of the newest save, if it failed
        self._under_way = False
        # The newest must survive though it scores worse than the best, so both rules are stated.
        newest = preservation_policy.LatestN(keep)
        best = preservation_policy.BestN(
            n=1, get_metric_fn=lambda metrics: -metrics["error"], keep_checkpoints_without_metrics=False
        )
        self._manager = ocp.CheckpointManager(
            self._workdir / CHECKPOINTS,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=preservation_policy.AnyPreservationPolicy([newest, best]),
                create=not read_only,
                cleanup_tmp_directories=not read_only,
            ),
        )

    def steps(self) -> list[int]:
        """Saved steps, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: State, record: dict[str, Any], error: float | None) -> None:
        """Saves in the background. What goes wrong, a full disk say, is logged, and the next save tries again.

        Args:
          step: of the state.
          state: on devices.
          record: JSON values: config, alphabet, step: what sampling needs beside the state.
          error: lower is better; the best is kept. None if it was not measured.
        """
        self._settle(step)
        if step in self._manager.all_steps():
            return
        record = {**record, "state_checksum": state_checksum(state)}
        record["record_checksum"] = record_checksum(record)
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(_parts(state)), record=ocp.args.JsonSave(record))
        if problem := self._problem_anywhere(state):
            self._note_failure(step, problem)
            return
        try:
            self._manager.save(step, args=arguments, metrics=None if error is None else {"error": error})
        except Exception as failure:  # OSError, or what orbax and tensorstore make of it
            self._note_failure(step, failure)
        else:
            self._under_way = True

    def _problem_anywhere(self, state: State) -> Exception | None:
        """Why this process or another one cannot save: orbax waits for all in the middle, so all save, or none."""
        problem = None
        try:
            check_room(self._workdir / CHECKPOINTS, state)
        except OSError as error:
            problem = error
        if everywhere(problem is None):
            return None
        return problem or OSError("another process cannot save")

    def _settle(self, step: int) -> None:
        """Waits for the save under way."""
        try:
            self._manager.wait_until_finished()
        except Exception as failure:
            self._note_failure(step, failure)
        else:
            self._failure = None if self._under_way else self._failure
        self._under_way = False

    def _note_failure(self, step: int, failure: Exception) -> None:
        self._failure = str(failure).strip().splitlines()[-1][:300] if str(failure).strip() else repr(failure)
        logger.warning(
            "a checkpoint could not be saved by step %d, training continues to the next: %s", step, self._failure
        )
        abandon_threads()  # orbax's own wait five minutes for a folder that was not made
        if not is_primary():
            return
        for leftover in (self._workdir / CHECKPOINTS).glob("*.orbax-checkpoint-tmp*"):  # they would keep the disk full
            shutil.rmtree(leftover, ignore_errors=True)

    def restore_newest(self, abstract_state: State, *, set_aside: bool = False) -> State | None:
        """The newest state that is whole, placed as the shardings of `abstract_state` say; None if there are none.

        Args:
          abstract_state: shapes, dtypes and shardings; see `abstract_like`.
          set_aside: moves damaged checkpoints that are newer out of the way, to `damaged_checkpoints/`.

        Raises:
          UserError: there are checkpoints, and all are damaged or of another config.
        """
        damaged: dict[int, str] = {}
        for step in reversed(self.steps()):
            try:
                state = self._restore(step, abstract_state)
            except DamagedCheckpoint as error:
                damaged[step] = str(error)
                logger.warning("%s; trying the one before", error)
                continue
            if set_aside:
                self._set_aside(list(damaged))
            return state
        if damaged:
            raise UserError(
                f"no checkpoint of {self._workdir} can be used: {'; '.join(damaged.values())}; were they made by "
                "another config or version? Otherwise choose another --workdir for a new run"
            )
        return None

    def restore(self, abstract_state: State, step: int) -> State:
        """The state of a step.

        Raises:
          UserError: there is none, or it is damaged, or does not fit `abstract_state`.
        """
        self._require(step)
        try:
            return self._restore(step, abstract_state)
        except DamagedCheckpoint as error:
            raise UserError(str(error)) from error

    def _restore(self, step: int, abstract_state: State) -> State:
        folder = self._manager.directory / str(step)
        try:
            record = self._read_record(step)
            check_size(pathlib.Path(folder), abstract_state)
            arguments = ocp.args.Composite(state=ocp.args.StandardRestore(_parts(abstract_state)))
            state = type(abstract_state)(**self._manager.restore(step, args=arguments)["state"])
        except DamagedCheckpoint:
            raise
        except Exception as error:  # orbax raises ValueError, KeyError or a bare Exception, by what is broken
            raise DamagedCheckpoint(
                f"checkpoint {folder} cannot be restored: it is damaged, or was made by another config "
                f"({_first_line(error)})"
            ) from error
        # Flipped bits restore without complaint.
        if state_checksum(state) != record.get("state_checksum"):
            raise DamagedCheckpoint(f"checkpoint {folder} is damaged: its state is not the one that was saved")
        return state

    def _set_aside(self, steps: list[int]) -> None:
        if steps and jax.process_index() == 0:
            (self._workdir / DAMAGED_DIRECTORY).mkdir(exist_ok=True)
            for step in steps:
                place = self._workdir / DAMAGED_DIRECTORY / str(step)
                shutil.rmtree(place, ignore_errors=True)
                shutil.move(self._manager.directory / str(step), place)
                logger.warning("moved the damaged checkpoint of step %d to %s", step, place)
        if steps:
            barrier("damaged checkpoints set aside")
            self._manager.reload()

    def newest_record(self) -> dict[str, Any] | None:
        """The record of the newest step whose record is whole; None if there is none."""
        try:
            return self.read_record()
        except UserError:
            return None

    def read_record(self, step: int | None = None) -> dict[str, Any]:
        """The record saved with a step; by default that of the newest whose record is whole.

        Raises:
          UserError: there is none.
        """
        candidates = list(reversed(self.steps())) if step is None else [self._require(step)]
        reasons = []
        for candidate in candidates:
            try:
                return self._read_record(candidate)
            except DamagedCheckpoint as error:
                reasons.append(str(error))
        raise UserError("; ".join(reasons) or f"no checkpoint in {self._manager.directory}")

    def _read_record(self, step: int) -> dict[str, Any]:
        folder = self._manager.directory / str(step)
        try:
            record = self._manager.restore(step, args=ocp.args.Composite(record=ocp.args.JsonRestore()))["record"]
            checksum = record["record_checksum"]
        except Exception as error:
            raise DamagedCheckpoint(f"checkpoint {folder} has no readable record: {_first_line(error)}") from error
        if checksum != record_checksum(record):
            raise DamagedCheckpoint(f"checkpoint {folder} is damaged: its record is not the one that was saved")
        return record

    def _require(self, step: int) -> int:
        steps = self.steps()
        if step not in steps:
            raise UserError(f"no step {step} in {self._manager.directory}; there are steps {steps}")
        return step

    def close(self) -> None:
        """Waits for the save under way.

        Raises:
          UserError: the last save failed, so that what was trained since the one before is lost.
        """
        newest = max(self.steps(), default=0)
        self._settle(newest)
        try:
            self._manager.close()
        except Exception as failure:  # of another thread of a save that failed
            self._note_failure(newest, failure)
        if self._failure:
            raise UserError(f"the last checkpoint could not be saved in {self._manager.directory}: {self._failure}")


def restore_here(checkpointer: Checkpointer, shapes: State, step: int | None) -> State | None:
    """The state of a step, or the newest that is whole (None if there is none), on the first device of this process."""
    abstract = abstract_like(shapes, jax.sharding.SingleDeviceSharding(jax.local_devices()[0]))
    return checkpointer.restore_newest(abstract) if step is None else checkpointer.restore(abstract, step)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), repr(error))[:200]


def _parts(state: State) -> dict[str, Any]:
    """The parts of the state by name; absent parts (None) are left out, as they are when it is saved."""
    return {field.name: part for field in dataclasses.fields(state) if (part := getattr(state, field.name)) is not None}


def open_for_reading(workdir: str) -> Checkpointer:
    """The checkpoints of a run that exists.

    Raises:
      UserError: there is no such run.
    """
    folder = user_path(workdir) / CHECKPOINTS
    if not folder.is_dir():
        raise UserError(describe_missing(workdir))
    check_files(folder.resolve())
    return Checkpointer(workdir, read_only=True)


def abstract_like(state: Any, sharding: jax.sharding.Sharding) -> Any:
    """Shapes, dtypes and one sharding for all leaves: what `restore` wants."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), state)
