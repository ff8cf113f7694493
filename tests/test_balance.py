"""Rare characters come more often, in real words and in words to write."""

from collections import Counter

import numpy as np

from hwgan.data.balance import repeats_of_rare, words_with_rare
from hwgan.data.schedule import Schedule
from hwgan.trainer import load_data

ALPHABET = "!-(019ABXabcdefghijklmnopqrstuvwxyzéù"
WORDS = ["word", "letter", "able", "pour", "the", "ou"] * 20 + ["Able"]


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
    assert Counter(data.charset.decode(labels[:length]) for labels, length in rows) == met


def test_invented_words_have_what_was_missing():
    share = 0.1
    invented = words_with_rare(WORDS, ALPHABET, share)
    counts = Counter(character for word in WORDS + invented for character in set(word))
    missing = {c for c in ALPHABET if counts[c] < int(share * len(WORDS))}
    assert not missing
    assert not set("".join(invented)) - set(ALPHABET)
    assert max(map(len, invented)) <= max(map(len, WORDS))
    assert invented == words_with_rare(WORDS, ALPHABET, share)
    assert words_with_rare(WORDS, ALPHABET, 0.0) == []


def test_invented_words_look_like_words():
    invented = words_with_rare(WORDS, ALPHABET, 0.2)
    assert any(word[0] == "A" and word[1:].islower() for word in invented)
    assert any(word.isdigit() for word in invented)
    assert all(word.endswith("!") for word in invented if "!" in word)
    assert all(word.replace("é", "e") in WORDS for word in invented if "é" in word)  # in the place of its plain letter


def test_a_schedule_deals_repeated_words_out_more_often():
    widths, repeats = np.array([10] * 6 + [20] * 6), np.array([1] * 5 + [4] + [1] * 6)
    schedule = Schedule(widths, (10, 20), batch_size=3, seed=0, repeats=repeats)
    # A cycle has as many batches as there are words to deal: each is dealt batch_size times as often as it repeats.
    dealt = Counter(int(word) for number in range(repeats.sum()) for word in schedule.batch(number)[1])
    assert [dealt[word] for word in range(12)] == (3 * repeats).tolist()
