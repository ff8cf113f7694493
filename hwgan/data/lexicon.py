"""Texts to generate in training, drawn so that generated words are as wide as the real words of their bucket.

A word of expected width w pixels (its width at log width 0), generated in a style with log width u = z[:, 0], is
w exp(σ u) pixels wide; σ is `log_width_std`, and u ~ N(0, 1) under the prior. A batch holds real words of one width
bucket, (above, up_to] pixels. `Lexicon.draw` samples pairs (text, u) from

    p(text, u) ∝ 1[above < w exp(σ u) <= up_to] · N(u; 0, 1),   text uniform over the lexicon.

Over all buckets, weighted by their share of the real words, texts then have the distribution of the lexicon and u has
that of the prior, provided that real words have the widths that this model predicts. So neither the length of texts
nor the width of words separates generated from real words, in any bucket.
"""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.random_texts import random_text_units, random_texts
from hwgan.data.selection import reason_to_drop_text
from hwgan.models.batch import FakeTexts
from hwgan.runtime.errors import UserError

logger = logging.getLogger(__name__)

_NUM_CANDIDATES = 128  # log widths drawn from the prior, of which one is selected
_TYPICAL_LOG_WIDTH = 1.0  # standard deviations
_MAX_LOG_WIDTH = 2.5  # standard deviations; log widths of real words are clipped to this range

# Labels [n, t] and lengths [n] → expected widths [n] in pixels, at log width 0.
WidthsOf = Callable[[np.ndarray, np.ndarray], np.ndarray]


def relative_log_widths(
    widths: Int[np.ndarray, " n"], expected: Float[np.ndarray, " n"], log_width_std: float
) -> Float[np.ndarray, " n"]:
    """U = log(width / expected width) / σ, clipped to [-2.5, 2.5]; widths in pixels, σ above 0."""
    log_widths = np.log(np.maximum(widths, 1) / np.maximum(expected, 1)) / log_width_std
    return np.clip(log_widths, -_MAX_LOG_WIDTH, _MAX_LOG_WIDTH)


@dataclasses.dataclass(frozen=True)
class Lexicon:
    """Texts to generate, sorted by expected width; a text that is listed k times is drawn k times as often.

    Attributes:
      labels: int32 [n, max_length], label ids padded with 0, in ascending order of `widths`.
      lengths: int32 [n], number of labels.
      widths: float32 [n], expected widths in pixels at log width 0.
      weights: float32 [n], weight of each text in the feature statistics of generated words: 1 / (how often
        oversampling repeats it), and 0 for random texts.
      log_width_std: σ, the standard deviation of the log width over styles; 0 if widths do not depend on the style.
      is_random: bool [n], True for texts of random characters; None if there are none.
    """

    labels: np.ndarray
    lengths: np.ndarray
    widths: np.ndarray
    weights: np.ndarray
    log_width_std: float = 0.0
    is_random: np.ndarray | None = None

    @classmethod
    def from_words(
        cls,
        words: list[str],
        charset: Charset,
        spec: ImageSpec,
        widths_of: WidthsOf | None = None,
        log_width_std: float = 0.0,
        *,
        random_text_fraction: float = 0.0,
        seed: int = 0,
        weights: Float[np.ndarray, " n"] | None = None,
    ) -> "Lexicon":
        """A lexicon of the words that fit the alphabet and the length limits, and of random texts.

        Args:
          words: texts, each as often as it is to be drawn.
          charset: the alphabet.
          spec: the length limits of the run.
          widths_of: computes expected widths; None for `spec.expected_widths`.
          log_width_std: σ, see `Lexicon`.
          random_text_fraction: share of random texts among all texts of the lexicon, in [0, 1).
          seed: seed of the random texts.
          weights: weight of each of `words` (`Lexicon.weights`); None for 1.

        Raises:
          UserError: no word fits.
        """
        limits = spec.min_length, spec.max_length
        fits = [not reason_to_drop_text(word, charset, limits) for word in words]
        kept = list(itertools.compress(words, fits))
        if len(kept) < len(words):
            logger.info("lexicon: %d words, dropped: %d", len(kept), len(words) - len(kept))
        if not kept:
            raise UserError("no word of the lexicon fits the alphabet and the lengths of this config")
        wanted = round(random_text_fraction / (1.0 - random_text_fraction) * len(kept))
        units = random_text_units(charset.characters, kept)
        texts = kept + random_texts(units, wanted, limits, seed)
        num_random = len(texts) - len(kept)
        labels, lengths = charset.encode_batch(texts, spec.max_length)
        widths = spec.expected_widths(texts) if widths_of is None else widths_of(labels, lengths)
        order = np.argsort(widths, kind="stable")
        word_weights = np.ones(len(words)) if weights is None else weights
        text_weights = np.pad(word_weights[np.array(fits)], (0, num_random)).astype(np.float32)
        is_random = (np.arange(len(texts)) >= len(kept))[order] if num_random else None
        return cls(labels[order], lengths[order], widths[order], text_weights[order], log_width_std, is_random)

    @functools.cached_property
    def _num_words_before(self) -> Int[np.ndarray, " n_and_1"]:
        """Entry i is the number of non-random texts among the first i texts."""
        is_word = np.ones(len(self.lengths), bool) if self.is_random is None else ~self.is_random
        return np.concatenate([[0], np.cumsum(is_word)])

    def log_widths(
        self, widths: Int[np.ndarray, " n"], expected: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"] | None:
        """Log widths u of real words: log(width / expected) / σ, clipped to [-2.5, 2.5].

        Args:
          widths: widths of the real words in pixels.
          expected: expected widths of their texts in pixels at log width 0.

        Returns:
          u in standard deviations; None if σ is 0.
        """
        return relative_log_widths(widths, expected, self.log_width_std) if self.log_width_std else None

    def has_words(self, above: float, up_to: float) -> bool:
        """Whether a non-random text has a generated width in (above, up_to] pixels for some |u| <= 1."""
        narrow, wide = np.exp(self.log_width_std * np.array([-_TYPICAL_LOG_WIDTH, _TYPICAL_LOG_WIDTH]))
        fits = (self.widths * wide > above) & (self.widths * narrow <= up_to)
        return bool((fits if self.is_random is None else fits & ~self.is_random).any())

    def draw(
        self,
        rng: np.random.Generator,
        length: int,
        log_widths: Float[np.ndarray, " n"],
        *,
        above: float = -np.inf,
        up_to: float = np.inf,
    ) -> FakeTexts:
        """Draws a text for each row so that its generated width lies in (above, up_to] pixels.

        Rows with a given log width u draw a text uniformly from those with above < w exp(σ u) <= up_to. Rows with NaN
        draw u as well, by sampling importance resampling: of 128 samples u ~ N(0, 1) one is selected with probability
        proportional to the number of texts that fit it. If no text fits, the next wider text is taken, or the widest.

        The weights of the texts are multiplied by (texts that fit) / (non-random texts that fit). Random texts are
        short and so take a larger share of narrow buckets; with this factor, the lengths of the non-random texts,
        counted with these weights, are distributed as those of the real words.

        Args:
          rng: random generator of this batch.
          length: t, to which labels are cut.
          log_widths: u of each row in standard deviations; NaN draws it from the prior.
          above: lower limit of the generated width in pixels, exclusive.
          up_to: upper limit of the generated width in pixels, inclusive.

        Returns:
          As many texts as `log_widths` has rows, with the selected u.
        """
        count = len(log_widths)
        prior = rng.standard_normal((count, _NUM_CANDIDATES if self.log_width_std else 1))
        candidates = np.where(np.isnan(log_widths)[:, None], prior, log_widths[:, None])
        scales = np.exp(self.log_width_std * candidates)
        # `widths` is sorted, so the texts that fit a candidate are those in [first, end).
        first, end = (np.searchsorted(self.widths, limit / scales, side="right") for limit in (above, up_to))
        cumulative = np.cumsum(end - first, axis=1)
        num_fitting = cumulative[:, -1]
        selected = ((rng.random(count) * num_fitting)[:, None] < cumulative).argmax(axis=1)
        chosen = np.arange(count), selected
        texts = first[chosen] + (rng.random(count) * (end - first)[chosen]).astype(int)
        texts = np.minimum(texts, len(self.lengths) - 1)  # `first` is past the end if all texts are too narrow
        num_fitting_words = (self._num_words_before[end] - self._num_words_before[first]).sum(axis=1)
        return FakeTexts(
            labels=self.labels[texts, :length],
            lengths=self.lengths[texts],
            weights=(self.weights[texts] * num_fitting / np.maximum(num_fitting_words, 1)).astype(np.float32),
            log_widths=candidates[chosen].astype(np.float32) if self.log_width_std else None,
            is_random=None if self.is_random is None else self.is_random[texts],
        )
