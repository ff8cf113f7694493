"""Means over the characters of words: of the recognizer's states, and of small images of the letters.

The frames of a character are found by the recognizer, so that the words need no segmentation, and real and generated
words can be compared letter by letter where their letters stand at different places.
"""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.batch import WordFeatures
from hwgan.models.layers import ink
from hwgan.training.feature_matching import character_features

_ROWS, _REACH = 20, 4  # rows of an image, and half frames each way


class Texts(flax.struct.PyTreeNode):
    """Texts of words.

    Attributes:
      labels: int32 [b, t], padded with 0.
      lengths: int32 [b].
      log_widths: float32 [b], z[:, 0] of each word.
    """

    labels: Any
    lengths: Any
    log_widths: Any


class CharacterMeans(flax.struct.PyTreeNode):
    """What words have for each of the v characters of the alphabet.

    Attributes:
      states: float32 [v, d], mean states of the recognizer.
      shapes: float32 [v, p], mean images (`character_images`).
      weights: float32 [v], frames that emit the character; 0 where there are none.
    """

    states: Any
    shapes: Any
    weights: Any


def character_occupancy(
    states: Float[Array, "b f d"], lengths: Int[Array, " b"], logits: Float[Array, "b f labels"], texts: Texts
) -> Float[Array, "b f v"]:
    """p(frame emits the character | text), of each of the alphabet; `lengths` are frames."""
    features = WordFeatures(states, lengths, jnp.zeros((len(lengths), 0)), logits)
    return character_features(features, texts.labels, texts.lengths)["characters"].weights


def character_means(
    states: Float[Array, "b f d"], shapes: Float[Array, "b f p"], occupancy: Float[Array, "b f v"]
) -> CharacterMeans:
    """Means over the frames that emit each character."""
    weights = occupancy.sum(axis=(0, 1))

    def mean(vectors: Float[Array, "b f _"]) -> Float[Array, "v _"]:
        sums = jnp.einsum("bfv,bfd->vd", occupancy, vectors.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST)
        return sums / jnp.maximum(weights, 1e-3)[:, None]

    return CharacterMeans(mean(states), mean(shapes), weights)


def character_images(image: Float[Array, "b h w 1"], frame_width: int) -> Float[Array, "b f p"]:
    """The blurred ink about each frame of the recognizer: of some twenty rows, and of columns of half a frame."""
    rows, columns = max(image.shape[1] // _ROWS, 1), max(frame_width // 2, 1)
    dark = jnp.pad(ink(image), ((0, 0), (0, 0), (0, -image.shape[2] % frame_width), (0, 0)))
    blocks = nn.avg_pool(dark, (2 * rows, 2 * columns), strides=(rows, columns), padding="SAME")[..., 0]
    width, blocks_a_frame = blocks.shape[2], frame_width // columns
    padded = jnp.pad(blocks, ((0, 0), (0, 0), (_REACH, _REACH))).transpose(0, 2, 1)
    windows = [padded[:, start : start + width : blocks_a_frame] for start in range(2 * _REACH)]
    return jnp.concatenate(windows, axis=-1)
