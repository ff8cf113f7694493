"""Building blocks that several networks share."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

ModuleDef = Callable[..., Any]
orthogonal = nn.initializers.orthogonal()


def length_mask(lengths: Int[Array, " b"], size: int) -> Bool[Array, "b size"]:
    """True at positions below each row's length."""
    return jnp.arange(size)[None] < lengths[:, None]


def inside_mask(x: Float[Array, "b *h w c"], widths: Int[Array, " b"]) -> Bool[Array, "b *ones w 1"]:
    """True in the columns of images, or of sequences, below each row's width; one row and one channel for all."""
    inside = length_mask(widths, x.shape[-2])
    return inside.reshape(x.shape[0], *(1,) * (x.ndim - 3), x.shape[-2], 1)


def mean_inside(x: Float[Array, "b t d"], lengths: Int[Array, " b"]) -> Float[Array, "b d"]:
    """The mean over the first `length` entries of each row; 0 where there are none."""
    return (x * inside_mask(x, lengths)).sum(axis=1) / jnp.maximum(lengths, 1)[:, None]


def mask_columns(x: Float[Array, "b h w c"], widths: Int[Array, " b"]) -> Float[Array, "b h w c"]:
    """Sets the columns from each row's width on to zero, so that padding cannot leak through a convolution."""
    return x * inside_mask(x, widths).astype(x.dtype)


def columns_after(widths: Int[Array, " b"], stride: int) -> Int[Array, " b"]:
    """Number of columns that hold any ink after down-sampling by `stride`."""
    return -(-widths // stride)


def upsample(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """2x nearest-neighbour."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


def average_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """2x2 mean; an odd row or column at the end is averaged with zeros."""
    if x.shape[1] % 2 or x.shape[2] % 2:
        x = jnp.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)))
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def max_pool(x: Float[Array, "b h w c"], window: tuple[int, int]) -> Float[Array, "b h2 w2 c"]:
    """Maximum of windows that do not overlap; rows and columns beyond the last whole window are dropped.

    The gradient is divided among equal maxima. On CPUs its step is faster than that of `flax.linen.max_pool`, whose
    gradient searches each window again.
    """
    b, h, w, c = x.shape
    rows, columns = window
    x = x[:, : h - h % rows, : w - w % columns]
    return x.reshape(b, h // rows, rows, w // columns, columns, c).max(axis=(2, 4))


def space_to_depth(x: Float[Array, "b h w c"], block: int = 2) -> Float[Array, "b h2 w2 c2"]:
    """Moves blocks of pixels into channels: convolutions are faster on fewer, deeper pixels."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // block, block, w // block, block, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // block, w // block, block * block * c)


def depth_to_space(x: Float[Array, "b h w c"], block: int = 2) -> Float[Array, "b h2 w2 c2"]:
    """The inverse of `space_to_depth`."""
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, block, block, c // (block * block))
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h * block, w * block, -1)


class Conv(nn.Module):
    """A convolution with `SAME` padding, spectrally normed or not, by one switch.

    Attributes:
      features: output channels.
      kernel_size: square.
      spectral_norm: divide the kernel by its largest singular value.
    """

    features: int
    kernel_size: int = 3
    spectral_norm: bool = False
    use_bias: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool = False) -> Float[Array, "b h w d"]:
        conv = nn.Conv(
            self.features,
            (self.kernel_size, self.kernel_size),
            use_bias=self.use_bias,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=orthogonal,
        )
        if self.spectral_norm:
            return nn.SpectralNorm(conv, collection_name="spectral_stats")(x, update_stats=train)
        return conv(x)


class Dense(nn.Module):
    """A linear layer, spectrally normed or not; see `Conv`."""

    features: int
    spectral_norm: bool = False
    use_bias: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*b c"], *, train: bool = False) -> Float[Array, "*b d"]:
        dense = nn.Dense(
            self.features,
            use_bias=self.use_bias,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=orthogonal,
        )
        if self.spectral_norm:
            return nn.SpectralNorm(dense, collection_name="spectral_stats")(x, update_stats=train)
        return dense(x)


class SelfAttention(nn.Module):
    """Self-attention over all positions of an image, added through a gate that starts at zero.

    Attributes:
      conv: makes the 1x1 convolutions.

    References:
      Zhang et al., Self-Attention Generative Adversarial Networks, 2019, https://arxiv.org/abs/1805.08318
    """

    conv: ModuleDef = Conv

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool = False) -> Float[Array, "b h w c"]:
        b, h, w, c = x.shape
        query = self.conv(max(1, c // 8), 1, use_bias=False, name="query")(x, train=train)
        key = average_pool(self.conv(max(1, c // 8), 1, use_bias=False, name="key")(x, train=train))
        value = average_pool(self.conv(c // 2, 1, use_bias=False, name="value")(x, train=train))
        logits = jnp.einsum("bqc,bkc->bqk", query.reshape(b, h * w, -1), key.reshape(b, h * w // 4, -1))
        weights = nn.softmax(logits.astype(jnp.float32)).astype(x.dtype)
        mixed = jnp.einsum("bqk,bkc->bqc", weights, value.reshape(b, h * w // 4, -1)).reshape(b, h, w, c // 2)
        gate = self.param("gate", nn.initializers.zeros, (), jnp.float32)
        return x + gate.astype(x.dtype) * self.conv(c, 1, use_bias=False, name="output")(mixed, train=train)


class BidirectionalLSTM(nn.Module):
    """Stacked bidirectional LSTM; padding steps neither enter nor leave.

    Attributes:
      features: per direction.
      num_layers: each reads both directions of the one below.
    """

    features: int
    num_layers: int = 1
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b t c"], lengths: Int[Array, " b"]) -> Float[Array, "b t d"]:
        mask = inside_mask(x, lengths).astype(self.dtype)
        states: Any = x
        for _ in range(self.num_layers):
            cells: list[Any] = [
                nn.RNN(nn.OptimizedLSTMCell(self.features, dtype=self.dtype, param_dtype=self.param_dtype))
                for _ in range(2)
            ]
            states = nn.Bidirectional(cells[0], cells[1])(states, seq_lengths=lengths) * mask
        return states


def ink(image: Float[Array, "b h w 1"]) -> Float[Array, "b h w 1"]:
    """Maps [-1, 1] (ink to paper) to [1, 0], so that a convolution's zero padding is paper."""
    return (1.0 - image) * 0.5
