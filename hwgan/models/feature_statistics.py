"""Running moments of features of real and generated words, in groups: the state of feature matching."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hwgan.models.batch import WordFeatures

_MEMORY = 300.0  # batches (parts of a batch under gradient accumulation) that the running moments average over


class Moments(flax.struct.PyTreeNode):
    """Running weighted sums of one feature, a row a group; a mean is a sum over its weight.

    Attributes:
      real: float32 [groups, d], Σ w x over real words.
      real_square: [groups, d], Σ w x².
      real_weight: [groups], Σ w.
      fake: [groups, d], Σ w x over generated words.
      fake_weight: [groups], Σ w.
    """

    real: Any  # not checked, for a state is also made of shapes, shardings and the like
    real_square: Any
    real_weight: Any
    fake: Any
    fake_weight: Any


class FeatureStatistics(flax.struct.PyTreeNode):
    """The moments of each matched feature.

    Attributes:
      num_batches: float32 scalar, batches (or parts of them) so far.
      moments: by name: "recognizer", "style" (one group each), "characters" (a group a character).
    """

    num_batches: Any
    moments: dict[str, Moments]

    @property
    def newest_share(self) -> Float[Array, ""]:
        """Weight of the newest batch: 1/n up to the memory of 300, then exponential forgetting."""
        return 1.0 / jnp.clip(self.num_batches, 1.0, _MEMORY)


def init_feature_statistics(features: WordFeatures, *, characters: bool) -> FeatureStatistics:
    """Moments of nothing yet.

    Args:
      features: of any batch, for their sizes.
      characters: whether the moments of each character are kept, too.
    """
    states = features.states.shape[-1]
    sizes = {"recognizer": (1, states)}
    if features.style_features.shape[-1]:
        sizes["style"] = (1, features.style_features.shape[-1])
    if characters and features.logits is not None:
        sizes["characters"] = (features.logits.shape[-1] - 1, states)
    return FeatureStatistics(jnp.zeros(()), {name: _no_moments(*size) for name, size in sizes.items()})


def _no_moments(groups: int, size: int) -> Moments:
    sums, weights = jnp.zeros((groups, size)), jnp.zeros(groups)
    # Copies: buffers that alias each other cannot be donated.
    return Moments(*(jnp.copy(array) for array in (sums, sums, weights, sums, weights)))


def follow(before: jax.Array, now: jax.Array, share: jax.Array) -> jax.Array:
    """A running average: (1 - share) · before + share · now."""
    return before + share * (now - before)
