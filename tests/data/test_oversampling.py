"""Rare characters occur more often, in real words and in texts to generate."""

from collections import Counter

import numpy as np
import pytest

from hwgan.data.oversampling import oversampling_beside, oversampling_of_rare
from hwgan.data.schedule import Schedule
from hwgan.runtime.errors import UserError
from hwgan.training.data import load_data


def test_repeats_follow_the_rarest_character():
    texts = ["e"] * 400 + ["ex"] * 25 + ["xz"]
    repeats = oversampling_of_rare(texts, rare_character_threshold=100)
    assert repeats[:400].tolist() == [1] * 400
    assert repeats[400:425].tolist() == [2] * 25  # x is in 26 texts: sqrt(100 / 26)
    assert repeats[425] == 10  # z is in one
    assert oversampling_of_rare(["a"], rare_character_threshold=10_000).tolist() == [10]  # the maximum


def test_lexicon_repeats_words_as_often_as_the_training_words(config):
    config.data.rare_character_threshold = 1000
    data = load_data(config)
    assert data.repeats.max() > 1
    repeated = Counter(dict.fromkeys(data.train.texts, 0))
    for text, count in zip(data.train.texts, data.repeats.tolist(), strict=True):
        repeated[text] += count
    rows = zip(data.lexicon.labels, data.lexicon.lengths, strict=True)
    texts = [data.charset.decode(labels[:length]) for labels, length in rows]
    assert Counter(texts) == repeated
    weights = Counter()
    for text, weight in zip(texts, data.lexicon.weights.tolist(), strict=True):
        weights[text] += weight
    natural = Counter(data.train.texts)
    assert weights == pytest.approx(natural)  # repeated texts count less in feature statistics


def test_random_texts_are_marked_and_have_the_configured_share(config):
    config.data.random_text_fraction = 0.2
    lexicon = load_data(config).lexicon
    assert 0.19 < lexicon.is_random.mean() < 0.21
    drawn = lexicon.draw(np.random.default_rng(0), lexicon.labels.shape[1], np.full(2000, np.nan))
    assert 0.15 < drawn.is_random.mean() < 0.25
    config.data.random_text_fraction = 0.0
    assert load_data(config).lexicon.is_random is None
    config.data.random_text_fraction = 1.0
    with pytest.raises(UserError, match="random_text_fraction"):
        load_data(config)


def test_a_schedule_repeats_words():
    widths, repeats = np.array([10] * 6 + [20] * 6), np.array([1] * 5 + [4] + [1] * 6)
    schedule = Schedule(widths, (10, 20), batch_size=3, seed=0, repeats=repeats)
    # A cycle has as many batches as words with repeats: each word occurs batch_size times as often as it repeats.
    counts = Counter(int(word) for number in range(repeats.sum()) for word in schedule.batch(number)[1])
    assert [counts[word] for word in range(12)] == (3 * repeats).tolist()
    np.testing.assert_allclose(schedule.weights, 1.0 / repeats)


@pytest.mark.parametrize(("num_words", "num_extra", "fraction"), [(1000, 5000, 0.2), (1000, 50, 0.2), (9000, 40, 0.5)])
def test_extra_words_have_their_fraction_of_an_epoch(num_words, num_extra, fraction):
    taken, repeats = oversampling_beside(num_words, num_extra, fraction)
    assert 1 <= taken <= num_extra and repeats >= 1
    extra = taken * repeats
    assert extra / (num_words + extra) == pytest.approx(fraction, abs=0.01)


def test_one_extra_word_is_taken_at_least():
    assert oversampling_beside(10, 3, 0.001) == (1, 1)
