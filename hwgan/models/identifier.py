"""The identifier of writers: word images in, what tells one hand from another out."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.layers import Conv, average_pool, columns_after, ink, mask_columns, mean_inside, space_to_depth


@flax.struct.dataclass
class IdentifierOutput:
    """What an identifier sees in a batch of words.

    Attributes:
      features: of the hand; over many words of many hands each has mean 0 and variance 1.
      logits: float32, one a writer.
    """

    features: Float[Array, "b s"]
    logits: Float[Array, "b writers"]


class WriterIdentifier(nn.Module):
    """Convolutions, then mean and spread over the columns of a word: the hand, whatever the text.

    Attributes:
      num_writers: at least as many as the training words have.
      features: numbers that describe a hand.
      conv_features: channels of the stages, each of which halves the image.
      stem: the image is first made so many times smaller, its blocks of pixels moved into channels.
    """

    num_writers: int
    features: int = 31
    conv_features: tuple[int, ...] = (32, 64, 96)
    stem: int = 2
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
        features = nn.Dense(self.features, name="features")(jnp.concatenate([mean, spread], axis=-1))
        norm = nn.BatchNorm(
            use_running_average=not train, momentum=0.98, use_scale=False, use_bias=False, name="feature_norm"
        )
        features = norm(features)
        logits = nn.Dense(self.num_writers, name="logits")(features)
        return IdentifierOutput(features, logits)


class NoIdentifier(nn.Module):
    """In its place where writers are not known: sees nothing."""

    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> IdentifierOutput:
        """Nothing, of every image."""
        nothing = jnp.zeros((image.shape[0], 0))
        return IdentifierOutput(nothing, nothing)
