"""A generator of words of a fixed number of pixels a character."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from hwgan.models.language_model import TextFeatures
from hwgan.models.layers import mask_columns
from hwgan.models.layout import Layout
from hwgan.models.variable_width_layers import VariableUpBlock, cells_to_row, to_image


class CharGridGenerator(nn.Module):
    """Every character gets a cell of the same size on the first feature map; residual blocks up-sample their row.

    The features of a character, concatenated with z, are mapped to its cell. Overlapping receptive fields of the blocks
    join neighbouring characters; a last depth-to-space doubles the size once more. Every column is conditioned on its
    character and on z, which is the same in all columns.

    Attributes:
      block_features: channels of the up-sampling blocks.
      cell_shape: height and width of a character's first cell; the image is `2 ** (blocks + 1)` times as large.
      cell_features: channels of the cell.
      condition_features: size to which text and noise are mixed before they condition a block.

    References:
      Fogel et al., ScrabbleGAN, CVPR 2020, https://arxiv.org/abs/2003.10557
    """

    block_features: tuple[int, ...] = (64, 32)
    cell_shape: tuple[int, int] = (4, 2)
    cell_features: int = 96
    condition_features: int = 64
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: TextFeatures, layout: Layout, *, train: bool
    ) -> Float[Array, "b h w 1"]:
        del train  # nothing here depends on it
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        batch, num_characters = text.characters.shape[:2]
        height, width = self.cell_shape
        style = jnp.broadcast_to(z.astype(self.dtype)[:, None], (batch, num_characters, z.shape[-1]))
        condition = jnp.concatenate([text.characters, style], axis=-1)
        x = nn.Dense(height * width * self.cell_features, name="cell", **kinds)(condition)
        x = cells_to_row(x, self.cell_shape)
        widths = layout.lengths * width
        x = mask_columns(x, widths)
        for i, features in enumerate(self.block_features):
            mixed = nn.relu(nn.Dense(self.condition_features, name=f"mix_{i}", **kinds)(condition))
            x = VariableUpBlock(features, name=f"block_{i}", **kinds)(x, mixed, widths)
            widths = 2 * widths
            x = mask_columns(x, widths)
        return to_image(x, widths, layout, kinds)
