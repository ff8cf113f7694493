"""Words to write: as wide as the real ones beside them, and distributed as they are listed, whatever the buckets."""

import itertools

import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.lexicon import Lexicon, noise_rows
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import WordStore

LETTERS = Charset("abc")
SPEC = ImageSpec(Preprocessing(frame=True, height=40, pixels_per_character=0), max_width=160, max_length=6)
STRETCH = 0.25
HANDS = np.full(8, np.nan)


def widths_of(labels, lengths):
    del labels
    return 20.0 * lengths.astype(np.float32)


@pytest.fixture(scope="module")
def texts():
    """20,000 words of one to six letters, short ones more often."""
    rng = np.random.default_rng(0)
    return ["a" * length for length in rng.choice([1, 2, 3, 4, 5, 6], size=20_000, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])]


@pytest.fixture(scope="module")
def lexicon(texts):
    return Lexicon.from_words(texts, LETTERS, SPEC, widths_of, STRETCH)


@pytest.fixture(scope="module")
def words(texts):
    return real_words(texts)


def real_words(texts):
    """Words whose hands write as wide as noise does; those too wide are not there."""
    rng = np.random.default_rng(1)
    widths = [round(20 * len(text) * np.exp(STRETCH * rng.normal())) for text in texts]
    kept = [(np.full((40, w), 255, np.uint8), t) for w, t in zip(widths, texts, strict=True) if 1 <= w <= 160]
    images, kept_texts = zip(*kept, strict=True)
    return WordStore.from_images(SPEC, images, list(kept_texts), [""] * len(kept), charset=LETTERS)


def written_width(batch):
    return 20 * batch["fake_label_length"] * np.exp(STRETCH * batch["fake_stretch"])


@pytest.mark.parametrize(("above", "up_to"), [(-np.inf, 32.0), (32.0, 64.0), (64.0, 160.0)])
def test_words_lie_within_the_limits(lexicon, above, up_to):
    for seed in range(20):
        width = written_width(lexicon.draw(np.random.default_rng(seed), 6, HANDS, above=above, up_to=up_to))
        assert (width > above).all()
        assert (width <= up_to * (1 + 1e-6)).all()


def test_a_hand_that_is_given_stays_and_writes_what_fits(lexicon):
    hands = np.array([-1.0, 0.0, 1.5, np.nan])
    for seed in range(20):
        batch = lexicon.draw(np.random.default_rng(seed), 6, hands, above=50.0, up_to=90.0)
        np.testing.assert_allclose(batch["fake_stretch"][:3], hands[:3])
        assert ((written_width(batch) > 50) & (written_width(batch) <= 90)).all()


def test_where_no_word_fits_the_next_wider_is_taken(lexicon):
    drawn = lexicon.draw(np.random.default_rng(0), 6, np.zeros(4), above=41.0, up_to=42.0)
    assert drawn["fake_label_length"].tolist() == [3] * 4
    drawn = lexicon.draw(np.random.default_rng(0), 6, np.zeros(4), above=500.0, up_to=600.0)
    assert drawn["fake_label_length"].tolist() == [6] * 4


@pytest.mark.parametrize("num_buckets", [1, 4])
def test_no_one_can_tell_generated_words_by_length_or_width(words, lexicon, num_buckets):
    """Of each length as many are written as are real; a part of 0.05 of 8,000 varies by 0.0025."""
    schedule = create_schedule(words, batch_size=16, num_buckets=num_buckets, seed=0)
    assert len(schedule.buckets) == num_buckets
    expected = widths_of(None, np.array([len(text) for text in words.texts]))
    stretches = lexicon.stretches(words.widths, expected)
    stream = train_batches(words, lexicon, schedule, seed=0, stretches=stretches)
    batches = list(itertools.islice(stream, 1000))
    real = np.concatenate([batch["label_length"] for batch in batches])
    for rows in (noise_rows(16), ~noise_rows(16)):
        written = np.concatenate([batch["fake_label_length"][rows] for batch in batches])
        hands = np.concatenate([batch["fake_stretch"][rows] for batch in batches])
        for length in range(1, 7):
            assert abs((written == length).mean() - (real == length).mean()) < 0.02
        assert abs(hands.mean()) < 0.1
        assert abs(hands.std() - 1.0) < 0.1
    for canvas in schedule.buckets:  # and as wide, in each bucket
        found = [batch for batch in batches if batch["image"].shape[2] == canvas]
        real_widths = np.concatenate([batch["image_width"] for batch in found])
        written = np.concatenate([written_width(batch) for batch in found])
        assert written.max() <= canvas * (1 + 1e-6)
        assert abs(written.mean() / real_widths.mean() - 1.0) < 0.03
        assert abs(written.std() / real_widths.std() - 1.0) < 0.06


@pytest.mark.parametrize("given", [False, True])
def test_by_weight_words_are_as_long_as_without_invented_ones(given):
    """Invented ones are short, and take the places of short ones among words as wide."""
    lengths = np.random.default_rng(0).choice([1, 2, 3, 4, 5, 6], size=20_000, p=[0.1, 0.2, 0.1, 0.1, 0.2, 0.3])
    texts = ["a" * length for length in lengths]
    words = real_words(texts)
    lexicon = Lexicon.from_words(texts, LETTERS, SPEC, widths_of, STRETCH, random_share=0.4)
    schedule = create_schedule(words, batch_size=16, num_buckets=4, seed=0)
    hands = lexicon.stretches(words.widths, widths_of(None, np.array([len(text) for text in words.texts])))
    stream = train_batches(words, lexicon, schedule, seed=0, stretches=hands if given else None)
    batches = list(itertools.islice(stream, 1000))
    rows = ~noise_rows(16) if given else noise_rows(16)
    lengths, weights = (
        np.concatenate([b[name][rows] for b in batches]) for name in ("fake_label_length", "fake_weight")
    )
    real = np.concatenate([batch["label_length"] for batch in batches])
    shares, met = (np.bincount(lengths, by, 7) / by.sum() for by in (weights, (weights > 0.0).astype(float)))
    expected = np.bincount(real, minlength=7) / len(real)
    assert np.abs(shares - expected).max() < 0.02
    assert np.abs(met - expected).max() > 0.04
    assert (weights[np.concatenate([b["fake_invented"][rows] for b in batches])] == 0.0).all()


def test_a_lexicon_without_words_so_wide_is_noticed():
    """A hand out of the common is no reason to write what will not fit."""
    one_word = Lexicon.from_words(["aaaa"], LETTERS, SPEC, widths_of, STRETCH)  # 80 pixels
    assert not one_word.has_words(-np.inf, 48.0)
    assert one_word.has_words(64.0, 96.0)
    assert one_word.has_words(96.0, 128.0)
    assert not one_word.has_words(128.0, 160.0)
    with_short = Lexicon.from_words(["aaaa"] * 9, LETTERS, SPEC, widths_of, STRETCH, random_share=0.5)
    assert with_short.widths.min() < 48.0
    assert not with_short.has_words(-np.inf, 48.0)  # invented words are not what is missing


def test_where_all_hands_write_as_wide_nothing_is_said_of_them(texts):
    lexicon = Lexicon.from_words(texts, LETTERS, SPEC, widths_of)
    assert lexicon.stretches(np.ones(3, int), np.ones(3)) is None
    batch = lexicon.draw(np.random.default_rng(0), 6, HANDS, above=40.0, up_to=80.0)
    assert "fake_stretch" not in batch
    assert set(batch["fake_label_length"].tolist()) <= {3, 4}


def test_how_wide_a_hand_writes_is_told_from_its_word(lexicon):
    widths = np.array([40, 51, 1, 10_000])
    np.testing.assert_allclose(lexicon.stretches(widths, np.full(4, 40.0)), [0.0, 1.0, -2.5, 2.5], atol=0.03)
