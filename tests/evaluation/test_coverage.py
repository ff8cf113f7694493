"""Precision, recall, density, coverage and copies: against the reference implementation, and of sets with known faults."""

import numpy as np
import pytest
from prdc import compute_prdc

from hwgan.evaluation.coverage import precision_recall_density_coverage, share_of_copies
from hwgan.evaluation.distances import frechet_distance
from tests.evaluation.references import reference_sets


@pytest.mark.parametrize("name", ["random", "real"])
def test_precision_and_the_rest_are_those_of_prdc(name):
    first, second = reference_sets(name)
    for neighbors in (3, 5):
        expected = compute_prdc(first, second, neighbors)
        found = precision_recall_density_coverage(first, second, neighbors)
        assert found == pytest.approx({key: float(value) for key, value in expected.items()}, rel=1e-12)


def test_what_each_metric_detects():
    """Copies, one word repeated, and other words of the same kind."""
    real = np.random.default_rng(0).normal(size=(400, 8))
    rng = np.random.default_rng(1)
    train, others = rng.normal(size=(800, 8)), rng.normal(size=(400, 8))
    copies, one_word = train[:400], train[:1] + 1e-3 * rng.normal(size=(400, 8))
    assert frechet_distance(one_word, real) > 10 * frechet_distance(others, real)
    assert frechet_distance(copies, real) < 2 * frechet_distance(others, real)  # it does not detect copies
    assert share_of_copies(copies, train, real) == 1.0
    assert share_of_copies(others, train, real) < 0.04
    assert precision_recall_density_coverage(real, one_word)["recall"] < 0.05
    assert precision_recall_density_coverage(real, others)["recall"] > 0.5
