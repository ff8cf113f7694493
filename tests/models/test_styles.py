"""Styles of a batch: from the prior in the first half, encoded from real words in the second."""

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.models.styles import encode_styles, prior_rows, sample_styles


def test_half_of_the_styles_are_encoded_and_log_widths_are_those_of_the_texts(char_width_run):
    """Both kinds have the log widths that the texts were drawn for, else words would not fit the canvas."""
    log_widths = jnp.linspace(-1.0, 1.0, 8)
    texts = char_width_run.batch(8).fake.replace(log_widths=log_widths)
    styles = sample_styles(char_width_run.networks, texts, 9.0 * jnp.ones((8, 5)), jax.random.key(0))
    np.testing.assert_array_equal(styles.z[:, 0], log_widths)
    np.testing.assert_array_equal((styles.z[:, 1:] == 9.0).all(axis=1), ~styles.from_prior)
    np.testing.assert_array_equal(styles.from_prior, prior_rows(8))
    styles = sample_styles(char_width_run.networks, texts, None, jax.random.key(0))
    np.testing.assert_array_equal(styles.z[:, 0], log_widths)
    assert bool(styles.from_prior.all())


def test_temperature_scales_the_styles_of_random_texts_alone(char_width_run):
    is_random = jnp.arange(8) % 2 == 0
    texts = char_width_run.batch(8).fake.replace(is_random=is_random)
    plain, cold = (
        sample_styles(char_width_run.networks, texts, None, jax.random.key(0), temperature).z
        for temperature in (1.0, 0.5)
    )
    np.testing.assert_allclose(cold, jnp.where(is_random[:, None], 0.5 * plain, plain), rtol=1e-6)


def test_encoded_styles_do_not_depend_on_padding(char_width_run):
    words = char_width_run.batch(2).real.replace(widths=jnp.array([48, 96]))
    encode = jax.jit(encode_styles, static_argnums=0)
    encoded = encode(char_width_run.networks, char_width_run.state.identifier, words)
    assert encoded.shape == (2, 5)
    np.testing.assert_array_equal(encoded[:, 0], 0.0)
    dirty = words.replace(image=words.image.at[0, :, 48:].set(-1.0))
    again = encode(char_width_run.networks, char_width_run.state.identifier, dirty)
    np.testing.assert_allclose(again, encoded, atol=1e-5)
