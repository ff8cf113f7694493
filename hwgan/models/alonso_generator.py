"""The generator of Alonso et al. 2019: every word on a canvas of one size."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from hwgan.models.language_model import TextFeatures
from hwgan.models.layers import Conv, Dense, SelfAttention, upsample
from hwgan.models.layout import Layout


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
    """Residual block: norm, ReLU, 2x, conv, norm, ReLU, conv, beside 2x, 1x1 conv.

    Attributes:
      features: output channels.
      up: whether height and width are doubled.
    """

    features: int
    up: bool = True
    conv: Any = Conv
    norm: Any = ConditionalBatchNorm

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition: Float[Array, "b d"], *, train: bool
    ) -> Float[Array, "b h2 w2 d2"]:
        h = nn.relu(self.norm(name="norm_0")(x, condition, train=train))
        h = self.conv(self.features, resample="up" if self.up else "", name="conv_0")(h, train=train)
        h = nn.relu(self.norm(name="norm_1")(h, condition, train=train))
        h = self.conv(self.features, name="conv_1")(h, train=train)
        # The 1x1 convolution commutes with nearest up-sampling, and costs a quarter before it.
        skip = self.conv(self.features, 1, name="skip")(x, train=train)
        return h + (upsample(skip) if self.up else skip)


class AlonsoGenerator(nn.Module):
    """z and the word vector φ(text) in, an image in [-1, 1] on a canvas of one size out.

    Noise is split into one chunk for the first feature map and one a block. Each further chunk, with the word vector,
    conditions the batch norm of its block.

    Attributes:
      block_features: output channels of the blocks, each of which doubles the image; with `first_shape` they fix the
        canvas.
      kept_blocks: how many of the first blocks leave the size as it is, for smaller canvases with as many chunks of z.
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
    kept_blocks: int = 0
    attention_after: int = 4
    spectral_norm: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def num_noise_chunks(self) -> int:
        return len(self.block_features) + 1

    @property
    def upsampling(self) -> int:
        """How many times smaller than the image the first feature map is."""
        return 2 ** (len(self.block_features) - self.kept_blocks)

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: TextFeatures, layout: Layout, *, train: bool
    ) -> Float[Array, "b h w 1"]:
        del layout  # the canvas is the same for every word
        kinds = dict(spectral_norm=self.spectral_norm, dtype=self.dtype, param_dtype=self.param_dtype)
        conv, dense = partial(Conv, **kinds), partial(Dense, **kinds)
        norm = partial(ConditionalBatchNorm, dense=dense, dtype=self.dtype)
        chunks = jnp.split(z.astype(self.dtype), self.num_noise_chunks, axis=-1)
        height, width = self.first_shape
        x = dense(height * width * self.first_features, name="first")(chunks[0], train=train)
        x = x.reshape(-1, height, width, self.first_features)
        for i, features in enumerate(self.block_features):
            condition = jnp.concatenate([chunks[i + 1], text.word], axis=-1)
            x = UpBlock(features, i >= self.kept_blocks, conv, norm, name=f"block_{i}")(x, condition, train=train)
            if i + 1 == self.attention_after:
                x = SelfAttention(conv, name="attention")(x, train=train)
        x = conv(1, name="output")(nn.relu(x), train=train)
        return jnp.tanh(x.astype(jnp.float32))
