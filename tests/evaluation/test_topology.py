"""The geometry score, against the reference implementation, and of two shapes."""

import numpy as np
import pytest

from hwgan.evaluation import topology
from tests.evaluation.references import REFERENCES, reference_sets


@pytest.mark.parametrize("name", ["random", "real"])
def test_living_times_are_those_of_geometry_score(name):
    """For the same landmarks; the score is the squared distance of their means."""
    for rows, expected in zip(reference_sets(name), REFERENCES[name]["living_times"], strict=True):
        landmarks = rows[np.random.default_rng(1).choice(len(rows), 64)]
        times = topology.relative_living_times(rows, landmarks, REFERENCES["gamma"])
        np.testing.assert_allclose(times[: len(expected)], expected, atol=1e-9)
        assert times.sum() <= 1.0 + 1e-9  # less where there are more than a hundred holes


def test_geometry_score_knows_a_ring_from_a_disc():
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, 1500)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.02 * rng.normal(size=(1500, 2))
    radii = np.sqrt(rng.uniform(size=1500))[:, None]
    disc = radii * ring
    same = topology.geometry_score(ring[:750], ring[750:], rounds=20)
    other = topology.geometry_score(ring[:750], disc[:750], rounds=20)
    assert other > 3 * same
    assert topology.geometry_score(ring, disc, seed=3, rounds=3) == topology.geometry_score(
        ring, disc, seed=3, rounds=3
    )
