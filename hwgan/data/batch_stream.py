"""Streams of batches: endless ones to train on, sorted ones to evaluate."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import grain

_ENDLESS = 2**40  # batches

BatchType = TypeVar("BatchType")


def stream_batches(
    make_batch: Callable[[int, slice], BatchType],
    batch_size: int,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[BatchType]:
    """An endless, prefetched stream of this host's share of each batch.

    Args:
      make_batch: (number of a batch, rows of this host) → its share; it depends on nothing else, so that a restart at
        any step, or with another number of hosts, continues the same global stream.
      batch_size: rows of a batch over all hosts.
      start_step: number of the first batch.
      process_index: index of this host.
      process_count: number of hosts.
    """
    size = batch_size // process_count
    # A contiguous slice, as devices shard it: the global batch is then the same array for any number of hosts.
    share = slice(process_index * size, (process_index + 1) * size)
    stream = grain.MapDataset.range(start_step, _ENDLESS).map(lambda number: make_batch(number, share))
    return iter(stream.to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)))
