import dataclasses

import jax
import numpy as np

from hwgan.models.ink_batch import InkBatch
from hwgan.models.stroke_likelihood import sequence_losses
from hwgan.sampling.closest_writer import closest_writer
from hwgan.sampling.stroke_sampler import StrokeSampler, WrittenText
from tests.strokes import small_sampler


def sampler_of_many(count: int) -> StrokeSampler:
    """An untrained sampler whose writers differ much."""
    names = tuple(f"w{i:02}" for i in range(count))
    sampler = small_sampler()
    network = sampler.network.clone(num_writers=count)
    params = dict(sampler.variables["params"])
    shape = count + 1, sampler.network.writer_features
    params["writers"] = {"embedding": np.random.default_rng(1).normal(0.0, 3.0, shape).astype(np.float32)}
    return dataclasses.replace(sampler, network=network, variables={"params": params}, writer_names=names)


def written_by(sampler: StrokeSampler, writer: str, texts: list[str]) -> list[WrittenText]:
    alone = dataclasses.replace(sampler, writer=writer, attempts=1)
    found = alone.write(texts, alone.sample_styles(jax.random.key(2), len(texts)))
    return [WrittenText(text, writing.ink[:40]) for text, writing in zip(texts, found, strict=True)]


def test_writers_are_told_by_what_they_wrote():
    sampler, texts = sampler_of_many(40), ["abc", "hello", "ink", "pens", "quick", "fox"]
    for writer in ("w00", "w17", "w39"):
        assert closest_writer(sampler, written_by(sampler, writer, texts)) == writer


def test_one_text_is_decided_by_its_likelihood_alone():
    sampler = sampler_of_many(150)  # more than a batch
    (example,) = written_by(sampler, "w05", ["hello"])
    labels = np.array([sampler.charset.encode(example.text)], np.int32)
    points = (example.ink / [sampler.offset_scale, sampler.offset_scale, 1.0]).astype(np.float32)[None]
    sizes = np.array([len(example.ink)]), np.array([labels.shape[1]])
    nats = []
    for writer in range(1, 151):
        batch = InkBatch(points, sizes[0], labels, sizes[1], np.array([writer], np.int32))
        losses = sequence_losses(sampler.network, sampler.variables["params"], batch)
        nats.append(sum(float(loss[0]) for loss in losses.values()))
    assert closest_writer(sampler, [example]) == sampler.writer_names[int(np.argmin(nats))]
