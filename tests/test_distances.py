"""Distances of feature sets, against plain versions of the definitions."""

import itertools

import numpy as np
import pytest

from hwgan.evaluation.distances import frechet_distance, kernel_distance

scipy_linalg = pytest.importorskip("scipy.linalg")  # comes with jax


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 6))
    return rng.normal(size=(300, 6)) @ mix, 0.3 + rng.normal(size=(200, 6)) @ mix.T


def test_frechet_is_that_of_the_definition(features):
    a, b = features
    root = scipy_linalg.sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)).real
    means = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    expected = means + np.trace(np.cov(a, rowvar=False) + np.cov(b, rowvar=False) - 2 * root)
    np.testing.assert_allclose(frechet_distance(a, b), expected, rtol=1e-8)
    np.testing.assert_allclose(frechet_distance(b, a), expected, rtol=1e-8)


def test_frechet_of_known_distributions():
    rng = np.random.default_rng(1)
    standard = rng.normal(size=(100_000, 2))
    assert frechet_distance(standard, standard) == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(frechet_distance(standard, standard + np.array([3.0, 4.0])), 25.0, rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(standard, 2.0 * standard), 2.0, rtol=2e-2)  # (2 - 1)² a dimension
    # More features than rows: covariances have no full rank.
    few = rng.normal(size=(5, 20))
    assert np.isfinite(frechet_distance(few, few + 1.0))


def test_kernel_distance_is_that_of_the_definition():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(7, 3)), rng.normal(size=(7, 3)) + 1.0

    def kernel(x, y):
        return (float(x @ y) / 3 + 1) ** 3

    pairs = list(itertools.permutations(range(7), 2))
    expected = np.mean([kernel(a[i], a[j]) for i, j in pairs]) + np.mean([kernel(b[i], b[j]) for i, j in pairs])
    expected -= 2 * np.mean([kernel(x, y) for x in a for y in b])
    np.testing.assert_allclose(kernel_distance(a, b), expected, rtol=1e-10)


def test_kernel_distance_tells_apart(features):
    a, b = features
    assert kernel_distance(a, b) > 10 * abs(kernel_distance(a[:150], a[150:]))


def test_kernel_distance_is_the_mean_over_subsets(features):
    """What papers print, an average over random subsets, goes to it."""
    a, b = features
    rng = np.random.default_rng(0)
    draws = [kernel_distance(*(x[rng.choice(len(x), 100, replace=False)] for x in (a, b))) for _ in range(400)]
    error = np.std(draws) / np.sqrt(len(draws))
    assert kernel_distance(a, b) == pytest.approx(np.mean(draws), abs=4 * error)
