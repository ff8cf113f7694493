import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.stroke_writer import Mixture
from hwgan.runtime.errors import UserError
from hwgan.sampling.pen import sample_point, sharpen_probability
from hwgan.sampling.stroke_sampler import StrokeSampler, Writing
from tests.strokes import priming, sampler_that_passes, small_sampler


def styles(sampler: StrokeSampler, count):
    return sampler.sample_styles(jax.random.key(0), count)


def test_writing_stops_when_the_window_passes_the_text():
    """The step at which κ = 0.4 t is nearer to the place after the text than to its last character."""
    sampler = sampler_that_passes(0.4, lifted=True)
    texts = ["ab", "abcd", "abcdef"]
    for text, writing in zip(texts, sampler.write(texts, styles(sampler, 3)), strict=True):
        assert writing.stopped
        assert len(writing.ink) == math.ceil((len(text) - 0.5) / 0.4) - 1  # the points before that step
        assert writing.ink[-1, 2] == 1.0


def test_writing_that_never_passes_is_stopped():
    sampler = sampler_that_passes(1e-6)
    (writing,) = sampler.write(["abc"], styles(sampler, 1))
    assert not writing.stopped
    assert len(writing.ink) < 4 * sampler.spec.max_points


def test_a_word_that_is_stopped_is_stopped_at_the_limit_of_its_own_length(caplog):
    sampler = sampler_that_passes(1e-6)
    alone = sampler.write(["i"], styles(sampler, 1))[0]
    beside = sampler.write(["i", "inform"], styles(sampler, 2))
    assert len(beside[0].ink) == len(alone.ink) < len(beside[1].ink)
    assert "2 of 2 words may lack letters" in caplog.text and "(first: 'i')" in caplog.text


def test_texts_as_long_as_those_of_training_can_be_written():
    sampler = sampler_that_passes(0.4, lifted=True)
    sampler = dataclasses.replace(sampler, spec=dataclasses.replace(sampler.spec, max_length=75))
    sampler.check(["a" * 75])
    with pytest.raises(UserError, match="writes words of up to 75"):
        sampler.check(["a" * 76])


def test_words_that_lack_characters_are_written_again():
    sampler = sampler_that_passes(1.7, lifted=True)  # the window shows less than every second character
    once, often = (dataclasses.replace(sampler, attempts=attempts) for attempts in (1, 3))
    texts, keys = ["abcdef", "ab"], styles(sampler, 2)
    first, last = once.write(texts, keys), often.write(texts, keys)
    assert first[0].missed >= 2
    for one, other in zip(first, last, strict=True):  # no attempt is better, so that the first one counts
        np.testing.assert_array_equal(one.ink, other.ink)
    whole = sampler_that_passes(0.4, lifted=True)
    assert [writing.missed for writing in whole.write(texts, keys)] == [0, 0]


def test_the_best_attempt_counts(monkeypatch):
    sampler, tries = small_sampler(), []

    def write_batch(self, words, keys, writers):
        tries.append(words)
        missed = {"ab": [0], "cd": [2, 1, 3, 1]}
        ink = np.full((1, 3), len(tries), np.float32)
        return [Writing(ink, True, missed[word][min(len(tries), len(missed[word])) - 1]) for word in words]

    monkeypatch.setattr(StrokeSampler, "_write_batch", write_batch)
    ab, cd = sampler.write(["ab", "cd"], styles(sampler, 2))
    assert (ab.ink[0, 0], cd.ink[0, 0]) == (1, 2)
    assert len(tries) == sampler.attempts
    assert "ab" not in tries[1]


def test_a_word_does_not_depend_on_the_words_beside_it():
    sampler = small_sampler()
    keys = styles(sampler, 3)
    alone = sampler.write(["hello"], keys[:1])[0]
    beside = sampler.write(["hello", "ab", "window"], keys)[0]
    np.testing.assert_allclose(beside.ink, alone.ink, rtol=1e-3, atol=1e-4)
    again = sampler.write(["hello", "hello"], jnp.stack([keys[0]] * 2))
    assert not np.array_equal(again[0].ink[:5], again[1].ink[:5])  # the same word in the same style is varied
    (second,) = sampler.write(["hello"], keys[:1], first=1)  # also between calls
    np.testing.assert_allclose(second.ink, again[1].ink, rtol=1e-3, atol=1e-4)


def test_priming_keeps_the_prime_and_continues_it():
    """The network is driven by the strokes of the prime: other strokes lead to another writing; they are cut off."""
    first = sampler_that_passes(0.11, lifted=True, priming=priming())
    (writing,) = first.write(["cd"], styles(first, 1))
    assert writing.stopped
    # The window passes "abcd" at step 32; 20 of the 31 points before are the prime's.
    assert len(writing.ink) == 11
    prime = priming()
    other = dataclasses.replace(first, priming=prime._replace(ink=prime.ink * [2.0, 0.5, 1.0]))
    assert not np.allclose(other.write(["cd"], styles(first, 1))[0].ink[1:, :2], writing.ink[1:, :2], atol=1e-3)


def random_mixture():
    rng = np.random.default_rng(0)
    return Mixture(
        jax.nn.log_softmax(jnp.array(rng.standard_normal((1, 3)), jnp.float32)),
        jnp.array(rng.standard_normal((1, 3, 2)), jnp.float32),
        jnp.zeros((1, 3, 2)),
        jnp.full((1, 3), 0.6),
        jnp.array([[0.0, -1.0]]),
    )


def draw(bias, temperature=1.0, count=4000):
    mixture = jax.tree.map(lambda x: jnp.repeat(x, count, axis=0), random_mixture())
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(sample_point(mixture, keys, jnp.float32(bias), jnp.float32(temperature))[0])


def test_bias_and_temperature_change_the_variance():
    variances = [draw(bias)[:, :2].var(axis=0).sum() for bias in (0.0, 0.5, 2.0)]
    assert variances[0] > 1.3 * variances[1] > 1.3 * variances[2]
    assert draw(0.0, temperature=2.0)[:, :2].var(axis=0).sum() > 1.2 * variances[0]


def test_points_have_the_moments_of_the_mixture():
    mixture, points = random_mixture(), draw(0.0, count=20_000)
    weights = np.exp(np.asarray(mixture.log_weights[0]))
    mean = weights @ np.asarray(mixture.means[0])
    np.testing.assert_allclose(points[:, :2].mean(axis=0), mean, atol=0.05)
    centred = np.asarray(mixture.means[0]) - mean
    covariance = np.array([[1.0, 0.6], [0.6, 1.0]]) + (
        weights[:, None, None] * centred[:, :, None] * centred[:, None]
    ).sum(0)
    np.testing.assert_allclose(np.cov(points[:, :2].T), covariance, atol=0.1)
    assert points[:, 2].mean() == pytest.approx(0.5, abs=0.02)


def test_the_last_point_ends_its_stroke():
    """It is drawn with the probability of the end of the writing, and only where the pen is lifted."""
    mixture = jax.tree.map(lambda x: jnp.repeat(x, 20_000, axis=0), random_mixture())
    keys = jax.random.split(jax.random.key(1), 20_000)
    points, last = sample_point(mixture, keys, jnp.float32(0.0), jnp.float32(1.0))
    assert float(last.mean()) == pytest.approx(1 / (1 + math.e), abs=0.01)
    assert (np.asarray(points)[np.asarray(last), 2] == 1.0).all()


def test_mistakes_are_named():
    sampler = small_sampler()
    with pytest.raises(UserError, match="outside the alphabet"):
        sampler.write(["Ü"], styles(sampler, 1))
    with pytest.raises(UserError, match="bias=-1"):
        small_sampler(bias=-1.0)
    with pytest.raises(UserError, match="has embedded no writer 'c'"):
        small_sampler(writer="c")


@pytest.mark.parametrize(("probability", "sharpness", "expected"), [
    (0.9, 1000.0, 1.0), (0.6, 200.0, 1.0), (0.4, 200.0, 0.0), (0.5, 1000.0, 0.5), (1.0, 2.0, 1.0), (0.0, 2.0, 0.0),
    (0.3, 2.0, 0.09 / 0.58),
])  # fmt: skip
def test_probabilities_are_sharpened_without_underflow(probability, sharpness, expected):
    assert float(sharpen_probability(jnp.float32(probability), jnp.float32(sharpness))) == pytest.approx(
        expected, abs=1e-5
    )
