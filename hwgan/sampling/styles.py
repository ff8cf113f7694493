"""Interpolation between styles, and variation within one."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def vary(
    style: Float[np.ndarray, "*shape"], noise: Float[np.ndarray, "*shape"], amount: float
) -> Float[np.ndarray, "*shape"]:
    """√(1 - a²) style + a noise: another style as likely as the first one, and close to it for a small a.

    Args:
      style: z ~ N(0, T² I).
      noise: independent of it, with the same distribution.
      amount: a in [0, 1].
    """
    return np.sqrt(1.0 - amount**2).astype(style.dtype) * style + amount * noise


def slerp(first: Float[Array, " z"], last: Float[Array, " z"], count: int) -> list[Float[Array, " z"]]:
    """Spherical linear interpolation: `count` styles from the first to the last at even angles.

    A straight line would pass near the origin, where N(0, I) has little mass.

    References:
      White, Sampling Generative Networks, 2016, https://arxiv.org/abs/1609.04468
    """
    lengths = jnp.linalg.norm(first), jnp.linalg.norm(last)
    start, end = first / lengths[0], last / lengths[1]
    angle = jnp.arccos(jnp.clip(jnp.dot(start, end), -1.0, 1.0))
    styles = []
    for t in np.linspace(0.0, 1.0, count).tolist():
        if float(jnp.sin(angle)) < 1e-3:  # one direction: there is no circle
            direction = (1.0 - t) * start + t * end
        else:
            direction = (jnp.sin((1.0 - t) * angle) * start + jnp.sin(t * angle) * end) / jnp.sin(angle)
        styles.append(((1.0 - t) * lengths[0] + t * lengths[1]) * direction)
    return styles
