"""The pen: a stroke writer's distributions, point after point, until the text is written."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from hwgan.models.stroke_writer import Mixture, StrokeWriter


class PenTexts(NamedTuple):
    """A batch of texts to write, and the points that are written before each.

    Attributes:
      keys: a random key for each text.
      labels: padded with 0.
      lengths: of the texts.
      writers: ids; 0 for unknown.
      prime_points: points that come first, whatever the network would write.
      prime_lengths: their number for each text.
    """

    keys: Any
    labels: Int[np.ndarray, "b t"]
    lengths: Int[np.ndarray, " b"]
    writers: Int[np.ndarray, " b"]
    prime_points: Float[np.ndarray, "n b 3"]
    prime_lengths: Int[np.ndarray, " b"]


class PenSettings(NamedTuple):
    """Numbers that change no program.

    Attributes:
      bias: see `sample_point`.
      temperature: likewise.
      max_points: where writing is stopped.
    """

    bias: Float[Array, ""]
    temperature: Float[Array, ""]
    max_points: Int[Array, ""]


def sample_point(
    mixture: Mixture, keys: jax.Array, bias: Float[Array, ""], temperature: Float[Array, ""]
) -> tuple[Float[Array, "b 3"], Bool[Array, " b"]]:
    """Draws a point of each row, and whether it is the last of the writing.

    Args:
      mixture: of a batch.
      keys: one for each row.
      bias: b >= 0; the larger, the likelier the points: σ = exp(σ̂ - b), π ~ π̂^(1 + b).
      temperature: T of the Gaussians: their variances are multiplied by it, and π ~ π^(1/T).

    References:
      Graves 2013, section 5.4
    """
    sharpness = (1.0 + bias) / temperature

    def draw(key, log_weights, means, log_stds, correlation, ends):
        choose, noise, lift, end = jax.random.split(key, 4)
        index = jax.random.categorical(choose, log_weights * sharpness)
        first, second = jax.random.normal(noise, (2,))
        rho = correlation[index]
        unit = jnp.stack([first, rho * first + jnp.sqrt(1.0 - rho**2) * second])
        offset = means[index] + jnp.sqrt(temperature) * jnp.exp(log_stds[index] - bias) * unit
        lifted = jax.random.bernoulli(lift, jax.nn.sigmoid(sharpness * ends[0]))
        # The last point ends its stroke, so that the writing ends with the conditional probability at a stroke's end.
        ending = jnp.minimum(jax.nn.sigmoid(ends[1]) / jax.nn.sigmoid(ends[0]), 1.0)
        last = lifted & jax.random.bernoulli(end, sharpen_probability(ending, sharpness))
        return jnp.append(offset, lifted.astype(jnp.float32)), last

    return jax.vmap(draw)(keys, mixture.log_weights, mixture.means, mixture.log_stds, mixture.correlation, mixture.ends)


def sharpen_probability(probability: Float[Array, ""], sharpness: Float[Array, ""]) -> Float[Array, ""]:
    """p^s / (p^s + (1 - p)^s), by the log-odds: powers of large s would underflow."""
    return jax.nn.sigmoid(sharpness * (jnp.log(probability) - jnp.log1p(-probability)))


@functools.partial(jax.jit, static_argnums=(0, 1))
def write_points(
    network: StrokeWriter, capacity: int, variables: Any, texts: PenTexts, settings: PenSettings
) -> tuple[Float[Array, "n b 3"], Int[Array, " b"], Bool[Array, "b t"]]:
    """Lets the network write a batch of texts, point by point, until all have ended.

    Args:
      network: the module.
      capacity: points that there is room for.
      variables: of the network.
      texts: see `PenTexts`.
      settings: see `PenSettings`.

    Returns:
      Points [capacity, b, 3]; the number of points of each text, 0 for one that has not ended; and which characters the
      window showed more than any other at some point: those that it never did are likely missing.
    """
    keys, labels, lengths, writers, prime_points, prime_lengths = texts
    size = labels.shape[0]

    def going(state):
        t, _, _, num_points, _, _ = state
        return (t < settings.max_points) & (num_points == 0).any()

    def write_point(state):
        t, carry, point, num_points, points, shown = state
        pen_is_up = point[:, 2] > 0.5
        stepped: Any = network.apply(variables, carry, point, labels, lengths, writers, method="step")
        carry, mixture, window = stepped
        step_keys = jax.vmap(lambda key: jax.random.fold_in(key, t))(keys)
        point, last = sample_point(mixture, step_keys, settings.bias, settings.temperature)
        given = jax.lax.dynamic_index_in_dim(prime_points, jnp.minimum(t, prime_points.shape[0] - 1), 0, False)
        primed = t < prime_lengths
        point = jnp.where(primed[:, None], given, point)
        # The writing ends with a point that the network ends it with, while the window shows the last character or has
        # passed it; or before one that would begin a new stroke after the window has passed the text.
        passed = window.after > window.characters.max(axis=1)
        foremost = jnp.argmax(window.characters, axis=1)
        shown |= (jnp.arange(labels.shape[1])[None] == foremost[:, None]) & (num_points == 0)[:, None]
        at_end = passed | (foremost == lengths - 1)
        before = passed & pen_is_up
        ends = ~primed & (before | (at_end & last))
        count = jnp.where(before, jnp.maximum(t, prime_lengths + 1), t + 1)
        points = jax.lax.dynamic_update_index_in_dim(points, point, t, 0)
        num_points = jnp.where((num_points == 0) & ends, count, num_points)
        return t + 1, carry, point, num_points, points, shown

    carry = network.apply(variables, labels, method="initial_carry")
    start = jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0]), (size, 3))
    nothing = jnp.zeros(size, jnp.int32), jnp.zeros((capacity, size, 3)), jnp.zeros(labels.shape, bool)
    state = jnp.int32(0), carry, start, *nothing
    _, _, _, num_points, points, shown = jax.lax.while_loop(going, write_point, state)
    return points, num_points, shown
