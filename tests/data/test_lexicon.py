"""Texts to generate: as wide as the real words of their batch, and distributed as in the lexicon, for any buckets."""

import itertools

import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.lexicon import Lexicon
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import WordStore
from hwgan.models.styles import prior_rows

CHARSET = Charset("abc")
SPEC = ImageSpec(Preprocessing(pad_to_line=True, height=40, pixels_per_character=0), max_width=160, max_length=6)
LOG_WIDTH_STD = 0.25
FROM_PRIOR = np.full(8, np.nan)


def widths_of(labels, lengths):
    del labels
    return 20.0 * lengths.astype(np.float32)


@pytest.fixture(scope="module")
def texts():
    """20,000 words of one to six characters, short ones more often."""
    rng = np.random.default_rng(0)
    return ["a" * length for length in rng.choice([1, 2, 3, 4, 5, 6], size=20_000, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])]


@pytest.fixture(scope="module")
def lexicon(texts):
    return Lexicon.from_words(texts, CHARSET, SPEC, widths_of, LOG_WIDTH_STD)


@pytest.fixture(scope="module")
def words(texts):
    return real_words(texts)


def real_words(texts):
    """Words whose log widths are distributed as under the prior; those too wide for the canvas are left out."""
    rng = np.random.default_rng(1)
    widths = [round(20 * len(text) * np.exp(LOG_WIDTH_STD * rng.normal())) for text in texts]
    kept = [(np.full((40, w), 255, np.uint8), t) for w, t in zip(widths, texts, strict=True) if 1 <= w <= 160]
    images, kept_texts = zip(*kept, strict=True)
    return WordStore.from_images(SPEC, images, list(kept_texts), [""] * len(kept), charset=CHARSET)


def generated_width(texts):
    return 20 * texts.lengths * np.exp(LOG_WIDTH_STD * texts.log_widths)


@pytest.mark.parametrize(("above", "up_to"), [(-np.inf, 32.0), (32.0, 64.0), (64.0, 160.0)])
def test_generated_widths_lie_within_the_limits(lexicon, above, up_to):
    for seed in range(20):
        width = generated_width(lexicon.draw(np.random.default_rng(seed), 6, FROM_PRIOR, above=above, up_to=up_to))
        assert (width > above).all()
        assert (width <= up_to * (1 + 1e-6)).all()


def test_given_log_widths_are_kept_and_get_texts_that_fit(lexicon):
    log_widths = np.array([-1.0, 0.0, 1.5, np.nan])
    for seed in range(20):
        texts = lexicon.draw(np.random.default_rng(seed), 6, log_widths, above=50.0, up_to=90.0)
        np.testing.assert_allclose(texts.log_widths[:3], log_widths[:3])
        assert ((generated_width(texts) > 50) & (generated_width(texts) <= 90)).all()


def test_where_no_text_fits_the_next_wider_is_taken(lexicon):
    texts = lexicon.draw(np.random.default_rng(0), 6, np.zeros(4), above=41.0, up_to=42.0)
    assert texts.lengths.tolist() == [3] * 4
    texts = lexicon.draw(np.random.default_rng(0), 6, np.zeros(4), above=500.0, up_to=600.0)
    assert texts.lengths.tolist() == [6] * 4


@pytest.mark.parametrize("num_buckets", [1, 4])
def test_generated_words_are_distributed_as_real_ones_in_length_and_width(words, lexicon, num_buckets):
    """Shares of lengths are compared; the standard error of a share of 0.05 of 8,000 words is 0.0025."""
    schedule = create_schedule(words, batch_size=16, num_buckets=num_buckets, seed=0)
    assert len(schedule.buckets) == num_buckets
    expected = widths_of(None, np.array([len(text) for text in words.texts]))
    log_widths = lexicon.log_widths(words.widths, expected)
    stream = train_batches(words, lexicon, schedule, seed=0, log_widths=log_widths)
    batches = list(itertools.islice(stream, 1000))
    real = np.concatenate([batch.real.lengths for batch in batches])
    for rows in (prior_rows(16), ~prior_rows(16)):
        generated = np.concatenate([batch.fake.lengths[rows] for batch in batches])
        log_widths = np.concatenate([batch.fake.log_widths[rows] for batch in batches])
        for length in range(1, 7):
            assert abs((generated == length).mean() - (real == length).mean()) < 0.02
        assert abs(log_widths.mean()) < 0.1
        assert abs(log_widths.std() - 1.0) < 0.1
    for canvas in schedule.buckets:  # and in width, in each bucket
        found = [batch for batch in batches if batch.real.image.shape[2] == canvas]
        real_widths = np.concatenate([batch.real.widths for batch in found])
        generated = np.concatenate([generated_width(batch.fake) for batch in found])
        assert generated.max() <= canvas * (1 + 1e-6)
        assert abs(generated.mean() / real_widths.mean() - 1.0) < 0.03
        assert abs(generated.std() / real_widths.std() - 1.0) < 0.06


@pytest.mark.parametrize("given", [False, True])
def test_weights_undo_the_effect_of_random_texts_on_lengths(given):
    """Random texts are short, and so displace short words in narrow buckets."""
    lengths = np.random.default_rng(0).choice([1, 2, 3, 4, 5, 6], size=20_000, p=[0.1, 0.2, 0.1, 0.1, 0.2, 0.3])
    texts = ["a" * length for length in lengths]
    words = real_words(texts)
    lexicon = Lexicon.from_words(texts, CHARSET, SPEC, widths_of, LOG_WIDTH_STD, random_text_fraction=0.4)
    schedule = create_schedule(words, batch_size=16, num_buckets=4, seed=0)
    log_widths = lexicon.log_widths(words.widths, widths_of(None, np.array([len(text) for text in words.texts])))
    stream = train_batches(words, lexicon, schedule, seed=0, log_widths=log_widths if given else None)
    batches = list(itertools.islice(stream, 1000))
    rows = ~prior_rows(16) if given else prior_rows(16)
    lengths, weights, is_random = (
        np.concatenate([getattr(batch.fake, name)[rows] for batch in batches])
        for name in ("lengths", "weights", "is_random")
    )
    real = np.concatenate([batch.real.lengths for batch in batches])
    weighted, unweighted = (np.bincount(lengths, by, 7) / by.sum() for by in (weights, (weights > 0.0).astype(float)))
    expected = np.bincount(real, minlength=7) / len(real)
    assert np.abs(weighted - expected).max() < 0.02
    assert np.abs(unweighted - expected).max() > 0.04
    assert (weights[is_random] == 0.0).all()


def test_has_words_is_true_only_for_typical_log_widths():
    """A text that fits only at a log width beyond one standard deviation does not count, and no random text does."""
    one_word = Lexicon.from_words(["aaaa"], CHARSET, SPEC, widths_of, LOG_WIDTH_STD)  # 80 pixels
    assert not one_word.has_words(-np.inf, 48.0)
    assert one_word.has_words(64.0, 96.0)
    assert one_word.has_words(96.0, 128.0)
    assert not one_word.has_words(128.0, 160.0)
    with_short = Lexicon.from_words(["aaaa"] * 9, CHARSET, SPEC, widths_of, LOG_WIDTH_STD, random_text_fraction=0.5)
    assert with_short.widths.min() < 48.0
    assert not with_short.has_words(-np.inf, 48.0)  # random texts do not count


def test_without_log_width_std_texts_have_no_log_widths(texts):
    lexicon = Lexicon.from_words(texts, CHARSET, SPEC, widths_of)
    assert lexicon.log_widths(np.ones(3, int), np.ones(3)) is None
    drawn = lexicon.draw(np.random.default_rng(0), 6, FROM_PRIOR, above=40.0, up_to=80.0)
    assert drawn.log_widths is None
    assert set(drawn.lengths.tolist()) <= {3, 4}


def test_log_widths_of_real_words_are_standardized_and_clipped(lexicon):
    widths = np.array([40, 51, 1, 10_000])
    np.testing.assert_allclose(lexicon.log_widths(widths, np.full(4, 40.0)), [0.0, 1.0, -2.5, 2.5], atol=0.03)
