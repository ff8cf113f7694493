"""The words that a generator writes in training, drawn so that they are as wide as the real ones beside them."""

import dataclasses
import functools
import itertools
import logging
import pathlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from hwgan.data.balance import random_words
from hwgan.data.charset import Charset, normalize_text, pad_labels
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.word_store import Batch
from hwgan.errors import UserError

logger = logging.getLogger(__name__)

_TRIED = 128  # hands, of which one is taken
_USUAL_HAND = 1.0  # standard deviations from the average
_WIDEST_HAND = 2.5  # standard deviations; real words beyond are written as if they were there

# Labels [n, length] and lengths [n] to pixels [n] in the average hand.
WidthsOf = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Lexicon:
    """Words to write, drawn with the frequency they are listed with.

    Attributes:
      labels: int32 [num_words, max_length], padded with 0; from the narrowest word to the widest.
      lengths: int32 [num_words].
      widths: float32 [num_words], pixels of each, in the average hand where hands differ in it.
      stretch: standard deviation, over hands, of the logarithm of how wide they write; 0 where all write as wide.
      invented: bool [num_words], those that are unlike real words; None where there are none.
      weights: float32 [num_words], how much each counts in means that are held against those of real words; not of
        invented ones, which do not count.
    """

    labels: np.ndarray
    lengths: np.ndarray
    widths: np.ndarray
    weights: np.ndarray
    stretch: float = 0.0
    invented: np.ndarray | None = None

    @classmethod
    def from_words(
        cls,
        words: list[str],
        charset: Charset,
        spec: ImageSpec,
        widths_of: WidthsOf | None = None,
        stretch: float = 0.0,
        random_share: float = 0.0,
        seed: int = 0,
        weights: Float[np.ndarray, " n"] | None = None,
    ) -> "Lexicon":
        """Drops words that do not fit; raises UserError if none does. Widths are those of `spec` if not told.

        Args:
          words: as often as they are to be written.
          charset: the alphabet.
          spec: of the images.
          widths_of: where width does not follow from `spec` alone.
          stretch: see `Lexicon`.
          random_share: what part of all words is of random characters, and `invented`.
          seed: of these.
          weights: of each of the words; None for all alike.
        """
        shortest, longest = spec.min_length, spec.max_length
        fits = [shortest <= len(word) <= longest and not charset.unknown(word) for word in words]
        kept = list(itertools.compress(words, fits))
        if len(kept) < len(words):
            logger.info("lexicon: %d words, dropped: %d", len(kept), len(words) - len(kept))
        if not kept:
            raise UserError("no word of the lexicon fits the alphabet and the lengths of this config")
        num_random = round(random_share / (1.0 - random_share) * len(kept))
        fitting = kept + random_words(charset.characters, num_random, (shortest, longest), seed)
        encoded = [charset.encode(word) for word in fitting]
        labels = pad_labels(encoded, spec.max_length)
        lengths = np.array([len(row) for row in encoded], np.int32)
        widths = spec.expected_widths(fitting) if widths_of is None else widths_of(labels, lengths)
        order = np.argsort(widths, kind="stable")
        is_random = np.arange(len(fitting)) >= len(kept)
        counts = np.ones(len(words)) if weights is None else weights
        counts = np.pad(counts[np.array(fits)], (0, num_random))[order].astype(np.float32)
        invented = is_random[order] if num_random else None
        return cls(labels[order], lengths[order], widths[order], counts, stretch, invented)

    @functools.cached_property
    def _like_real(self) -> Int[np.ndarray, " n_and_1"]:
        """How many of the first so many words are not invented."""
        like_real = np.ones(len(self.lengths), bool) if self.invented is None else ~self.invented
        return np.concatenate([[0], np.cumsum(like_real)])

    def stretches(
        self, widths: Int[np.ndarray, " n"], expected: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"] | None:
        """How wide hands write whose words have these widths instead of those expected, in units of `stretch`."""
        if not self.stretch:
            return None
        stretches = np.log(np.maximum(widths, 1) / np.maximum(expected, 1)) / self.stretch
        return np.clip(stretches, -_WIDEST_HAND, _WIDEST_HAND)

    def has_words(self, above: float, up_to: float) -> bool:
        """Whether usual hands write words, not counting invented ones, wider than `above` and up to `up_to` pixels."""
        narrow, wide = np.exp(self.stretch * np.array([-_USUAL_HAND, _USUAL_HAND]))
        fits = (self.widths * wide > above) & (self.widths * narrow <= up_to)
        return bool((fits if self.invented is None else fits & ~self.invented).any())

    def draw(
        self,
        rng: np.random.Generator,
        length: int,
        stretches: Float[np.ndarray, " n"],
        *,
        above: float = -np.inf,
        up_to: float = np.inf,
    ) -> Batch:
        """Words that are wider than `above` and at most `up_to` pixels when their hands write them.

        Words and hands are those of the lexicon and of noise that happen to be so wide. So, over batches whose limits
        come as often as such words do, they are distributed as in the lexicon and as noise, nearly: each hand is one of
        128. A hand that is given and can write no word so wide writes the next wider one, or the widest.

        Args:
          rng: of this batch.
          length: that labels are cut to.
          stretches: how wide each hand writes, in units of `stretch`; NaN for a hand of noise, which is drawn too.
          above: see `has_words`.
          up_to: the same.

        Returns:
          fake_labels [n, length], fake_label_length [n]; fake_weight float32 [n], 0 for invented words. Of short ones
          more are invented, so the others count for these, too: by weight, words are as long as real ones are;
          fake_stretch float32 [n] where hands write differently; fake_invented bool [n] where words are invented.
        """
        count = len(stretches)
        noise = rng.standard_normal((count, _TRIED if self.stretch else 1))
        tried = np.where(np.isnan(stretches)[:, None], noise, stretches[:, None])
        scales = np.exp(self.stretch * tried)
        first, end = (np.searchsorted(self.widths, limit / scales, side="right") for limit in (above, up_to))
        # Of the hands tried one is taken, those that can write many words more often.
        shares = np.cumsum(end - first, axis=1)
        taken = (rng.random(count) * shares[:, -1])[:, None] < shares
        rows = np.arange(count), taken.argmax(axis=1)
        words = first[rows] + (rng.random(count) * (end - first)[rows]).astype(int)
        words = np.minimum(words, len(self.lengths) - 1)  # where none fits
        like_real = (self._like_real[end] - self._like_real[first]).sum(axis=1)
        drawn = {
            "fake_labels": self.labels[words, :length],
            "fake_label_length": self.lengths[words],
            "fake_weight": (self.weights[words] * shares[:, -1] / np.maximum(like_real, 1)).astype(np.float32),
        }
        if self.stretch:
            drawn["fake_stretch"] = tried[rows].astype(np.float32)
        if self.invented is not None:
            drawn["fake_invented"] = self.invented[words]
        return drawn


def read_lexicon_file(path: str) -> list[str]:
    """One word a line, UTF-8, blank lines skipped.

    Raises:
      UserError: there is no such file.
    """
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the lexicon {path!r}: {getattr(error, 'strerror', None) or error}") from error
    return [normalize_text(line.strip()) for line in lines if line.strip()]


def noise_rows(count: int) -> np.ndarray:
    """Which words of a batch are written in hands of noise, bool [count]; the others in that of the real word beside.

    Halves, for parts of a batch take every nth row.
    """
    return np.arange(count) < count / 2
