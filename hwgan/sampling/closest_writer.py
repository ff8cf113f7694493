"""Finds the embedded writer of a generator of strokes whose style is most like given strokes."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, Int

from hwgan.data.charset import pad_labels
from hwgan.data.ink import scale_offsets
from hwgan.data.schedule import padded_size
from hwgan.models.ink_batch import InkBatch
from hwgan.models.stroke_likelihood import sequence_losses
from hwgan.sampling.stroke_sampler import StrokeSampler, WrittenText

_BATCH_SIZE = 128
_FINALISTS = 16  # writers who are compared by all texts
_MAX_TEXTS = 30


def closest_writer(sampler: StrokeSampler, written: Sequence[WrittenText]) -> str:
    """The name of the embedded writer under whom given strokes are likeliest.

    After each text, the longest first, the less likely half of the writers leaves, until few are left. The longest
    texts decide, if there are many.

    Args:
      sampler: of a run that embeds writers.
      written: strokes of one writer, at least one text.
    """
    writers = np.arange(1, len(sampler.writer_names) + 1)
    totals = np.zeros(len(writers))
    for example in sorted(written, key=lambda example: len(example.ink), reverse=True)[:_MAX_TEXTS]:
        totals += _nats(sampler, example, writers)
        order = np.argsort(totals, kind="stable")[: max(_FINALISTS, len(writers) // 2)]
        writers, totals = writers[order], totals[order]
    return sampler.writer_names[writers[0] - 1]


def _nats(sampler: StrokeSampler, example: WrittenText, writers: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The negative log-likelihood of a text under each writer."""
    points = np.zeros((1, padded_size(len(example.ink)), 3), np.float32)
    points[0, : len(example.ink)] = scale_offsets(example.ink, 1 / sampler.offset_scale)
    labels = sampler.charset.encode(example.text)
    padded = pad_labels([labels], max(sampler.spec.max_length, len(labels)))
    sizes = np.array([[len(example.ink)], [len(labels)]], np.int32)
    count = _BATCH_SIZE if len(writers) > _FINALISTS else _FINALISTS
    one = InkBatch(points, sizes[0], padded, sizes[1], np.zeros(1, np.int32))
    batch = jax.tree.map(lambda rows: np.repeat(rows, count, axis=0), one)
    found = []
    for start in range(0, len(writers), count):
        chunk = np.resize(writers[start : start + count], count).astype(np.int32)
        losses = sequence_losses(sampler.network, sampler.variables["params"], batch.replace(writers=chunk))
        found.append(sum(jax.device_get(losses).values()))
    return np.concatenate(found)[: len(writers)].astype(np.float64)
