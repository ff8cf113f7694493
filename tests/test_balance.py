"""Rare characters come more often, in real words and in words to write."""

from collections import Counter

import numpy as np
import pytest

from hwgan.data.balance import random_words, repeats_of_rare
from hwgan.data.schedule import Schedule
from hwgan.errors import UserError
from hwgan.trainer import load_data

ALPHABET = "!-(019ABXabcdefghijklmnopqrstuvwxyzéù"


def test_the_rarer_the_oftener():
    texts = ["e"] * 400 + ["ex"] * 25 + ["xz"]
    repeats = repeats_of_rare(texts, plentiful=100)
    assert repeats[:400].tolist() == [1] * 400
    assert repeats[400:425].tolist() == [2] * 25  # x is in 26 texts: sqrt(100 / 26)
    assert repeats[425] == 10  # z is in one
    assert repeats_of_rare(["a"], plentiful=10_000).tolist() == [10]  # at most


def test_words_to_write_are_met_as_often_as_real_ones(config):
    config.data.plentiful = 1000
    data = load_data(config)
    assert data.repeats.max() > 1
    met = Counter(dict.fromkeys(data.train.texts, 0))
    for text, count in zip(data.train.texts, data.repeats.tolist(), strict=True):
        met[text] += count
    rows = zip(data.lexicon.labels, data.lexicon.lengths, strict=True)
    texts = [data.charset.decode(labels[:length]) for labels, length in rows]
    assert Counter(texts) == met
    weights = Counter()
    for text, weight in zip(texts, data.lexicon.weights.tolist(), strict=True):
        weights[text] += weight
    natural = Counter(data.train.texts)
    assert weights == pytest.approx(natural)  # what comes oftener counts less, where words are held against real ones


def test_random_words_have_all_characters_alike():
    words = random_words(ALPHABET + " ", 5000, (1, 14))
    assert set(map(len, words)) == {1, 2, 3, 4}
    counts = Counter("".join(words))
    assert set(counts) == set(ALPHABET)
    assert max(counts.values()) < 1.5 * min(counts.values())
    assert words == random_words(ALPHABET, 5000, (1, 14))
    assert words != random_words(ALPHABET, 5000, (1, 14), seed=1)
    assert set(map(len, random_words(ALPHABET, 100, (5, 6)))) == {5, 6}


def test_invented_words_are_marked_and_as_many_as_asked_for(config):
    config.data.random_share = 0.2
    lexicon = load_data(config).lexicon
    assert 0.19 < lexicon.invented.mean() < 0.21
    batch = lexicon.draw(np.random.default_rng(0), lexicon.labels.shape[1], np.full(2000, np.nan))
    assert 0.15 < batch["fake_invented"].mean() < 0.25
    config.data.random_share = 0.0
    assert load_data(config).lexicon.invented is None
    config.data.random_share = 1.0
    with pytest.raises(UserError, match="random_share"):
        load_data(config)


def test_a_schedule_deals_repeated_words_out_more_often():
    widths, repeats = np.array([10] * 6 + [20] * 6), np.array([1] * 5 + [4] + [1] * 6)
    schedule = Schedule(widths, (10, 20), batch_size=3, seed=0, repeats=repeats)
    # A cycle has as many batches as there are words to deal: each is dealt batch_size times as often as it repeats.
    dealt = Counter(int(word) for number in range(repeats.sum()) for word in schedule.batch(number)[1])
    assert [dealt[word] for word in range(12)] == (3 * repeats).tolist()
    np.testing.assert_allclose(schedule.weights, 1.0 / repeats)
