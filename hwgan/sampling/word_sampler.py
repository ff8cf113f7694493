"""What samplers of images and of strokes share: which words they can write, and what they write badly."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import UInt8

from hwgan.data.charset import Charset, normalize_text
from hwgan.data.ink_cleaning import InkSpec
from hwgan.data.preprocessing import ImageSpec
from hwgan.runtime.errors import UserError
from hwgan.runtime.wording import some

LONGEST_WORD = 64  # characters; a model without a fixed canvas has no limit, but longer input is a mistake
_NAMED_WORDS, _NAMED_CHARACTERS = 3, 20


Drawn = TypeVar("Drawn")


class WordSampler:
    """Writes words in styles.

    Attributes:
      charset: the alphabet that the networks were trained on.
      spec: the sizes of their training examples.
      rare_characters: number of training examples of each character with few of them; for `cautions`.
    """

    charset: Charset
    spec: ImageSpec | InkSpec
    rare_characters: dict[str, int]

    @property
    def longest_word(self) -> int:
        """Number of characters of the longest word that can be written."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What decides, beside texts and styles, what is written; JSON values."""
        raise NotImplementedError

    def sample_styles(self, key: jax.Array, *count: int) -> jax.Array:
        """Random styles: one, [d], or `count`, [count, d]."""
        raise NotImplementedError

    def draw(self, words: Sequence[str], styles: jax.Array, first: int = 0) -> list[np.ndarray]:
        """Pictures of the words, uint8 [height, width], dark ink on white.

        Args:
          words: in NFC.
          styles: [len(words), d].
          first: number of the first word among all that are drawn in several calls, where words are drawn with noise
            besides their style: so it differs between the calls.

        Raises:
          UserError: see `check`.
        """
        raise NotImplementedError

    def draw_text(self, text: str, style: jax.Array) -> UInt8[np.ndarray, "h w"]:
        """The words of a text side by side in one style [d]."""
        raise NotImplementedError

    def style(self, seed: int) -> jax.Array:
        """The style [d] of a seed."""
        return self.sample_styles(jax.random.key(seed))

    def can_write(self, text: str) -> bool:
        """Whether a word is in the alphabet, and no longer than those of training."""
        return 0 < len(text) <= self.spec.max_length and not self.charset.unknown(text)

    def check(self, words: Sequence[str]) -> None:
        """Raises UserError if a word is empty or too long, or if words have characters outside the alphabet."""
        self.charset.require(words)
        longest = self.longest_word
        for word in words:
            if not word:
                raise UserError("the text is empty: nothing to write")
            if len(word) > longest:
                raise UserError(f"{word[:80]!r} has {len(word)} characters; this model writes words of up to {longest}")

    def cautions(self, words: Sequence[str]) -> list[str]:
        """Sentences on what of these words the model writes badly, as it was hardly or never trained on it."""
        found = []
        if rare := {c: self.rare_characters[c] for word in words for c in word if c in self.rare_characters}:
            shown = [f"{c} ({count})" for c, count in sorted(rare.items())]
            found.append(
                "characters with few training examples (in brackets) may be malformed: "
                f"{some(shown, _NAMED_CHARACTERS)}"
            )
        longer = list(dict.fromkeys(word for word in words if len(word) > self.spec.max_length))
        if longer:
            found.append(
                f"training words have at most {self.spec.max_length} characters; longer ones may be malformed: "
                f"{some([word[:LONGEST_WORD] for word in longer], _NAMED_WORDS)}"
            )
        return found


def words_by_line(text: str) -> list[list[str]]:
    """The words of each line of a text, without blank lines around it."""
    return [line.split() for line in normalize_text(text).strip().splitlines()]


def by_line(text: str, draw: Callable[[list[str]], list[Drawn]]) -> list[list[Drawn]]:
    """What `draw` makes of all words of a text, for each line of the text; nothing for a blank line.

    Raises:
      UserError: there is no word.
    """
    lines = words_by_line(text)
    words = [word for line in lines for word in line]
    if not words:
        raise UserError("the text is empty: nothing to write")
    drawn = iter(draw(words))
    return [[next(drawn) for _ in line] for line in lines]
