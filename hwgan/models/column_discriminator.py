"""The discriminator of words of any width: a score for each column, and for features of recognizer and identifier."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.batch import WordFeatures
from hwgan.models.discriminator_output import DiscriminatorOutput
from hwgan.models.layers import (
    Conv,
    Dense,
    average_pool,
    columns_after,
    ink,
    inside_mask,
    mask_columns,
    mean_inside,
    space_to_depth,
)

_SLOPE = 0.2  # of the leaky ReLU


class ColumnDiscriminator(nn.Module):
    """Scores every column of a word and returns the mean over the word's own width; and its features, by heads.

    Attributes:
      block_features: channels of the blocks, each of which halves the image, after a space-to-depth that does so too.
      feature_head_dim: channels of two more heads, on the recognizer's states and on the identifier's features, which
        separate characters and styles from the first step on (after Projected GANs); 0 for none.
      predicted_z_dims: how many entries of z are predicted from the image (InfoGAN), for runs without an identifier;
        0 for none.
      spectral_norm: on every layer but the prediction of z.

    References:
      Fogel et al., ScrabbleGAN, CVPR 2020, https://arxiv.org/abs/2003.10557
      Sauer et al., Projected GANs Converge Faster, NeurIPS 2021, https://arxiv.org/abs/2111.01007
      Chen et al., InfoGAN, 2016, https://arxiv.org/abs/1606.03657
    """

    block_features: tuple[int, ...] = (32, 64, 96)
    feature_head_dim: int = 0
    predicted_z_dims: int = 0
    spectral_norm: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "b h w 1"],
        widths: Int[Array, " b"],
        features: WordFeatures | None = None,
        *,
        train: bool,
    ) -> DiscriminatorOutput:
        """Scores images.

        Args:
          image: in [-1, 1].
          widths: columns of each word.
          features: of the same images; read by the heads of `feature_head_dim`.
          train: whether spectral norms are updated.
        """
        conv = partial(Conv, spectral_norm=self.spectral_norm, dtype=self.dtype, param_dtype=self.param_dtype)
        x = space_to_depth(mask_columns(ink(image), widths)).astype(self.dtype)
        widths = columns_after(widths, 2)
        x = mask_columns(conv(self.block_features[0], name="first")(x, train=train), widths)
        for i, channels in enumerate(self.block_features):
            h = conv(channels, name=f"conv_{i}_0")(nn.leaky_relu(x, _SLOPE), train=train)
            h = mask_columns(h, widths)
            h = conv(channels, resample="down", name=f"conv_{i}_1")(nn.leaky_relu(h, _SLOPE), train=train)
            x = h + conv(channels, 1, name=f"skip_{i}")(average_pool(x), train=train)
            widths = columns_after(widths, 2)
            x = mask_columns(x, widths)
        x = nn.leaky_relu(x, _SLOPE).astype(jnp.float32)
        columns = x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)  # [b, w, h*c]
        scores = mean_inside(Dense(1, self.spectral_norm, name="score")(columns, train=train), widths)[:, 0]
        z_prediction = jnp.zeros((scores.shape[0], 0))
        if self.predicted_z_dims:
            z_prediction = nn.Dense(self.predicted_z_dims, name="z_prediction")(mean_inside(columns, widths))
        if not self.feature_head_dim or features is None:
            return DiscriminatorOutput(scores, z_prediction)
        heads = {"image": scores, "recognizer": self._recognizer_head(features, train)}
        if features.style_features.shape[1]:
            heads["style"] = self._style_head(features, train)
        return DiscriminatorOutput(jnp.stack([*heads.values()], axis=1), z_prediction, tuple(heads))

    def _recognizer_head(self, features: WordFeatures, train: bool) -> Float[Array, " b"]:
        """The mean score over the recognizer's frames, each with its two neighbours, twice."""
        dense = partial(Dense, spectral_norm=self.spectral_norm)
        x, inside = features.states, inside_mask(features.states, features.lengths)
        for i in range(2):
            x = jnp.pad(x * inside, ((0, 0), (1, 1), (0, 0)))
            x = jnp.concatenate([x[:, :-2], x[:, 1:-1], x[:, 2:]], axis=-1)
            x = nn.leaky_relu(dense(self.feature_head_dim, name=f"recognizer_head_{i}")(x, train=train), _SLOPE)
        scores = dense(1, name="recognizer_head_score")(x, train=train)
        return mean_inside(scores, features.lengths)[:, 0]

    def _style_head(self, features: WordFeatures, train: bool) -> Float[Array, " b"]:
        dense, x = partial(Dense, spectral_norm=self.spectral_norm), features.style_features
        for i in range(2):
            x = nn.leaky_relu(dense(self.feature_head_dim, name=f"style_head_{i}")(x, train=train), _SLOPE)
        return dense(1, name="style_head_score")(x, train=train)[:, 0]
