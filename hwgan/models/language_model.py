"""The language model φ: labels in, features of the word and of its characters out."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.layers import BidirectionalLSTM, inside_mask, mean_inside


@flax.struct.dataclass
class TextFeatures:
    """Features of a batch of texts.

    Attributes:
      word: one vector a text.
      characters: one vector a character (for generators: a place of the `Layout`), zero at padding.
    """

    word: Float[Array, "b d"]
    characters: Float[Array, "b t e"]


class LanguageModel(nn.Module):
    """Character embedding and stacked bidirectional LSTM, read at each text's own ends.

    Attributes:
      num_labels: size of the alphabet, the blank (0, also the padding) included.
      embedding_features: of a character.
      features: of the LSTM, both directions together; the size of the word vector.
      num_layers: stacked LSTM layers.
      normalize_word: whether the word vector has mean 0 and variance 1 over its entries, as z has. An untrained LSTM's
        differs between words by 0.01 an entry, with four layers by 0.001: a generator that is given it beside z draws
        the same word for every text.

    References:
      Alonso et al., Adversarial Generation of Handwritten Text Images Conditioned on Sequences, ICDAR 2019,
      https://arxiv.org/abs/1903.00277
    """

    num_labels: int
    embedding_features: int = 128
    features: int = 128
    num_layers: int = 4
    normalize_word: bool = False
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, labels: Int[Array, "b t"], lengths: Int[Array, " b"]) -> TextFeatures:
        """Args: labels padded on the right with 0, and the texts' lengths, at least 1."""
        kinds = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        embedded = nn.Embed(self.num_labels, self.embedding_features, name="embed", **kinds)(labels)
        embedded *= inside_mask(embedded, lengths).astype(embedded.dtype)
        half = self.features // 2
        states = BidirectionalLSTM(half, self.num_layers, name="lstm", **kinds)(embedded, lengths)
        # The forward direction has read the whole text at its last character, the backward one at its first.
        last = jnp.take_along_axis(states[:, :, :half], (lengths - 1)[:, None, None], axis=1)[:, 0]
        word = jnp.concatenate([last, states[:, 0, half:]], axis=-1)
        if self.normalize_word:
            word = nn.LayerNorm(epsilon=1e-8, use_bias=False, use_scale=False, dtype=self.dtype)(word)
        return TextFeatures(word=word, characters=jnp.concatenate([embedded, states], axis=-1))


class OneHotCharacters(nn.Module):
    """No language model: the features of a character are its one-hot label.

    Attributes:
      num_labels: size of the alphabet, the blank included.
    """

    num_labels: int
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __call__(self, labels: Int[Array, "b t"], lengths: Int[Array, " b"]) -> TextFeatures:
        """One-hot characters; the word vector is their mean. Arguments as of `LanguageModel`."""
        characters = jax.nn.one_hot(labels, self.num_labels, dtype=self.dtype)
        characters *= inside_mask(characters, lengths).astype(self.dtype)
        return TextFeatures(word=mean_inside(characters, lengths), characters=characters)
