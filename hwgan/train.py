"""The training run: claim the workdir, restore, loop, evaluate, save."""

import contextlib
import dataclasses
import datetime
import json
import logging
import pathlib
import time
from typing import Any

import jax
import ml_collections
import numpy as np

from hwgan import checkpoint as checkpoints
from hwgan.distributed import is_first
from hwgan.errors import UserError
from hwgan.files import replace_text
from hwgan.monitor import Clock, Heartbeat, Profile, signs_of_trouble
from hwgan.preemption import Preempted, Preemption
from hwgan.run import Config, trains_generator
from hwgan.train_state import NETWORK_NAMES
from hwgan.train_step import nonfinite_network
from hwgan.trainer import Trainer, sample_sheet
from hwgan.writer import MetricWriter

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
BAD_BATCH_FILE = "nonfinite_batch-{process}.npz"
_FIXED_SECTIONS = ("data", "preprocessing", "model")  # of a config: a run that goes on must keep them
_FREE_FIELDS = ("data_dir", "cache_dir")  # but for these: data may be moved


class TrainingDiverged(Exception):
    """A metric is no longer finite; the message says in which network, and where the batch was kept."""


def train_and_evaluate(config: Config, workdir: str, profile_steps: int = 0) -> dict[str, float]:
    """Trains until `config.train.num_steps`, from the newest whole checkpoint in `workdir` if there is one.

    All processes of a run call this; the first alone writes anything but checkpoints.

    Args:
      config: of the run.
      workdir: for checkpoints, metrics.jsonl, TensorBoard files, sample sheets and config.json.
      profile_steps: how many steps to trace, soon after the start.

    Returns:
      The last evaluation; empty in all processes but the first.

    Raises:
      UserError: something is wrong with the config, the data or the workdir, or the last checkpoint was not saved.
      TrainingDiverged: a loss or gradient is not finite, also after `train.step_backs` tries with a smaller rate.
      Preempted: SIGTERM came; the state is saved.
    """
    if is_first():
        _claim_workdir(config, workdir)
    tries_left = config.train.step_backs
    while True:
        try:
            return _run(config, workdir, profile_steps)
        except TrainingDiverged as error:
            if not tries_left:
                raise
            tries_left -= 1
            config = _with_smaller_rate(config)
            logger.warning("%s; going back with learning rates times %s", error, config.train.step_back_rate)


def _run(config: Config, workdir: str, profile_steps: int) -> dict[str, float]:
    trainer = Trainer(config, workdir)
    writer = MetricWriter(workdir, trainer.step) if is_first() else None
    profile = Profile(workdir, profile_steps if is_first() else 0, trainer.step)
    # All are closed whatever happens, so that the save under way is finished and every line is on disk.
    with (
        contextlib.closing(trainer.checkpointer),
        contextlib.closing(writer) if writer else contextlib.nullcontext(),
        contextlib.closing(profile),
        Preemption() as preemption,
    ):
        logger.info("%s", _describe(trainer))
        return _loop(trainer, writer, profile, preemption)


def _loop(trainer: Trainer, writer: MetricWriter | None, profile: Profile, preemption: Preemption) -> dict[str, float]:
    config, train = trainer.config, trainer.config.train
    batches, clock = trainer.batches(), Clock(trainer.step, train)
    heartbeat = Heartbeat(str(trainer.workdir)) if writer else None
    pending = None  # the metrics of the step before are read while the devices work on this one
    figures: dict[str, float] = {}
    while trainer.step < train.num_steps:
        began = time.perf_counter()
        batch = next(batches)
        clock.waited(time.perf_counter() - began)
        metrics = trainer.advance(batch)
        profile.step(trainer.step)
        if pending is not None:
            _log(trainer, writer, clock, *pending)
        pending = (trainer.step, metrics, batch)
        preempted = preemption.reached(trainer.step)
        due = _Due(trainer.step, train)
        if due.any or preempted:
            values = _log(trainer, writer, clock, *pending)
            pending = None
            began = time.perf_counter()
            if writer and due.sample and trains_generator(config):
                sheet = sample_sheet(trainer.sampler, config, trainer.data.validation)
                writer.write_image(trainer.step, "samples", sheet)
            if writer and due.evaluate:
                figures = _evaluate(trainer, writer, values)
            if due.checkpoint or preempted:
                trainer.save(figures if due.evaluate else {})
            clock.aside(time.perf_counter() - began)
            clock.restart(trainer.step)
        if heartbeat:
            heartbeat.beat(trainer.step, at_once=due.checkpoint)
        if preempted and trainer.step < train.num_steps:
            raise Preempted(f"SIGTERM: saved at step {trainer.step}; the same command goes on from there")
    return figures


def _evaluate(trainer: Trainer, writer: MetricWriter, values: dict[str, float]) -> dict[str, float]:
    figures = trainer.evaluate()
    writer.write(trainer.step, figures)
    logger.info("step %d: %s", trainer.step, _format(figures))
    config = trainer.config
    if trains_generator(config) and trainer.step > config.train.recognizer_first_steps:
        for sign in signs_of_trouble(values | figures):
            logger.warning("step %d: %s", trainer.step, sign)
    return figures


def _with_smaller_rate(config: Config) -> Config:
    config = ml_collections.ConfigDict(config.to_dict())
    for rates in config.optimizer.values():
        rates.learning_rate *= config.train.step_back_rate
    return config


@dataclasses.dataclass(frozen=True)
class _Due:
    """What is to be done after a step; all of it after the last."""

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


def _log(
    trainer: Trainer, writer: MetricWriter | None, clock: Clock, step: int, metrics: Any, batch: Any
) -> dict[str, float]:
    """Checks a step's metrics, and every so often writes them; returns them as numbers."""
    values = {name: float(value) for name, value in jax.device_get(metrics).items()}
    network = nonfinite_network(values)
    if network is not None:
        path = trainer.workdir / BAD_BATCH_FILE.format(process=jax.process_index())
        np.savez(path, allow_pickle=False, **{name: _local_rows(rows) for name, rows in batch.items()})
        last = max(trainer.checkpointer.steps(), default=None)
        place = "there is no checkpoint yet" if last is None else f"the last checkpoint is of step {last}"
        raise TrainingDiverged(
            f"step {step}: the {network}'s loss or gradient is not finite ({_format(values)}); "
            f"the batch is kept in {path}, {place}"
        )
    if writer and step % trainer.config.train.log_every == 0:
        speed = clock.lap(step)
        writer.write(step, values | speed)
        logger.info("step %d/%d %s %s", step, trainer.config.train.num_steps, _format(values), _format_speed(speed))
    return values


def _local_rows(rows: jax.Array) -> np.ndarray:
    """What this process holds of an array that is split over the devices of all."""
    shards = sorted(rows.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    return np.concatenate([np.asarray(shard.data) for shard in shards])


def _format(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _format_speed(speed: dict[str, float]) -> str:
    if not speed:
        return ""
    left = datetime.timedelta(seconds=round(speed["speed/seconds_left"]))
    return (
        f"| {speed['speed/steps_per_second']:.2f} steps/s, {speed['speed/images_per_second']:.0f} images/s, {left} left"
    )


def _claim_workdir(config: Config, workdir: str) -> None:
    """Makes the workdir, saves the config in it, and refuses one that holds a run of another kind."""
    path = pathlib.Path(workdir) / CONFIG_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        saved = any(path.parent.glob(f"*{checkpoints.DIRECTORY}/*"))  # or damaged_checkpoints
        if path.exists() and saved:  # a run that was refused or failed before its first checkpoint claims nothing
            _check_same_run(json.loads(path.read_text()), json.loads(config.to_json()), workdir)
        replace_text(path, config.to_json(indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to the workdir {workdir!r}: {error.strerror or error}") from error


def _check_same_run(old: dict[str, Any], new: dict[str, Any], workdir: str) -> None:
    for section in _FIXED_SECTIONS:
        before, now = old.get(section, {}), new[section]
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        # A field that came into being since, or went, changes nothing where it is switched off.
        changed = [key for key in changed if key not in _FREE_FIELDS and (before.get(key) or now.get(key))]
        if changed:
            key = changed[0]
            raise UserError(
                f"{workdir!r} holds a run of another config: {section}.{key} was {before.get(key)!r} and is now "
                f"{now.get(key)!r}; choose another --workdir, or the config that made it"
            )


def _describe(trainer: Trainer) -> str:
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(getattr(trainer.state, name).params)) for name in NETWORK_NAMES
    }
    parameters = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    start = f"from step {trainer.step}" if trainer.step else "from the start"
    devices = f"{jax.device_count()} {jax.default_backend()} device(s) of {jax.process_count()} process(es)"
    return (
        f"training {start} on {devices}; parameters: {parameters}; alphabet of {len(trainer.data.charset.characters)}"
    )
