"""A run of word images in progress: data, state on devices, and the compiled steps that update it."""

import dataclasses
import functools
import hashlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from hwgan.checkpoints.learned import writers_by_dataset
from hwgan.checkpoints.run import build_networks, init_state, trains_generator
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.prepared import combined_summary, dataset_names
from hwgan.data.word_list import read_lines
from hwgan.evaluation.evaluator import Evaluator
from hwgan.models.batch import Batch
from hwgan.models.ctc import CTCRecognizer
from hwgan.models.networks import Networks
from hwgan.models.state import NETWORK_NAMES, Optimizers, TrainState
from hwgan.runtime import sharding
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import sampling_temperature
from hwgan.sampling.sampler import Sampler
from hwgan.training.base_trainer import BaseTrainer
from hwgan.training.data import TrainingData, load_data
from hwgan.training.health import health_warnings
from hwgan.training.init_from import init_from, sources_of
from hwgan.training.losses import BALANCING_RULES
from hwgan.training.step import make_train_step, nonfinite_network
from hwgan.training.step_config import UPDATED_NETWORKS, StepConfig
from hwgan.training.validation import recognition_metrics, sample_grid

logger = logging.getLogger(__name__)

REAL_WORD_NETWORKS = ("recognizer", "identifier")  # trained on real words alone
_PRETRAINED_PART = 0.4  # of the steps of a short run


class Trainer(BaseTrainer):
    """A run that trains the networks of word images; see `BaseTrainer`."""

    def __init__(self, config: Config, workdir: str):
        super().__init__(config, workdir)
        _check_training(config.train)
        self._temperature = sampling_temperature(config)
        self.data = load_data(config)
        self.charset = self.data.charset
        self.rare_characters = self.charset.rare(self.data.real_texts)
        self._create_mesh()
        self.networks, optimizers = build_networks(config, self.charset)
        _check_networks(config, self.networks, self.data)
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
        for name in _networks_of_losses(self.config, self.networks):
            updated = name in self.config.train.updated_networks
            if not updated and getattr(begun, name) is getattr(state, name):
                raise UserError(_untrained(self.config, name))
        return begun

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

    def _check_record(self, stored: dict[str, Any]) -> None:
        super()._check_record(stored)
        train = stored["config"]["train"]
        if trains_generator(self.config) and "generator" not in train.get("updated_networks", ()):
            trained = {*train.get("updated_networks", ()), *self.config.train.updated_networks}
            missing = [name for name in _networks_of_losses(self.config, self.networks) if name not in trained]
            if missing and not train.get("init_from"):
                raise UserError(_untrained(self.config, missing[0]))
        before = stored["config"]["train"].get("recognizer_pretrain_steps", 0)
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
        """Metrics on validation words and on generated words that were never trained on."""
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


def fit_pretraining(train: Config) -> None:
    """Shortens `train.recognizer_pretrain_steps` in a run as short as that, so that `num_steps` alone can be set."""
    steps, alone = train.num_steps, train.recognizer_pretrain_steps
    if "generator" in train.updated_networks and 1 < steps <= alone:
        train.recognizer_pretrain_steps = int(_PRETRAINED_PART * steps)
        logger.warning(
            "train.num_steps=%d would leave the generator no step after train.recognizer_pretrain_steps=%d: recognizer "
            "and identifier are pretrained for %d steps instead, %.0f %% of the run; for another number set "
            "--config.train.recognizer_pretrain_steps",
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
    if config.data.num_buckets > 1 and trains_generator(config) and not networks.has_variable_width:
        raise UserError(f"data.num_buckets={config.data.num_buckets}: this generator has one canvas, so it takes 1")
    if networks.has_identifier and data.train.num_writers > networks.identifier.num_writers:
        raise UserError(
            f"the training words have {data.train.num_writers} writers, more than "
            f"model.identifier.num_writers={networks.identifier.num_writers}; give "
            f"--config.model.identifier.num_writers={data.train.num_writers} or more"
        )
    if "identifier" in config.train.updated_networks and not (networks.has_identifier or trains_generator(config)):
        raise UserError(
            'train.updated_networks names "identifier", and model.identifier.name is "none": name another network'
        )
    too_few_writers = data.train.num_writers < 2 and not config.train.init_from
    if too_few_writers and networks.has_identifier:
        state = "are all by one writer" if data.train.num_writers else "name no writers"
        if trains_generator(config):
            raise UserError(
                f"the training words {state}, so there are no styles to learn from writers; let the "
                "discriminator predict z instead: --config.model.identifier.name=none "
                "--config.model.discriminator.predicted_z_dims=16"
            )
        if "identifier" in config.train.updated_networks:
            raise UserError(
                f"the training words {state}, so an identifier learns nothing from them; train without one: "
                f"--config.model.identifier.name=none --config.train.updated_networks='{_without_identifier(config)}'"
            )


def _networks_of_losses(config: Config, networks: Networks) -> list[str]:
    """The networks whose gradients or features a generator of this config learns from."""
    train = config.train
    if not trains_generator(config):
        return []
    by_features = train.feature_matching or config.model.discriminator.get("feature_head_dim", 0)
    recognizer = train.ctc_weight or by_features or train.character_feature_matching
    return [
        "discriminator",
        *(["recognizer"] if recognizer else []),
        *(["identifier"] if networks.has_identifier else []),  # whose output is the style of half of the words
    ]


def _untrained(config: Config, name: str) -> str:
    """What is wrong where a generator learns from a network that is never trained."""
    return (
        f"train.updated_networks={tuple(config.train.updated_networks)} trains a generator by the gradients of a "
        f"{name} that stays as it was initialised, at random: name it too, or give a trained one by train.init_from"
        + ("; or give --config.model.identifier.name=none" if name == "identifier" else "")
    )


def _without_identifier(config: Config) -> str:
    """`train.updated_networks` but for the identifier, as a flag takes it."""
    others = [f'"{name}"' for name in config.train.updated_networks if name != "identifier"]
    return f"({', '.join(others)},)"


def _check_training(train: Config) -> None:
    """Raises UserError for values that would train nothing, or fail after hours."""
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
