"""The soft window over the characters of a text, which an LSTM moves.

References:
  Graves, Generating Sequences With Recurrent Neural Networks, https://arxiv.org/abs/1308.0850, section 5.1
"""

from typing import Any

import flax.struct
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from hwgan.models.layers import length_mask
from hwgan.models.recurrence import lstm_cell

_MAX_LOG = 5.0  # of the window's parameters


@flax.struct.dataclass
class WindowWeights:
    """How much the window shows of each character; float32.

    Attributes:
      characters: 0 at padding.
      after: of the place after the last character.
    """

    characters: Float[Array, "b t"]
    after: Float[Array, " b"]


def window_step(carry: Any, gates: Float[Array, "b g"], weights: Any, text: Any) -> Any:
    """`move_window` as a step of `scan_steps`."""
    return move_window(carry, gates, weights, text)[0]


def move_window(carry: Any, gates: Float[Array, "b g"], weights: Any, text: Any) -> tuple[Any, WindowWeights]:
    """A step of the first layer: LSTM, then the window that its output moves.

    Args:
      carry: output and window side by side, state, and the position of the window.
      gates: sums of all.
      weights: kernel and bias from the output to the window's parameters.
      text: one-hot characters, the places up to just after the text, and the texts' lengths.
    """
    hidden, cell = lstm_cell(gates, carry[1])
    kernel, bias = weights
    onehot, inside, lengths = text
    shown, position = soft_window(hidden.astype(jnp.float32) @ kernel + bias[None], carry[2], inside)
    after = jnp.take_along_axis(shown, lengths[:, None], axis=1)[:, 0]
    characters = jnp.where(length_mask(lengths, onehot.shape[1]), shown[:, :-1], 0.0)
    window = jnp.einsum("bt,bta->ba", characters.astype(onehot.dtype), onehot)
    return (jnp.concatenate([hidden, window], axis=-1), cell, position), WindowWeights(characters, after)


def soft_window(
    parameters: Float[Array, "b k3"], position: Float[Array, "b k"], inside: Bool[Array, "b u"]
) -> tuple[Float[Array, "b u"], Float[Array, "b k"]]:
    """Weights of the places of a text: φ(u) = Σ_k α_k exp(-β_k (κ_k - u)²), and the new κ.

    Args:
      parameters: logarithms of α, of β, and of the steps of κ.
      position: κ of the step before.
      inside: places that count; the weights of others are 0.

    References:
      Graves 2013, equations 46 to 51
    """
    alpha, beta, step = jnp.split(jnp.exp(jnp.minimum(parameters, _MAX_LOG)), 3, axis=-1)
    position = position + step
    places = jnp.arange(inside.shape[1], dtype=jnp.float32)
    distances = position[:, None, :] - places[None, :, None]
    weights = (alpha[:, None] * jnp.exp(-beta[:, None] * jnp.square(distances))).sum(axis=-1)
    return jnp.where(inside, weights, 0.0), position
