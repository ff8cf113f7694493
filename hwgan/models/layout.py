"""Where the characters of a word stand on the generated canvas."""

from typing import Any

import flax.struct
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.layers import length_mask


@flax.struct.dataclass
class Layout:
    """The places of the characters of a batch of words.

    Attributes:
      lengths: characters of each word.
      spans: pixels from left to right that each character may take; zero at padding.
      widths: pixels of each word.
      canvas_width: pixels of the images; a word's own are the first of them.
    """

    lengths: Int[Array, " b"]
    spans: Float[Array, "b t"]
    widths: Int[Array, " b"]
    canvas_width: int = flax.struct.field(pytree_node=False)


def whole_canvas(lengths: Int[Array, " b"], num_characters: int, canvas_width: int) -> Layout:
    """Every word has all of the canvas, whatever its length."""
    spans = jnp.full((lengths.shape[0], num_characters), canvas_width / num_characters)
    return Layout(lengths, spans, jnp.full_like(lengths, canvas_width), canvas_width)


def even_spans(lengths: Int[Array, " b"], num_characters: int, pixels_per_character: int) -> Layout:
    """Every character takes as many pixels (Fogel et al. 2020)."""
    spans = length_mask(lengths, num_characters) * float(pixels_per_character)
    return Layout(lengths, spans, lengths * pixels_per_character, num_characters * pixels_per_character)


def crowded(together: Any, usual_width: float, crowding: float) -> Any:
    """Pixels, [words], of words whose letters take so many together; see `letter_spans`."""
    return together * (together / usual_width) ** -crowding


def letter_spans(
    labels: Int[Array, "b t"],
    lengths: Int[Array, " b"],
    letter_widths: Float[Array, " labels"],
    stretch: Float[Array, " b"],
    canvas_width: int,
    crowding: float = 0.0,
    usual_width: float = 1.0,
) -> Layout:
    """Every character takes the width of its letter, times the stretch of the hand; less where there are many.

    Args:
      labels: of the characters.
      lengths: of the words.
      letter_widths: pixels by label, in the average hand.
      stretch: how wide each word is written, 1 on average.
      canvas_width: pixels of the images; a word that would be wider is squeezed.
      crowding: with 0.1, a word of letters twice as wide together as usual is 2 ** 0.9 times as wide.
      usual_width: pixels that the letters of a word take together where crowding changes nothing.
    """
    spans = letter_widths[labels] * length_mask(lengths, labels.shape[1])
    together = jnp.maximum(spans.sum(axis=1), 1.0)
    wished = jnp.maximum(crowded(together, usual_width, crowding) * stretch, 1.0)
    widths = jnp.clip(jnp.ceil(wished), 1, canvas_width)
    return Layout(lengths, spans * (widths / together)[:, None], widths.astype(jnp.int32), canvas_width)


def place_on_columns(layout: Layout, num_columns: int) -> tuple[Float[Array, "b w t"], Float[Array, "b w"]]:
    """How much each column of a feature map belongs to each character, and where in that character it is.

    A column belongs to characters by a softmax over squared distances in units of the character's own span, so that
    letters pass into one another as pen strokes do.

    Args:
      layout: of the words.
      num_columns: of the feature map, which covers the canvas evenly.

    Returns:
      Shares, which sum to 1 over the characters, and the place within the mean character: -1 at its left edge, 1 at
      its right.

    References:
      Shen et al., Non-Attentive Tacotron, 2020, https://arxiv.org/abs/2010.04301 (Gaussian up-sampling)
    """
    spans = jnp.maximum(layout.spans, 1e-3)
    centers = jnp.cumsum(layout.spans, axis=1) - layout.spans / 2
    columns = (jnp.arange(num_columns) + 0.5) * (layout.canvas_width / num_columns)
    distances = (columns[None, :, None] - centers[:, None]) / (spans[:, None] / 2)
    present = length_mask(layout.lengths, layout.spans.shape[1])[:, None]
    logits = jnp.where(present, -2.0 * jnp.square(distances), -1e9)
    shares = jnp.exp(logits - logits.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    places = (shares * jnp.where(present, jnp.clip(distances, -2.0, 2.0), 0.0)).sum(axis=-1)
    return shares, places
