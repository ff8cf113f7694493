"""The training run: build, restore, loop, evaluate, save."""

import contextlib
import dataclasses
import functools
import json
import logging
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan import checkpoint as checkpoints
from hwgan import sharding
from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import (
    ImageSpec,
    Lexicon,
    WordStore,
    load_words,
    read_lexicon_file,
    read_summary,
    train_batches,
)
from hwgan.errors import UserError
from hwgan.evaluate import Reader, recognition_figures, unseen_words
from hwgan.models import Networks
from hwgan.run import Config, build_networks, image_spec, init_state, trains_generator
from hwgan.sample import Sampler, ema_variables, side_by_side, stack_lines
from hwgan.train_state import Optimizers, TrainState
from hwgan.train_step import StepConfig, make_train_step, nonfinite_network
from hwgan.writer import MetricWriter

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
BAD_BATCH_FILE = "nonfinite_batch.npz"
_REAL_ROWS = 2  # on a sample sheet, under the generated words
_FIXED_SECTIONS = ("data", "model")  # of a config: a run that goes on must keep them


class TrainingDiverged(Exception):
    """A metric is no longer finite; the message says in which network, and where the batch was kept."""


@dataclasses.dataclass(frozen=True)
class Data:
    """What a run reads."""

    charset: Charset
    spec: ImageSpec
    train: WordStore
    validation: WordStore
    lexicon: Lexicon
    unseen: list[str]


def load_data(config: Config) -> Data:
    """Reads and decodes the training and validation words of a config, and the words to write.

    Raises:
      UserError: the dataset or the lexicon is not there, or nothing in it fits.
    """
    data, spec = config.data, image_spec(config)
    charset = Charset(data.alphabet or read_summary(data.data_dir, data.dataset)["alphabet"])
    train = load_words(data.data_dir, data.dataset, "train", charset, spec)
    validation = load_words(data.data_dir, data.dataset, "validation", charset, spec)
    words = read_lexicon_file(data.lexicon) if data.lexicon else train.texts
    unseen = unseen_words(validation, set(train.texts), config.evaluate.generated_words)
    return Data(charset, spec, train, validation, Lexicon.from_words(words, charset, spec), unseen)


def sample_sheet(sampler: Sampler, config: Config, real: WordStore) -> np.ndarray:
    """Fixed words in fixed hands, a line each, and under them real words."""
    words = [word[: sampler.spec.max_length] for word in config.sheet.words]
    words = [word for word in words if not sampler.charset.unknown(word)] or [real.texts[0]]
    gap, columns = sampler.spec.height // 3, len(words)
    hands = [np.stack([sampler.hand(seed)] * columns) for seed in range(config.sheet.hands)]
    generated = [sampler.draw(words, jnp.asarray(hand)) for hand in hands]
    full_rows = min(_REAL_ROWS, len(real) // columns)
    originals = [[real.image(row * columns + i) for i in range(columns)] for row in range(full_rows)]
    return stack_lines([side_by_side(images, gap) for images in generated + originals])


class Trainer:
    """A run in progress: state on devices, and what it takes to move it on by a step.

    Attributes:
      state: after the last step.
      step: number of finished steps.
    """

    def __init__(self, config: Config, workdir: str):
        self.config, self.workdir = config, pathlib.Path(workdir)
        self.data = load_data(config)
        self.mesh = sharding.create_mesh(config.train.batch_size)
        self.networks, optimizers = build_networks(config, self.data.charset)
        init = functools.partial(init_state, networks=self.networks, optimizers=optimizers, spec=self.data.spec)
        everywhere = sharding.replicated(self.mesh)
        self.checkpointer = checkpoints.Checkpointer(workdir, config.train.keep_checkpoints)
        if self.checkpointer.latest_step() is None:
            self.state = jax.jit(init, out_shardings=everywhere)(jax.random.key(config.seed))
        else:
            shapes = jax.eval_shape(init, jax.random.key(config.seed))
            self.state = self.checkpointer.restore(checkpoints.abstract_like(shapes, everywhere))
        self.step = int(self.state.step)
        self._steps = _jit_steps(self.networks, optimizers, config)
        self._root_key = jax.device_put(jax.random.key(config.seed + 1), everywhere)

    def batches(self) -> Iterator[dict[str, jax.Array]]:
        """The stream of training batches from the present step on."""
        stream = train_batches(
            self.data.train,
            self.data.lexicon,
            batch_size=self.config.train.batch_size,
            seed=self.config.seed,
            start_step=self.step,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        return sharding.to_devices(stream, self.mesh)

    def advance(self, batch: dict[str, jax.Array]) -> dict[str, jax.Array]:
        """One step; returns its metrics, perhaps still being computed."""
        alone = self.step < self.config.train.recognizer_first_steps
        self.state, metrics = self._steps["recognizer" if alone else "all"](self.state, batch, self._root_key)
        self.step += 1
        return metrics

    @property
    def sampler(self) -> Sampler:
        return Sampler(self.networks, ema_variables(self.state), self.data.charset, self.data.spec)

    def evaluate(self) -> dict[str, float]:
        """Figures on validation words and on generated words that were never trained on."""
        reader = Reader(self.networks, self.state.recognizer.variables, self.data.charset)
        figures = recognition_figures(
            reader,
            self.data.validation,
            self.sampler if trains_generator(self.config) else None,
            self.data.unseen,
            real_words=self.config.evaluate.real_words,
            seed=self.config.seed,
        )
        return {f"evaluate/{name}": value for name, value in figures.items()}

    def save(self, figures: dict[str, float]) -> None:
        """Saves the state; `figures` decide which checkpoint is the best."""
        record = {"config": self.config.to_dict(), "alphabet": self.data.charset.characters, "step": self.step}
        error = figures.get("evaluate/generated_cer", figures.get("evaluate/real_cer"))
        self.checkpointer.save(self.step, self.state, record, error)


def _jit_steps(
    networks: Networks, optimizers: Optimizers, config: Config
) -> dict[str, Callable[..., tuple[TrainState, dict[str, jax.Array]]]]:
    train = config.train
    step_config = StepConfig(
        updated_networks=tuple(train.updated_networks),
        discriminator_steps=train.discriminator_steps,
        balance_rule=train.balance_rule,
        alpha=train.alpha,
        recognizer_noise=train.recognizer_noise,
        style_weight=train.style_weight,
        ema_decay=train.ema_decay,
    )
    alone = dataclasses.replace(step_config, updated_networks=("recognizer",))
    return {
        name: jax.jit(make_train_step(networks, optimizers, step), donate_argnums=0)
        for name, step in (("all", step_config), ("recognizer", alone))
    }


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
        changed = [key for key in changed if key != "data_dir"]
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
