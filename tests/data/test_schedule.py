"""Which words are in which batch, for all sizes and steps."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgan.data.schedule import Schedule, choose_buckets, padding_share

SIZES = st.lists(st.integers(1, 10), min_size=1, max_size=80)


def make(lengths, num_buckets=3, batch_size=8, seed=0):
    widths = 16 * np.array(lengths)
    buckets = choose_buckets(widths, num_buckets, multiple=16, max_width=160, smallest=1)
    return widths, Schedule(widths, buckets, batch_size, seed)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(1, 4), st.integers(0, 3))
def test_words_fit_their_bucket_and_occur_equally_often(lengths, num_buckets, seed):
    widths, schedule = make(lengths, num_buckets, batch_size=4, seed=seed)
    counts = np.zeros(len(widths), int)
    for number in range(len(widths)):  # a cycle: every bucket has as many batches as words
        bucket, words = schedule.batch(number)
        assert (widths[words] <= schedule.buckets[bucket]).all()
        assert bucket == 0 or (widths[words] > schedule.buckets[bucket - 1]).all()
        np.add.at(counts, words, 1)
    assert (counts == 4).all()


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 2000))
def test_batches_can_be_computed_in_any_order(lengths, start):
    _, schedule = make(lengths)
    forward = [schedule.batch(number) for number in range(start, start + 3)]
    _, fresh = make(lengths)  # as after a restart
    for number in (2, 0, 1):
        bucket, words = fresh.batch(start + number)
        assert bucket == forward[number][0]
        np.testing.assert_array_equal(words, forward[number][1])


def test_one_bucket_has_every_word_once_an_epoch():
    _, schedule = make([3] * 64, num_buckets=1)
    for epoch in range(3):
        words = np.concatenate([schedule.batch(number)[1] for number in range(8 * epoch, 8 * epoch + 8)])
        assert sorted(words) == list(range(64))


def test_shuffling_is_global_and_differs_by_epoch_and_seed():
    _, schedule = make([3] * 4096, num_buckets=1, batch_size=64)
    first = [schedule.batch(number)[1] for number in range(128)]
    assert not np.array_equal(first[0], first[64])
    assert not np.array_equal(first[0], make([3] * 4096, 1, 64, seed=1)[1].batch(0)[1])
    # The words of a batch are spread over all words: their mean index is that of all, within 4 standard errors.
    spread = 4096 / np.sqrt(12 * 64)
    assert all(abs(words.mean() - 2047.5) < 4 * spread for words in first)


def test_buckets_are_interleaved_evenly():
    lengths = [2] * 600 + [9] * 200
    _, schedule = make(lengths, num_buckets=2, batch_size=8)
    turns = np.array([schedule.batch(number)[0] for number in range(800)])
    for start in range(0, 800, 100):
        assert abs((turns[start : start + 100] == 1).sum() - 25) <= 2


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(1, 4), st.integers(1, 12))
def test_buckets_minimize_padding(lengths, num_buckets, smallest):
    widths = 16 * np.array(lengths)
    buckets = choose_buckets(widths, num_buckets, multiple=16, max_width=160, smallest=smallest)
    assert buckets[-1] == 160
    assert len(buckets) <= num_buckets

    def holds(candidate):
        counts = np.bincount(np.searchsorted(candidate, widths), minlength=len(candidate))
        return len(candidate) == 1 or (counts >= smallest).all()

    candidates = [
        (*cut, 160) for k in range(num_buckets) for cut in itertools.combinations(range(16, 160, 16), k)
    ]  # fmt: skip
    best = min(padding_share(widths, c) for c in candidates if holds(c))
    assert holds(buckets)
    assert padding_share(widths, buckets) == pytest.approx(best)


def test_padding_share():
    assert padding_share(np.array([16, 32, 48]), (48,)) == pytest.approx(1 / 3)
    assert padding_share(np.array([16, 32, 48]), (16, 32, 48)) == 0.0
