"""Oversampling: how often each training word occurs per epoch, for rare characters and for mixtures of datasets."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

_MAX_REPEATS = 10
_SHARE_TOLERANCE = 0.05  # of the logarithm of a ratio of shares


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


def oversampling_of_shares(sources: Int[np.ndarray, " n"], shares: Sequence[float]) -> Int[np.ndarray, " n"]:
    """Repeats of the words of several sources, so that each source has about its share of an epoch.

    All words of a source are repeated by the same integer factor; no word is dropped.

    Args:
      sources: number of the source of each word.
      shares: of an epoch for each source, positive where it has words; only their ratios count.

    Returns:
      Repeats per epoch of each word.
    """
    present, numbers, counts = np.unique(sources, return_inverse=True, return_counts=True)
    weights = np.asarray(shares, float)[present] / counts
    weights /= weights.min()
    # The smallest multiple of the exact ratios that is nearly whole numbers keeps the epoch short.
    multiples = weights * np.arange(1, _MAX_REPEATS + 1)[:, None]
    factors = np.rint(multiples)
    errors = np.abs(np.log(factors / multiples)).max(axis=1)
    best = np.argmax(errors <= max(errors.min(), _SHARE_TOLERANCE))
    return factors[best].astype(np.int64)[numbers]


def oversampling_beside(num_words: int, num_extra: int, fraction: float) -> tuple[int, int]:
    """How many extra words, and how often each, make up a fraction of an epoch whose other words stay as they are.

    Unlike `oversampling_of_shares`, this drops extra words where they are too many, so the epoch never gets longer than
    the fraction asks for.

    Args:
      num_words: words per epoch without the extra ones, with their repeats.
      num_extra: extra words that there are, at least 1.
      fraction: of the epoch that the extra words shall have, in (0, 1).

    Returns:
      How many of the extra words to take, and the repeats per epoch of each; both at least 1.
    """
    wanted = round(fraction / (1.0 - fraction) * num_words)
    taken = min(num_extra, max(1, wanted))
    return taken, max(1, round(wanted / taken))
