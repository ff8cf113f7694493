"""Distances of feature sets, against reference implementations and plain versions of the definitions."""

import itertools

import numpy as np
import pytest

from hwgan.evaluation.distances import frechet_distance, kernel_distance, twins_by_text
from tests.evaluation.references import REFERENCES, reference_sets

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
    np.testing.assert_allclose(kernel_distance(a, b).value, expected, rtol=1e-10)


def test_kernel_distance_tells_apart(features):
    a, b = features
    assert kernel_distance(a, b).value > 10 * abs(kernel_distance(a[:150], a[150:]).value)


def test_kernel_distance_is_the_mean_over_subsets(features):
    """The average over random subsets, which papers report, has the same expectation."""
    a, b = features
    rng = np.random.default_rng(0)
    draws = [
        kernel_distance(*(x[rng.choice(len(x), 100, replace=False)] for x in (a, b)), replicates=0).value
        for _ in range(400)
    ]
    error = np.std(draws) / np.sqrt(len(draws))
    assert kernel_distance(a, b).value == pytest.approx(np.mean(draws), abs=4 * error)


def test_kernel_distance_does_not_depend_on_the_writers(features):
    a, b = features
    groups = [f"writer{i % 7}" for i in range(len(a))], [f"writer{i % 300}" for i in range(len(b))]
    assert kernel_distance(a, b, *groups).value == pytest.approx(kernel_distance(a, b).value, rel=1e-9)


def test_the_interval_of_kernel_distance_is_over_writers():
    """Sets by few writers of one population differ by chance: at least 90 % of the 95 % intervals contain 0."""
    rng = np.random.default_rng(3)

    def words(num_writers, num_words):
        writers = rng.integers(num_writers, size=num_words)
        means = rng.normal(size=(num_writers, 4))
        return 0.3 * (means[writers] + rng.normal(size=(num_words, 4))), [f"w{i}" for i in writers]

    by_writer = by_word = other_population = 0
    for trial in range(60):
        (a, of_a), (b, of_b) = words(40, 400), words(20, 400)
        estimate = kernel_distance(a, b, of_a, of_b, trial, replicates=100)
        by_writer += estimate.low <= 0.0 <= estimate.high
        estimate = kernel_distance(a, b, seed=trial, replicates=100)
        by_word += estimate.low <= 0.0 <= estimate.high
        estimate = kernel_distance(a, b + 0.6, of_a, of_b, trial, replicates=100)
        other_population += estimate.low > 0.0
    assert by_word < 30 < 54 <= by_writer
    assert other_population >= 54


@pytest.mark.parametrize("name", ["random", "real"])
def test_frechet_and_kernel_distance_are_those_of_torch_fidelity(name):
    first, second = reference_sets(name)
    expected = REFERENCES[name]
    np.testing.assert_allclose(frechet_distance(first, second), expected["frechet"], rtol=1e-6)
    count = min(len(first), len(second))
    np.testing.assert_allclose(kernel_distance(first[:count], second[:count]).value, expected["kernel"], rtol=1e-6)


def test_kernel_distance_of_words_with_the_same_texts_is_unbiased():
    """Two sets of the same distribution, whose words of equal text are alike: without twins it would be -2 Δ / n."""
    rng = np.random.default_rng(4)
    n, trials = 20, 400
    twins = np.stack([np.arange(n)] * 2, axis=1)
    values = []
    for _ in range(trials):
        texts = rng.normal(size=(n, 3))
        first, second = (texts + rng.normal(size=(n, 3)) for _ in range(2))
        values.append([kernel_distance(first, second, replicates=0, twins=pairs).value for pairs in (twins, None)])
    means, errors = np.mean(values, axis=0), np.std(values, axis=0) / np.sqrt(trials)
    assert abs(means[0]) < 4 * errors[0]
    assert means[1] < -4 * errors[1]


def test_twins_may_be_in_any_order_and_groups():
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=(30, 4)), rng.normal(size=(30, 4))
    order = rng.permutation(30)
    groups = [f"writer{i % 6}" for i in range(30)]
    plain = kernel_distance(first, second, twins=np.stack([np.arange(30)] * 2, axis=1))
    moved = kernel_distance(first, second[order], groups, twins=np.stack([order, np.arange(30)], axis=1))
    assert moved.value == pytest.approx(plain.value, rel=1e-9)


def test_twins_are_words_of_equal_text_in_sets_that_share_their_texts():
    assert twins_by_text(["a", "b", "a"], ["a", "a", "b"]).tolist() == [[0, 0], [1, 2], [2, 1]]
    # Two texts of a language.
    assert twins_by_text(["the"] * 5 + ["cat"] * 5, ["the"] * 5 + ["dog"] * 5).shape == (0, 2)
    assert twins_by_text(["a"], ["a"] * 20).shape == (0, 2)
