"""Interpolation between styles."""

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.sampling.styles import slerp


def test_slerp_begins_and_ends_with_its_styles():
    first, last = jax.random.normal(jax.random.key(0), (2, 6))
    styles = slerp(first, last, 5)
    np.testing.assert_allclose(styles[0], first, atol=1e-5)
    np.testing.assert_allclose(styles[-1], last, atol=1e-5)
    # Half-way by angle: as far from the one direction as from the other.
    towards = [float(jnp.dot(styles[2], end) / jnp.linalg.norm(end)) for end in (first, last)]
    np.testing.assert_allclose(towards[0], towards[1], rtol=1e-4)
    same = slerp(first, first, 3)
    np.testing.assert_allclose(same[1], first, atol=1e-5)
