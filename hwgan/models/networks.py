"""The modules of a run and the sizes they agree on."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hwgan.models.batch import RealWords, WordFeatures
from hwgan.models.identifier import NoIdentifier
from hwgan.models.language_model import TextFeatures
from hwgan.models.layout import (
    Layout,
    char_grid_layout,
    char_width_layout,
    compress_widths,
    fixed_canvas_layout,
    starts_of_graphemes,
)


@dataclasses.dataclass(frozen=True)
class Networks:
    """Flax modules, hashable, without their variables.

    Attributes:
      language_model: labels → `TextFeatures`.
      generator: z, `TextFeatures`, `Layout` → images.
      discriminator: images → `DiscriminatorOutput`.
      recognizer: images → `RecognizerOutput`.
      identifier: images → `IdentifierOutput`; `NoIdentifier` where writers are unknown.
      z_dim: size of z.
      pixels_per_character: width of generated words in pixels a character (`char_grid`, `scrabblegan`); else 0.
      char_widths: pixels of each label at log width 0 (`char_width`); else empty.
      reference_width: pixels of a text at which width compression changes nothing (`char_width`).
      canvas_width: pixels of every generated image (`alonso`); else 0.
      marks: whether each label is a combining mark, which shares the place of its base; True for 0, the padding. Empty
        for an alphabet without marks.
    """

    language_model: Any  # Any, for type checkers do not know what `apply` of a flax module returns
    generator: Any
    discriminator: Any
    recognizer: Any
    identifier: Any
    z_dim: int
    pixels_per_character: int = 0
    char_widths: tuple[float, ...] = ()
    reference_width: float = 1.0
    canvas_width: int = 0
    marks: tuple[bool, ...] = ()

    @property
    def has_variable_width(self) -> bool:
        """Whether generated words are as wide as their text, not as one canvas."""
        return not self.canvas_width

    @property
    def has_identifier(self) -> bool:
        """Whether styles are encoded from real words by a writer identifier."""
        return not isinstance(self.identifier, NoIdentifier)

    @property
    def log_width_std(self) -> float:
        """Standard deviation of the log width ratio that z[:, 0] stands for; 0 where widths do not depend on z."""
        return self.generator.log_width_std if self.char_widths else 0.0

    def input_widths(self, words: RealWords) -> Int[Array, " b"]:
        """Columns of real images that networks read: on a fixed canvas all columns, as for generated images."""
        return words.widths if self.has_variable_width else jnp.full_like(words.widths, words.image.shape[2])

    def num_frames(self, widths: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Frames into which the recognizer divides images of these widths, on a fixed canvas all of the canvas."""
        pixels = np.full_like(widths, self.canvas_width) if self.canvas_width else widths
        return -(-pixels // self.recognizer.frame_width)

    def word_features(
        self, recognizer: Any, identifier: Any, image: Float[Array, "b h w 1"], widths: Int[Array, " b"]
    ) -> WordFeatures:
        """Features of recognizer and identifier, given their variables; running statistics are used, none change."""
        read = self.recognizer.apply(recognizer, image, widths, train=False)
        style = self.identifier.apply(identifier, image, widths, train=False).features
        return WordFeatures(read.states, read.lengths, style, read.logits)

    def discriminator_features(
        self, recognizer: Any, identifier: Any, image: Float[Array, "b h w 1"], widths: Int[Array, " b"]
    ) -> WordFeatures | None:
        """`word_features` for a discriminator with feature heads; None for one without."""
        if not getattr(self.discriminator, "feature_head_dim", 0):
            return None
        return self.word_features(recognizer, identifier, image, widths)

    def text_widths(self, labels: Int[np.ndarray, "n t"], lengths: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Expected pixels of texts at log width 0; 0 where the canvas is the same for all."""
        if self.char_widths:
            sums = np.array(self.char_widths)[labels].sum(axis=1)  # padding has no width
            widths = compress_widths(np.maximum(sums, 1.0), self.reference_width, self.generator.width_compression)
            return widths.astype(np.float32)
        places = starts_of_graphemes(labels, np.array(self.marks)).sum(axis=1) if self.marks else lengths
        return (self.pixels_per_character * places).astype(np.float32)

    def layout(
        self, labels: Int[Array, "b t"], lengths: Int[Array, " b"], z: Float[Array, "b z"], canvas_width: int
    ) -> Layout:
        """Where the characters of texts lie on the canvas.

        Args:
          labels: padded with 0.
          lengths: of the texts.
          z: styles.
          canvas_width: pixels of the images, for generators whose canvas does not follow from the text.
        """
        marks = jnp.array(self.marks) if self.marks else None
        if self.char_widths:
            ratio = jnp.exp(self.generator.log_width_std * z[:, 0])
            return char_width_layout(
                labels,
                lengths,
                jnp.array(self.char_widths),
                ratio,
                canvas_width,
                width_compression=self.generator.width_compression,
                reference_width=self.reference_width,
                marks=marks,
            )
        if self.pixels_per_character:
            return char_grid_layout(labels, lengths, self.pixels_per_character, marks)
        return fixed_canvas_layout(lengths, labels.shape[1], self.canvas_width)

    def generate(
        self,
        variables: dict[str, Any],
        z: Float[Array, "b z"],
        labels: Int[Array, "b t"],
        layout: Layout,
        *,
        train: bool,
    ) -> tuple[Float[Array, "b h w 1"], Any]:
        """Images G(z, φ(text)) in [-1, 1], and the generator's new collections (none unless `train`).

        Args:
          variables: of "language_model" and "generator".
          z: styles.
          labels: padded with 0.
          layout: of these texts.
          train: whether batch statistics are of this batch and spectral norms are updated.
        """
        lengths = layout.lengths if layout.members is None else (labels > 0).sum(axis=1)
        text = at_places(self.language_model.apply(variables["language_model"], labels, lengths), layout)
        generator = variables["generator"]
        if not train:
            return self.generator.apply(generator, z, text, layout, train=False), {}
        collections = [name for name in generator if name != "params"]
        return self.generator.apply(generator, z, text, layout, train=True, mutable=collections)


def at_places(text: TextFeatures, layout: Layout) -> TextFeatures:
    """The features of characters as those of the places of a layout: of a grapheme the mean over its characters."""
    if layout.members is None:
        return text
    members = layout.members.astype(text.characters.dtype)
    return TextFeatures(text.word, jnp.einsum("bpt,btd->bpd", members, text.characters))
