"""A run of strokes in progress: data, state on devices, and the compiled step that updates it."""

import functools
import logging
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from hwgan.checkpoints.learned import digests_of_writers
from hwgan.checkpoints.stroke_run import build_stroke_writer, ink_spec
from hwgan.data.charset import Charset
from hwgan.data.ink_batches import create_ink_schedule, ink_batches
from hwgan.data.ink_store import load_ink
from hwgan.data.prepared import dataset_names, has_split, read_summary
from hwgan.evaluation.likelihood import likelihoods
from hwgan.models.ink_batch import InkBatch
from hwgan.models.stroke_state import NETWORK, StrokeState, create_stroke_state
from hwgan.runtime import sharding
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.sampling.stroke_sampler import StrokeSampler
from hwgan.training.base_trainer import BaseTrainer
from hwgan.training.stroke_init_from import source_of, stroke_init_from
from hwgan.training.stroke_step import StrokeStepConfig, make_stroke_step
from hwgan.training.stroke_validation import share_stopped, stroke_grid

logger = logging.getLogger(__name__)

_MAX_OFFSET = 3.0  # x-heights between the points of ink, in the root mean square


class StrokeTrainer(BaseTrainer):
    """A run that trains a stroke writer; see `BaseTrainer`."""

    def __init__(self, config: Config, workdir: str):
        super().__init__(config, workdir)
        data = config.data
        if len(dataset_names(data.dataset)) > 1:
            raise UserError(f"data.dataset={data.dataset!r}: a run of strokes takes one dataset")
        summary = read_summary(data.data_dir, data.dataset)
        if summary["right_to_left"]:
            raise UserError(
                f"{data.dataset} is written from right to left, which generators of strokes do not support; choose "
                "another dataset"
            )
        self.charset = Charset(data.alphabet or summary["alphabet"])
        load = functools.partial(
            load_ink,
            data.data_dir,
            data.dataset,
            charset=self.charset,
            spec=ink_spec(config),
            cache_dir=data.cache_dir,
        )
        self._train = load(split="train")
        if has_split(data.data_dir, data.dataset, "validation"):
            self._validation = load(split="validation")
        else:
            logger.warning("%s has no validation split: validation metrics are those of training", data.dataset)
            self._validation = self._train
        self._scale = self._train.offset_scale
        if self._scale > _MAX_OFFSET:
            raise UserError(
                f"the points of {data.dataset} are {self._scale:,.0f} x-heights apart, as if it were in units of a "
                "device: set preprocessing.size, so that the x-height becomes 1"
            )
        self._writer_names = self._train.writer_names if config.model.embed_writers else []
        if config.model.embed_writers and not self._writer_names:
            raise UserError(
                f"{data.dataset} does not say who wrote its strokes, so writers cannot be embedded: give "
                "--config.model.embed_writers=False"
            )
        self.rare_characters = self.charset.rare(self._train.texts)
        self._create_mesh()
        self.network, optimizer = build_stroke_writer(config, self.charset, self._writer_names)
        self._restore_or_init(lambda key: create_stroke_state(self.network, optimizer, key), size=0, start=self._start)
        step = make_stroke_step(self.network, optimizer, StrokeStepConfig.from_config(config))
        self._steps = {"all": jax.jit(step, donate_argnums=0)}

    def _start(self, state: StrokeState) -> StrokeState:
        """The state to begin with: that of `train.init_from`, whose training writers count too."""
        begun, rare_characters = stroke_init_from(state, self.config, self.charset, self._writer_names, self._scale)
        source = source_of(self.config)
        self._add_sources([source] if source else [], rare_characters)
        return begun

    def batches(self) -> Iterator[InkBatch]:
        config = self.config
        schedule = create_ink_schedule(
            self._train, batch_size=config.train.batch_size, num_buckets=config.data.num_buckets, seed=config.seed
        )
        self._num_shapes = len(schedule.buckets)
        stream = ink_batches(
            self._train,
            schedule,
            self._writer_names,
            self._scale,
            start_step=self.step,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        return sharding.to_devices(stream, self.mesh)

    def _describe_program(self, phase: str, batch: InkBatch) -> tuple[tuple[int, ...], str]:
        shape = batch.points.shape
        return shape, f"the stroke writer on {shape[0]} examples of {shape[1]} points"

    @property
    def sampler(self) -> StrokeSampler:
        """What the averaged parameters write."""
        state: StrokeState = self._local_state
        return StrokeSampler(
            self.network,
            {"params": state.ema},
            self.charset,
            ink_spec(self.config),
            self._scale,
            tuple(self._writer_names),
            bias=self.config.sample.bias,
            temperature=self.config.sample.temperature,
        )

    def evaluate(self) -> dict[str, int | float]:
        """Likelihood of validation examples, and how many generated words end by themselves."""
        sizes = self.config.evaluate
        state: StrokeState = self._local_state
        estimates = likelihoods(
            self.network, state.ema, self._validation, self._writer_names, self._scale, limit=sizes.examples
        )
        found = {name: estimate.value for name, estimate in estimates.items()}
        texts = list(dict.fromkeys(self._validation.texts))[: sizes.generated]
        if texts:
            found["stopped"] = share_stopped(self.sampler, texts, self.config.seed)
        return {f"evaluate/{name}": value for name, value in found.items()}

    def draw_samples(self) -> np.ndarray | None:
        return stroke_grid(self.sampler, self.config, self._validation)

    def warnings(self, metrics: dict[str, float]) -> list[str]:
        return []

    def nonfinite_network(self, metrics: dict[str, float]) -> str | None:
        return NETWORK if any(not abs(value) < float("inf") for value in metrics.values()) else None

    def _error(self, metrics: dict[str, float]) -> float | None:
        return metrics.get("evaluate/nats_per_point")

    def _writers_of_data(self) -> dict[str, frozenset[str]]:
        return {self.config.data.dataset: digests_of_writers(self._train.writers)}

    def _facts_of_data(self) -> dict[str, Any]:
        return {**super()._facts_of_data(), "offset_scale": self._scale, "writers": self._writer_names}

    def _trained(self) -> dict[str, Any]:
        return {NETWORK: self.state.stroke_writer.params}
