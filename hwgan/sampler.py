"""The sampler: texts in, images of words, lines and paragraphs out."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hwgan.data import transforms
from hwgan.data.charset import Charset, normalize_text, pad_labels
from hwgan.data.preprocessing import ImageSpec
from hwgan.errors import UserError
from hwgan.models import Networks
from hwgan.page import break_lines, side_by_side, stack_lines
from hwgan.run import Run, trains_generator
from hwgan.train_state import WRITING_NETWORKS, TrainState
from hwgan.writing import generate

_BATCH_SIZE = 32
_CANVAS_STEP = 64  # pixels
_ANY_WIDTH = 2**20  # pixels; a canvas that no word fills
_LONGEST_WORD = 64  # a variable-width generator can draw any length; beyond this it is no word but a mistake


@functools.partial(jax.jit, static_argnums=(0, 5))
def _draw(networks: Networks, variables: dict[str, Any], z, labels, lengths, canvas_width):
    layout = networks.layout(labels, lengths, z, canvas_width)
    images, _ = generate(networks, variables["language_model"], variables["generator"], z, labels, layout, train=False)
    return images[..., 0], layout.widths


@dataclasses.dataclass(frozen=True)
class Sampler:
    """Draws words with the generator.

    Attributes:
      networks: the modules.
      variables: of the language model and the generator.
      charset: the alphabet they were trained on.
      spec: the size of their images.
      spread: standard deviation of the noise that hands are drawn from, above 0. In training it is 1; below, hands are
        plainer and more alike (truncation), above, they differ more and are harder to read.

    References:
      Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019,
      https://arxiv.org/abs/1809.11096, for truncation
    """

    networks: Networks
    variables: dict[str, Any]
    charset: Charset
    spec: ImageSpec
    spread: float = 1.0

    def __post_init__(self):
        _check_spread(self.spread)

    def check(self, words: Sequence[str]) -> None:
        """Raises UserError if a word is empty, too long, or has a character outside the alphabet."""
        longest = _LONGEST_WORD if self.networks.has_variable_width else self.spec.max_length
        for word in words:
            if not word:
                raise UserError("the text is empty: nothing to write")
            self.charset.encode(word)
            if len(word) > longest:
                raise UserError(f"{word[:80]!r} has {len(word)} characters; this model writes words of up to {longest}")

    def knows(self, text: str) -> bool:
        """Whether it learned to write such words: their characters, and no more of them than words had in training."""
        return 0 < len(text) <= self.spec.max_length and not self.charset.unknown(text)

    def hand(self, seed: int) -> jax.Array:
        """The noise vector [z_dim] of a seed: a hand."""
        return self.noise(jax.random.key(seed))

    def noise(self, key: jax.Array, *count: int) -> jax.Array:
        """Hands drawn at random: one, [z_dim], or `count`, [count, z_dim]."""
        return self.spread * jax.random.normal(key, (*count, self.networks.z_dim))

    def draw(self, words: Sequence[str], hands: jax.Array) -> list[np.ndarray]:
        """Images of the words, each in its own hand.

        Args:
          words: in NFC.
          hands: noise vectors, [len(words), z_dim].

        Returns:
          uint8 [height, width] images, dark ink on white, as wide as each word.
        """
        self.check(words)
        order = np.array(sorted(range(len(words)), key=lambda i: len(words[i])), int)  # so that little is padding
        images: dict[int, np.ndarray] = {}
        for start in range(0, len(words), _BATCH_SIZE):
            rows = order[start : start + _BATCH_SIZE].tolist()
            chunk: list[str] = [str(words[i]) for i in rows]
            images.update(zip(rows, self.draw_batch(chunk, hands[np.array(rows)]), strict=True))
        return [images[i] for i in range(len(words))]

    def draw_batch(self, words: list[str], hands: jax.Array) -> list[np.ndarray]:
        """`draw` for at most `_BATCH_SIZE` words, padded to few shapes so that little is compiled."""
        count = len(words)
        longest = max(map(len, words))
        length = self.spec.max_length * -(-longest // self.spec.max_length)
        size = 1 if count == 1 else _BATCH_SIZE
        filled = words + words[-1:] * (size - count)
        labels = [self.charset.encode(word) for word in filled]
        z = jnp.concatenate([hands, jnp.repeat(hands[-1:], size - count, axis=0)])
        lengths = np.array([len(row) for row in labels], np.int32)
        rows = pad_labels(labels, length)
        drawn, widths = _draw(self.networks, self.variables, z, rows, lengths, self._canvas_width(z, rows, lengths))
        images = [
            image[:, :width]
            for image, width in zip(transforms.to_uint8(np.asarray(drawn)), np.asarray(widths), strict=True)
        ]
        if not self.networks.has_variable_width:
            images = [transforms.trim_sides(image) for image in images]
        return [transforms.flip_reading(image, self.charset.right_to_left) for image in images[:count]]

    def _canvas_width(self, z: jax.Array, labels: np.ndarray, lengths: np.ndarray) -> int:
        """Wide enough for the widest word, in steps so that little is compiled."""
        if not self.networks.letter_widths:
            return self.spec.max_width
        widest = int(self.networks.layout(jnp.asarray(labels), jnp.asarray(lengths), z, _ANY_WIDTH).widths.max())
        return _CANVAS_STEP * -(-widest // _CANVAS_STEP)

    def draw_text(self, text: str, hand: jax.Array, page_width: int = 0) -> np.ndarray:
        """A text of one or more words in one hand.

        Args:
          text: words with white space between; every line of it begins a new one.
          hand: [z_dim].
          page_width: in pixels; lines are broken to fit in it. 0 breaks none.

        Returns:
          uint8 [height, width].

        Raises:
          UserError: see `check`; or there is no word.
        """
        paragraphs = [line.split() for line in normalize_text(text).splitlines() if line.split()]
        words = [word for paragraph in paragraphs for word in paragraph]
        if not words:
            raise UserError("the text is empty: nothing to write")
        images = self.draw(words, jnp.repeat(hand[None], len(words), axis=0))
        right_to_left, gap = self.charset.right_to_left, self.spec.height // 3
        lines = []
        for paragraph in paragraphs:
            own, images = images[: len(paragraph)], images[len(paragraph) :]
            for part in break_lines([image.shape[1] for image in own], gap, page_width):
                lines.append(side_by_side(own[part][:: -1 if right_to_left else 1], gap))
        return stack_lines(lines, right_to_left=right_to_left)


def between_hands(first: Float[Array, " z"], last: Float[Array, " z"], count: int) -> list[Float[Array, " z"]]:
    """`count` hands from the first to the last, by even angles, so that those between are as likely as noise is.

    A straight line would pass near the middle of all hands, where few noise vectors lie.

    References:
      White, Sampling Generative Networks, 2016, https://arxiv.org/abs/1609.04468
    """
    lengths = jnp.linalg.norm(first), jnp.linalg.norm(last)
    start, end = first / lengths[0], last / lengths[1]
    angle = jnp.arccos(jnp.clip(jnp.dot(start, end), -1.0, 1.0))
    hands = []
    for share in np.linspace(0.0, 1.0, count).tolist():
        if float(jnp.sin(angle)) < 1e-3:  # one direction: there is no circle
            direction = (1.0 - share) * start + share * end
        else:
            direction = (jnp.sin((1.0 - share) * angle) * start + jnp.sin(share * angle) * end) / jnp.sin(angle)
        hands.append(((1.0 - share) * lengths[0] + share * lengths[1]) * direction)
    return hands


def create_sampler(run: Run) -> Sampler:
    """The sampler of a restored run.

    Raises:
      UserError: the run only learned to read.
    """
    if not trains_generator(run.config):
        raise UserError("this run trained no generator, so it cannot write; give the workdir of one that does")
    return Sampler(run.networks, ema_variables(run.state), run.charset, run.spec, spread_of_hands(run.config))


def spread_of_hands(config: Any) -> float:
    """What a config asks for; see `Sampler.spread`.

    Raises:
      UserError: it is not above 0.
    """
    spread = config.sample.spread if "sample" in config else 1.0
    _check_spread(spread)
    return spread


def _check_spread(spread: float) -> None:
    if not 0.0 < spread < float("inf"):
        raise UserError(f"the spread of hands must be above 0, got {spread}")


def ema_variables(state: TrainState) -> dict[str, Any]:
    """What to sample with: averaged parameters, and the generator's running statistics."""
    return {name: {"params": state.ema[name], **getattr(state, name).collections} for name in WRITING_NETWORKS}
