"""A run in progress: data, state on devices, and the compiled steps that update it."""

import dataclasses
import functools
import logging
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax

from hwgan.checkpoints import orbax
from hwgan.checkpoints.run import build_networks, init_state, trains_generator
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.evaluation.evaluator import Evaluator
from hwgan.models.batch import Batch
from hwgan.models.ctc import CTCRecognizer
from hwgan.models.networks import Networks
from hwgan.models.state import Optimizers, TrainState
from hwgan.runtime import sharding
from hwgan.runtime.config import Config
from hwgan.runtime.distributed import barrier, broadcast_from_primary
from hwgan.runtime.errors import UserError
from hwgan.runtime.timings import Timings
from hwgan.runtime.untrusted import MAX_SEED, check_number
from hwgan.sampling.open import sampling_temperature
from hwgan.sampling.sampler import Sampler
from hwgan.training.data import TrainingData, load_data
from hwgan.training.init_from import init_from
from hwgan.training.losses import BALANCING_RULES
from hwgan.training.step import make_train_step
from hwgan.training.step_config import UPDATED_NETWORKS, StepConfig
from hwgan.training.validation import recognition_metrics

logger = logging.getLogger(__name__)

REAL_WORD_NETWORKS = ("recognizer", "identifier")  # trained on real words alone
_PRETRAINED_PART = 0.4  # of the steps of a short run
_INTERVALS = ("log_every", "sample_every", "evaluate_every", "checkpoint_every")


class Trainer:
    """A run in progress: state on devices, and what it takes to move it on by a step.

    Attributes:
      state: after the last step.
      step: number of finished steps.
      timings: how long compiling and steps took the last time.
      compile_seconds: how long compiling took in the last call of `advance`.
      rare_characters: number of training examples of each character with few of them.
    """

    def __init__(self, config: Config, workdir: str):
        _check_training(config.train)
        check_number("seed", config.seed, 0, MAX_SEED, whole=True)
        self.config, self.workdir = config, pathlib.Path(workdir)
        self._temperature = sampling_temperature(config)
        self.data = load_data(config)
        self.mesh = sharding.create_mesh(config.train.batch_size, config.train.gradient_accumulation_steps)
        self.networks, optimizers = build_networks(config, self.data.charset)
        _check_networks(config, self.networks, self.data)
        init = functools.partial(init_state, networks=self.networks, optimizers=optimizers, config=self.config)
        everywhere = sharding.replicated(self.mesh)
        barrier("data loaded")  # the checkpointer begins with a computation across processes
        self.checkpointer = orbax.Checkpointer(workdir, config.train.keep_checkpoints)
        shapes = jax.eval_shape(init, jax.random.key(config.seed))
        restored = self.checkpointer.restore_newest(orbax.abstract_like(shapes, everywhere), set_aside=True)
        if restored is None:
            logger.info("initialising the networks, which takes up to a minute the first time")
            restored = jax.jit(init, out_shardings=everywhere)(jax.random.key(config.seed))
            restored = init_from(restored, config, self.data.charset)
        self.state = restored
        self.step = int(self.state.step)
        self._steps = _jit_steps(self.networks, optimizers, config)
        self.timings = Timings(config.model.to_dict(), config.train.batch_size, config.preprocessing.height)
        self.compile_seconds = 0.0
        self._compiled: set[tuple[str, tuple[int, ...]]] = set()
        self.rare_characters = self.data.charset.rare(self.data.train.texts)
        self._root_key = jax.jit(jax.random.key, out_shardings=everywhere)(config.seed + 1)

    def batches(self) -> Iterator[Batch]:
        """The stream of training batches from the present step on."""
        config = self.config
        schedule = create_schedule(
            self.data.train,
            batch_size=config.train.batch_size,
            num_buckets=config.data.num_buckets,
            seed=config.seed,
            repeats=self.data.repeats,
        )
        stream = train_batches(
            self.data.train,
            self.data.lexicon,
            schedule,
            seed=config.seed,
            log_widths=self.data.log_widths,
            for_recognizer=self.data.for_recognizer,
            start_step=self.step,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        return sharding.to_devices(stream, self.mesh)

    def advance(self, batch: Batch) -> dict[str, jax.Array]:
        """One step; returns its metrics, perhaps still being computed."""
        phase = "recognizer" if self.step < self.config.train.recognizer_pretrain_steps else "all"
        self._compile(phase, batch)
        self.state, metrics = self._steps[phase](self.state, batch, self._root_key)
        self.step += 1
        return metrics

    def _compile(self, phase: str, batch: Batch) -> None:
        """Compiles a step that is new, and says so; all processes begin it at once, however long each takes."""
        self.compile_seconds = 0.0
        shape = batch.real.image.shape
        if (phase, shape) in self._compiled:
            return
        name = f"{self._describe_phase(phase)} on {shape[0]} images of {shape[1]}x{shape[2]} pixels"
        before = self.timings.get(name)
        logger.info(
            "compiling the step of %s; %s",
            name,
            f"it took {before:.0f} s the last time" if before else "that can take minutes, the first time",
        )
        start = time.perf_counter()
        self.lower(phase, batch).compile()  # kept by jax: the call that follows does not compile again
        self.compile_seconds = time.perf_counter() - start
        self.timings.put(name, self.compile_seconds)
        barrier(f"compiled {phase} {shape}")
        self._compiled.add((phase, shape))

    def _describe_phase(self, phase: str) -> str:
        if phase == "recognizer":
            return "recognizer pretraining"
        updated = self.config.train.updated_networks
        return "all networks" if set(updated) == set(UPDATED_NETWORKS) else " and ".join(updated)

    def lower(self, phase: str, batch: Batch) -> Any:
        """The program of a step on such a batch, not compiled; phase "recognizer" (pretraining) or "all"."""
        return self._steps[phase].lower(self.state, batch, self._root_key)

    @property
    def sampler(self) -> Sampler:
        variables = self._local_state.ema_variables
        return Sampler(self.networks, variables, self.data.charset, self.data.spec, self._temperature)

    @property
    def _local_state(self) -> TrainState:
        """The state on one device of this process, which can then compute without the others."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), self.state)

    def evaluate(self) -> dict[str, int | float]:
        """Metrics on validation words and on generated words that were never trained on."""
        found = recognition_metrics(
            Evaluator.of_state(self.networks, self._local_state, self.data.charset, self.data.spec),
            self.data.validation,
            self.sampler if trains_generator(self.config) else None,
            self.data.oov_texts,
            real_words=self.config.evaluate.real_words,
            seed=self.config.seed,
        )
        return {f"evaluate/{name}": value for name, value in found.items()}

    def save(self, metrics: dict[str, float]) -> None:
        """Saves the state; `metrics` decide which checkpoint is the best."""
        charset = self.data.charset
        record = {
            "config": self.config.to_dict(),
            "alphabet": charset.characters,
            "right_to_left": charset.right_to_left,
            "step": self.step,
            "rare_characters": self.rare_characters,
        }
        error = metrics.get("evaluate/generated_cer", metrics.get("evaluate/real_cer"))
        self.checkpointer.save(self.step, self.state, record, broadcast_from_primary(error))


def fit_pretraining(train: Config) -> None:
    """Shortens `train.recognizer_pretrain_steps` in a run as short as that, so that `num_steps` alone can be set."""
    steps, alone = train.num_steps, train.recognizer_pretrain_steps
    if "generator" in train.updated_networks and 1 < steps <= alone:
        train.recognizer_pretrain_steps = int(_PRETRAINED_PART * steps)
        logger.warning(
            "train.num_steps=%d are all pretraining (train.recognizer_pretrain_steps=%d): that is set to %d, %.0f %%",
            steps,
            alone,
            train.recognizer_pretrain_steps,
            100 * _PRETRAINED_PART,
        )


def _check_networks(config: Config, networks: Networks, data: TrainingData) -> None:
    """Raises UserError where the data does not fit the networks."""
    if config.train.character_feature_matching and not isinstance(networks.recognizer, CTCRecognizer):
        raise UserError(
            f"train.character_feature_matching={config.train.character_feature_matching} finds the frames of "
            f"characters by CTC; with model.recognizer.name={config.model.recognizer.name!r} give 0"
        )
    if config.data.num_buckets < 1:
        raise UserError(f"data.num_buckets={config.data.num_buckets} must be at least 1")
    if config.data.num_buckets > 1 and trains_generator(config) and not networks.has_variable_width:
        raise UserError(f"data.num_buckets={config.data.num_buckets}: this generator has one canvas, so it takes 1")
    if networks.has_identifier and data.train.num_writers > networks.identifier.num_writers:
        raise UserError(
            f"the training words have {data.train.num_writers} writers, more than "
            f"model.identifier.num_writers={networks.identifier.num_writers}"
        )
    too_few_writers = data.train.num_writers < 2 and not config.train.init_from
    if too_few_writers and networks.has_identifier and trains_generator(config):
        state = "are all by one writer" if data.train.num_writers else "name no writers"
        raise UserError(
            f"the training words {state}, so there are no styles to learn from writers; let the "
            "discriminator predict z instead: --config.model.identifier.name=none "
            "--config.model.discriminator.predicted_z_dims=16"
        )


def _check_training(train: Config) -> None:
    """Raises UserError for values that would train nothing, or fail after hours."""
    for name in ("batch_size", "discriminator_steps_per_generator_step", "gradient_accumulation_steps", *_INTERVALS):
        if train[name] < 1:
            raise UserError(f"train.{name}={train[name]} must be at least 1")
    if train.gradient_balancing not in BALANCING_RULES:
        raise UserError(
            f"train.gradient_balancing={train.gradient_balancing!r} does not exist; there are {BALANCING_RULES}"
        )
    updated, alone = set(train.updated_networks), train.recognizer_pretrain_steps
    if not updated or updated - set(UPDATED_NETWORKS):
        raise UserError(f"train.updated_networks={train.updated_networks} must be some of {UPDATED_NETWORKS}")
    if alone and not updated & set(REAL_WORD_NETWORKS):
        raise UserError(
            f"train.recognizer_pretrain_steps={alone} update {REAL_WORD_NETWORKS}, none of "
            "which is in train.updated_networks; give 0"
        )
    if "generator" in updated and alone >= train.num_steps:
        raise UserError(
            f"train.num_steps={train.num_steps} leaves the generator no step: recognizer and identifier are "
            f"pretrained for the first train.recognizer_pretrain_steps={alone}; give more steps, or pretrain fewer"
        )


def _jit_steps(
    networks: Networks, optimizers: Optimizers, config: Config
) -> dict[str, Callable[..., tuple[TrainState, dict[str, jax.Array]]]]:
    step_config = StepConfig.from_config(config)
    pretrained = tuple(name for name in step_config.updated_networks if name in REAL_WORD_NETWORKS)
    pretraining = dataclasses.replace(step_config, updated_networks=pretrained)
    return {
        name: jax.jit(make_train_step(networks, optimizers, step), donate_argnums=0)
        for name, step in (("all", step_config), ("recognizer", pretraining))
    }
