"""Likelihood of ink under the distribution that a stroke writer gives, in float32."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from hwgan.models.ink_batch import InkBatch
from hwgan.models.layers import length_mask
from hwgan.models.stroke_writer import Mixture, StrokeWriter


def mixture_of(network: StrokeWriter, params: Any, batch: InkBatch) -> Mixture:
    """The distribution of the points of a batch, each given those before it."""
    inputs: Any = batch.points, batch.labels, batch.lengths, batch.writers
    found: Any = network.apply({"params": params}, *inputs)
    return found


def log_density(mixture: Mixture, offset: Float[Array, "*rest 2"]) -> Float[Array, "*rest"]:
    """Logarithm of the density of offsets.

    References:
      Graves, Generating Sequences With Recurrent Neural Networks, https://arxiv.org/abs/1308.0850, equations 23 to 25
    """
    scaled = (offset[..., None, :] - mixture.means) * jnp.exp(-mixture.log_stds)
    x, y = scaled[..., 0], scaled[..., 1]
    rest = 1.0 - jnp.square(mixture.correlation)
    distance = (jnp.square(x) + jnp.square(y) - 2.0 * mixture.correlation * x * y) / rest
    log_normal = -0.5 * distance - math.log(2.0 * math.pi) - mixture.log_stds.sum(axis=-1) - 0.5 * jnp.log(rest)
    return jax.nn.logsumexp(mixture.log_weights + log_normal, axis=-1)


def point_losses(mixture: Mixture, batch: InkBatch) -> dict[str, Float[Array, "b n"]]:
    """Negative log-likelihoods of each point in nats; 0 at padding.

    Args:
      mixture: the distribution of the points of the batch.
      batch: real ink.

    Returns:
      "offset": of the offset's density, in the units of the batch; "stroke": of where strokes end; "stop": of where the
      writing ends. Graves' loss is the sum of the first two.
    """
    last = jnp.arange(batch.points.shape[1])[None] == jnp.asarray(batch.num_points)[:, None] - 1
    losses = {
        "offset": -log_density(mixture, batch.points[:, :, :2].astype(jnp.float32)),
        "stroke": _cross_entropy(mixture.ends[..., 0], batch.points[:, :, 2]),
        "stop": _cross_entropy(mixture.ends[..., 1], last.astype(jnp.float32)),
    }
    inside = inside_points(batch)
    return {name: jnp.where(inside, loss, 0.0) for name, loss in losses.items()}


@functools.partial(jax.jit, static_argnums=0)
def sequence_losses(network: StrokeWriter, params: Any, batch: InkBatch) -> dict[str, Float[Array, " b"]]:
    """The sums of `point_losses` over each example, [b]."""
    losses = point_losses(mixture_of(network, params, batch), batch)
    return {name: values.sum(axis=1) for name, values in losses.items()}


def inside_points(batch: InkBatch) -> Bool[Array, "b n"]:
    """Which points are not padding."""
    return length_mask(jnp.asarray(batch.num_points), batch.points.shape[1])


def _cross_entropy(logits: Float[Array, "b n"], targets: Float[Array, "b n"]) -> Float[Array, "b n"]:
    return -targets * jax.nn.log_sigmoid(logits) - (1.0 - targets) * jax.nn.log_sigmoid(-logits)
