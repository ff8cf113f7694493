"""The generator of Fogel et al. 2020, smaller: a filter for each character."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from hwgan.models.language_model import TextFeatures
from hwgan.models.layers import mask_columns
from hwgan.models.layout import Layout
from hwgan.models.variable_width_layers import VariableUpBlock, cells_to_row, to_image


class ScrabbleGANGenerator(nn.Module):
    """A filter bank: each character has its own filter, which maps the first chunk of z to the character's cell.

    The language model is `one_hot`, so that a character depends on its neighbours only through the overlapping
    receptive fields of the blocks. z is split into equal chunks: the first is multiplied by the filters, each other
    conditions a block. Norms are layer norms and a last depth-to-space doubles the size, as in `CharGridGenerator`.

    Attributes:
      block_features: channels of the up-sampling blocks.
      cell_shape: height and width of a character's first cell; the image is `2 ** (blocks + 1)` times as large.
      cell_features: channels of the cell.

    References:
      Fogel et al., ScrabbleGAN, CVPR 2020, https://arxiv.org/abs/2003.10557
    """

    block_features: tuple[int, ...] = (64, 32)
    cell_shape: tuple[int, int] = (4, 2)
    cell_features: int = 96
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def num_noise_chunks(self) -> int:
        """One for the filters, one for each block."""
        return len(self.block_features) + 1

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: TextFeatures, layout: Layout, *, train: bool
    ) -> Float[Array, "b h w 1"]:
        del train  # nothing here depends on it
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        batch, num_characters, num_labels = text.characters.shape
        height, width = self.cell_shape
        first, *others = jnp.split(z.astype(self.dtype), self.num_noise_chunks, axis=-1)
        size = height * width * self.cell_features
        init = nn.initializers.normal(first.shape[-1] ** -0.5)
        filters = self.param("filters", init, (num_labels, first.shape[-1], size), self.param_dtype)
        x = jnp.einsum("btv,vzc,bz->btc", text.characters.astype(self.dtype), filters.astype(self.dtype), first)
        x = cells_to_row(x, self.cell_shape)
        widths = layout.lengths * width
        for i, (features, chunk) in enumerate(zip(self.block_features, others, strict=True)):
            condition = jnp.broadcast_to(chunk[:, None], (batch, num_characters, chunk.shape[-1]))
            x = VariableUpBlock(features, name=f"block_{i}", **kinds)(mask_columns(x, widths), condition, widths)
            widths = 2 * widths
        return to_image(mask_columns(x, widths), widths, layout, kinds)
