"""How often words are met: rare characters oftener, in the real words that teach to read and in the words to write; and
generated words beside real ones."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

_MOST_REPEATS = 10
_MORE_CHARACTERS = 3  # of random words than the shortest have


def repeats_of_rare(texts: Sequence[str], plentiful: int) -> Int[np.ndarray, " n"]:
    """How often each text should come where others come once: the rarer its rarest character, the oftener.

    A character in `n` texts, with `n` below `plentiful`, is met as if it were in about `sqrt(n * plentiful)`: more than
    it is, so that it is learned, and less than the others, so that its few images are not learned by heart.

    Args:
      texts: the training words.
      plentiful: characters in so many texts or more need no help.

    Returns:
      1 to 10 for each text.
    """
    counts = Counter(character for text in texts for character in set(text))
    rarest = np.array([min((counts[c] for c in text), default=plentiful) for text in texts])
    repeats = np.rint(np.sqrt(plentiful / np.maximum(rarest, 1)))
    return np.clip(repeats, 1, _MOST_REPEATS).astype(np.int64)


def repeats_of_mixture(num_real: int, num_generated: int, generated_share: float) -> Int[np.ndarray, " n"]:
    """How often real and then generated words come, so that about `generated_share` of what is met is generated.

    The fewer come several times; none is left out.

    Args:
      num_real: words, at least 1.
      num_generated: words, at least 1.
      generated_share: in (0, 1).
    """
    ratio = num_generated * (1.0 - generated_share) / (generated_share * num_real)
    real, generated = (max(1, round(ratio)), 1) if ratio >= 1.0 else (1, max(1, round(1.0 / ratio)))
    return np.repeat([real, generated], [num_real, num_generated]).astype(np.int64)


def random_words(characters: str, count: int, lengths: tuple[int, int], seed: int = 0) -> list[str]:
    """Short words of random characters, which nobody can guess from a part.

    Args:
      characters: the alphabet; all come as often, but for white space, which does not come.
      count: of words.
      lengths: shortest and longest that are allowed; words have one of the first four of these lengths.
      seed: of drawing.
    """
    rng = np.random.default_rng(seed)
    shortest, longest = lengths
    drawn = rng.integers(shortest, min(longest, shortest + _MORE_CHARACTERS) + 1, size=count)
    visible = [character for character in characters if not character.isspace()]
    return ["".join(rng.choice(visible, size=length)) for length in drawn]
