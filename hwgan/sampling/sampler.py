"""The sampler: texts in, images of words, lines and paragraphs out."""

import dataclasses
import functools
import numbers
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hwgan.data import transforms
from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.schedule import padded_size, sorted_rows
from hwgan.models.networks import Networks
from hwgan.models.state import variables_digest
from hwgan.runtime.errors import UserError
from hwgan.sampling.interpolation import vary
from hwgan.sampling.page import join_words
from hwgan.sampling.style_delta import NO_DELTA, Delta, add_delta
from hwgan.sampling.word_sampler import LONGEST_WORD, WordSampler, by_line

_BATCH_SIZE = 32
_CPU_BATCH_SIZE = 8  # as fast a word there, and eight words of like width have little padding
_ONE_CANVAS = 32  # words, of which the padding costs less than compiling for a second canvas
_WIDTHS_AT_ONCE = 256
_CANVAS = 64  # pixels of the narrowest
_ANY_WIDTH = 2**20  # pixels; a canvas that no word fills
_MAX_TEMPERATURE = 5.0
MAX_LOG_WIDTH = 8.0  # of z[0], in standard deviations; the width of the canvas, and so memory, is exponential in it
_MAX_ENTRY = 100.0  # of z; the prior has standard deviation 1
_WORD_VARIATION = 0.25  # a of `vary`: at 0.15 words seem equal, from 0.45 on they seem to be by different writers


@functools.partial(jax.jit, static_argnums=(0, 5))
def _draw(networks: Networks, variables: dict[str, Any], z, labels, lengths, canvas_width):
    layout = networks.layout(labels, lengths, z, canvas_width)
    images, _ = networks.generate(variables, z, labels, layout, train=False)
    return images[..., 0], layout.widths


@functools.partial(jax.jit, static_argnums=0)
def _widths(networks: Networks, z, labels, lengths):
    return networks.layout(labels, lengths, z, _ANY_WIDTH).widths


@functools.partial(jax.jit, static_argnums=(2, 3))
def _prior(key: jax.Array, temperature: jax.Array, shape: tuple[int, ...], limits_width: bool) -> jax.Array:
    """Styles z ~ N(0, T² I), [*shape]; `limits_width` clips z[0], which has no effect at a temperature near 1."""
    noise = temperature * jax.random.normal(key, shape)
    return noise.at[..., 0].set(noise[..., 0].clip(-MAX_LOG_WIDTH, MAX_LOG_WIDTH)) if limits_width else noise


def canvas_for(width: int) -> int:
    """The narrowest canvas for a width: 64, 96, 128, 192, 256, 384, … pixels, few, so that little is compiled."""
    return padded_size(max(width, _CANVAS))


@dataclasses.dataclass(frozen=True)
class Sampler(WordSampler):
    """Draws words with the generator.

    Attributes:
      networks: the modules.
      variables: of the language model and the generator, without the delta.
      charset: the alphabet they were trained on.
      spec: the size of their images.
      temperature: T of styles z ~ N(0, T² I), above 0. Training has 1; below, styles are nearer to the mean and to each
        other (truncation), above, they vary more and are less legible.
      rare_characters: number of training examples of each character with few of them; for `cautions`.
      center: the style [z_dim] of a writer, of which all sampled styles are variations (`vary`); None samples from the
        prior.
      delta: changes of the variables for the writer of a fine-tuned style; empty for none.

    References:
      Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019,
      https://arxiv.org/abs/1809.11096, for truncation
    """

    networks: Networks
    variables: dict[str, Any]
    charset: Charset
    spec: ImageSpec
    temperature: int | float = 1.0
    rare_characters: dict[str, int] = dataclasses.field(default_factory=dict)
    center: jax.Array | None = None
    delta: Delta = dataclasses.field(default_factory=lambda: NO_DELTA)

    def __post_init__(self):
        check_temperature(self.temperature)

    @functools.cached_property
    def _tuned_variables(self) -> dict[str, Any]:
        return add_delta(self.variables, self.delta)

    def check_style(self, z: np.ndarray, what: str) -> None:
        """Raises UserError for a style that is of another size, not finite, or would make words absurdly wide.

        Args:
          z: the style.
          what: names it in messages, such as "the style 'mine.npz'".
        """
        if z.shape != (self.networks.z_dim,):
            raise UserError(f"{what} must have {self.networks.z_dim} numbers; got shape {z.shape}")
        wrong = np.flatnonzero(~(np.abs(z) <= _MAX_ENTRY))
        if wrong.size:
            raise UserError(
                f"{what} has z[{wrong[0]}] = {z[wrong[0]]:g}: entries must be finite, and at most {_MAX_ENTRY:g}"
            )
        if self.networks.log_width_std and abs(z[0]) > MAX_LOG_WIDTH:
            raise UserError(
                f"{what} has z[0] = {z[0]:g}: words would be {np.exp(self.networks.log_width_std * z[0]):.3g} times as "
                f"wide as usual; |z[0]| is at most {MAX_LOG_WIDTH:g}, of real words at most 2.5"
            )

    @property
    def longest_word(self) -> int:
        longest = self.spec.max_length
        return max(LONGEST_WORD, longest) if self.networks.has_variable_width else longest

    def facts(self) -> dict[str, Any]:
        center = (self.center, self.delta) if self.delta else self.center
        style = {} if self.center is None else {"style": variables_digest(center)}
        return {"weights": variables_digest(self.variables), "temperature": self.temperature, **style}

    def sample_styles(self, key: jax.Array, *count: int) -> jax.Array:
        """Styles from the prior N(0, T² I), or variations of `center`: one, [z_dim], or `count`, [count, z_dim]."""
        shape = (*count, self.networks.z_dim)
        noise = _prior(key, np.float32(self.temperature), shape, bool(self.networks.log_width_std))
        if self.center is None:
            return noise
        return jnp.asarray(vary(jnp.broadcast_to(self.center, noise.shape), noise, _WORD_VARIATION))

    def draw(self, words: Sequence[str], styles: jax.Array, first: int = 0) -> list[np.ndarray]:
        """Images of the words, each in its own style z [z_dim] and as wide as the word; see `WordSampler.draw`."""
        del first  # style and text decide everything
        self.check(words)
        if not words:
            return []
        rows_of_styles = np.asarray(styles)  # NumPy's, for jax would compile the selection of rows
        places = self._places(words)
        widths = self.widths(words, rows_of_styles)
        several = _CPU_BATCH_SIZE if jax.default_backend() == "cpu" else _BATCH_SIZE
        widest = int(widths.max()) if len(words) <= _ONE_CANVAS else 0
        images: dict[int, np.ndarray] = {}
        for filled, rows in sorted_rows(places * _ANY_WIDTH + widths, 1 if len(words) == 1 else several):
            canvas_width = self.canvas_width(max(widest, int(widths[rows].max())))
            chunk = [str(words[i]) for i in filled]
            drawn = self._draw_batch(chunk, rows_of_styles[filled], int(places[rows].max()), canvas_width)
            images.update(zip(rows.tolist(), drawn, strict=False))  # without the words that fill up the batch
        return [images[i] for i in range(len(words))]

    def _places(self, words: Sequence[str]) -> np.ndarray:
        """Characters to which a word is padded: those of the longest training word, or a multiple for a longer one."""
        return self.spec.max_length * -(-np.array([len(word) for word in words]) // self.spec.max_length)

    def _draw_batch(
        self, words: list[str], styles: Float[np.ndarray, "b z"], places: int, canvas_width: int
    ) -> list[np.ndarray]:
        """`draw` for the words of a batch."""
        rows, lengths = self.charset.encode_batch(words, places)
        drawn, widths = _draw(self.networks, self._tuned_variables, styles, rows, lengths, canvas_width)
        images = [
            image[:, :width]
            for image, width in zip(transforms.to_uint8(np.asarray(drawn)), np.asarray(widths), strict=True)
        ]
        if not self.networks.has_variable_width:
            images = [transforms.trim_sides(image) for image in images]
        return [transforms.flip_reading(image, self.charset.right_to_left) for image in images]

    def widths(self, words: Sequence[str], styles: Float[Array | np.ndarray, "n z"]) -> Int[np.ndarray, " n"]:
        """Pixels of each word in its style z, before the sides of one of a fixed canvas are trimmed."""
        rows, lengths = self.charset.encode_batch(list(map(str, words)), int(self._places(words).max()))
        styles, found = np.asarray(styles), []
        for start in range(0, len(words), _WIDTHS_AT_ONCE):
            part = np.arange(start, start + _WIDTHS_AT_ONCE).clip(max=len(words) - 1)  # of one size, compiled once
            found.append(_widths(self.networks, styles[part], rows[part], lengths[part]))
        return np.concatenate(found)[: len(words)]

    def canvas_width(self, widest: int) -> int:
        """Pixels of a canvas for words of which the widest has `widest`."""
        return canvas_for(widest) if self.networks.char_widths else self.spec.max_width

    def draw_lines(self, text: str, style: jax.Array) -> list[list[np.ndarray]]:
        """The words of a text in one style.

        A word that comes again is drawn in a style close to `style` (`vary`), so that no two words are equal.

        Args:
          text: words with white space between.
          style: [z_dim].

        Returns:
          For each line of the text the images of its words, see `draw`; none for a blank line.

        Raises:
          UserError: see `check`; or there is no word.
        """
        return by_line(text, lambda words: self.draw(words, self._styles_of_words(words, style)))

    def draw_text(self, text: str, style: jax.Array) -> np.ndarray:
        """The words of `draw_lines` side by side in one image [height, width], a third of the height apart."""
        words = [image for line in self.draw_lines(text, style) for image in line]
        return join_words(words[:: -1 if self.charset.right_to_left else 1], self.spec.height // 3)

    def _styles_of_words(self, words: Sequence[str], style: jax.Array) -> jax.Array:
        """The style for the first of equal words, and a variation of it for each other; [len(words), z_dim]."""
        styles = np.repeat(np.asarray(style)[None], len(words), axis=0)
        noise = np.random.default_rng(0).standard_normal(styles.shape, np.float32)
        before = set[str]()
        for i, word in enumerate(words):
            if word in before:
                styles[i] = vary(styles[i], self.temperature * noise[i], _WORD_VARIATION)
            before.add(word)
        return jnp.asarray(styles)


def check_temperature(temperature: int | float) -> None:
    """Raises UserError for a temperature that is not above 0 and at most 5, where no style is legible any more."""
    if not isinstance(temperature, numbers.Real) or not 0.0 < temperature <= _MAX_TEMPERATURE:
        raise UserError(
            f"the temperature of styles must be above 0 and at most {_MAX_TEMPERATURE:g}, got {str(temperature)[:50]}"
        )
