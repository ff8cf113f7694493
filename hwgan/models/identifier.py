"""The identifier of writers: word images in, what tells one hand from another out."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, Int

from hwgan.models.layers import Conv, average_pool, columns_after, ink, mask_columns, mean_inside, space_to_depth

_LEAST_VARIANCE = 1e-3  # of any mixture of features


@flax.struct.dataclass
class IdentifierOutput:
    """What an identifier sees in a batch of words.

    Attributes:
      features: of the hand; over many words of many hands each has mean 0 and variance 1.
      noise: what stands for the hand where noise could; the features, or these whitened.
      logits: float32, one a writer.
    """

    features: Float[Array, "b s"]
    noise: Float[Array, "b s"]
    logits: Float[Array, "b writers"]


class WriterIdentifier(nn.Module):
    """Convolutions, then mean and spread over the columns of a word: the hand, whatever the text.

    Attributes:
      num_writers: at least as many as the training words have.
      features: numbers that describe a hand.
      conv_features: channels of the stages, each of which halves the image.
      stem: the image is first made so many times smaller, its blocks of pixels moved into channels.
      whitened: the features, which go together in real hands, are made independent before they stand for noise, so that
        hands of noise are such as real ones are.
    """

    num_writers: int
    features: int = 31
    conv_features: tuple[int, ...] = (32, 64, 96)
    stem: int = 2
    whitened: bool = False
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> IdentifierOutput:
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        x = space_to_depth(mask_columns(ink(image), widths), self.stem).astype(self.dtype)
        widths = columns_after(widths, self.stem)
        for i, features in enumerate(self.conv_features):
            x = Conv(features, name=f"conv_{i}", **kinds)(x)
            x = nn.relu(nn.LayerNorm(dtype=self.dtype, name=f"norm_{i}")(x))
            x = average_pool(mask_columns(x, widths))
            widths = columns_after(widths, 2)
        x = nn.relu(Conv(self.conv_features[-1], name="conv_last", **kinds)(x)).astype(jnp.float32)
        columns = x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)  # [b, w, h*c]
        mean = mean_inside(columns, widths)
        # The small number keeps the gradient of the root finite where a channel is silent.
        spread = jnp.sqrt(mean_inside(jnp.square(columns - mean[:, None]), widths) + 1e-4)
        raw = nn.Dense(self.features, name="features")(jnp.concatenate([mean, spread], axis=-1))
        norm = nn.BatchNorm(momentum=0.98, use_scale=False, use_bias=False, name="feature_norm")
        features = norm(raw, use_running_average=not train)
        logits = nn.Dense(self.num_writers, name="logits")(features)
        noise = features
        if self.whitened:
            # As they will be looked at: normed by its batch, each small batch has less of what goes together.
            usual = norm(raw, use_running_average=True) if train else features
            noise = Whitening(name="whitening")(usual, train=train)
        return IdentifierOutput(features, noise, logits)


class Whitening(nn.Module):
    """Features less their mean, and made independent with variance 1, by what they were in training.

    Attributes:
      memory: batches that it looks back on.

    References:
      Huang et al., Decorrelated Batch Normalization, CVPR 2018, https://arxiv.org/abs/1804.08450; here with running
      averages throughout, for the few words of a batch have no covariance
    """

    memory: float = 100.0

    @nn.compact
    def __call__(self, features: Float[Array, "b s"], *, train: bool) -> Float[Array, "b s"]:
        size = features.shape[1]
        mean = self.variable("batch_stats", "mean", jnp.zeros, size)
        covariance = self.variable("batch_stats", "covariance", jnp.eye, size)
        if train and not self.is_initializing():
            seen = jax.lax.stop_gradient(features)
            mean.value += (seen.mean(axis=0) - mean.value) / self.memory
            around = seen - mean.value[None]
            covariance.value += (around.T @ around / len(around) - covariance.value) / self.memory
        root = jnp.linalg.cholesky(covariance.value + _LEAST_VARIANCE * jnp.eye(size))
        return solve_triangular(root, (features - mean.value[None]).T, lower=True).T


class NoIdentifier(nn.Module):
    """In its place where writers are not known: sees nothing."""

    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> IdentifierOutput:
        """Nothing, of every image."""
        nothing = jnp.zeros((image.shape[0], 0))
        return IdentifierOutput(nothing, nothing, nothing)
