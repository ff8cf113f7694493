"""Where the characters of a word stand on the generated canvas.

Combining marks share the place of their base. Where an alphabet has some, a layout is one of graphemes, and
`Layout.members` tells which characters each of them is of; the features of a grapheme are the mean over these.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from hwgan.models.layers import length_mask


@flax.struct.dataclass
class Layout:
    """The places of the characters of a batch of words, or of their graphemes.

    Attributes:
      lengths: places of each word.
      spans: pixels from left to right that each place may take; zero at padding.
      widths: pixels of each word.
      canvas_width: pixels of the images; a word's own are the first of them.
      members: share of each character in each place: 1 / n for the n characters of a grapheme; None where every
        character has a place of its own.
    """

    lengths: Int[Array, " b"]
    spans: Float[Array, "b places"]
    widths: Int[Array, " b"]
    canvas_width: int = flax.struct.field(pytree_node=False)
    members: Float[Array, "b places t"] | None = None


def starts_of_graphemes(labels: Any, marks: Any) -> Any:
    """Bool [b, t]: whether a character has a place of its own: one that is no mark, or the first of a text.

    Args:
      labels: int [b, t], padded with 0; NumPy's or jax's.
      marks: bool [labels], whether a label is a mark without width; True for 0, the padding. NumPy's or jax's.
    """
    return ~marks[labels] | (np.arange(labels.shape[1]) == 0)[None]


def _members(labels: Int[Array, "b t"], marks: Bool[Array, " labels"]) -> Float[Array, "b places t"]:
    """See `Layout.members`."""
    grapheme = jnp.cumsum(starts_of_graphemes(labels, marks), axis=1) - 1
    belongs = (grapheme[:, None] == jnp.arange(labels.shape[1])[None, :, None]) & (labels > 0)[:, None]
    return belongs / jnp.maximum(belongs.sum(axis=-1, keepdims=True), 1)


def fixed_canvas_layout(lengths: Int[Array, " b"], num_characters: int, canvas_width: int) -> Layout:
    """Every word has all of the canvas, whatever its length."""
    spans = jnp.full((lengths.shape[0], num_characters), canvas_width / num_characters)
    return Layout(lengths, spans, jnp.full_like(lengths, canvas_width), canvas_width)


def char_grid_layout(
    labels: Int[Array, "b t"],
    lengths: Int[Array, " b"],
    pixels_per_character: int,
    marks: Bool[Array, " labels"] | None = None,
) -> Layout:
    """Every character takes the same number of pixels (Fogel et al. 2020); a mark shares those of its base.

    Args:
      labels: padded with 0.
      lengths: of the texts.
      pixels_per_character: of each character that is no mark.
      marks: whether a label is a mark without width, True for 0; None for an alphabet without marks.
    """
    num_places, members = labels.shape[1], None
    if marks is not None:
        members = _members(labels, marks)
        lengths = starts_of_graphemes(labels, marks).sum(axis=1)
    spans = length_mask(lengths, num_places) * float(pixels_per_character)
    return Layout(lengths, spans, lengths * pixels_per_character, num_places * pixels_per_character, members)


def compress_widths(sums: Any, reference_width: float, width_compression: float) -> Any:
    """Pixels of words whose characters' widths add up to w: w · (w / reference)^-compression.

    Args:
      sums: w, pixels; any array.
      reference_width: pixels at which nothing changes.
      width_compression: 0 changes nothing; with 0.1 a word of twice the width is 2^0.9 times as wide.
    """
    return sums * (sums / reference_width) ** -width_compression


def char_width_layout(
    labels: Int[Array, "b t"],
    lengths: Int[Array, " b"],
    char_widths: Float[Array, " labels"],
    width_ratio: Float[Array, " b"],
    canvas_width: int,
    width_compression: float = 0.0,
    reference_width: float = 1.0,
    marks: Bool[Array, " labels"] | None = None,
) -> Layout:
    """Every character has its own width, scaled by the width ratio of the style and narrowed in long words.

    Args:
      labels: padded with 0.
      lengths: of the words.
      char_widths: pixels of each label at ratio 1.
      width_ratio: of each word.
      canvas_width: pixels of the images; a word that would be wider is squeezed.
      width_compression: see `compress_widths`.
      reference_width: see `compress_widths`.
      marks: whether a label is a mark without width, True for 0; None for an alphabet without marks.
    """
    spans, members = char_widths[labels] * length_mask(lengths, labels.shape[1]), None
    if marks is not None:
        members = _members(labels, marks)
        spans = ((members > 0) * spans[:, None]).sum(axis=-1)
        lengths = starts_of_graphemes(labels, marks).sum(axis=1)
    sums = jnp.maximum(spans.sum(axis=1), 1.0)
    wanted = jnp.maximum(compress_widths(sums, reference_width, width_compression) * width_ratio, 1.0)
    widths = jnp.clip(jnp.ceil(wanted), 1, canvas_width)
    return Layout(lengths, spans * (widths / sums)[:, None], widths.astype(jnp.int32), canvas_width, members)


def assign_columns(layout: Layout, num_columns: int) -> tuple[Float[Array, "b w places"], Float[Array, "b w"]]:
    """Soft assignment of the columns of a feature map to characters (or graphemes), and positions within them.

    share = softmax over characters of -2 d², with d the distance of the column from the character's centre in units of
    half its span.

    Args:
      layout: of the words.
      num_columns: of the feature map, which covers the canvas evenly.

    Returns:
      Shares, which sum to 1 over the characters, and Σ share · d, with d clipped to [-2, 2]: about 0 at the centre of a
      character, -1 and 1 at the outer edges of the word. On a border of two characters it passes through 0.

    References:
      Shen et al., Non-Attentive Tacotron, 2020, https://arxiv.org/abs/2010.04301 (Gaussian up-sampling)
    """
    spans = jnp.maximum(layout.spans, 1e-3)
    centers = jnp.cumsum(layout.spans, axis=1) - layout.spans / 2
    columns = (jnp.arange(num_columns) + 0.5) * (layout.canvas_width / num_columns)
    distances = (columns[None, :, None] - centers[:, None]) / (spans[:, None] / 2)
    present = length_mask(layout.lengths, layout.spans.shape[1])[:, None]
    logits = jnp.where(present, -2.0 * jnp.square(distances), -1e9)
    shares = jax.nn.softmax(logits, axis=-1)
    places = (shares * jnp.where(present, jnp.clip(distances, -2.0, 2.0), 0.0)).sum(axis=-1)
    return shares, places
