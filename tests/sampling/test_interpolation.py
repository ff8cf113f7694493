"""Interpolation between styles."""

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.sampling.interpolation import slerp, vary


def test_a_mix_begins_and_ends_with_its_styles():
    first, last = jax.random.normal(jax.random.key(0), (2, 6))
    styles = [slerp(first, last, share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    np.testing.assert_allclose(styles[0], first, atol=1e-5)
    np.testing.assert_allclose(styles[-1], last, atol=1e-5)
    # Half-way by angle: as far from the one direction as from the other.
    towards = [float(jnp.dot(styles[2], end) / jnp.linalg.norm(end)) for end in (first, last)]
    np.testing.assert_allclose(towards[0], towards[1], rtol=1e-4)
    same = [slerp(first, first, share) for share in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(same[1], first, atol=1e-5)


def test_variations_are_as_likely_as_styles_and_near_to_them():
    styles, noise = 1.2 * np.random.default_rng(0).standard_normal((2, 5000))
    np.testing.assert_allclose(vary(styles, noise, 0.3).std(), 1.2, rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(vary(styles, noise, 0.3), styles)[0, 1], np.sqrt(1 - 0.09), rtol=0.01)
    np.testing.assert_array_equal(vary(styles, noise, 0.0), styles)
