"""Gradients of one update: over the parts of a batch, with the collections that change on the way."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from hwgan.models.state import NetworkState

Metrics = dict[str, jax.Array]
# (collections, part of the inputs, key) → (gradients, collections, metrics)
GradientFn = Callable[[Any, Any, jax.Array], tuple[Any, Any, Metrics]]


def mean_gradients(
    gradient_fn: GradientFn, collections: Any, inputs: Any, key: jax.Array, num_parts: int
) -> tuple[Any, Any, Metrics]:
    """`gradient_fn` over `num_parts` parts of the batch one after the other, gradients and metrics averaged.

    Collections pass from part to part. Rows are dealt out in turn, so that each device's rows stay on it.

    Args:
      gradient_fn: of one part.
      collections: before.
      inputs: a pytree of arrays [batch, ...]; `num_parts` divides the batch.
      key: split into one for each part; given as it is where there is but one.
      num_parts: `train.gradient_accumulation_steps`.
    """
    if num_parts == 1:
        return gradient_fn(collections, inputs, key)
    parts = jax.tree.map(lambda rows: rows.reshape(-1, num_parts, *rows.shape[1:]).swapaxes(0, 1), inputs)
    first = jax.tree.map(lambda rows: rows[0], parts)
    gradients, _, metrics = jax.eval_shape(gradient_fn, collections, first, key)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (gradients, metrics))

    def add(carry, part):
        collections, total = carry
        gradients, collections, metrics = gradient_fn(collections, part[0], part[1])
        return (collections, jax.tree.map(jnp.add, total, (gradients, metrics))), None

    (collections, total), _ = jax.lax.scan(add, (collections, zeros), (parts, jax.random.split(key, num_parts)))
    gradients, metrics = jax.tree.map(lambda leaf: leaf / num_parts, total)
    return gradients, collections, metrics


def apply_training(module: Any, network: NetworkState, *inputs: Any) -> tuple[Any, Any]:
    """Applies a module in training mode; returns its output and its new collections."""
    return module.apply(network.variables, *inputs, train=True, mutable=list(network.collections))


def norms(name: str, gradients: Any, after: NetworkState) -> Metrics:
    """Euclidean norms of a network's gradients and of its new parameters.

    The second tells a network that diverges from those that it makes diverge one step later.
    """
    return {f"{name}/grad_norm": optax.tree.norm(gradients), f"{name}/param_norm": optax.tree.norm(after.params)}


def add_noise(image: Float[Array, "b h w 1"], scale: float, key: jax.Array) -> Float[Array, "b h w 1"]:
    """Adds white noise of standard deviation `scale` to images."""
    return image + scale * jax.random.normal(key, image.shape) if scale else image
