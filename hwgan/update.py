"""What all updates of networks share: their settings, gradients over the parts of a batch, and noise on images."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from hwgan.train_state import NetworkState
from hwgan.writing import Batch

Metrics = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class StepConfig:
    """Plain values that shape the step.

    Attributes:
      updated_networks: those that learn: of "discriminator", "recognizer", "identifier", "generator".
      discriminator_steps: updates of D for each of G.
      balance_rule: see `losses.balance_gradients`.
      alpha: weight of the recognizer's gradient against the discriminator's.
      length_power: what the recognizer reads of a generated word counts divided by its length to this power. At 0 a
        word counts by its letters, at 1 all words alike, above that short ones more: as real ones are read best.
      spread_of_invented: how far the hands of invented words are from plain, in those of others; see
        `writing.draw_hands`.
      augment: the recognizer learns from real words slanted, stretched, bent and written with other pens
        (`augment.augment`). Not the identifier: these are what hands differ in.
      recognizer_noise: standard deviation of white noise on what the recognizer sees while anything is trained, and the
        identifier while it learns: one that reads through noise looks at strokes, and its gradient draws strokes.
      style_weight: of the error of the guess of the noise from the image. The guess is the identifier's, whose gradient
        is balanced as the recognizer's is; or, in a run without one, the discriminator's own, which learns to guess.
      gradient_penalty: weight of `losses.gradient_penalty` in the discriminator's loss, for one without spectral norm;
        0: none. Of several heads the slopes are those of the sum, while their hinge losses are averaged.
      feature_matching: weight of the distance between what the readers see, on average, in generated and in real words
        (`matching.match`), where generated ones are in hands of noise; 0: none. Of several things that are seen, as by
        an onlooker too, it is the mean, here and in the next. A checkpoint holds the means, so a run cannot go on with
        it switched on or off, though a new one can start from it.
      letter_matching: weight of the same distance for each letter apart, of what the recognizer sees where it reads the
        letter (`matching.letter_features`), in words of any hand; 0: none.
      ema_decay: of the averaged generator.
      recognizer_first_steps: in which the generator does not learn yet; the average is of those after.
      accumulate: the batch is gone through in so many parts, one after the other, and their gradients are averaged, as
        if it were in memory at once; but that batch norm, the balance of gradients and means over the words that are
        not invented are each part's own.
    """

    updated_networks: tuple[str, ...] = ("discriminator", "recognizer", "identifier", "generator")
    discriminator_steps: int = 1
    balance_rule: str = "alonso"
    alpha: float = 1.0
    length_power: float = 0.0
    spread_of_invented: float = 1.0
    augment: bool = False
    recognizer_noise: float = 0.0
    style_weight: float = 0.0
    gradient_penalty: float = 0.0
    feature_matching: float = 0.0
    letter_matching: float = 0.0
    ema_decay: float = 0.999
    recognizer_first_steps: int = 0
    accumulate: int = 1

    @property
    def matches_features(self) -> bool:
        return self.feature_matching > 0.0 or self.letter_matching > 0.0


def apply_training(module, state: NetworkState, params, *inputs) -> tuple[Any, Any]:
    """Applies in training mode; returns the output and the new collections."""
    return module.apply({"params": params, **state.collections}, *inputs, train=True, mutable=list(state.collections))


def norms(name: str, grads: Any, after: NetworkState) -> Metrics:
    """Of a network's gradients and new parameters, as metrics."""
    # The latter tells a network that breaks from those that it breaks one step later.
    return {f"{name}/grad_norm": optax.tree.norm(grads), f"{name}/param_norm": optax.tree.norm(after.params)}


def mean_gradients(
    gradients_of: Callable[[Any, Batch, jax.Array], tuple[Any, Any, Metrics]],
    collections: Any,
    batch: Batch,
    key: jax.Array,
    num_parts: int,
) -> tuple[Any, Any, Metrics]:
    """`gradients_of(collections, batch, key) → (gradients, collections, metrics)` over the parts of a batch, averaged.

    Collections pass from part to part. Rows are dealt out in turn, so that each device's rows stay on it.
    """
    if num_parts == 1:
        return gradients_of(collections, batch, key)
    parts = jax.tree.map(lambda rows: rows.reshape(-1, num_parts, *rows.shape[1:]).swapaxes(0, 1), batch)
    first = jax.tree.map(lambda rows: rows[0], parts)
    gradients, _, metrics = jax.eval_shape(gradients_of, collections, first, key)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (gradients, metrics))

    def add(carry, part):
        collections, total = carry
        gradients, collections, metrics = gradients_of(collections, part[0], part[1])
        return (collections, jax.tree.map(jnp.add, total, (gradients, metrics))), None

    (collections, total), _ = jax.lax.scan(add, (collections, zeros), (parts, jax.random.split(key, num_parts)))
    gradients, metrics = jax.tree.map(lambda leaf: leaf / num_parts, total)
    return gradients, collections, metrics


def add_noise(image: Float[Array, "b h w 1"], scale: float, key: jax.Array) -> Float[Array, "b h w 1"]:
    """White noise of this standard deviation on images."""
    return image + scale * jax.random.normal(key, image.shape) if scale else image
