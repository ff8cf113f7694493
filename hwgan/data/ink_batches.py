"""Shuffled training batches of ink of a few fixed shapes, and batches for evaluation."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from hwgan.data.batch_stream import stream_batches
from hwgan.data.ink_store import InkStore
from hwgan.data.schedule import Schedule, choose_buckets, padded_size, padding_share, sorted_rows
from hwgan.models.ink_batch import InkBatch

logger = logging.getLogger(__name__)

_MULTIPLE = 8  # points
_SMALLEST_BUCKET = 4  # batches


def create_ink_schedule(store: InkStore, *, batch_size: int, num_buckets: int, seed: int) -> Schedule:
    """Chooses the numbers of points that batches are padded to, and schedules the batches; logs the share of padding.

    Args:
      store: the training examples.
      batch_size: examples of a batch over all hosts.
      num_buckets: maximum number of buckets, and so of batch shapes.
      seed: of the shuffling.
    """
    longest = int(-(-store.num_points.max() // _MULTIPLE) * _MULTIPLE)
    buckets = choose_buckets(
        store.num_points,
        num_buckets,
        multiple=_MULTIPLE,
        max_width=longest,
        smallest=_SMALLEST_BUCKET * batch_size,
    )
    logger.info(
        "batches of %s points; %.0f %% of their points are padding",
        " or ".join(map(str, buckets)),
        100 * padding_share(store.num_points, buckets),
    )
    return Schedule(store.num_points, buckets, batch_size, seed)


def ink_batches(
    store: InkStore,
    schedule: Schedule,
    writer_names: Sequence[str],
    scale: int | float,
    *,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[InkBatch]:
    """An endless, prefetched stream of this host's share of each batch.

    Batch i depends only on the schedule and i, so a restart at any step, or with another number of hosts, continues the
    same global stream.

    Args:
      store: the training examples.
      schedule: of them.
      writer_names: see `InkStore.batch`.
      scale: likewise.
      start_step: see `stream_batches`.
      process_index: likewise.
      process_count: likewise.
    """

    def make_batch(number: int, share: slice) -> InkBatch:
        bucket, indices = schedule.batch(number)
        return store.batch(indices[share], schedule.buckets[bucket], writer_names, scale)

    return stream_batches(make_batch, schedule.batch_size, start_step, process_index, process_count)


def ink_eval_batches(
    store: InkStore, batch_size: int, writer_names: Sequence[str], scale: int | float, limit: int
) -> Iterator[tuple[InkBatch, Int[np.ndarray, " rows"]]]:
    """The first `limit` examples in batches sorted by length; the last is filled up by repeating its last example.

    Yields:
      (batch, indices); `indices` is shorter than the batch where examples are repeated.
    """
    for filled, rows in sorted_rows(store.num_points[:limit], batch_size):
        width = padded_size(int(store.num_points[rows].max()))
        yield store.batch(filled, width, writer_names, scale), rows
