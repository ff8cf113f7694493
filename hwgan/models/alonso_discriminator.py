"""The discriminator of Alonso et al. 2019: one score for a canvas of one size."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.batch import WordFeatures
from hwgan.models.discriminator_output import DiscriminatorOutput
from hwgan.models.layers import Conv, Dense, SelfAttention, average_pool, ink


class DownBlock(nn.Module):
    """Residual block: norm, ReLU, conv, norm, ReLU, conv, 2x2 mean, beside 1x1 conv, 2x2 mean.

    Attributes:
      features: output channels.
      pool: halve height and width.
      norm: makes a normalisation, or None.
    """

    features: int
    pool: bool = True
    conv: Any = Conv
    norm: Any = None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h2 w2 d"]:
        h = x if self.norm is None else self.norm(name="norm_0")(x)
        h = self.conv(self.features, name="conv_0")(nn.relu(h), train=train)
        h = h if self.norm is None else self.norm(name="norm_1")(h)
        h = self.conv(self.features, resample="down" if self.pool else "", name="conv_1")(nn.relu(h), train=train)
        return h + self.conv(self.features, 1, name="skip")(average_pool(x) if self.pool else x, train=train)


class AlonsoDiscriminator(nn.Module):
    """Scores the whole canvas, padding included: residual down-sampling blocks, self-attention, sum pool, linear.

    Attributes:
      block_features: output channels of the down-sampling blocks; one more block of the last size does not shrink.
      attention_after: self-attention follows this many blocks; 0 for none.
      norm: "batch" or "none".
      spectral_norm: on every convolution and linear layer.

    Raises:
      ValueError: `norm` is neither.

    References:
      Alonso et al. 2019, https://arxiv.org/abs/1903.00277
    """

    block_features: tuple[int, ...] = (16, 16, 32, 64, 128, 128, 256)
    attention_after: int = 3
    norm: str = "none"
    spectral_norm: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        if self.norm not in ("batch", "none"):
            raise ValueError(f'norm must be "batch" or "none", got {self.norm!r}')
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "b h w 1"],
        widths: Int[Array, " b"],
        features: WordFeatures | None = None,
        *,
        train: bool,
    ) -> DiscriminatorOutput:
        """Scores images; `widths` and `features`, which other discriminators read, change nothing."""
        del widths, features
        kinds = dict(spectral_norm=self.spectral_norm, dtype=self.dtype, param_dtype=self.param_dtype)
        conv = partial(Conv, **kinds)
        batch_norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        block = partial(DownBlock, conv=conv, norm=batch_norm if self.norm == "batch" else None)
        x = ink(image).astype(self.dtype)
        for i, channels in enumerate(self.block_features):
            x = block(channels, name=f"block_{i}")(x, train=train)
            if i + 1 == self.attention_after:
                x = SelfAttention(conv, name="attention")(x, train=train)
        x = block(self.block_features[-1], pool=False, name="block_last")(x, train=train)
        pooled = nn.relu(x).astype(jnp.float32).sum(axis=(1, 2))
        scores = Dense(1, self.spectral_norm, name="score")(pooled, train=train)[:, 0]
        return DiscriminatorOutput(scores, jnp.zeros((scores.shape[0], 0)))
