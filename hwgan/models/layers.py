"""Building blocks that several networks share."""

import functools
import operator
from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
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
    """⌈width / stride⌉, the columns after strided convolutions; a pool that drops a partial window has one fewer."""
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

    The gradient goes to one entry of each window, as with `flax.linen.max_pool`, whose gradient is slow on CPUs.
    """
    rows, columns = window
    b, h, w, c = x.shape
    x = x[:, : h - h % rows, : w - w % columns].reshape(b, h // rows, rows, w // columns, columns, c)
    x = functools.reduce(_larger, [x[:, :, i] for i in range(rows)])
    return functools.reduce(_larger, [x[:, :, :, i] for i in range(columns)])


def _larger(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    # The gradient of `maximum` compares the result with x and y. A compiler that computes x twice, in two fusions, may
    # round it in two ways, so that neither is equal to the result. Here one of the two gets all of the gradient.
    return jnp.where(x >= y, x, y)


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


def _conv(x: Float[Array, "b h w c"], kernel: Float[Array, "k l c d"], padding: Any) -> Float[Array, "b h2 w2 d"]:
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


# Which rows of a 3x3 kernel add up to a tap of the 2x2 kernel of each phase of pixel rows: [phase, tap, kernel row].
_PHASE_ROWS = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float32)


def _phase_kernels(kernel: Float[Array, "3 3 c d"]) -> Float[Array, "2 2 2 2 c d"]:
    """The 2x2 kernel of each phase of rows and of columns: [row phase, column phase, row, column, c, d]."""
    rows = jnp.asarray(_PHASE_ROWS, kernel.dtype)
    return jnp.einsum("pai,qbj,ijcd->pqabcd", rows, rows, kernel)


def conv_upsampled(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"], *args: Any, **kwargs: Any
) -> Float[Array, "b h2 w2 d"]:
    """A 3x3 convolution of `upsample(x)`: four 2x2 convolutions of x, one for each phase of the output's pixels.

    Args:
      x: the image before it is upsampled.
      kernel: of the 3x3 convolution.
      *args: settings of flax that are those of every convolution here.
      **kwargs: likewise.

    References:
      Shi et al., Is the deconvolution layer the same as a convolutional layer?, 2016, https://arxiv.org/abs/1609.07009
    """
    del args, kwargs
    kernels = _phase_kernels(kernel)
    # Four convolutions, for one with four times as many channels has a slow weight gradient on CPUs.
    phases = [[_conv(x, kernels[p, q], ((1 - p, p), (1 - q, q))) for q in (0, 1)] for p in (0, 1)]
    b, h, w, _ = x.shape
    return jnp.stack([jnp.stack(row, axis=3) for row in phases], axis=2).reshape(b, 2 * h, 2 * w, -1)


def conv_pooled(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"], *args: Any, **kwargs: Any
) -> Float[Array, "b h2 w2 d"]:
    """`average_pool` after a 3x3 convolution, of even height and width: a 2x2 convolution of each phase of the pixels.

    Args:
      x: the image; `args` and `kwargs` as for `conv_upsampled`.
      kernel: of the 3x3 convolution.
      *args: settings of flax.
      **kwargs: likewise.
    """
    del args, kwargs
    kernels = _phase_kernels(kernel) / 4  # of the mean over four pixels
    # One 2x2 convolution of `space_to_depth` has as many products, but is twice as slow where gradients have gradients.
    parts = [
        _conv(x[:, 1 - p :: 2, 1 - q :: 2], kernels[p, q], ((1 - p, p), (1 - q, q))) for p in (0, 1) for q in (0, 1)
    ]
    return functools.reduce(operator.add, parts)


_CONVOLUTIONS = {"": None, "up": conv_upsampled, "down": conv_pooled}


class Conv(nn.Module):
    """A convolution with `SAME` padding, spectrally normed or not, by one switch.

    Attributes:
      features: output channels.
      kernel_size: square.
      spectral_norm: divide the kernel by its largest singular value.
      resample: "up": of the image after `upsample`; "down": followed by `average_pool`; for a kernel size of 3. The
        result is the same but for rounding, with 4 products a pixel and pair of channels in place of 9.
    """

    features: int
    kernel_size: int = 3
    spectral_norm: bool = False
    use_bias: bool = True
    resample: Literal["", "up", "down"] = ""
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool = False) -> Float[Array, "b h2 w2 d"]:
        whole_blocks = x.shape[1] % 2 == 0 and x.shape[2] % 2 == 0
        resample = "" if self.resample == "down" and not whole_blocks else self.resample
        conv = nn.Conv(
            self.features,
            (self.kernel_size, self.kernel_size),
            use_bias=self.use_bias,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            kernel_init=orthogonal,
            conv_general_dilated=_CONVOLUTIONS[resample],
        )
        if self.spectral_norm:
            y = nn.SpectralNorm(conv, collection_name="spectral_stats")(x, update_stats=train)
        else:
            y = conv(x)
        return average_pool(y) if self.resample == "down" and not resample else y


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
