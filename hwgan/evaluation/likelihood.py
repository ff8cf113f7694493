"""How likely a stroke writer finds ink that it was not trained on."""

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from hwgan.data.ink_batches import ink_eval_batches
from hwgan.data.ink_store import InkStore
from hwgan.evaluation.intervals import Estimate, bootstrap_ratio
from hwgan.models.stroke_likelihood import sequence_losses
from hwgan.models.stroke_writer import StrokeWriter

_BATCH_SIZE = 32


def likelihoods(
    network: StrokeWriter,
    params: Any,
    store: InkStore,
    writer_names: Sequence[str],
    scale: int | float,
    *,
    limit: int,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Mean negative log-likelihoods of examples in nats, with intervals over writers.

    Args:
      network: the module.
      params: of it.
      store: the examples.
      writer_names: see `InkStore.batch`.
      scale: likewise; densities are of offsets divided by it.
      limit: how many examples are used, at most.
      seed: of the intervals.

    Returns:
      nats_per_point and nats_per_sequence, of all three parts; graves_nats_per_sequence, without the end of the
      writing, which Graves' network does not have.
    """
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    order = []
    for batch, rows in ink_eval_batches(store, _BATCH_SIZE, writer_names, scale, limit):
        for name, values in jax.device_get(sequence_losses(network, params, batch)).items():
            found[name].append(values[: len(rows)])
        order += rows.tolist()
    losses = {name: np.concatenate(parts) for name, parts in found.items()}
    total, ones = losses["offset"] + losses["stroke"] + losses["stop"], np.ones(len(order))
    mean = functools.partial(bootstrap_ratio, groups=[store.writers[i] for i in order], seed=seed)
    return {
        "nats_per_point": mean(total.tolist(), store.num_points[order].tolist()),
        "nats_per_sequence": mean(total.tolist(), ones.tolist()),
        "graves_nats_per_sequence": mean((total - losses["stop"]).tolist(), ones.tolist()),
    }
