"""Layers of generators whose canvas grows with the text."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.layers import Conv, depth_to_space, ink, mask_columns, upsample
from hwgan.models.layout import Layout

GATE_WIDTH = 0.04  # of ink


def cells_to_row(x: Float[Array, "b t d"], cell_shape: tuple[int, int]) -> Float[Array, "b h w c"]:
    """A vector a character, as a cell of so many rows and columns a character, side by side."""
    batch, num_characters, size = x.shape
    height, width = cell_shape
    x = x.reshape(batch, num_characters, height, width, size // (height * width))
    return x.transpose(0, 2, 1, 3, 4).reshape(batch, height, num_characters * width, -1)


def to_image(
    x: Float[Array, "b h w c"],
    widths: Int[Array, " b"],
    layout: Layout,
    kinds: dict[str, Any],
    ink_threshold: float = 0.0,
) -> Float[Array, "b h2 w2 1"]:
    """The last layers: norm, ReLU, convolution, 2x depth-to-space, tanh; 1 (paper) past the end of each word."""
    x = nn.relu(nn.LayerNorm(dtype=kinds["dtype"], name="norm")(x))
    x = Conv(4, name="output", **kinds)(mask_columns(x, widths))
    x = depth_to_space(x.astype(jnp.float32))
    inside = mask_columns(jnp.ones_like(x), layout.widths)
    drawn = jnp.where(inside > 0, jnp.tanh(x), jnp.ones((), x.dtype))
    return suppress_background(drawn, ink_threshold) if ink_threshold else drawn


def suppress_background(image: Float[Array, "b h w 1"], ink_threshold: float) -> Float[Array, "b h w 1"]:
    """Multiplies ink by a gate that is 0 where no ink above a threshold lies near: tanh never reaches white paper.

    ink' = ink · σ((max(ink in a 3x3 cross) - threshold) / 0.04), with ink in [0, 1].

    Args:
      image: in [-1, 1].
      ink_threshold: in (0, 1).
    """
    strength = ink(image)
    near = jnp.maximum(
        nn.max_pool(strength, (3, 1), padding="SAME"),
        nn.max_pool(strength, (1, 3), padding="SAME"),
    )
    return 1.0 - 2.0 * strength * nn.sigmoid((near - ink_threshold) / GATE_WIDTH)


class ConditionalLayerNorm(nn.Module):
    """Layer norm over channels, with a scale and a shift for each column from that column's condition.

    It needs no batch statistics: one word alone comes out as it does in a batch, whatever stands beside it.
    """

    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], condition: Float[Array, "b t d"]) -> Float[Array, "b h w c"]:
        x = nn.LayerNorm(use_scale=False, use_bias=False, dtype=jnp.float32, name="norm")(x)
        columns, known = x.shape[2], condition.shape[1]
        if known > columns:  # a finer condition than the image: the mean over each column
            condition = condition.reshape(condition.shape[0], columns, known // columns, -1).mean(axis=2)
        parameters = nn.Dense(2 * x.shape[-1], dtype=self.dtype, param_dtype=self.param_dtype, name="scale_shift")
        parameters = parameters(condition).repeat(max(columns // known, 1), axis=1)[:, None]
        scale, shift = jnp.split(parameters, 2, axis=-1)
        return (x * (1.0 + scale) + shift).astype(self.dtype)


class VariableUpBlock(nn.Module):
    """A block that doubles the image, for words of any width: columns past the end of a word stay zero."""

    features: int
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition: Float[Array, "b t d"], widths: Int[Array, " b"]
    ) -> Float[Array, "b h2 w2 d2"]:
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        conv, norm = partial(Conv, **kinds), partial(ConditionalLayerNorm, **kinds)
        h = nn.relu(norm(name="norm_0")(x, condition))
        h = conv(self.features, resample="up", name="conv_0")(mask_columns(h, widths))
        h = nn.relu(norm(name="norm_1")(h, condition))
        h = conv(self.features, name="conv_1")(mask_columns(h, 2 * widths))
        return h + upsample(conv(self.features, 1, name="skip")(x))
