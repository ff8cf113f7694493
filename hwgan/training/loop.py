"""The training loop: restore, then step, log, sample, evaluate and save until the last step."""

import contextlib
import dataclasses
import datetime
import logging
import pathlib
import time
from typing import Any, NamedTuple

import flax.serialization
import jax
import numpy as np
from flax.traverse_util import flatten_dict

from hwgan.checkpoints.stored_config import check_sizes
from hwgan.runtime.config import STROKES, Config, task_of
from hwgan.runtime.distributed import is_primary
from hwgan.runtime.files import replacing, user_path
from hwgan.runtime.metric_writer import MetricWriter
from hwgan.runtime.monitor import Clock, Heartbeat, Profile
from hwgan.runtime.preemption import Preempted, Preemption
from hwgan.training.base_trainer import BaseTrainer
from hwgan.training.checks import fit_pretraining
from hwgan.training.ranges import check_ranges
from hwgan.training.stroke_trainer import StrokeTrainer
from hwgan.training.trainer import Trainer
from hwgan.training.workdir import claim_workdir, save_config

logger = logging.getLogger(__name__)

_MEMORY = 0.98  # of running means, for each step

_LOGGED = {  # few, so that a line is at most 160 characters long
    "discriminator/loss": "D loss",
    "generator/ctc_loss": "G CTC",
    "generator/transducer_loss": "G RNN-T",
    "generator/style_error": "G style",
    "recognizer/loss": "R loss",
    "evaluate/real_cer": "CER of real words",
    "evaluate/generated_cer": "of generated words",
    "evaluate/style_std": "deviation between styles",
}
_LOGGED_OF_STROKES = {
    "stroke_writer/loss": "nats per point",
    "evaluate/nats_per_point": "nats per point",
    "evaluate/nats_per_sequence": "per sequence",
    "evaluate/stopped": "share of words that end by themselves",
}
BAD_BATCH_FILE = "nonfinite_batch-{process}.npz"


class TrainingDiverged(Exception):
    """A metric is no longer finite; the message says in which network, and where the batch was kept."""


def train_and_evaluate(config: Config, workdir: str, profile_steps: int = 0) -> dict[str, float]:
    """Trains until `config.train.num_steps`, from the newest whole checkpoint in `workdir` if there is one.

    All processes of a run call this; the primary alone writes anything but checkpoints.

    Args:
      config: of the run.
      workdir: for checkpoints, metrics.jsonl, TensorBoard files, sample grids and config.json.
      profile_steps: how many steps to trace, soon after the start.

    Returns:
      The last evaluation; empty in all processes but the primary, and where the run was complete already.

    Raises:
      UserError: something is wrong with the config, the data or the workdir, or the last checkpoint was not saved.
      TrainingDiverged: a loss or gradient is not finite.
      Preempted: SIGTERM came; the state is saved.
    """
    workdir = str(user_path(workdir))
    if task_of(config) != STROKES:
        fit_pretraining(config.train)
    check_ranges(config)  # before the workdir is made
    check_sizes(config)
    with claim_workdir(config, workdir) if is_primary() else contextlib.nullcontext():
        return _train_and_evaluate(config, workdir, profile_steps)


def _train_and_evaluate(config: Config, workdir: str, profile_steps: int) -> dict[str, float]:
    trainer = StrokeTrainer(config, workdir) if task_of(config) == STROKES else Trainer(config, workdir)
    if is_primary():
        save_config(config, workdir)
    writer = MetricWriter(workdir, trainer.step) if is_primary() else None
    profile = Profile(workdir, profile_steps if is_primary() else 0, trainer.step)
    # All are closed whatever happens, so that the save under way is finished and every line is on disk.
    with (
        contextlib.closing(trainer.checkpointer),
        contextlib.closing(writer) if writer else contextlib.nullcontext(),
        contextlib.closing(profile),
        Preemption() as preemption,
    ):
        for line in trainer.describe():
            logger.info("%s", line)
        return _loop(trainer, writer, profile, preemption)


def _loop(
    trainer: BaseTrainer, writer: MetricWriter | None, profile: Profile, preemption: Preemption
) -> dict[str, float]:
    train = trainer.config.train
    batches, clock = trainer.batches(), Clock(trainer.step, train, trainer.timings)
    heartbeat = Heartbeat(str(trainer.workdir)) if writer else None
    pending = None  # the metrics of the step before are read while the devices compute this one
    recent = RunningMeans()
    evaluation: dict[str, float] = {}
    while trainer.step < train.num_steps:
        began = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - began
        metrics = trainer.advance(batch)
        if trainer.has_compiled:
            jax.block_until_ready(metrics)
            clock.skip(trainer.step, time.perf_counter() - began)
        else:
            clock.waited(waited)
        profile.step(trainer.step)
        if pending is not None:
            recent.add(_log(trainer, writer, clock, pending))
        pending = _Finished(trainer.step, metrics, batch)
        preempted = preemption.reached(trainer.step)
        due = _Due(trainer.step, train)
        if due.any or preempted:
            recent.add(_log(trainer, writer, clock, pending))
            pending = None
            began = time.perf_counter()
            if writer and due.sample and (grid := trainer.draw_samples()) is not None:
                writer.write_image(trainer.step, "samples", grid)
            if writer and due.evaluate:
                evaluation = _evaluate(trainer, writer, recent.values)
            if due.checkpoint or preempted:
                trainer.save(evaluation if due.evaluate else {})
            clock.aside(time.perf_counter() - began)
            clock.restart(trainer.step)
        if heartbeat:
            heartbeat.beat(trainer.step, at_once=due.checkpoint)
        if preempted and trainer.step < train.num_steps:
            raise Preempted(f"SIGTERM: saved at step {trainer.step}; the same command continues from there")
    return evaluation


def _evaluate(trainer: BaseTrainer, writer: MetricWriter, metrics: dict[str, float]) -> dict[str, float]:
    evaluation = trainer.evaluate()
    writer.write(trainer.step, evaluation)
    logger.info("step %d: validation: %s", trainer.step, _format_few(evaluation))
    for warning in trainer.warnings(metrics | evaluation):
        logger.warning("step %d: %s", trainer.step, warning)
    return evaluation


class RunningMeans:
    """Exponential means of metrics over some fifty steps: those of a single batch vary too much to judge a run by.

    Attributes:
      values: the means, by name.
    """

    def __init__(self):
        self.values: dict[str, float] = {}

    def add(self, metrics: dict[str, float]) -> None:
        """Takes the metrics of a step; one that was not measured before begins with its first value."""
        for name, value in metrics.items():
            self.values[name] = value + _MEMORY * (self.values.get(name, value) - value)


class _Finished(NamedTuple):
    """A step that was given to the devices.

    Attributes:
      step: its number, from 1.
      metrics: on devices, perhaps still being computed.
      batch: that it was of.
    """

    step: int
    metrics: dict[str, jax.Array]
    batch: Any


@dataclasses.dataclass(frozen=True)
class _Due:
    """What is due after a step; all of it after the last."""

    step: int
    train: Config

    def _every(self, interval: int) -> bool:
        return self.step % interval == 0 or self.step == self.train.num_steps

    @property
    def sample(self) -> bool:
        return self._every(self.train.sample_every)

    @property
    def evaluate(self) -> bool:
        return self._every(self.train.evaluate_every)

    @property
    def checkpoint(self) -> bool:
        return self._every(self.train.checkpoint_every)

    @property
    def any(self) -> bool:
        return self.sample or self.evaluate or self.checkpoint


def _log(trainer: BaseTrainer, writer: MetricWriter | None, clock: Clock, finished: _Finished) -> dict[str, float]:
    """Checks a step's metrics, and every so often writes them; returns them as numbers.

    Raises:
      TrainingDiverged: a metric is not finite.
    """
    values = {name: float(value) for name, value in jax.device_get(finished.metrics).items()}
    network, step = trainer.nonfinite_network(values), finished.step
    if network is not None:
        kept = _keep_batch(trainer.workdir, finished.batch)
        last = max(trainer.checkpointer.steps(), default=None)
        place = "there is no checkpoint yet" if last is None else f"the last checkpoint is of step {last}"
        again = "to begin again" if last is None else "to go on from it"
        raise TrainingDiverged(
            f"step {step}: the {network}'s loss or gradient is not finite ({_format(values)}); {kept}, {place}; "
            f"{again}, give the same command a lower --config.optimizer.{network}.learning_rate"
        )
    if writer and (step % trainer.config.train.log_every == 0 or step == trainer.config.train.num_steps):
        speed = clock.lap(step)
        writer.write(step, values | speed)
        progress = f"step {step}/{trainer.config.train.num_steps}"
        logger.info("%s", " | ".join(filter(None, (progress, _format_few(values), _format_speed(speed)))))
    return values


def _keep_batch(workdir: pathlib.Path, batch: Any) -> str:
    """Writes what this process holds of a batch to a file of the workdir; says where it is, or why it is not."""
    path = workdir / BAD_BATCH_FILE.format(process=jax.process_index())
    arrays = flax.serialization.to_state_dict(jax.tree.map(_local_rows, batch))
    rows: dict[str, Any] = {key: v for key, v in flatten_dict(arrays, sep="/").items() if v is not None}
    try:
        with replacing(path) as file:
            np.savez(file, allow_pickle=False, **rows)
    except OSError as error:
        return f"the batch could not be kept: {error.strerror or error}"
    return f"the batch is kept in {path}"


def _local_rows(rows: jax.Array) -> np.ndarray:
    """What this process holds of an array that is split over the devices of all."""
    shards = sorted(rows.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    return np.concatenate([np.asarray(shard.data) for shard in shards])


def _format(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _format_few(metrics: dict[str, float]) -> str:
    """The few metrics with a label that are there; all are in metrics.jsonl."""
    return ", ".join(
        f"{label} {100 * metrics[name]:.1f} %" if name.endswith("cer") else f"{label} {metrics[name]:.3g}"
        for name, label in (_LOGGED | _LOGGED_OF_STROKES).items()
        if name in metrics
    )


def _format_speed(speed: dict[str, float]) -> str:
    if not speed:
        return ""

    def left(name: str, of: str = "") -> str:
        return f", {datetime.timedelta(seconds=round(speed[name]))} left{of}" if name in speed else ""

    remaining = left("speed/seconds_left") or left("speed/pretraining_seconds_left", " of recognizer pretraining")
    return f"{speed['speed/steps_per_second']:.2f} steps/s{remaining}"
