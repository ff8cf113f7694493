"""Feature matching: the running means, their distance, its gradient, and what it does to a generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.matching import follow_real, match, start_means, word_features
from hwgan.models.discriminator import ReadersView
from hwgan.writing import draw_hands
from tests.conftest import SmallRun

KEY = jax.random.key(1)


def features(seed, size=6, mean=0.0):
    rng = np.random.default_rng(seed)
    return {"reading": jnp.asarray(rng.normal(mean, 1.0, (size, 5)), jnp.float32)}


def test_features_of_a_word_are_of_its_own_frames():
    states = jnp.arange(24.0).reshape(2, 4, 3)
    hand = jnp.ones((2, 2))
    found = word_features(ReadersView(states, jnp.array([4, 2]), hand))
    np.testing.assert_allclose(found["reading"][0], states[0].mean(axis=0))
    np.testing.assert_allclose(found["reading"][1], states[1, :2].mean(axis=0))
    np.testing.assert_array_equal(found["hand"], hand)
    assert set(word_features(ReadersView(states, jnp.array([4, 2]), hand[:, :0]))) == {"reading"}


def test_distance_is_that_of_all_words_so_far():
    means, real, generated = start_means(features(0)), [], []
    for step in range(5):
        real.append(features(step)["reading"])
        generated.append(features(100 + step, mean=2.0)["reading"])
        means = follow_real(means, {"reading": real[-1]})
        distance, means = match(means, {"reading": generated[-1]}, jnp.ones(6, bool))
    real, generated = np.concatenate(real), np.concatenate(generated)
    expected = (np.square(generated.mean(axis=0) - real.mean(axis=0)) / (real.var(axis=0) + 1e-3)).mean()
    np.testing.assert_allclose(distance, expected, rtol=1e-4)


def test_means_forget():
    means = start_means(features(0))
    for step in range(300):
        means = follow_real(means, features(step, mean=5.0 if step < 150 else 0.0))
    # 150 batches of a memory of 100: what is left of the old mean is exp(-1.5) of it.
    np.testing.assert_allclose(means["real"]["reading"], 5.0 * np.exp(-1.5), atol=0.15)


def test_gradient_moves_all_words_that_count_the_same_way():
    means = follow_real(start_means(features(0)), features(0, size=500))
    generated, counts = features(1, mean=2.0), jnp.array([True, False] * 3)
    gradient = jax.grad(lambda rows: match(means, {"reading": rows}, counts)[0])(generated["reading"])
    real, variance = means["real"]["reading"], features(0, size=500)["reading"].var(axis=0) + 1e-3
    mean = generated["reading"][::2].mean(axis=0)
    expected = 2 * (mean - real) / variance / 5 / 3  # by features and by the words that count
    for row in range(6):
        np.testing.assert_allclose(gradient[row], expected if row % 2 == 0 else 0.0, rtol=1e-3, atol=1e-7)


def test_where_no_word_counts_the_mean_stays():
    means = follow_real(start_means(features(0)), features(0))
    _, means = match(means, features(1), jnp.ones(6, bool))
    nobody = jnp.zeros(6, bool)
    value, gradient = jax.value_and_grad(lambda rows: match(means, {"reading": rows}, nobody)[0])(
        features(2)["reading"]
    )
    assert value > 0
    assert not gradient.any()
    _, after = match(means, features(2), nobody)
    np.testing.assert_array_equal(after["generated"]["reading"], means["generated"]["reading"])


@pytest.fixture(scope="module")
def run():
    def edit(config):
        config.train.feature_matching = 1.0
        config.optimizer.generator.learning_rate = 1e-3

    return SmallRun(edit)


def test_a_state_has_means_only_where_features_are_matched(run, small_run):
    assert set(small_run.state.ema) == {"language_model", "generator"}  # as checkpoints of before
    assert set(run.state.ema) == {"language_model", "generator", "means"}


@pytest.mark.parametrize("accumulate", [1, 2])
def test_generated_words_come_nearer(run, accumulate):
    batch = run.batch(8)

    def last_distance(weight):
        step = run.step(
            updated_networks=("generator",),
            alpha=0.0,
            feature_matching=weight,
            accumulate=accumulate,
            balance_rule="fogel",
        )
        state = run.state
        for _ in range(40):
            state, metrics = step(state, batch, KEY)
        assert state.ema["means"]["batches"]["seen"] == 40 * accumulate
        return float(metrics["generator/feature_distance"])

    # A weight of 1e-6 follows the means without a say.
    assert last_distance(100.0) < 0.6 * last_distance(1e-6)


def test_each_part_of_a_batch_has_words_of_noise_and_of_real_hands(run):
    batch = run.batch(8) | {"hand": jnp.ones((8, run.networks.z_dim))}
    drawn = draw_hands(run.networks, batch, KEY)
    for part in range(4):  # as `update.mean_gradients` deals them out
        assert sorted(drawn["from_noise"][part::4].tolist()) == [False, True]
    np.testing.assert_array_equal((drawn["z"] == 1.0).all(axis=1), ~drawn["from_noise"])


def test_invented_words_are_not_held_against_real_ones(run):
    """But they are read: nothing of them reaches discriminator or means, all of it the generator."""
    batch = run.batch(8)
    invented = jnp.array([True, False] * 4)
    other = jnp.where(invented[:, None] & (batch["fake_labels"] > 0), 1, batch["fake_labels"])
    assert (other != batch["fake_labels"]).any()
    step = run.step(updated_networks=("discriminator", "generator"), balance_rule="none", feature_matching=1.0)
    pairs = [
        step(run.state, batch | {"fake_labels": labels, "fake_invented": marks}, KEY)
        for labels, marks in ((batch["fake_labels"], invented), (other, invented), (other, ~invented))
    ]
    (first, told), (second, told_of_others), (third, _) = pairs
    for name in ("discriminator/loss", "discriminator/fake_score", "generator/adversarial_loss"):
        np.testing.assert_allclose(told[name], told_of_others[name], rtol=1e-5)
    same = jax.tree.map(np.array_equal, *(s.ema["means"] for s in (first, second)))
    assert all(jax.tree.leaves(same))
    assert told["generator/ctc_loss"] != told_of_others["generator/ctc_loss"]
    assert not np.array_equal(*(s.ema["means"]["generated"]["reading"] for s in (second, third)))


def test_without_it_nothing_is_followed(small_run):
    state, metrics = small_run.step()(small_run.state, small_run.batch(), KEY)
    assert "means" not in state.ema
    assert "generator/feature_distance" not in metrics
