"""Feature matching: running means, their distance and its gradient, and its effect on a generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.batch import WordFeatures
from hwgan.models.feature_statistics import FeatureStatistics, init_feature_statistics
from hwgan.training import feature_matching
from hwgan.training.feature_matching import GroupedFeatures, character_features, word_features
from tests.conftest import SmallRun

KEY = jax.random.key(1)

update_real_statistics = jax.jit(feature_matching.update_real_statistics)
match = jax.jit(feature_matching.match)


def no_statistics() -> FeatureStatistics:
    """Statistics before the first batch: five features of words, three characters."""
    features = WordFeatures(jnp.zeros((1, 1, 5)), jnp.ones(1, int), jnp.zeros((1, 0)), jnp.zeros((1, 1, 4)))
    return init_feature_statistics(features, characters=True)


def of_words(vectors):
    return {"recognizer": GroupedFeatures(vectors[:, None], jnp.ones((len(vectors), 1, 1)))}


def with_real_words(statistics, features):
    """The statistics with real words of weight 1."""
    (grouped,) = features.values()
    return update_real_statistics(statistics, features, jnp.ones(len(grouped.vectors)))


def normal(seed, size=6, mean=0.0):
    return jnp.asarray(np.random.default_rng(seed).normal(mean, 1.0, (size, 5)), jnp.float32)


def of_characters(seed, means, size=6, shares=(0.5, 0.3, 0.2)):
    """Four places a word, each of one of three characters; the features of a character have the mean given."""
    rng = np.random.default_rng(seed)
    characters = rng.choice(3, (size, 4), p=shares)
    states = rng.normal(np.array(means)[characters][..., None], 1.0, (size, 4, 5))
    return {"characters": GroupedFeatures(jnp.asarray(states, jnp.float32), jax.nn.one_hot(characters, 3))}


def test_features_of_a_word_are_means_over_its_own_frames():
    states = jnp.arange(24.0).reshape(2, 4, 3)
    style = jnp.ones((2, 2))
    logits = jnp.zeros((2, 4, 5))
    found = word_features(WordFeatures(states, jnp.array([4, 2]), style, logits))
    np.testing.assert_allclose(found["recognizer"].vectors[0, 0], states[0].mean(axis=0))
    np.testing.assert_allclose(found["recognizer"].vectors[1, 0], states[1, :2].mean(axis=0))
    np.testing.assert_array_equal(found["style"].vectors[:, 0], style)
    assert set(word_features(WordFeatures(states, jnp.array([4, 2]), style[:, :0], logits))) == {"recognizer"}


def test_features_of_a_character_are_those_of_the_frames_that_emit_it():
    """Words of label 2 and of labels 1, 1, with logits that are certain; the third frame of the first is padding."""
    certain = 20.0 * jax.nn.one_hot(jnp.array([[0, 2, 1, 0], [1, 0, 1, 0]]), 4)
    states = jnp.arange(8.0).reshape(2, 4, 1)
    features = WordFeatures(states, jnp.array([2, 4]), jnp.zeros((2, 0)), certain)
    found = character_features(features, jnp.array([[2, 0], [1, 1]]), jnp.array([1, 2]))["characters"]
    np.testing.assert_array_equal(found.vectors, states)
    expected = np.zeros((2, 4, 3))  # the blank is no character
    expected[0, 1, 1] = expected[1, 0, 0] = expected[1, 2, 0] = 1.0
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)


def test_distance_is_that_of_the_means_over_all_batches():
    statistics, real, fake = no_statistics(), [], []
    for step in range(5):
        real.append(normal(step))
        fake.append(normal(100 + step, mean=2.0))
        statistics = with_real_words(statistics, of_words(real[-1]))
        distances, statistics = match(statistics, of_words(fake[-1]), jnp.ones(6))
    real, fake = np.concatenate(real), np.concatenate(fake)
    expected = (np.square(fake.mean(axis=0) - real.mean(axis=0)) / (real.var(axis=0) + 1e-3)).mean()
    np.testing.assert_allclose(distances["recognizer"], expected, rtol=1e-4)


def test_a_word_of_weight_two_equals_two_words():
    once, twice = jnp.ones(6), jnp.array([2.0] + [1.0] * 5)
    distances = []
    for weights, repeated in ((twice, []), (once, [0])):
        rows = jnp.array([*range(6), *repeated])
        real, fake = (of_words(normal(seed)[rows]) for seed in (0, 1))
        weights = jnp.concatenate([weights, jnp.ones(len(repeated))])
        statistics = update_real_statistics(no_statistics(), real, weights)
        distances.append(match(statistics, fake, weights)[0]["recognizer"])
    np.testing.assert_allclose(*distances, rtol=1e-5)


def test_means_of_characters_differ_where_means_of_words_do_not():
    """One character is moved up, one down, so that their sum over words is that of real ones."""
    at, real, fake = (1.0, -1.0, 0.0), (0.0, 0.0, 0.0), (0.6, -1.0, 0.0)

    def distance(moved):
        statistics = with_real_words(no_statistics(), of_characters(0, np.add(real, at), size=500))
        return float(match(statistics, of_characters(1, np.add(moved, at), size=500), jnp.ones(500))[0]["characters"])

    assert distance(real) < 0.02
    # Half of the characters are off by 0.6 standard deviations, 0.3 of them by 1.
    np.testing.assert_allclose(distance(fake), 0.5 * 0.36 + 0.3 * 1.0, rtol=0.15)


def test_rare_characters_count_little():
    common, rare = (0.99, 0.005, 0.005), (0.0, 3.0, 3.0)
    statistics = with_real_words(no_statistics(), of_characters(0, (0.0, 0.0, 0.0), size=100, shares=common))
    fake = of_characters(1, rare, size=100, shares=common)["characters"]

    def distance(states):
        return match(statistics, {"characters": fake.replace(vectors=states)}, jnp.ones(100))[0]["characters"]

    value, gradient = jax.value_and_grad(distance)(fake.vectors)
    assert 0.0 < value < 0.2 * 0.01 * 9.0 + 0.03
    assert jnp.isfinite(gradient).all()


def test_characters_without_real_examples_count_nothing():
    only_first = (1.0, 0.0, 0.0)
    statistics = with_real_words(no_statistics(), of_characters(0, only_first, size=100, shares=only_first))
    fake = of_characters(1, (0.0, 5.0, 5.0), size=100, shares=(0.0, 0.5, 0.5))
    distances, after = match(statistics, fake, jnp.ones(100))
    assert distances["characters"] == 0.0
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(after))


def test_means_forget():
    statistics = no_statistics()
    for step in range(900):
        statistics = with_real_words(statistics, of_words(normal(step, mean=5.0 if step < 450 else 0.0)))
    moments = statistics.moments["recognizer"]
    # After 450 batches at a memory of 300, exp(-1.5) of the old mean is left.
    np.testing.assert_allclose(moments.real[0] / moments.real_weight, 5.0 * np.exp(-1.5), atol=0.15)


def test_gradient_moves_all_words_of_one_weight_the_same_way():
    real = normal(0, size=500)
    statistics = with_real_words(no_statistics(), of_words(real))
    fake, weights = normal(1, mean=2.0), jnp.array([1.0, 0.0] * 3)
    gradient = jax.grad(lambda vectors: match(statistics, of_words(vectors), weights)[0]["recognizer"])(fake)
    error = (fake[::2].mean(axis=0) - real.mean(axis=0)) / (real.var(axis=0) + 1e-3)
    expected = 2 * error / 5 / 3  # over features, and over words of weight 1
    for row in range(6):
        np.testing.assert_allclose(gradient[row], expected if row % 2 == 0 else 0.0, rtol=1e-3, atol=1e-7)


def test_words_of_weight_zero_change_nothing():
    statistics = with_real_words(no_statistics(), of_words(normal(0)))
    _, statistics = match(statistics, of_words(normal(1)), jnp.ones(6))
    zeros = jnp.zeros(6)

    def distance(vectors):
        return match(statistics, of_words(vectors), zeros)[0]["recognizer"]

    value, gradient = jax.value_and_grad(distance)(normal(2))
    assert value > 0
    assert not gradient.any()
    _, after = match(statistics, of_words(normal(2)), zeros)
    np.testing.assert_array_equal(after.moments["recognizer"].fake, statistics.moments["recognizer"].fake)


@pytest.fixture(scope="module")
def run():
    def edit(config):
        config.train.feature_matching = 1.0
        config.train.character_feature_matching = 1.0
        config.optimizer.generator.learning_rate = 1e-3

    return SmallRun(edit)


def test_a_state_has_statistics_only_where_features_are_matched(run, small_run):
    assert set(run.state.feature_statistics.moments) == {"recognizer", "characters"}  # this run has no identifier
    assert small_run.state.feature_statistics is None
    state, metrics = small_run.step()(small_run.state, small_run.batch(), KEY)
    assert state.feature_statistics is None
    assert "generator/feature_distance" not in metrics


@pytest.mark.parametrize(
    ("which", "gradient_accumulation_steps"),
    [("feature", 1), pytest.param("feature", 2, marks=pytest.mark.release), ("character_feature", 1)],
)
def test_a_generator_reduces_the_distance(run, which, gradient_accumulation_steps):
    batch = run.batch(8)
    weights = {"feature_matching": 1e-6, "character_feature_matching": 1e-6}  # with an effect too small to notice

    def last_distance(weight):
        step = run.step(
            updated_networks=("generator",),
            ctc_weight=0.0,
            gradient_accumulation_steps=gradient_accumulation_steps,
            gradient_balancing="fogel",
            **weights | {f"{which}_matching": weight},
        )
        state = run.state
        for _ in range(40):
            state, metrics = step(state, batch, KEY)
        assert state.feature_statistics.num_batches == 40 * gradient_accumulation_steps
        return float(metrics[f"generator/{which}_distance"])

    assert last_distance(100.0) < 0.6 * last_distance(1e-6)


def test_only_ctc_counts_random_texts(run):
    """Discriminator and feature statistics do not depend on them; the generator's CTC loss does."""
    batch = run.batch(8)
    is_random = jnp.array([True, False] * 4)
    other = jnp.where(is_random[:, None] & (batch.fake.labels > 0), 1, batch.fake.labels)
    assert (other != batch.fake.labels).any()
    settings = dict(gradient_balancing="none", feature_matching=1.0, z_prediction_weight=0.0)
    step = run.step(updated_networks=("discriminator", "generator"), **settings)

    def after_step(labels, is_random):
        fake = batch.fake.replace(labels=labels, is_random=is_random, weights=1.0 - is_random)
        return step(run.state, batch.replace(fake=fake), KEY)

    first, metrics = after_step(batch.fake.labels, is_random)
    second, other_metrics = after_step(other, is_random)
    third, _ = after_step(other, ~is_random)
    for name in ("discriminator/loss", "discriminator/fake_score", "generator/adversarial_loss"):
        np.testing.assert_allclose(metrics[name], other_metrics[name], rtol=1e-5)
    same = jax.tree.map(np.array_equal, *(state.feature_statistics for state in (first, second)))
    assert all(jax.tree.leaves(same))
    assert metrics["generator/ctc_loss"] != other_metrics["generator/ctc_loss"]
    assert not np.array_equal(*(s.feature_statistics.moments["recognizer"].fake for s in (second, third)))
