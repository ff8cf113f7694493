"""The sampler of strokes: texts in, the way of a pen out, and pictures of it."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8, UInt32

from hwgan.data.charset import Charset, pad_labels
from hwgan.data.ink import Ink, Stroke, draw_strokes, from_offsets, scale_offsets, smooth, split_strokes
from hwgan.data.ink_cleaning import InkSpec
from hwgan.models.state import variables_digest
from hwgan.models.stroke_writer import StrokeWriter
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import check_number
from hwgan.sampling.page import join_words
from hwgan.sampling.pen import PenSettings, PenTexts, write_points
from hwgan.sampling.word_sampler import LONGEST_WORD, WordSampler, by_line

logger = logging.getLogger(__name__)

_BATCH_SIZE = 32
_HEIGHT = 96  # pixels of a picture
THICKNESS = 0.13  # of the pen, x-heights
_SPARE = 1.6  # points that a text may take, relative to max_points / max_length of the config
_MAX_BIAS, _MAX_TEMPERATURE = 10.0, 5.0
EXTENT = 2.7, 1.8  # of a picture above and below the baseline, x-heights: 96 in 100 real words fit


class WrittenText(NamedTuple):
    """Strokes of a writer, and what they say.

    Attributes:
      text: in NFC.
      ink: offset ink in x-heights.
    """

    text: str
    ink: Ink


class Writing(NamedTuple):
    """A written text.

    Attributes:
      ink: offset ink in x-heights, without that of a priming.
      stopped: whether the pen stopped by itself; else the limit of points stopped it.
      missed: number of characters that the window never showed most, which are likely missing.
    """

    ink: Ink
    stopped: bool
    missed: int = 0

    @property
    def strokes(self) -> list[Stroke]:
        """In x-heights, with the baseline at y = 0; at least one."""
        return split_strokes(from_offsets(self.ink))


@dataclasses.dataclass(frozen=True)
class StrokeSampler(WordSampler):
    """Writes words with a stroke writer.

    A style is uint32 [2]: the random key of a writer's words, which also decides which embedded writer it is.

    Attributes:
      network: the module.
      variables: of it.
      charset: the alphabet it was trained on.
      spec: cleaning and sizes of its ink.
      offset_scale: x-heights in a unit of the network's offsets.
      writer_names: of the embedded writers.
      bias: neatness b >= 0: 0 samples as the network has learned, 1 is neat.
      temperature: T of the Gaussians, from 0.001 to 5.
      rare_characters: number of training examples of each character with few of them; for `cautions`.
      priming: strokes that a text is written after, in their style; None for none.
      writer: name of the embedded writer who writes; "" for one by the style.
      attempts: how often a word is written, at most, until no character is missed and the pen stops by itself; the best
        attempt counts.
    """

    network: StrokeWriter
    variables: dict[str, Any]
    charset: Charset
    spec: InkSpec
    offset_scale: int | float
    writer_names: tuple[str, ...] = ()
    bias: int | float = 0.0
    temperature: int | float = 1.0
    rare_characters: dict[str, int] = dataclasses.field(default_factory=dict)
    priming: WrittenText | None = None
    writer: str = ""
    attempts: int = 4

    def __post_init__(self):
        check_number("bias", self.bias, 0.0, _MAX_BIAS)
        check_number("the temperature of strokes", self.temperature, 1e-3, _MAX_TEMPERATURE)
        if self.writer and self.writer not in self.writer_names:
            known = ", ".join(self.writer_names[:10]) or "none"
            raise UserError(f"this model has embedded no writer {self.writer[:50]!r}; there are {known} ...")

    @property
    def height(self) -> int:
        """Height of pictures in pixels."""
        return _HEIGHT

    @property
    def x_height(self) -> float:
        """Pixels of an x-height in pictures."""
        return _HEIGHT / sum(EXTENT)

    @property
    def longest_word(self) -> int:
        return max(LONGEST_WORD, self.spec.max_length)

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"weights": variables_digest(self.variables), "writer": self.writer}
        if self.priming:
            facts["style"] = f"{self.priming.text} {variables_digest(self.priming.ink)}"
        return {**facts, "bias": self.bias, "temperature": self.temperature, "attempts": self.attempts}

    def sample_styles(self, key: jax.Array, *count: int) -> UInt32[Array, "*count 2"]:
        """Random styles: one, [2], or `count`, [count, 2]."""
        return jax.random.bits(key, (*count, 2), jnp.uint32)

    def write(self, words: Sequence[str], styles: UInt32[Array, "n 2"], first: int = 0) -> list[Writing]:
        """Writes each word in its style, which are drawn together.

        Args:
          words: in NFC.
          styles: [len(words), 2]. Equal words of one style are varied.
          first: see `WordSampler.draw`.
        """
        self.check(words)
        order = sorted(range(len(words)), key=lambda i: len(words[i]))
        keys = jax.vmap(_key_of_word)(jnp.asarray(styles), first + jnp.arange(len(words)))
        writers = self._writer_ids(np.asarray(styles))
        found: dict[int, Writing] = {}
        for attempt in range(self.attempts):
            again = jax.vmap(lambda key, n=attempt: jax.random.fold_in(key, n))(keys) if attempt else keys
            for start in range(0, len(order), _BATCH_SIZE):
                rows = order[start : start + _BATCH_SIZE]
                padded = np.array(rows + rows[-1:] * (0 if len(rows) == 1 else _BATCH_SIZE - len(rows)))
                chunk = [str(words[i]) for i in padded.tolist()]
                for row, writing in zip(rows, self._write_batch(chunk, again[padded], writers[padded]), strict=False):
                    if row not in found or _faults(writing) < _faults(found[row]):
                        found[row] = writing
            order = [row for row in order if any(_faults(found[row]))]
        if order:
            logger.warning(
                "%d of %d words may lack letters or end too late or early, after %d attempts (first: %r)",
                len(order),
                len(words),
                self.attempts,
                words[order[0]],
            )
        return [found[i] for i in range(len(words))]

    def _writer_ids(self, styles: UInt32[np.ndarray, "n 2"]) -> Int[np.ndarray, " n"]:
        """Ids of the embedded writers, from 1; 0, the unknown one, where none are."""
        if self.writer:
            return np.full(len(styles), self.writer_names.index(self.writer) + 1, np.int32)
        count = len(self.writer_names)
        return (1 + styles[:, 0] % count).astype(np.int32) if count else np.zeros(len(styles), np.int32)

    def _write_batch(self, words: list[str], keys: jax.Array, writers: Int[np.ndarray, " n"]) -> list[Writing]:
        """`write` for one or `_BATCH_SIZE` words, padded to few shapes so that little is compiled."""
        size = len(words)
        prime_text, prime = (self.priming.text, self.priming.ink) if self.priming else ("", np.zeros((0, 3)))
        separator = " " if prime_text and not self.charset.unknown(" ") else ""
        labels = [self.charset.encode(prime_text + separator + word) for word in words]
        lengths = np.array([len(row) for row in labels], np.int32)
        num_labels = self.spec.max_length * -(-int(lengths.max()) // self.spec.max_length)
        prime_points = np.zeros((max(1, 64 * -(-len(prime) // 64)), size, 3), np.float32)
        prime_points[: len(prime)] = scale_offsets(prime, 1 / self.offset_scale)[:, None]
        capacity = prime_points.shape[0] + self._capacity(num_labels)
        limits = len(prime) + np.array([self._capacity(len(word)) for word in words])
        points, num_points, shown = write_points(
            self.network,
            capacity,
            self.variables,
            PenTexts(
                keys,
                pad_labels(labels, num_labels),
                lengths,
                writers,
                prime_points,
                np.full(size, len(prime), np.int32),
            ),
            PenSettings(jnp.float32(self.bias), jnp.float32(self.temperature), jnp.int32(limits.max())),
        )
        points, num_points = np.asarray(points), np.asarray(num_points)
        first = len(prime_text + separator)
        missed = [int((~np.asarray(row)[first:length]).sum()) for row, length in zip(shown, lengths, strict=True)]
        whole = (num_points > 0) & (num_points <= limits)  # the others of a batch may take longer
        ends = np.where(whole, num_points, limits)
        return [
            Writing(self._finished(points[len(prime) : end, i]), bool(stopped), missed[i])
            for i, (end, stopped) in enumerate(zip(ends, whole, strict=True))
        ]

    def _finished(self, points: Float[np.ndarray, "n 3"]) -> Ink:
        """Ink in x-heights whose last stroke ends."""
        ink = scale_offsets(points, self.offset_scale)
        ink[-1:, 2] = 1.0
        if self.priming and len(ink):  # the baseline is that of the priming, the left end is its own
            y = from_offsets(self.priming.ink)[-1, 1] if len(self.priming.ink) else 0.0
            ink[0, :2] = 0.0, ink[0, 1] + y
        return ink

    def _capacity(self, length: int) -> int:
        """The limit of points of a text of so many characters."""
        per_character = self.spec.max_points / self.spec.max_length
        return int(_SPARE * per_character * (length + 1)) + 16

    def draw_ink(self, ink: Ink) -> UInt8[np.ndarray, "h w"]:
        """A picture of offset ink, dark on white, `height` pixels high, as wide as the ink."""
        return self.picture(split_strokes(from_offsets(ink)))

    def picture(self, strokes: Sequence[Stroke]) -> UInt8[np.ndarray, "h w"]:
        """A picture of strokes in x-heights, drawn as smooth curves."""
        curves = [smooth(stroke) for stroke in strokes]
        image = draw_strokes(curves, self.x_height, thickness=THICKNESS, extent=EXTENT)
        return image[: self.height]

    def draw(
        self, words: Sequence[str], styles: UInt32[Array, "n 2"], first: int = 0
    ) -> list[UInt8[np.ndarray, "h _"]]:
        """Pictures of the words, each in its own style; see `write`."""
        return [self.draw_ink(writing.ink) for writing in self.write(words, styles, first)]

    def write_lines(self, text: str, style: UInt32[Array, "2"]) -> list[list[Writing]]:
        """The words of a text in one style, for each line of the text; none for a blank line.

        Raises:
          UserError: see `check`; or there is no word.
        """
        return by_line(text, lambda words: self.write(words, jnp.stack([style] * len(words))))

    def draw_text(self, text: str, style: UInt32[Array, "2"]) -> UInt8[np.ndarray, "h w"]:
        """The words of `write_lines` side by side in one picture."""
        words = [self.draw_ink(writing.ink) for line in self.write_lines(text, style) for writing in line]
        return join_words(words, self.height // 3)


def _faults(writing: Writing) -> tuple[int, int]:
    """Whether the pen did not stop, and the characters that are likely missing; (0, 0) for a word that is whole."""
    return int(not writing.stopped), writing.missed


def _key_of_word(style: UInt32[Array, "2"], index: Int[Array, ""]) -> jax.Array:
    return jax.random.fold_in(jax.random.wrap_key_data(style), index)
