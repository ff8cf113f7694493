"""What a run of strokes measures and draws while it trains: likelihood, words that end, a sample grid."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.data.ink_batches import ink_eval_batches
from hwgan.data.ink_store import InkStore
from hwgan.models.ink_batch import InkBatch
from hwgan.models.stroke_writer import StrokeWriter
from hwgan.runtime.config import Config
from hwgan.sampling.page import join_words, stack_lines
from hwgan.sampling.stroke_sampler import StrokeSampler
from hwgan.training.stroke_step import mixture_of, point_losses

_BATCH_SIZE = 32
_REAL_ROWS = 2  # of the sample grid, under the generated words


@functools.partial(jax.jit, static_argnums=0)
def _sequence_losses(network: StrokeWriter, params: Any, batch: InkBatch) -> dict[str, jax.Array]:
    return {
        name: losses.sum(axis=1) for name, losses in point_losses(mixture_of(network, params, batch), batch).items()
    }


def likelihoods(
    network: StrokeWriter, params: Any, store: InkStore, writer_names: Sequence[str], scale: float, *, limit: int
) -> dict[str, float]:
    """Mean negative log-likelihoods of examples, in nats; offsets in units of the root mean square of the data's.

    Args:
      network: the module.
      params: of it.
      store: the examples.
      writer_names: see `InkStore.batch`.
      scale: likewise.
      limit: how many examples are used, at most.

    Returns:
      nats_per_point and nats_per_sequence, of all three parts; graves_nats_per_sequence, without the end of the
      writing, which Graves' network does not have.
    """
    sums = dict.fromkeys(("offset", "stroke", "stop"), 0.0)
    points = examples = 0
    for batch, rows in ink_eval_batches(store, _BATCH_SIZE, writer_names, scale, limit):
        losses = jax.device_get(_sequence_losses(network, params, batch))
        for name, values in losses.items():
            sums[name] += float(np.sum(values[: len(rows)], dtype=np.float64))
        points += int(batch.num_points[: len(rows)].sum())
        examples += len(rows)
    total = sum(sums.values())
    return {
        "nats_per_point": total / points,
        "nats_per_sequence": total / examples,
        "graves_nats_per_sequence": (total - sums["stop"]) / examples,
        "examples": examples,
    }


def share_stopped(sampler: StrokeSampler, texts: Sequence[str], seed: int) -> float:
    """The share of texts after which the pen stops by itself, before the limit of points."""
    styles = sampler.sample_styles(jax.random.key(seed), len(texts))
    return float(np.mean([writing.stopped for writing in sampler.write(texts, styles)]))


def stroke_grid(sampler: StrokeSampler, config: Config, real: InkStore) -> np.ndarray:
    """uint8 [h, w]: the words of `config.sample_grid` in its styles, a row each, and real words under them."""
    words = [word[: sampler.spec.max_length] for word in config.sample_grid.words]
    words = [word for word in words if not sampler.charset.unknown(word)] or [real.texts[0]]
    columns, num_styles = len(words), config.sample_grid.num_styles
    styles = np.repeat(np.stack([np.asarray(sampler.style(seed)) for seed in range(num_styles)]), columns, axis=0)
    drawn = sampler.draw(words * num_styles, jnp.asarray(styles))
    full_rows = min(_REAL_ROWS, len(real) // columns)
    originals = [sampler.draw_ink(real.ink(row)) for row in range(full_rows * columns)]
    images = drawn + originals
    gap = sampler.height // 3
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    return stack_lines([join_words(row, gap) for row in rows])
