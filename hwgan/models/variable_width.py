"""Generators whose canvas grows with the text: noise and the features of characters in, words in [-1, 1] out."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.language_model import TextFeatures
from hwgan.models.layers import Conv, columns_after, depth_to_space, ink, mask_columns, upsample
from hwgan.models.layout import Layout, place_on_columns

_SOFT = 0.04  # of ink


def _cells_in_a_row(x: Float[Array, "b t d"], cell_shape: tuple[int, int]) -> Float[Array, "b h w c"]:
    """A vector a character, as a cell of so many rows and columns a character, side by side."""
    batch, num_characters, size = x.shape
    height, width = cell_shape
    x = x.reshape(batch, num_characters, height, width, size // (height * width))
    return x.transpose(0, 2, 1, 3, 4).reshape(batch, height, num_characters * width, -1)


def _image(
    x: Float[Array, "b h w c"], widths: Int[Array, " b"], layout: Layout, kinds: dict[str, Any], stroke: float = 0.0
) -> Float[Array, "b h2 w2 1"]:
    """The end of all of them: twice as large, in [-1, 1], with white paper past the end of each word."""
    x = nn.relu(nn.LayerNorm(dtype=kinds["dtype"], name="norm")(x))
    x = Conv(4, name="output", **kinds)(mask_columns(x, widths))
    x = depth_to_space(x.astype(jnp.float32))
    inside = mask_columns(jnp.ones_like(x), layout.widths)
    drawn = jnp.where(inside > 0, jnp.tanh(x), jnp.ones((), x.dtype))
    return without_haze(drawn, stroke) if stroke else drawn


def without_haze(image: Float[Array, "b h w 1"], stroke: float) -> Float[Array, "b h w 1"]:
    """Images in [-1, 1], without ink that lies beside no stroke: real paper is white, and tanh never is quite.

    Ink stays where it, or a pixel above, below, left or right of it, is darker than `stroke`, of 1; the border is soft,
    so that it can be learned through.
    """
    strength = ink(image)
    near = jnp.maximum(
        nn.max_pool(strength, (3, 1), padding="SAME"),
        nn.max_pool(strength, (1, 3), padding="SAME"),
    )
    return 1.0 - 2.0 * strength * nn.sigmoid((near - stroke) / _SOFT)


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
        h = conv(self.features, name="conv_0")(upsample(mask_columns(h, widths)))
        h = nn.relu(norm(name="norm_1")(h, condition))
        h = conv(self.features, name="conv_1")(mask_columns(h, 2 * widths))
        return h + upsample(conv(self.features, 1, name="skip")(x))


class VariableWidthGenerator(nn.Module):
    """A generator whose canvas grows with the text: so many pixels a character.

    Each character's features, with the noise, make a small cell; cells stand side by side and grow through
    residual blocks, where neighbours meet and letters join. A last depth-to-space doubles the size once more. Every
    column is conditioned on its character and on the noise, the same noise in all columns: z is the hand.

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
        hand = jnp.broadcast_to(z.astype(self.dtype)[:, None], (batch, num_characters, z.shape[-1]))
        condition = jnp.concatenate([text.characters, hand], axis=-1)
        x = nn.Dense(height * width * self.cell_features, name="cell", **kinds)(condition)
        x = _cells_in_a_row(x, self.cell_shape)
        widths = layout.lengths * width
        x = mask_columns(x, widths)
        for i, features in enumerate(self.block_features):
            mixed = nn.relu(nn.Dense(self.condition_features, name=f"mix_{i}", **kinds)(condition))
            x = VariableUpBlock(features, name=f"block_{i}", **kinds)(x, mixed, widths)
            widths = 2 * widths
            x = mask_columns(x, widths)
        return _image(x, widths, layout, kinds)


class FilterBankGenerator(nn.Module):
    """Fogel et al.'s generator, smaller: each character has a filter of its own, which makes its first cell of noise.

    Characters know nothing of their neighbours but what the overlapping receptive fields of the blocks tell; the
    language model is `letters`, which says which character stands where. The noise comes in equal chunks: the first is
    multiplied by the filters, each other conditions a block. As in `VariableWidthGenerator`, norms are layer norms,
    and a last depth-to-space doubles the size.

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
        x = _cells_in_a_row(x, self.cell_shape)
        widths = layout.lengths * width
        for i, (features, chunk) in enumerate(zip(self.block_features, others, strict=True)):
            condition = jnp.broadcast_to(chunk[:, None], (batch, num_characters, chunk.shape[-1]))
            x = VariableUpBlock(features, name=f"block_{i}", **kinds)(mask_columns(x, widths), condition, widths)
            widths = 2 * widths
        return _image(mask_columns(x, widths), widths, layout, kinds)


class LetterWidthGenerator(nn.Module):
    """A generator whose letters have widths of their own, in a hand that may write them wide or narrow.

    At every size of the feature map each column knows which characters it belongs to and where in them it lies
    (`layout.place_on_columns`), so that a letter's strokes can be drawn at any place, not on a grid of cells. What a
    column knows of its characters comes with the states of the language model, which tell it the neighbours too: how a
    letter joins the next. z is the hand, the same in all columns.

    Attributes:
      block_features: channels of the up-sampling blocks.
      first_features: channels of the first feature map, which is `2 ** (blocks + 1)` times smaller than the image.
      first_height: its height.
      condition_features: size to which text and noise are mixed before they condition a block.
      place_frequencies: waves that tell a column where it lies.
      stretch: standard deviation, over hands, of the logarithm of how wide they write; the first entry of z is the
        width of a hand in units of it. On the Copiste words: 0.16 between writers, 0.24 between words.
      crowding: how much narrower letters are written the more of them there are (`layout.letter_spans`). On the Copiste
        words: 0.18.
      stroke: how dark ink must be to have fainter ink beside it (`without_haze`); 0 leaves all.

    References:
      Fogel et al., ScrabbleGAN, CVPR 2020, https://arxiv.org/abs/2003.10557
    """

    block_features: tuple[int, ...] = (96, 48)
    first_features: int = 128
    first_height: int = 5
    condition_features: int = 96
    place_frequencies: int = 3
    stretch: float = 0.2
    crowding: float = 0.0
    stroke: float = 0.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def pixels_per_cell(self) -> int:
        """How many times smaller than the image the first feature map is."""
        return 2 ** (len(self.block_features) + 1)

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: TextFeatures, layout: Layout, *, train: bool
    ) -> Float[Array, "b h w 1"]:
        del train  # nothing here depends on it
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        scale = self.pixels_per_cell
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
        return _image(x, widths, layout, kinds, self.stroke)

    def _columns(
        self, z: Float[Array, "b z"], text: TextFeatures, layout: Layout, num_columns: int
    ) -> Float[Array, "b w d"]:
        """What each column knows: its characters, where in them it lies, and the hand."""
        shares, places = place_on_columns(layout, num_columns)
        characters = jnp.einsum("bwt,btd->bwd", shares.astype(self.dtype), text.characters)
        frequencies = (jnp.pi / 2) * 2.0 ** jnp.arange(self.place_frequencies)
        angles = places[..., None] * frequencies[None, None]
        waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1).astype(self.dtype)
        hand = jnp.broadcast_to(z.astype(self.dtype)[:, None], (*characters.shape[:2], z.shape[-1]))
        return jnp.concatenate([characters, waves, hand], axis=-1)
