"""The likelihood of strokes that were not trained on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import strokes_smoke
from hwgan.checkpoints.stroke_run import build_stroke_writer, ink_spec
from hwgan.data.charset import Charset
from hwgan.data.ink_store import load_ink
from hwgan.data.prepared import read_summary
from hwgan.data.schedule import padded_size
from hwgan.evaluation import likelihood
from hwgan.models.stroke_likelihood import mixture_of, point_losses
from hwgan.models.stroke_state import create_stroke_state
from hwgan.prepare import prepare_dataset


def test_likelihoods_are_means_over_points_and_sequences_of_all_parts(tmp_path, monkeypatch):
    """Against a loop over the examples, with batches of which the last is filled up."""
    prepare_dataset("penman_strokes/smoke", str(tmp_path))
    config = strokes_smoke.get_config()
    charset = Charset(read_summary(str(tmp_path), config.data.dataset)["alphabet"])
    store = load_ink(str(tmp_path), config.data.dataset, "validation", charset, ink_spec(config))
    network, optimizer = build_stroke_writer(config, charset, [])
    params = create_stroke_state(network, optimizer, jax.random.key(0)).stroke_writer.params
    monkeypatch.setattr(likelihood, "_BATCH_SIZE", 4)
    limit = min(6, len(store) - 1)
    assert limit % 4
    found = likelihood.likelihoods(network, params, store, [], 2.0, limit=limit)
    totals, stops, points = [], [], []
    for row in range(limit):
        alone = store.batch(np.array([row]), padded_size(int(store.num_points[row])), [], 2.0)
        batch = jax.tree.map(jnp.asarray, alone)
        parts = point_losses(mixture_of(network, params, batch), batch)
        losses = {name: float(values.sum()) for name, values in parts.items()}
        assert set(losses) == {"offset", "stroke", "stop"}
        totals.append(sum(losses.values()))
        stops.append(losses["stop"])
        points.append(int(batch.num_points[0]))
    assert found["nats_per_point"].value == pytest.approx(sum(totals) / sum(points), rel=1e-4)
    assert found["nats_per_sequence"].value == pytest.approx(np.mean(totals), rel=1e-4)
    assert found["graves_nats_per_sequence"].value == pytest.approx(np.mean(totals) - np.mean(stops), rel=1e-4)
