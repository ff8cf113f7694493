"""Short texts of random characters: training data for characters in any context."""

from collections.abc import Iterable, Sequence

import numpy as np

from hwgan.data.charset import normalize_text
from hwgan.data.graphemes import is_mark, split_graphemes

_RANDOM_LENGTHS = 4  # number of different lengths of random texts, from the shortest allowed one


def random_text_units(characters: str, words: Iterable[str]) -> list[str]:
    """What random texts are made of: the characters of an alphabet, and the graphemes with marks that words have.

    Marks do not stand alone or on characters that no word has them on, and white space is left out.

    Args:
      characters: the alphabet.
      words: texts in NFC.
    """
    units = [character for character in characters if not character.isspace() and not is_mark(character)]
    if any(map(is_mark, characters)):
        graphemes = {grapheme for word in set(words) for grapheme in split_graphemes(word)}
        units += sorted(g for g in graphemes if len(g) > 1 and not g[0].isspace() and not is_mark(g[0]))
    return units


def random_texts(units: Sequence[str], count: int, lengths: tuple[int, int], seed: int = 0) -> list[str]:
    """Texts of independent, uniformly distributed units.

    Args:
      units: characters or graphemes (`random_text_units`).
      count: number of texts. Those that NFC would change, as it joins the letters of Hangul, or that are too long
        by their marks are left out.
      lengths: shortest and longest allowed length in characters; texts have a number of units that is uniform over the
        first four of this range.
      seed: seed of the texts.
    """
    rng = np.random.default_rng(seed)
    shortest, longest = max(1, lengths[0]), lengths[1]  # an empty text has nothing to draw
    text_lengths = rng.integers(shortest, min(longest + 1, shortest + _RANDOM_LENGTHS), size=count)
    texts = ["".join(rng.choice(list(units), size=length)) for length in text_lengths] if units else []
    return [text for text in texts if len(text) <= longest and normalize_text(text) == text]
