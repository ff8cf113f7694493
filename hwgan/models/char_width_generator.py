"""A generator whose characters have widths of their own, in a style that writes them wide or narrow."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from hwgan.models.language_model import TextFeatures
from hwgan.models.layers import columns_after, mask_columns
from hwgan.models.layout import Layout, assign_columns
from hwgan.models.variable_width_layers import VariableUpBlock, to_image


class CharWidthGenerator(nn.Module):
    """Every column of a feature map is conditioned on the characters it belongs to and on its position in them.

    `layout.assign_columns` gives each column soft shares of the characters and a position in [-2, 2] within them, at
    every resolution, so that strokes can be drawn at any place and not on a grid of cells. The language model's states
    of a character tell its neighbours, and so how it joins them. z is concatenated to the condition of every column.

    Attributes:
      block_features: channels of the up-sampling blocks.
      first_features: channels of the first feature map, which is `2 ** (blocks + 1)` times smaller than the image.
      first_height: its height.
      condition_features: size of the mixed condition of a block.
      position_frequencies: number of sine and cosine pairs that encode the position.
      log_width_std: σ of the log width ratio; a word is exp(σ z[:, 0]) times as wide as its characters are on average.
        On the Copiste words the ratio has a standard deviation of 0.16 between writers and 0.24 between words.
      width_compression: exponent by which longer texts get narrower characters (`layout.char_width_layout`). On the
        Copiste words: 0.18.
      ink_threshold: see `variable_width_layers.suppress_background`; 0 for none.

    References:
      Fogel et al., ScrabbleGAN, CVPR 2020, https://arxiv.org/abs/2003.10557
    """

    block_features: tuple[int, ...] = (96, 48)
    first_features: int = 128
    first_height: int = 5
    condition_features: int = 96
    position_frequencies: int = 3
    log_width_std: float = 0.2
    width_compression: float = 0.0
    ink_threshold: float = 0.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def upsampling(self) -> int:
        """How many times smaller than the image the first feature map is."""
        return 2 ** (len(self.block_features) + 1)

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: TextFeatures, layout: Layout, *, train: bool
    ) -> Float[Array, "b h w 1"]:
        del train  # nothing here depends on it
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        scale = self.upsampling
        num_columns, widths = layout.canvas_width // scale, columns_after(layout.widths, scale)
        condition = self._columns(z, text, layout, num_columns)
        x = nn.relu(nn.Dense(2 * self.first_features, name="mix", **kinds)(condition))
        x = nn.Dense(self.first_height * self.first_features, name="first", **kinds)(x)
        x = x.reshape(*x.shape[:2], self.first_height, self.first_features).transpose(0, 2, 1, 3)
        x = mask_columns(x, widths)
        for i, features in enumerate(self.block_features):
            # Of twice as many columns: those that the block's result has.
            condition = self._columns(z, text, layout, num_columns * 2 ** (i + 1))
            mixed = nn.relu(nn.Dense(self.condition_features, name=f"mix_{i}", **kinds)(condition))
            x = VariableUpBlock(features, name=f"block_{i}", **kinds)(x, mixed, widths)
            widths = 2 * widths
            x = mask_columns(x, widths)
        return to_image(x, widths, layout, kinds, self.ink_threshold)

    def _columns(
        self, z: Float[Array, "b z"], text: TextFeatures, layout: Layout, num_columns: int
    ) -> Float[Array, "b w d"]:
        """The condition of each column: mixed character features, position encoding, z."""
        shares, places = assign_columns(layout, num_columns)
        characters = jnp.einsum("bwt,btd->bwd", shares.astype(self.dtype), text.characters)
        frequencies = (jnp.pi / 2) * 2.0 ** jnp.arange(self.position_frequencies)
        angles = places[..., None] * frequencies[None, None]
        waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1).astype(self.dtype)
        style = jnp.broadcast_to(z.astype(self.dtype)[:, None], (*characters.shape[:2], z.shape[-1]))
        return jnp.concatenate([characters, waves, style], axis=-1)
