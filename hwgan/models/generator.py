"""Generators: noise and text features in, word images in [-1, 1] out."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.language_model import TextFeatures
from hwgan.models.layers import Conv, Dense, SelfAttention, depth_to_space, mask_columns, upsample


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift, one of each a channel, are linear in a condition vector.

    Attributes:
      dense: makes the two linear maps.

    References:
      de Vries et al., Modulating early visual processing by language, 2017, https://arxiv.org/abs/1707.00683
    """

    dense: Any = Dense
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition: Float[Array, "b d"], *, train: bool
    ) -> Float[Array, "b h w c"]:
        normalized = nn.BatchNorm(
            use_running_average=not train,
            momentum=0.99,
            use_scale=False,
            use_bias=False,
            dtype=jnp.float32,
            name="norm",
        )(x)
        features = x.shape[-1]
        scale = 1.0 + self.dense(features, use_bias=False, name="scale")(condition, train=train)
        shift = self.dense(features, use_bias=False, name="shift")(condition, train=train)
        return (normalized * scale[:, None, None] + shift[:, None, None]).astype(self.dtype)


class UpBlock(nn.Module):
    """Residual block that doubles height and width: norm, ReLU, 2x, conv, norm, ReLU, conv, beside 2x, 1x1 conv."""

    features: int
    conv: Any = Conv
    norm: Any = ConditionalBatchNorm

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition: Float[Array, "b d"], *, train: bool
    ) -> Float[Array, "b h2 w2 d2"]:
        h = nn.relu(self.norm(name="norm_0")(x, condition, train=train))
        h = self.conv(self.features, name="conv_0")(upsample(h), train=train)
        h = nn.relu(self.norm(name="norm_1")(h, condition, train=train))
        h = self.conv(self.features, name="conv_1")(h, train=train)
        # The 1x1 convolution commutes with nearest up-sampling, and costs a quarter before it.
        return h + upsample(self.conv(self.features, 1, name="skip")(x, train=train))


class Generator(nn.Module):
    """The founding paper's generator: every word on a canvas of one size.

    Noise is split into one chunk for the first feature map and one a block. Each further chunk, with the word vector,
    conditions the batch norm of its block.

    Attributes:
      block_features: output channels of the up-sampling blocks; with `first_shape` they fix the canvas.
      first_shape: height and width of the first feature map.
      first_features: its channels.
      attention_after: self-attention follows this many blocks; 0 for none.
      spectral_norm: on every convolution and linear layer.

    References:
      Alonso et al. 2019, https://arxiv.org/abs/1903.00277; Brock et al. 2019 (BigGAN), https://arxiv.org/abs/1809.11096
    """

    block_features: tuple[int, ...] = (256, 128, 128, 64, 32, 16, 16)
    first_shape: tuple[int, int] = (1, 4)
    first_features: int = 256
    attention_after: int = 4
    spectral_norm: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def num_noise_chunks(self) -> int:
        return len(self.block_features) + 1

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: TextFeatures, lengths: Int[Array, " b"], *, train: bool
    ) -> Float[Array, "b h w 1"]:
        del lengths  # the canvas is the same for every word
        kinds = dict(spectral_norm=self.spectral_norm, dtype=self.dtype, param_dtype=self.param_dtype)
        conv, dense = partial(Conv, **kinds), partial(Dense, **kinds)
        norm = partial(ConditionalBatchNorm, dense=dense, dtype=self.dtype)
        chunks = jnp.split(z.astype(self.dtype), self.num_noise_chunks, axis=-1)
        height, width = self.first_shape
        x = dense(height * width * self.first_features, name="first")(chunks[0], train=train)
        x = x.reshape(-1, height, width, self.first_features)
        for i, features in enumerate(self.block_features):
            condition = jnp.concatenate([chunks[i + 1], text.word], axis=-1)
            x = UpBlock(features, conv, norm, name=f"block_{i}")(x, condition, train=train)
            if i + 1 == self.attention_after:
                x = SelfAttention(conv, name="attention")(x, train=train)
        x = conv(1, name="output")(nn.relu(x), train=train)
        return jnp.tanh(x.astype(jnp.float32))


class ConditionalLayerNorm(nn.Module):
    """Layer norm over channels, with a scale and a shift for each column from that column's condition.

    It needs no batch statistics: one word alone comes out as it does in a batch, whatever stands beside it.
    """

    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], condition: Float[Array, "b t d"]) -> Float[Array, "b h w c"]:
        x = nn.LayerNorm(use_scale=False, use_bias=False, dtype=jnp.float32, name="norm")(x)
        columns_each = x.shape[2] // condition.shape[1]
        parameters = nn.Dense(2 * x.shape[-1], dtype=self.dtype, param_dtype=self.param_dtype, name="scale_shift")
        scale, shift = jnp.split(parameters(condition).repeat(columns_each, axis=1)[:, None], 2, axis=-1)
        return (x * (1.0 + scale) + shift).astype(self.dtype)


class VariableUpBlock(nn.Module):
    """`UpBlock` for words of any width: columns past the end of a word stay zero."""

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
        self, z: Float[Array, "b z"], text: TextFeatures, lengths: Int[Array, " b"], *, train: bool
    ) -> Float[Array, "b h w 1"]:
        del train  # nothing here depends on it
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        batch, num_characters = text.characters.shape[:2]
        height, width = self.cell_shape
        hand = jnp.broadcast_to(z.astype(self.dtype)[:, None], (batch, num_characters, z.shape[-1]))
        condition = jnp.concatenate([text.characters, hand], axis=-1)
        x = nn.Dense(height * width * self.cell_features, name="cell", **kinds)(condition)
        x = x.reshape(batch, num_characters, height, width, self.cell_features)
        x = x.transpose(0, 2, 1, 3, 4).reshape(batch, height, num_characters * width, self.cell_features)
        widths = lengths * width
        x = mask_columns(x, widths)
        for i, features in enumerate(self.block_features):
            mixed = nn.relu(nn.Dense(self.condition_features, name=f"mix_{i}", **kinds)(condition))
            x = VariableUpBlock(features, name=f"block_{i}", **kinds)(x, mixed, widths)
            widths = 2 * widths
            x = mask_columns(x, widths)
        x = nn.relu(nn.LayerNorm(dtype=self.dtype, name="norm")(x))
        x = Conv(4, name="output", **kinds)(mask_columns(x, widths))
        x = depth_to_space(x.astype(jnp.float32))
        paper = jnp.ones((), jnp.float32)
        inside = mask_columns(jnp.ones_like(x), 2 * widths)
        return jnp.where(inside > 0, jnp.tanh(x), paper)
