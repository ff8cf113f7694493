"""Interpolation between styles, and variation within one."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def vary(
    style: Float[Array | np.ndarray, "*shape"], noise: Float[Array | np.ndarray, "*shape"], amount: float
) -> Float[Array | np.ndarray, "*shape"]:
    """√(1 - a²) style + a noise: another style as likely as the first one, and close to it for a small a.

    Args:
      style: z ~ N(0, T² I).
      noise: independent of it, with the same distribution.
      amount: a in [0, 1].
    """
    return math.sqrt(1.0 - amount**2) * style + amount * noise


def slerp(first: Float[Array, " z"], last: Float[Array, " z"], share: float) -> Float[Array, " z"]:
    """Spherical linear interpolation between two styles.

    A straight line would pass near the origin, where N(0, I) has little mass.

    Args:
      first: the style at share 0.
      last: the style at share 1.
      share: in [0, 1], of the angle between them; the length is interpolated linearly.

    References:
      White, Sampling Generative Networks, 2016, https://arxiv.org/abs/1609.04468
    """
    lengths = jnp.linalg.norm(first), jnp.linalg.norm(last)
    start, end = (style / jnp.maximum(length, 1e-12) for style, length in zip((first, last), lengths, strict=True))
    angle = jnp.arccos(jnp.clip(jnp.dot(start, end), -1.0, 1.0))
    if float(jnp.sin(angle)) < 1e-3:  # one direction: there is no circle
        direction = (1.0 - share) * start + share * end
    else:
        direction = (jnp.sin((1.0 - share) * angle) * start + jnp.sin(share * angle) * end) / jnp.sin(angle)
    return ((1.0 - share) * lengths[0] + share * lengths[1]) * direction
