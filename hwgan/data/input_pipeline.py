"""Shuffled training batches of a few fixed shapes; restarts and the number of hosts do not change the stream."""

import itertools
import logging
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from hwgan.data.batch_stream import stream_batches
from hwgan.data.lexicon import Lexicon
from hwgan.data.schedule import Schedule, choose_buckets, padding_share, sorted_rows
from hwgan.data.word_store import WordStore
from hwgan.models.batch import WIDTH_MULTIPLE, Batch, RealWords
from hwgan.models.styles import prior_rows
from hwgan.runtime.errors import UserError

logger = logging.getLogger(__name__)

_MUCH_PADDING = 0.4  # share of the pixels; half of this is usual
_NEARLY_ALL = 0.99  # of the words
_SMALLEST_BUCKET = 4  # batches of words
_EVAL_WIDTH_STEP = 32  # pixels; widths are rounded up so that few shapes are compiled


def create_schedule(
    words: WordStore,
    *,
    batch_size: int,
    num_buckets: int,
    seed: int,
    repeats: Int[np.ndarray, " n"] | None = None,
) -> Schedule:
    """Chooses the width buckets that minimize padding, and schedules the batches; logs the share of padding.

    Args:
      words: the training words.
      batch_size: number of words per batch over all hosts.
      num_buckets: maximum number of buckets, and so of batch shapes; 1 pads every batch to `max_width`.
      seed: seed of the shuffling.
      repeats: how often each word occurs per epoch (oversampling); None for once each.
    """
    buckets = choose_buckets(
        words.widths,
        num_buckets,
        multiple=words.spec.pixels_per_character or WIDTH_MULTIPLE,
        max_width=words.spec.max_width,
        smallest=_SMALLEST_BUCKET * batch_size,
    )
    padding = padding_share(words.widths, buckets)
    logger.info(
        "batches of %s pixels wide; %.0f %% of their pixels are padding (%.0f %% if all were as wide as the widest)%s",
        " or ".join(map(str, buckets)),
        100 * padding,
        100 * padding_share(words.widths, (words.spec.max_width,)),
        "" if padding < _MUCH_PADDING else _narrower(words),
    )
    return Schedule(words.widths, buckets, batch_size, seed, repeats)


def _narrower(words: WordStore) -> str:
    """What to say where much is padding: the width that nearly all words have at most."""
    if words.spec.pixels_per_character:
        return "; a smaller data.max_length with a smaller data.max_width trains faster"
    width = -(-int(np.quantile(words.widths, _NEARLY_ALL)) // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
    if width >= words.spec.max_width:
        return ""
    wider = int(np.sum(words.widths > width))
    return (
        f"; data.max_width={width} instead of {words.spec.max_width} trains faster, and leaves out {wider} of "
        f"{len(words)} words"
    )


def train_batches(
    words: WordStore,
    lexicon: Lexicon,
    schedule: Schedule,
    *,
    seed: int,
    log_widths: Float[np.ndarray, " n"] | None = None,
    for_recognizer: Bool[np.ndarray, " n"] | None = None,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """An endless, prefetched stream of this host's share of each batch.

    Batch i depends only on the schedule, `seed` and i, so a restart at any step, or with another number of hosts,
    continues the same global stream. Where the width of generated words depends on their text, texts are drawn so that
    the generated widths lie in the bucket of the batch's real words: both fit the same shape, and D cannot tell real
    from generated words by their widths.

    The first half of a batch (`styles.prior_rows`) gets styles from the prior, the second half styles encoded from the
    real word of the same row.

    Args:
      words: the training words.
      lexicon: the texts to generate.
      schedule: the batches of `words`.
      seed: seed of drawing from the lexicon.
      log_widths: log width of each training word in standard deviations (`Lexicon.log_widths`); None draws the log
        widths of all rows from the prior.
      for_recognizer: which of the training words only the recognizer learns from; None for none.
      start_step: see `stream_batches`.
      process_index: likewise.
      process_count: likewise.

    Returns:
      Batches of `schedule.batch_size / process_count` real words and as many texts.

    Raises:
      UserError: no text of the lexicon is narrow enough for one of the buckets.
    """
    max_lengths = _max_lengths(words, lexicon, schedule.buckets)
    width_limits = _width_limits(lexicon, schedule.buckets)
    encoded_log_widths = np.full(len(words), np.nan) if log_widths is None else log_widths
    if for_recognizer is not None:
        encoded_log_widths = np.where(for_recognizer, np.nan, encoded_log_widths)

    def make_batch(number: int, share: slice) -> Batch:
        bucket, indices = schedule.batch(number)
        rng, (above, up_to) = np.random.default_rng((seed, number)), width_limits[bucket]
        batch_log_widths = np.where(prior_rows(len(indices)), np.nan, encoded_log_widths[indices])
        fakes = lexicon.draw(rng, max_lengths[bucket], batch_log_widths, above=above, up_to=up_to)
        real = words.batch(indices[share], schedule.buckets[bucket], max_lengths[bucket])
        real = real.replace(weights=schedule.weights[indices[share]])
        if for_recognizer is not None:
            alone = for_recognizer[indices[share]]
            real = real.replace(for_recognizer=alone, weights=np.where(alone, np.float32(0), real.weights))
        return Batch(real, jax.tree.map(lambda rows: rows[share], fakes))

    return stream_batches(make_batch, schedule.batch_size, start_step, process_index, process_count)


def _width_limits(lexicon: Lexicon, buckets: tuple[int, ...]) -> list[tuple[float, float]]:
    """For each bucket, the interval (above, up_to] of the widths in pixels of its generated words.

    It is the interval of the bucket's real words. If the lexicon has no text in it, the lower end is -inf.
    """
    limits = []
    for above, up_to in itertools.pairwise((-np.inf, *map(float, buckets))):
        if not lexicon.has_words(-np.inf, up_to):
            raise UserError(
                f"the lexicon has no word of up to {up_to:.0f} pixels, but the batches of narrow words need some; "
                "add short words, or set data.num_buckets=1"
            )
        limits.append((above if lexicon.has_words(above, up_to) else -np.inf, up_to))
    return limits


def _max_lengths(words: WordStore, lexicon: Lexicon, buckets: tuple[int, ...]) -> list[int]:
    """Maximum text length of each bucket: bucket width / pixels per character, where a word's width follows its length.

    Elsewhere, and where combining marks add to the length but not to the width, it is `max_length` for all buckets.
    """
    spec = words.spec
    pixels = spec.pixels_per_character
    if not pixels or any((pixels * texts.lengths > texts.widths).any() for texts in (words, lexicon)):
        return [spec.max_length] * len(buckets)
    return [min(width // pixels, spec.max_length) for width in buckets]


def eval_batches(
    words: WordStore, batch_size: int, limit: int | None = None, *, one_width: bool = False
) -> Iterator[tuple[RealWords, Int[np.ndarray, " rows"]]]:
    """Batches of words sorted by width, which keeps padding low, each with the row numbers of its words.

    Args:
      words: the words to evaluate.
      batch_size: number of words per batch; the last batch is filled up by repeating its last word.
      limit: uses only the first `limit` words; None for all.
      one_width: makes every batch `max_width` wide, or the next multiple of it if any word is wider.

    Yields:
      (batch, rows); `rows` is shorter than the batch where words are repeated.
    """
    count = len(words) if limit is None else min(limit, len(words))
    step = words.spec.max_width if one_width else _EVAL_WIDTH_STEP
    widest = int(words.widths[:count].max(initial=1))
    for filled, rows in sorted_rows(words.widths[:count], batch_size):
        needed = widest if one_width else int(words.widths[rows].max())
        yield words.batch(filled, step * -(-needed // step)), rows
