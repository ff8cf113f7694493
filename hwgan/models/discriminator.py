"""Discriminators: word images in, one realness score each out."""

from functools import partial
from typing import Any

import flax.linen as nn
import flax.struct
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.layers import (
    Conv,
    Dense,
    SelfAttention,
    average_pool,
    columns_after,
    ink,
    inside_mask,
    mask_columns,
    mean_inside,
    space_to_depth,
)


@flax.struct.dataclass
class DiscriminatorOutput:
    """What a discriminator says of a batch of images.

    Attributes:
      scores: high for real; one an image, or one of each of its heads.
      style: its guess of the noise a generated image was made from; no columns where it makes none.
      heads: their names, where there are several.
    """

    scores: Float[Array, "b *heads"]
    style: Float[Array, "b s"]
    heads: tuple[str, ...] = flax.struct.field(pytree_node=False, default=())


@flax.struct.dataclass
class ReadersView:
    """What the networks that learn from real words alone see in a batch of images.

    Attributes:
      states: of the recognizer's frames.
      lengths: frames that belong to each word.
      hand: the identifier's features.
      logits: of the recognizer's frames; label 0 is the CTC blank.
    """

    states: Float[Array, "b frames features"]
    lengths: Int[Array, " b"]
    hand: Float[Array, "b s"]
    logits: Float[Array, "b frames labels"]


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
        shrink = average_pool if self.pool else lambda y: y
        h = x if self.norm is None else self.norm(name="norm_0")(x)
        h = self.conv(self.features, name="conv_0")(nn.relu(h), train=train)
        h = h if self.norm is None else self.norm(name="norm_1")(h)
        h = shrink(self.conv(self.features, name="conv_1")(nn.relu(h), train=train))
        return h + self.conv(self.features, 1, name="skip")(shrink(x), train=train)


class Discriminator(nn.Module):
    """The founding paper's discriminator: scores the whole canvas, padding and all.

    Attributes:
      block_features: output channels of the down-sampling blocks; one more block of the last size does not shrink.
      attention_after: self-attention follows this many blocks; 0 for none.
      norm: "batch" (the founding paper) or "none".
      spectral_norm: on every convolution and linear layer (Alonso et al. 2019).

    Raises:
      ValueError: `norm` is neither.
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
    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> DiscriminatorOutput:
        del widths
        kinds = dict(spectral_norm=self.spectral_norm, dtype=self.dtype, param_dtype=self.param_dtype)
        conv = partial(Conv, **kinds)
        batch_norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        block = partial(DownBlock, conv=conv, norm=batch_norm if self.norm == "batch" else None)
        x = ink(image).astype(self.dtype)
        for i, features in enumerate(self.block_features):
            x = block(features, name=f"block_{i}")(x, train=train)
            if i + 1 == self.attention_after:
                x = SelfAttention(conv, name="attention")(x, train=train)
        x = block(self.block_features[-1], pool=False, name="block_last")(x, train=train)
        pooled = nn.relu(x).astype(jnp.float32).sum(axis=(1, 2))
        scores = Dense(1, self.spectral_norm, name="score")(pooled, train=train)[:, 0]
        return DiscriminatorOutput(scores, jnp.zeros((scores.shape[0], 0)))


class VariableWidthDiscriminator(nn.Module):
    """Scores every column of a word and returns the mean over the word's own width.

    Attributes:
      block_features: channels of the blocks, each of which halves the image, after a space-to-depth that does so too.
      style_features: how many entries of the noise it guesses from the image, 0 for none (Chen et al. 2016): a
        generator whose noise can be told from its images cannot write all words in one hand.
      reader_features: channels of two more heads, which score what the recognizer and the identifier see of the word;
        0 for none. They know letters and hands from the start, where pixels take long to tell.
      text_features: channels of a head beside these that knows what the word is to say, and scores whether it is
        written so; 0 for none. Without it all words may be as real ones are on average, and none as it is.
      spectral_norm: on every layer.

    Raises:
      ValueError: `text_features` without `reader_features`.

    References:
      Fogel et al., ScrabbleGAN, CVPR 2020, https://arxiv.org/abs/2003.10557
      Sauer et al., Projected GANs Converge Faster, NeurIPS 2021, https://arxiv.org/abs/2111.01007
      Chen et al., InfoGAN, 2016, https://arxiv.org/abs/1606.03657
      Miyato and Koyama, cGANs with Projection Discriminator, ICLR 2018, https://arxiv.org/abs/1802.05637
    """

    block_features: tuple[int, ...] = (32, 64, 96)
    style_features: int = 0
    reader_features: int = 0
    text_features: int = 0
    spectral_norm: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        if self.text_features and not self.reader_features:
            raise ValueError(f"text_features={self.text_features} needs reader_features, which are 0")
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "b h w 1"],
        widths: Int[Array, " b"],
        seen: ReadersView | None = None,
        characters: Float[Array, "b t e"] | None = None,
        lengths: Int[Array, " b"] | None = None,
        *,
        train: bool,
    ) -> DiscriminatorOutput:
        kinds = dict(spectral_norm=self.spectral_norm, dtype=self.dtype, param_dtype=self.param_dtype)
        conv = partial(Conv, **kinds)
        x = space_to_depth(mask_columns(ink(image), widths)).astype(self.dtype)
        widths = columns_after(widths, 2)
        x = conv(self.block_features[0], name="first")(x, train=train)
        x = mask_columns(x, widths)
        for i, features in enumerate(self.block_features):
            h = conv(features, name=f"conv_{i}_0")(nn.leaky_relu(x, 0.2), train=train)
            h = mask_columns(h, widths)
            h = average_pool(conv(features, name=f"conv_{i}_1")(nn.leaky_relu(h, 0.2), train=train))
            x = h + conv(features, 1, name=f"skip_{i}")(average_pool(x), train=train)
            widths = columns_after(widths, 2)
            x = mask_columns(x, widths)
        x = nn.leaky_relu(x, 0.2).astype(jnp.float32)
        columns = x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)  # [b, w, h*c]
        scores = mean_inside(Dense(1, self.spectral_norm, name="score")(columns, train=train), widths)[:, 0]
        column = mean_inside(columns, widths)
        heads = {}
        if self.reader_features and seen is not None:
            heads = {"ink": scores}
            heads["reading"], frame = self._reading(seen, train)
            if seen.hand.shape[1]:
                heads["hand"] = self._hand(seen, train)
            if self.text_features and characters is not None and lengths is not None:
                word = jnp.concatenate([column, frame, seen.hand], axis=1)
                heads["text"] = self._text(word, characters, lengths, train)
            scores = jnp.stack([*heads.values()], axis=1)
        style = jnp.zeros((scores.shape[0], 0))
        if self.style_features:
            style = nn.Dense(self.style_features, name="style")(column)
        return DiscriminatorOutput(scores, style, tuple(heads))

    def _reading(self, seen: ReadersView, train: bool) -> tuple[Float[Array, " b"], Float[Array, "b d"]]:
        """The mean score of the recognizer's frames, each seen with its neighbours, and their mean."""
        dense = partial(Dense, spectral_norm=self.spectral_norm)
        x, inside = seen.states, inside_mask(seen.states, seen.lengths)
        for i in range(2):
            x = jnp.pad(x * inside, ((0, 0), (1, 1), (0, 0)))
            x = jnp.concatenate([x[:, :-2], x[:, 1:-1], x[:, 2:]], axis=-1)
            x = nn.leaky_relu(dense(self.reader_features, name=f"reading_{i}")(x, train=train), 0.2)
        scores = dense(1, name="reading_score")(x, train=train)
        return mean_inside(scores, seen.lengths)[:, 0], mean_inside(x, seen.lengths)

    def _hand(self, seen: ReadersView, train: bool) -> Float[Array, " b"]:
        dense, x = partial(Dense, spectral_norm=self.spectral_norm), seen.hand
        for i in range(2):
            x = nn.leaky_relu(dense(self.reader_features, name=f"hand_{i}")(x, train=train), 0.2)
        return dense(1, name="hand_score")(x, train=train)[:, 0]

    def _text(
        self, word: Float[Array, "b d"], characters: Float[Array, "b t e"], lengths: Int[Array, " b"], train: bool
    ) -> Float[Array, " b"]:
        """How well what is seen of a word goes with what it is to say: their inner product."""
        dense = partial(Dense, spectral_norm=self.spectral_norm)
        word = nn.leaky_relu(dense(self.text_features, name="text_word_0")(word, train=train), 0.2)
        word = dense(self.text_features, name="text_word_1")(word, train=train)
        characters = dense(self.text_features, name="text_characters_0")(characters, train=train)
        said = mean_inside(nn.leaky_relu(characters, 0.2), lengths)
        said = dense(self.text_features, name="text_characters_1")(said, train=train)
        return (word * said).sum(axis=1) / jnp.sqrt(self.text_features)
