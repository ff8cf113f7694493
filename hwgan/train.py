"""The training run: claim the workdir, restore, loop, evaluate, save."""

import contextlib
import dataclasses
import json
import logging
import pathlib
import time
from typing import Any

import jax
import numpy as np

from hwgan.errors import UserError
from hwgan.run import Config, trains_generator
from hwgan.train_step import nonfinite_network
from hwgan.trainer import Trainer, sample_sheet
from hwgan.writer import MetricWriter

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
BAD_BATCH_FILE = "nonfinite_batch.npz"
_FIXED_SECTIONS = ("data", "preprocessing", "model")  # of a config: a run that goes on must keep them
_FREE_FIELDS = ("data_dir", "cache_dir")  # but for these: data may be moved


class TrainingDiverged(Exception):
    """A metric is no longer finite; the message says in which network, and where the batch was kept."""


def train_and_evaluate(config: Config, workdir: str) -> dict[str, float]:
    """Trains until `config.train.num_steps`, from the newest checkpoint in `workdir` if there is one.

    Args:
      config: of the run.
      workdir: for checkpoints, metrics.jsonl, TensorBoard files, sample sheets and config.json.

    Returns:
      The last evaluation.

    Raises:
      UserError: something is wrong with the config, the data or the workdir.
      TrainingDiverged: a loss or gradient is not finite.
    """
    _claim_workdir(config, workdir)
    trainer = Trainer(config, workdir)
    writer = MetricWriter(workdir, trainer.step)
    # Both are closed whatever happens, so that the save under way is finished and every line is on disk.
    with contextlib.closing(trainer.checkpointer), contextlib.closing(writer):
        logger.info("%s", _describe(trainer))
        return _loop(trainer, writer)


def _loop(trainer: Trainer, writer: MetricWriter) -> dict[str, float]:
    config, train = trainer.config, trainer.config.train
    batches, clock = trainer.batches(), _Clock(trainer.step, train)
    pending = None  # the metrics of the step before are read while the devices work on this one
    figures: dict[str, float] = {}
    while trainer.step < train.num_steps:
        batch = next(batches)
        metrics = trainer.advance(batch)
        if pending is not None:
            _log(trainer, writer, clock, *pending)
        pending = (trainer.step, metrics, batch)
        due = _Due(trainer.step, train)
        if due.any:
            _log(trainer, writer, clock, *pending)
            pending = None
            if due.sample and trains_generator(config):
                sheet = sample_sheet(trainer.sampler, config, trainer.data.validation)
                writer.write_image(trainer.step, "samples", sheet)
            if due.evaluate:
                figures = trainer.evaluate()
                writer.write(trainer.step, figures)
                logger.info("step %d: %s", trainer.step, _format(figures))
            if due.checkpoint:
                trainer.save(figures if due.evaluate else {})
            clock.restart(trainer.step)
    return figures


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


class _Clock:
    """Rates and the time that is left; what is spent on evaluating and saving does not count as training."""

    def __init__(self, step: int, train: Config):
        self._train = train
        self.restart(step)

    def restart(self, step: int) -> None:
        """Measures from here on."""
        self._step, self._time = step, time.perf_counter()

    def lap(self, step: int) -> dict[str, float]:
        """Rates since the last lap or restart, and seconds left; empty where no step was made since."""
        steps, seconds = step - self._step, time.perf_counter() - self._time
        self.restart(step)
        if steps <= 0:
            return {}
        rate = steps / seconds
        return {
            "speed/steps_per_second": rate,
            "speed/images_per_second": rate * self._train.batch_size,
            "speed/seconds_left": (self._train.num_steps - step) / rate,
        }


def _log(trainer: Trainer, writer: MetricWriter, clock: _Clock, step: int, metrics: Any, batch: Any) -> None:
    """Checks a step's metrics, and every so often writes them."""
    values = {name: float(value) for name, value in jax.device_get(metrics).items()}
    network = nonfinite_network(values)
    if network is not None:
        path = trainer.workdir / BAD_BATCH_FILE
        np.savez(path, **jax.device_get(batch))
        raise TrainingDiverged(
            f"step {step}: the {network}'s loss or gradient is not finite ({_format(values)}); "
            f"the batch is kept in {path}, the last checkpoint is of step {trainer.checkpointer.latest_step()}"
        )
    if step % trainer.config.train.log_every == 0:
        speed = clock.lap(step)
        writer.write(step, values | speed)
        logger.info("step %d/%d %s %s", step, trainer.config.train.num_steps, _format(values), _format_speed(speed))


def _format(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _format_speed(speed: dict[str, float]) -> str:
    if not speed:
        return ""
    left = time.strftime("%H:%M:%S", time.gmtime(speed["speed/seconds_left"]))
    return (
        f"| {speed['speed/steps_per_second']:.2f} steps/s, {speed['speed/images_per_second']:.0f} images/s, {left} left"
    )


def _claim_workdir(config: Config, workdir: str) -> None:
    """Makes the workdir, saves the config in it, and refuses one that holds a run of another kind."""
    path = pathlib.Path(workdir) / CONFIG_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _check_same_run(json.loads(path.read_text()), json.loads(config.to_json()), workdir)
        path.write_text(config.to_json(indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to the workdir {workdir!r}: {error.strerror or error}") from error


def _check_same_run(old: dict[str, Any], new: dict[str, Any], workdir: str) -> None:
    for section in _FIXED_SECTIONS:
        before, now = old.get(section, {}), new[section]
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        changed = [key for key in changed if key not in _FREE_FIELDS]
        if changed:
            key = changed[0]
            raise UserError(
                f"{workdir!r} holds a run of another config: {section}.{key} was {before.get(key)!r} and is now "
                f"{now.get(key)!r}; choose another --workdir, or the config that made it"
            )


def _describe(trainer: Trainer) -> str:
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(getattr(trainer.state, name).params))
        for name in ("language_model", "generator", "discriminator", "recognizer")
    }
    parameters = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    start = f"from step {trainer.step}" if trainer.step else "from the start"
    return (
        f"training {start} on {jax.device_count()} {jax.default_backend()} device(s); parameters: {parameters}; "
        f"alphabet of {len(trainer.data.charset.characters)}"
    )
