"""A run of word images in progress: data, state on devices, and the compiled steps that update it."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

import jax
import numpy as np

from hwgan.checkpoints.learned import writers_by_dataset
from hwgan.checkpoints.run import (
    GIVEN_NETWORKS,
    build_networks,
    given_networks_of_record,
    init_state,
    trains_generator,
)
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.prepared import combined_summary, dataset_names
from hwgan.data.word_list import read_lines
from hwgan.evaluation.evaluator import Evaluator
from hwgan.models.batch import Batch
from hwgan.models.networks import Networks
from hwgan.models.state import NETWORK_NAMES, Optimizers, TrainState
from hwgan.runtime import sharding
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import sampling_temperature
from hwgan.sampling.sampler import Sampler
from hwgan.training.base_trainer import BaseTrainer
from hwgan.training.checks import (
    REAL_WORD_NETWORKS,
    check_networks,
    check_training,
    describe_untrained,
    networks_of_losses,
)
from hwgan.training.data import load_data
from hwgan.training.health import health_warnings
from hwgan.training.init_from import init_from, sources_of
from hwgan.training.step import make_train_step, nonfinite_network
from hwgan.training.step_config import UPDATED_NETWORKS, StepConfig
from hwgan.training.validation import recognition_metrics, sample_grid


class Trainer(BaseTrainer):
    """A run that trains the networks of word images; see `BaseTrainer`.

    Attributes:
      data: training and validation words, and the texts to generate.
      networks: the modules; their parameters are in `state`.
    """

    def __init__(self, config: Config, workdir: str):
        super().__init__(config, workdir)
        check_training(config.train)
        self._temperature = sampling_temperature(config)
        self._given_networks: set[str] = set()
        self.data = load_data(config)
        self.charset = self.data.charset
        self.rare_characters = self.charset.rare(self.data.real_texts)
        self._create_mesh()
        self.networks, optimizers = build_networks(config, self.charset)
        check_networks(config, self.networks, self.data)
        self._restore_or_init(
            functools.partial(init_state, networks=self.networks, optimizers=optimizers, config=self.config),
            size=config.preprocessing.height,
            start=self._start,
        )
        self._steps = _jit_steps(self.networks, optimizers, config)

    def _start(self, state: TrainState) -> TrainState:
        """The state to begin with, with the networks of `train.init_from`, whose training writers count too."""
        begun, rare_characters = init_from(state, self.config, self.charset)
        self._add_sources([path for path, _ in sources_of(self.config.train.init_from)], rare_characters)
        self._given_networks = {name for name in NETWORK_NAMES if getattr(begun, name) is not getattr(state, name)}
        self._refuse_untrained(self._given_networks)
        return begun

    def _refuse_untrained(self, given: Collection[str]) -> None:
        """Raises UserError if a generator learns from a network that is neither given nor trained."""
        trained = {*given, *self.config.train.updated_networks}
        for name in networks_of_losses(self.config, self.networks):
            if name not in trained:
                raise UserError(describe_untrained(self.config, name))

    def _writers_of_data(self) -> dict[str, frozenset[str]]:
        words, count = self.data.train, len(dataset_names(self.config.data.dataset))
        real = [writer for writer, source in zip(words.writers, words.sources, strict=True) if source < count]
        return writers_by_dataset(self.config.data.dataset, real)

    def _further_contents(self) -> dict[str, str]:
        data = self.config.data
        names = filter(None, (data.generated_dataset, data.recognizer_dataset))
        found = {name: combined_summary(data.data_dir, name)["content"] for name in names}
        if data.lexicon:
            texts = "\n".join(read_lines(data.lexicon).values())
            found["data.lexicon"] = hashlib.sha256(texts.encode()).hexdigest()[:16]
        return found

    def _facts_of_data(self) -> dict[str, Any]:
        facts = super()._facts_of_data()
        if not self.networks.has_identifier:
            return facts
        # Ids of writers are places in the list of their names; its digest, for names may be private.
        names = "\n".join(self.data.train.writer_names)
        return {**facts, "list of writers": hashlib.sha256(names.encode()).hexdigest()[:16]}

    def _facts_of_networks(self) -> dict[str, Any]:
        return {GIVEN_NETWORKS: sorted(self._given_networks)}

    def _check_record(self, stored: dict[str, Any]) -> None:
        super()._check_record(stored)
        train = stored["config"]["train"]
        updated = train.get("updated_networks", ())
        self._given_networks = {*given_networks_of_record(stored), *updated}
        if "generator" not in updated and not train.get("init_from"):
            self._refuse_untrained(updated)
        before = train.get("recognizer_pretrain_steps", 0)
        now, step = self.config.train.recognizer_pretrain_steps, stored["step"]
        if before < step < now and trains_generator(self.config):
            raise UserError(
                f"this run was pretrained for {before} steps and is at step {step}; with "
                f"train.recognizer_pretrain_steps={now} it would be pretrained again: continue with "
                f"--config.train.recognizer_pretrain_steps={before}"
            )

    def batches(self) -> Iterator[Batch]:
        config = self.config
        schedule = create_schedule(
            self.data.train,
            batch_size=config.train.batch_size,
            num_buckets=config.data.num_buckets,
            seed=config.seed,
            repeats=self.data.repeats,
        )
        self._num_shapes = len(schedule.buckets)
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

    def _phase(self) -> str:
        return "recognizer" if self.step < self.config.train.recognizer_pretrain_steps else "all"

    def _describe_program(self, phase: str, batch: Batch) -> tuple[tuple[int, ...], str]:
        shape = batch.real.image.shape
        return shape, f"{self._describe_phase(phase)} on {shape[0]} images of {shape[1]}x{shape[2]} pixels"

    def _describe_phase(self, phase: str) -> str:
        if phase == "recognizer":
            return "recognizer pretraining"
        updated = self.config.train.updated_networks
        return "all networks" if set(updated) == set(UPDATED_NETWORKS) else " and ".join(updated)

    @property
    def sampler(self) -> Sampler:
        variables = self._local_state.ema_variables
        return Sampler(self.networks, variables, self.data.charset, self.data.spec, self._temperature)

    def evaluate(self) -> dict[str, int | float]:
        """Metrics on validation words, and on generated words whose texts are of no training word."""
        found = recognition_metrics(
            Evaluator.of_state(self.networks, self._local_state, self.data.charset, self.data.spec),
            self.data.validation,
            self.sampler if self._draws else None,
            self.data.oov_texts,
            real_words=self.config.evaluate.real_words,
            seed=self.config.seed,
        )
        return {f"evaluate/{name}": value for name, value in found.items()}

    def draw_samples(self) -> np.ndarray | None:
        return sample_grid(self.sampler, self.config, self.data.validation) if self._draws else None

    def warnings(self, metrics: dict[str, float]) -> list[str]:
        begun = self.step > self.config.train.recognizer_pretrain_steps
        return health_warnings(metrics) if self._draws and begun else []

    def nonfinite_network(self, metrics: dict[str, float]) -> str | None:
        return nonfinite_network(metrics)

    def _error(self, metrics: dict[str, float]) -> float | None:
        return metrics.get("evaluate/generated_cer", metrics.get("evaluate/real_cer"))

    @property
    def _draws(self) -> bool:
        return trains_generator(self.config)

    def _trained(self) -> dict[str, Any]:
        updated = set(self.config.train.updated_networks)
        updated |= {"language_model"} if "generator" in updated else set()
        return {name: getattr(self.state, name).params for name in NETWORK_NAMES if name in updated}


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
