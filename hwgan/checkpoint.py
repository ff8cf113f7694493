"""Checkpoints; the only file that knows orbax.

A checkpoint holds the state and a JSON record of what made it: config, alphabet, step. Sampling needs nothing else.
"""

import pathlib
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from hwgan.errors import UserError
from hwgan.train_state import TrainState

DIRECTORY = "checkpoints"


class Checkpointer:
    """Saves and restores the states of one run.

    Attributes:
      workdir: of the run; steps lie under `checkpoints/`.
      keep: how many of the newest to keep, beside the best.
    """

    def __init__(self, workdir: str, keep: int = 2):
        # The newest must survive though it scores worse than the best, so both rules are stated.
        newest = preservation_policy.LatestN(keep)
        best = preservation_policy.BestN(
            n=1, get_metric_fn=lambda metrics: -metrics["error"], keep_checkpoints_without_metrics=False
        )
        self._manager = ocp.CheckpointManager(
            pathlib.Path(workdir).expanduser().resolve() / DIRECTORY,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=preservation_policy.AnyPreservationPolicy([newest, best]),
                cleanup_tmp_directories=True,
            ),
        )

    def latest_step(self) -> int | None:
        """The newest saved step, if any."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, record: dict[str, Any], error: float | None) -> None:
        """Saves in the background.

        Args:
          step: of the state.
          state: on devices.
          record: JSON values: what a reader needs to know of the run.
          error: lower is better; the best is kept. None if it was not measured.
        """
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(state), record=ocp.args.JsonSave(record))
        self._manager.save(step, args=arguments, metrics=None if error is None else {"error": error})

    def restore(self, abstract_state: TrainState, step: int | None = None) -> TrainState:
        """The state of a step, the newest by default, placed as the shardings of `abstract_state` say.

        Raises:
          UserError: there is none, or it does not fit `abstract_state`.
        """
        step = self._require(step)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(abstract_state))
        try:
            return self._manager.restore(step, args=arguments)["state"]
        except Exception as error:  # orbax raises ValueError, KeyError or a bare Exception, by what is broken
            raise UserError(
                f"checkpoint {self._manager.directory / str(step)} cannot be restored: it is damaged, or was made by "
                f"another config ({str(error).splitlines()[0][:200]}); remove that folder to go on from the one before"
            ) from error

    def read_record(self, step: int | None = None) -> dict[str, Any]:
        """The record saved with a step, the newest by default.

        Raises:
          UserError: there is none.
        """
        step = self._require(step)
        try:
            return self._manager.restore(step, args=ocp.args.Composite(record=ocp.args.JsonRestore()))["record"]
        except Exception as error:
            raise UserError(
                f"checkpoint {self._manager.directory / str(step)} has no readable record: {error}"
            ) from error

    def _require(self, step: int | None) -> int:
        steps = self._manager.all_steps()
        if step is None and steps:
            return max(steps)
        if step is None or step not in steps:
            wanted = "no checkpoint" if step is None else f"no step {step}"
            raise UserError(f"{wanted} in {self._manager.directory}; there are steps {sorted(steps)}")
        return step

    def close(self) -> None:
        """Waits for the save under way."""
        self._manager.wait_until_finished()
        self._manager.close()


def open_for_reading(workdir: str) -> Checkpointer:
    """The checkpoints of a run that exists.

    Raises:
      UserError: there is no such run.
    """
    if not (pathlib.Path(workdir).expanduser() / DIRECTORY).is_dir():
        raise UserError(f"{workdir!r} holds no checkpoints: give the workdir of a run that hwgan.main trained")
    return Checkpointer(workdir)


def abstract_like(state: Any, sharding: jax.sharding.Sharding) -> Any:
    """Shapes, dtypes and one sharding for all leaves: what `restore` wants."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), state)
