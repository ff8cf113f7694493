"""Oversampling: how often each training word occurs per epoch, for rare characters and for mixtures of two datasets."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

_MAX_REPEATS = 10


def oversampling_of_rare(texts: Sequence[str], rare_character_threshold: int) -> Int[np.ndarray, " n"]:
    """Repeats of each text by its rarest character: round(√(T / n)), clipped to [1, 10].

    n is the number of texts that contain the character, T the threshold. A character with n < T then occurs in about
    n √(T / n) = √(n T) texts per epoch. The square root is a compromise: rare characters occur often enough to be
    learned, but their few images are not repeated so often that networks overfit to them.

    Args:
      texts: the training words.
      rare_character_threshold: T; characters in T texts or more are not oversampled.

    Returns:
      Repeats per epoch of each text, in [1, 10].
    """
    counts = Counter(character for text in texts for character in set(text))
    rarest = np.array([min((counts[c] for c in text), default=rare_character_threshold) for text in texts])
    repeats = np.rint(np.sqrt(rare_character_threshold / np.maximum(rarest, 1)))
    return np.clip(repeats, 1, _MAX_REPEATS).astype(np.int64)


def oversampling_of_mixture(num_real: int, num_generated: int, generated_fraction: float) -> Int[np.ndarray, " n"]:
    """Repeats of real and generated words so that about `generated_fraction` of an epoch is generated.

    One of the two sets is repeated by an integer factor, the other occurs once; no word is dropped.

    Args:
      num_real: number of real words, at least 1.
      num_generated: number of generated words, at least 1.
      generated_fraction: share of generated words in an epoch, in (0, 1).

    Returns:
      Repeats per epoch of the real words, followed by those of the generated words.
    """
    ratio = num_generated * (1.0 - generated_fraction) / (generated_fraction * num_real)
    real, generated = (max(1, round(ratio)), 1) if ratio >= 1.0 else (1, max(1, round(1.0 / ratio)))
    return np.repeat([real, generated], [num_real, num_generated]).astype(np.int64)
