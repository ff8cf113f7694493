"""Maps texts to CTC label ids and back, and decodes greedily; id 0 is both the CTC blank and the padding."""

import dataclasses
import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from hwgan.data.direction import column_order
from hwgan.runtime.errors import UserError
from hwgan.runtime.wording import some

BLANK_ID = 0
FEW_EXAMPLES = 20  # a character that occurs less often in the training words is written badly
_NAMED_CHARACTERS, _NAMED_PLACES = 20, 3


def normalize_text(text: str) -> str:
    """Unicode NFC, in which a letter and its combining accent are one character where Unicode has one; plain spaces.

    No-break spaces, thin spaces and all others of category Zs become U+0020.
    """
    normal = unicodedata.normalize("NFC", text)
    return normal if normal.isascii() else "".join(" " if unicodedata.category(c) == "Zs" else c for c in normal)


def character_name(character: str) -> str:
    """A character as messages show it: with its code point, or as its name where it has no shape of its own."""
    code = f"U+{ord(character):04X}"
    if unicodedata.category(character)[0] in "CMZ":  # control, combining mark, white space
        return f"{code} {unicodedata.name(character, 'without name').lower()}"
    return f"{character!r} ({code})"


def name_characters(places: Mapping[str, Sequence[str]]) -> str:
    """Names characters with counts and the first places where they stand.

    Args:
      places: for each character, the place of each of its occurrences, such as "line 3", or "" where there is but one.
    """
    named = []
    for character, its in places.items():
        distinct = [place for place in dict.fromkeys(its) if place]
        times = f" {len(its):,} times" if len(its) > 1 else ""
        where = f" in {some(distinct, _NAMED_PLACES)}" if distinct else ""
        named.append(f"{character_name(character)}{times}{where}")
    others = len(named) - _NAMED_CHARACTERS
    return ", ".join(named[:_NAMED_CHARACTERS]) + (f" and {others:,} other characters" if others > 0 else "")


@dataclasses.dataclass(frozen=True)
class Charset:
    """An ordered alphabet; character i has label id i + 1.

    Attributes:
      characters: the characters of the alphabet, each once.
      right_to_left: whether the script is written from right to left; the labels of a text then follow the columns of
        its mirrored image (`direction.column_order`).
    """

    characters: str
    right_to_left: bool = False

    def __post_init__(self):
        if len(set(self.characters)) != len(self.characters) or not self.characters:
            raise UserError(f"an alphabet needs at least one character and no repeats, got {self.characters!r}")

    @property
    def num_labels(self) -> int:
        """Number of label ids, including the blank."""
        return len(self.characters) + 1

    def unknown(self, text: str) -> list[tuple[int, str]]:
        """(position, character) of each character of `text` that is outside the alphabet."""
        return [(i, c) for i, c in enumerate(normalize_text(text)) if c not in self._ids]

    def rare(self, texts: Iterable[str]) -> dict[str, int]:
        """How often each character of the alphabet occurs in the texts, of those that occur less than 20 times."""
        counts = Counter(character for text in texts for character in text)
        return {c: counts[c] for c in self.characters if counts[c] < FEW_EXAMPLES and not c.isspace()}

    def require(self, texts: Iterable[str]) -> None:
        """Raises UserError if characters of the texts are outside the alphabet; it names all of them."""
        places: dict[str, list[str]] = {}
        for text in texts:
            for _, character in self.unknown(text):
                places.setdefault(character, []).append(repr(text[:40]))
        if places:
            raise self.unwritable_error(places)

    def unwritable_error(self, places: Mapping[str, list[str]], advice: str = "") -> UserError:
        """The error that names characters outside the alphabet.

        Args:
          places: where each of them stands.
          advice: what can be done, with "; " after it.
        """
        return UserError(
            f"outside the alphabet that this model was trained on: {name_characters(places)}; {advice}"
            f"allowed are: {self.characters}"
        )

    def encode(self, text: str) -> Int[np.ndarray, " length"]:
        """Label ids of `text` in NFC, in [1, num_labels), in the order of the columns of its image.

        Raises:
          UserError: a character is outside the alphabet.
        """
        ids = self._ids
        characters = normalize_text(text)
        if self.right_to_left:
            characters = column_order(characters)
        try:
            return np.array([ids[c] for c in characters], np.int32)
        except KeyError:
            self.require([text])
            raise

    def encode_batch(
        self, texts: Sequence[str], length: int | None = None
    ) -> tuple[Int[np.ndarray, "batch length"], Int[np.ndarray, " batch"]]:
        """Label ids of texts, padded on the right with 0, and the number of labels of each text.

        Args:
          texts: at least one text.
          length: number of label columns; by default that of the longest text.

        Raises:
          UserError: a character is outside the alphabet.
        """
        labels = [self.encode(text) for text in texts]
        lengths = np.array([len(row) for row in labels], np.int32)
        return pad_labels(labels, int(lengths.max()) if length is None else length), lengths

    def decode(self, ids: Iterable[int | np.integer]) -> str:
        """The text of label ids, with all 0 (blank and padding) removed; the inverse of `encode`."""
        text = "".join(self.characters[i - 1] for i in ids if i != BLANK_ID)
        return column_order(text) if self.right_to_left else text

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {c: i + 1 for i, c in enumerate(self.characters)}


def pad_labels(labels: list[np.ndarray], length: int) -> Int[np.ndarray, "batch length"]:
    """Stacks label sequences, each padded on the right with 0 to `length`."""
    padded = np.zeros((len(labels), length), np.int32)
    for row, ids in zip(padded, labels, strict=True):
        row[: len(ids)] = ids
    return padded
