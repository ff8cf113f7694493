"""The writer identifier: word images in, a style vector and logits over writers out."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int

from hwgan.models.layers import Conv, average_pool, columns_after, ink, mask_columns, mean_inside, space_to_depth

MIN_COLUMN_VARIANCE = 1e-4  # added to the variance over columns, for the gradient of its root
MIN_VARIANCE = 1e-3  # added to the diagonal of the covariance


@flax.struct.dataclass
class IdentifierOutput:
    """Output for a batch of words.

    Attributes:
      features: style features; over the training words each has mean 0 and variance 1.
      style: z[:, 1:] of the words: the features, whitened if `whitened`.
      logits: float32, one a training writer.
    """

    features: Float[Array, "b s"]
    style: Float[Array, "b s"]
    logits: Float[Array, "b writers"]


class WriterIdentifier(nn.Module):
    """Convolutions, then mean and standard deviation over the columns of a word, then a linear map to style features.

    Attributes:
      num_writers: at least as many as the training words have.
      features: size of the style features, z_dim - 1.
      conv_features: channels of the stages, each of which halves the image.
      stem: block size of a space-to-depth before the first convolution.
      whitened: whether features are decorrelated before they are used as z, so that styles of real words are
        distributed as the prior is.
    """

    num_writers: int
    features: int = 31
    conv_features: tuple[int, ...] = (32, 64, 96)
    stem: int = 2
    whitened: bool = False
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "b h w 1"],
        widths: Int[Array, " b"],
        counts: Bool[Array, " b"] | None = None,
        *,
        train: bool,
    ) -> IdentifierOutput:
        """The style of each word.

        Args:
          image: in [-1, 1].
          widths: columns of each word.
          counts: words whose features count in the running statistics; None for all.
          train: whether statistics are those of the batch, and running ones are updated.
        """
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
        deviation = jnp.sqrt(mean_inside(jnp.square(columns - mean[:, None]), widths) + MIN_COLUMN_VARIANCE)
        raw = nn.Dense(self.features, name="features")(jnp.concatenate([mean, deviation], axis=-1))
        norm = nn.BatchNorm(momentum=0.98, use_scale=False, use_bias=False, name="feature_norm")
        # The statistics of no words are not a number; where none counts, those of all are used, and nothing is learned.
        mask = None if counts is None else (counts | ~counts.any())[:, None]
        features = norm(raw, use_running_average=not train, mask=mask)
        logits = nn.Dense(self.num_writers, name="logits")(features)
        style = features
        if self.whitened:
            # By running statistics, as in use: normalised by a small batch they would be less correlated.
            running = norm(raw, use_running_average=True) if train else features
            style = Whitening(name="whitening")(running, counts, train=train)
        return IdentifierOutput(features, style, logits)


class Whitening(nn.Module):
    """L⁻¹ (x - μ) with L Lᵀ = Σ, the running covariance: features of mean 0 and identity covariance.

    Attributes:
      memory: batches that the running averages look back on.

    References:
      Huang et al., Decorrelated Batch Normalization, CVPR 2018, https://arxiv.org/abs/1804.08450; here with running
      averages throughout, for a batch has too few words for a covariance
    """

    memory: float = 100.0

    @nn.compact
    def __call__(
        self, features: Float[Array, "b s"], counts: Bool[Array, " b"] | None = None, *, train: bool
    ) -> Float[Array, "b s"]:
        size = features.shape[1]
        mean = self.variable("batch_stats", "mean", jnp.zeros, size)
        covariance = self.variable("batch_stats", "covariance", jnp.eye, size)
        if train and not self.is_initializing():
            x = jax.lax.stop_gradient(features)
            weights = jnp.ones(len(x)) if counts is None else counts.astype(x.dtype)
            weights = (weights / jnp.maximum(weights.sum(), 1.0))[:, None]
            mean.value += ((weights * x).sum(axis=0) - mean.value) / self.memory
            centered = x - mean.value[None]
            covariance.value += (centered.T @ (weights * centered) - covariance.value) / self.memory
        root = jnp.linalg.cholesky(covariance.value + MIN_VARIANCE * jnp.eye(size))
        return solve_triangular(root, (features - mean.value[None]).T, lower=True).T


class NoIdentifier(nn.Module):
    """Placeholder for runs without known writers: outputs of 0 columns."""

    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __call__(
        self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], counts: Any = None, *, train: bool
    ) -> IdentifierOutput:
        """Returns empty outputs."""
        nothing = jnp.zeros((image.shape[0], 0))
        return IdentifierOutput(nothing, nothing, nothing)
