"""Losses against naive versions, and the balancing of gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.training import losses


def test_hinge():
    real, fake = losses.hinge_discriminator(jnp.array([2.0, 0.5]), jnp.array([-2.0, 0.5]))
    np.testing.assert_allclose(real, [0.0, 0.5])
    np.testing.assert_allclose(fake, [0.0, 1.5])
    np.testing.assert_allclose(losses.hinge_generator(jnp.array([3.0])), [-3.0])


def paths(log_probabilities, label):
    """Every path of frames that collapses to the label, with its log probability."""
    frames, symbols = log_probabilities.shape
    for path in itertools.product(range(symbols), repeat=frames):
        merged = [s for i, s in enumerate(path) if i == 0 or s != path[i - 1]]
        if [s for s in merged if s] == list(label):
            yield path, sum(log_probabilities[i, s] for i, s in enumerate(path))


def naive_ctc(log_probabilities, label):
    return -np.logaddexp.reduce([weight for _, weight in paths(log_probabilities, label)])


@pytest.mark.parametrize("label", [[1], [1, 2], [1, 1], [2, 1, 2], [2, 2, 1]])
def test_ctc_equals_the_sum_over_paths(label):
    logits = np.random.default_rng(0).normal(size=(6, 3))
    frames, length = 5, len(label)  # one frame is padding
    labels = np.zeros((1, 4), np.int32)
    labels[0, :length] = label
    loss = losses.ctc(jnp.array(logits[None]), jnp.array([frames]), jnp.array(labels), jnp.array([length]))
    log_probabilities = np.asarray(jax.nn.log_softmax(jnp.array(logits[:frames]), axis=-1))
    np.testing.assert_allclose(loss[0], naive_ctc(log_probabilities, label), rtol=1e-5)


@pytest.mark.parametrize("label", [[1], [1, 2], [1, 1], [2, 2, 1]])
def test_occupancy_is_the_share_of_paths_through_a_label(label):
    logits = np.random.default_rng(0).normal(size=(6, 3))
    frames, length = 5, len(label)
    labels = jnp.array([[*label, *[0] * (4 - length)]])
    found = losses.ctc_occupancy(jnp.array(logits[None]), jnp.array([frames]), labels, jnp.array([length]))
    expected = np.zeros((6, 3))
    log_probabilities = np.asarray(jax.nn.log_softmax(jnp.array(logits[:frames]), axis=-1))
    for path, weight in paths(log_probabilities, label):
        expected[np.arange(frames), path] += np.exp(weight)
    expected /= expected[0].sum()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_occupancy_is_zero_without_an_alignment():
    occupancy = losses.ctc_occupancy(jnp.ones((1, 4, 3)), jnp.array([1]), jnp.array([[1, 2, 0]]), jnp.array([2]))
    assert not occupancy.any()


@pytest.mark.parametrize(
    ("frames", "label", "possible"), [(2, [1, 2], True), (2, [1, 1], False), (3, [1, 1], True), (1, [1, 2], False)]
)
def test_ctc_and_its_gradient_are_zero_without_an_alignment(frames, label, possible):
    labels, lengths = jnp.array([[*label, 0]]), jnp.array([len(label)])
    assert bool(losses.alignment_exists(jnp.array([frames]), labels, lengths)[0]) is possible

    def loss(logits):
        return losses.ctc(logits, jnp.array([frames]), labels, lengths).sum()

    value, gradient = jax.value_and_grad(loss)(jnp.zeros((1, 4, 3)))
    assert (value > 0) == possible
    assert bool((gradient != 0).any()) is possible
    assert bool(jnp.isfinite(gradient).all())


def gradients():
    keys = jax.random.split(jax.random.key(0))
    return 300.0 * jax.random.normal(keys[0], (2, 4, 4, 1)) + 50.0, 0.1 * jax.random.normal(keys[1], (2, 4, 4, 1)) - 0.3


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_alonso_balancing_matches_standard_deviation_and_mean(weight):
    recognizer, discriminator = gradients()
    balanced = losses.balance_gradients(recognizer, discriminator, rule="alonso", weight=weight)
    np.testing.assert_allclose(balanced.std(), weight * discriminator.std(), rtol=1e-4)
    np.testing.assert_allclose(balanced.mean(), weight * discriminator.mean(), rtol=1e-4)


def test_fogel_balancing_matches_standard_deviation_and_keeps_the_direction():
    recognizer, discriminator = gradients()
    balanced = losses.balance_gradients(recognizer, discriminator, rule="fogel", weight=1.0)
    np.testing.assert_allclose(balanced.std(), discriminator.std(), rtol=1e-4)
    ratio = balanced / recognizer
    np.testing.assert_allclose(ratio, jnp.full_like(ratio, ratio.ravel()[0]), rtol=1e-4)


def test_no_balancing_and_a_gradient_of_zeros():
    recognizer, discriminator = gradients()
    np.testing.assert_allclose(
        losses.balance_gradients(recognizer, discriminator, rule="none", weight=2.0), 2.0 * recognizer
    )
    zeros = losses.balance_gradients(jnp.zeros_like(recognizer), discriminator, rule="fogel", weight=1.0)
    assert bool((zeros == 0).all())
    with pytest.raises(ValueError, match="rule must be"):
        losses.balance_gradients(recognizer, discriminator, rule="other", weight=1.0)


def test_z_error():
    z = jnp.array([[1.0, -1.0, 5.0]])
    np.testing.assert_allclose(losses.z_error(jnp.array([[1.0, 1.0]]), z), [2.0])
    np.testing.assert_allclose(losses.z_error(jnp.zeros((1, 0)), z), [0.0])


def test_words_of_unknown_writers_have_no_cross_entropy():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
    writers = np.array([2, -1, 0])
    found, gradient = jax.value_and_grad(lambda logits: losses.writer_cross_entropy(logits, jnp.array(writers)).sum())(
        logits
    )
    log_probabilities = np.asarray(logits) - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, -log_probabilities[0, 2] - log_probabilities[2, 0], rtol=1e-5)
    assert not gradient[1].any()


def test_mean_where():
    values = jnp.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(losses.mean_where(values, None), [2.0, 3.0])
    np.testing.assert_allclose(losses.mean_where(values, jnp.array([True, False, True])), [2.0, 3.0])
    np.testing.assert_allclose(losses.mean_where(values, jnp.array([False, False, True])), [4.0, 5.0])
    np.testing.assert_array_equal(losses.mean_where(values, jnp.zeros(3, bool)), [0.0, 0.0])
