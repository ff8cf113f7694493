"""Recognizers: word images in, label logits for CTC out; and the encoder of one, which the transducer shares."""

import math
from functools import partial
from typing import Any

import flax.linen as nn
import flax.struct
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.ctc import CTCRecognizer
from hwgan.models.layers import (
    BidirectionalLSTM,
    Conv,
    columns_after,
    ink,
    inside_mask,
    mask_columns,
    max_pool,
    space_to_depth,
)


@flax.struct.dataclass
class RecognizerOutput:
    """Frames of a batch of words, from left to right.

    Attributes:
      logits: float32; label 0 is the CTC blank. None where labels of frames depend on each other (`Transducer`).
      lengths: frames that belong to each word; the rest is padding.
      states: the last hidden states; the logits are a linear map of them.
    """

    logits: Float[Array, "b frames labels"] | None
    lengths: Int[Array, " b"]
    states: Float[Array, "b frames features"]


class CRNNEncoder(nn.Module):
    """Convolutions, max pools, then a bidirectional LSTM over the columns.

    Attributes:
      num_labels: size of the alphabet, the blank included.
      conv_features: channels of the 3x3 convolutions.
      pools: (height, width) of the max pool after each.
      stem: block size of a space-to-depth before the first convolution; 1 for none.
      batch_norm: after each convolution.
      lstm_features: per direction.
      lstm_layers: stacked.

    References:
      Shi et al., An End-to-End Trainable Neural Network for Image-based Sequence Recognition, 2015,
      https://arxiv.org/abs/1507.05717 (whose pools are for 32 pixels; here the height that is left is max-pooled)
    """

    num_labels: int
    conv_features: tuple[int, ...] = (64, 128, 256, 256, 512, 512, 512)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (1, 1), (2, 2), (1, 1), (2, 1), (2, 1))
    stem: int = 1
    batch_norm: bool = True
    lstm_features: int = 256
    lstm_layers: int = 2
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def frame_width(self) -> int:
        """Pixels of the image a frame."""
        return self.stem * math.prod(width for _, width in self.pools)

    def encode(
        self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool
    ) -> tuple[Float[Array, "b frames features"], Int[Array, " b"]]:
        """The states of the LSTM, and the frames of each word; to be called in a compact method."""
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        x = space_to_depth(mask_columns(ink(image), widths), self.stem).astype(self.dtype)
        widths = columns_after(widths, self.stem)
        for i, (features, pool) in enumerate(zip(self.conv_features, self.pools, strict=True)):
            x = Conv(features, use_bias=not self.batch_norm, name=f"conv_{i}", **kinds)(x)
            if self.batch_norm:
                norm = nn.BatchNorm(use_running_average=not train, momentum=0.9, name=f"norm_{i}", **kinds)
                x = norm(x, mask=inside_mask(x, widths))
            x = max_pool(mask_columns(nn.relu(x), widths), pool)
            widths = columns_after(widths, pool[1])
        x = max_pool(x, (x.shape[1], 1))[:, 0]
        return BidirectionalLSTM(self.lstm_features, self.lstm_layers, name="lstm", **kinds)(x, widths), widths


class CRNN(CTCRecognizer, CRNNEncoder):
    """A linear map of the encoder's states to labels."""

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> RecognizerOutput:
        x, lengths = self.encode(image, widths, train=train)
        return RecognizerOutput(nn.Dense(self.num_labels, name="logits")(x.astype(jnp.float32)), lengths, x)


class GatedCRNN(CTCRecognizer):
    """Gated convolutions, vertical max pool, bidirectional LSTM.

    A gate is y = x · σ(conv(x)): it can suppress background.

    Attributes:
      num_labels: size of the alphabet, the blank included.
      conv_features: channels of the five convolutions; the second and fourth shrink the image.
      kernels: (height, width) of each; where it is even it is also the stride.
      lstm_features: per direction.

    References:
      Bluche and Messina, Gated Convolutional Recurrent Neural Networks for Multilingual Handwriting Recognition,
      ICDAR 2017, as used by Alonso et al. 2019.
    """

    num_labels: int
    conv_features: tuple[int, ...] = (16, 32, 64, 128, 256)
    kernels: tuple[tuple[int, int], ...] = ((3, 3), (4, 2), (3, 3), (4, 2), (3, 3))
    lstm_features: int = 256
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def frame_width(self) -> int:
        """Pixels of the image a frame."""
        return 2 * math.prod(width for _, width in self.kernels if width % 2 == 0)

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> RecognizerOutput:
        del train
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        conv = partial(nn.Conv, **kinds)
        x = space_to_depth(mask_columns(ink(image), widths)).astype(self.dtype)
        widths = columns_after(widths, 2)
        for i, (features, kernel) in enumerate(zip(self.conv_features, self.kernels, strict=True)):
            stride = tuple(k if k % 2 == 0 else 1 for k in kernel)
            x = nn.tanh(conv(features, kernel, stride, name=f"conv_{i}")(x))
            widths = columns_after(widths, stride[1])
            if 0 < i < len(self.conv_features) - 1:
                x = x * nn.sigmoid(conv(features, (3, 3), name=f"gate_{i}")(mask_columns(x, widths)))
            x = mask_columns(x, widths)
        x = max_pool(x, (x.shape[1], 1))[:, 0]
        x = BidirectionalLSTM(self.lstm_features, name="lstm_0", **kinds)(x, widths)
        x = nn.tanh(nn.Dense(self.lstm_features, name="dense", **kinds)(x))
        x = BidirectionalLSTM(self.lstm_features, name="lstm_1", **kinds)(x, widths)
        return RecognizerOutput(nn.Dense(self.num_labels, name="logits")(x.astype(jnp.float32)), widths, x)


class ConvRecognizer(CTCRecognizer):
    """Convolutions alone: without recurrence, illegible characters are not guessed from context (Fogel et al. 2020).

    Attributes:
      num_labels: size of the alphabet, the blank included.
      conv_features: channels of the 3x3 convolutions.
      pools: (height, width) of the max pool after each.
      stem: block size of a space-to-depth before the first convolution.
      dense_features: of the last hidden layer, over a whole column.
      column_kernels: where given, 1D convolutions over so many columns in place of that layer, all but the first
        residual: they widen the receptive field to wide characters, such as m or w.
      norm: "layer", over the channels of each place, or "batch".

    Raises:
      ValueError: `norm` is neither.
    """

    num_labels: int
    conv_features: tuple[int, ...] = (32, 64, 96)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 1), (2, 1))
    stem: int = 2
    dense_features: int = 128
    column_kernels: tuple[int, ...] = ()
    norm: str = "layer"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        if self.norm not in ("batch", "layer"):
            raise ValueError(f'norm must be "batch" or "layer", got {self.norm!r}')
        super().__post_init__()

    @property
    def frame_width(self) -> int:
        """Pixels of the image a frame."""
        return self.stem * math.prod(width for _, width in self.pools)

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> RecognizerOutput:
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)

        def normalized(x: Float[Array, "b *h w c"], name: str) -> Float[Array, "b *h w c"]:
            if self.norm == "layer":
                return nn.LayerNorm(dtype=self.dtype, name=name)(x)
            norm = nn.BatchNorm(use_running_average=not train, momentum=0.98, name=name, **kinds)
            return norm(x, mask=inside_mask(x, widths))

        x = space_to_depth(mask_columns(ink(image), widths), self.stem).astype(self.dtype)
        widths = columns_after(widths, self.stem)
        for i, (features, pool) in enumerate(zip(self.conv_features, self.pools, strict=True)):
            x = Conv(features, name=f"conv_{i}", **kinds)(x)
            x = nn.relu(normalized(x, f"norm_{i}"))
            x = max_pool(mask_columns(x, widths), pool)
            widths = columns_after(widths, pool[1])
        x = x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)  # [b, w, h*c]
        inside = inside_mask(x, widths).astype(x.dtype)
        if not self.column_kernels:
            x = nn.Dense(self.dense_features, name="dense", **kinds)(x)
            x = nn.relu(normalized(x, "norm_dense"))
        for i, kernel in enumerate(self.column_kernels):
            y = nn.Conv(self.dense_features, (kernel,), name=f"column_{i}", **kinds)(x * inside)
            y = nn.relu(normalized(y, f"norm_column_{i}"))
            x = x + y if i else y
        return RecognizerOutput(nn.Dense(self.num_labels, name="logits")(x.astype(jnp.float32)), widths, x)
