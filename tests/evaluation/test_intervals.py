"""Confidence intervals."""

import numpy as np
from scipy.stats import binomtest

from hwgan.evaluation.intervals import bootstrap_ratio, half_sample_estimate


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = halves = 0
    for trial in range(200):
        lengths = rng.integers(1, 12, 150)
        edits = rng.binomial(lengths, 0.3)
        estimate = bootstrap_ratio(edits.tolist(), lengths.tolist(), [""] * 150, seed=trial, replicates=200)
        hits += estimate.low <= 0.3 <= estimate.high
        rows = rng.normal(size=(120, 1))
        mean = half_sample_estimate(lambda x: float(x.mean()), [rows], seed=trial, replicates=40)
        halves += mean.low <= 0.0 <= mean.high
    assert 0.89 <= hits / 200 <= 0.99
    assert 0.89 <= halves / 200 <= 0.99


def test_words_of_a_writer_are_drawn_together():
    """Ten writers who are always right or always wrong: a hundred words each are no more than one."""
    wrong = [i % 2 for i in range(10) for _ in range(100)]
    writers = [f"w{i}" for i in range(10) for _ in range(100)]
    together = bootstrap_ratio(wrong, [1] * 1000, writers, seed=0)
    alone = bootstrap_ratio(wrong, [1] * 1000, [""] * 1000, seed=0)
    assert together.value == alone.value == 0.5
    assert together.high - together.low > 5 * (alone.high - alone.low)
    assert bootstrap_ratio([1, 0], [2, 2], ["w", "w"], seed=0).low is None  # one writer has no spread


def test_few_groups_have_no_interval_and_equal_ones_have_a_cautious_one():
    four, five = ([f"w{row % count}" for row in range(20)] for count in (4, 5))
    assert bootstrap_ratio([0, 1] * 10, [1] * 20, four, seed=0).low is None
    assert bootstrap_ratio([0, 1] * 10, [1] * 20, five, seed=0).low is not None
    assert half_sample_estimate(np.mean, [np.arange(4.0)], seed=0).low is None
    assert half_sample_estimate(np.mean, [np.arange(5.0)], seed=0).low is not None
    none = bootstrap_ratio([0] * 20, [1] * 20, [""] * 20, seed=0)
    every = bootstrap_ratio([1] * 20, [1] * 20, [""] * 20, seed=0)
    low, high = binomtest(0, 20).proportion_ci(method="exact")
    np.testing.assert_allclose((none.low, none.high), (low, high), atol=1e-6)
    np.testing.assert_allclose((every.low, every.high), (1 - high, 1 - low), atol=1e-6)
