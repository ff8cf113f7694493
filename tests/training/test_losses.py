"""Losses against naive versions, and the balancing of gradients."""

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
