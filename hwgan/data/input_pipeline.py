"""Words → shuffled batches of a few fixed shapes, the same stream at every restart and on any number of hosts."""

import itertools
import logging
from collections.abc import Iterator

import grain
import numpy as np
from jaxtyping import Float, Int

from hwgan.data.lexicon import Lexicon, noise_rows
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.schedule import Schedule, choose_buckets, padding_share
from hwgan.data.word_store import Batch, WordStore
from hwgan.errors import UserError

logger = logging.getLogger(__name__)

_WIDTH_MULTIPLE = 16  # pixels; at least what networks shrink a width by, so that no column is cut
_SMALLEST_BUCKET = 4  # batches of words
_ENDLESS = 2**40  # batches
_EVAL_WIDTH_STEP = 32  # pixels, so that few shapes are compiled


def create_schedule(
    words: WordStore,
    *,
    batch_size: int,
    num_buckets: int,
    seed: int,
    repeats: Int[np.ndarray, " n"] | None = None,
) -> Schedule:
    """The batches of a run, in as many shapes as pay off; the log says what is saved.

    Args:
      words: the training words.
      batch_size: over all hosts.
      num_buckets: at most so many shapes; 1 pads every batch to `max_width`.
      seed: of shuffling.
      repeats: how often each word comes where others come once; None for all alike.
    """
    buckets = choose_buckets(
        words.widths,
        num_buckets,
        multiple=words.spec.pixels_per_character or _WIDTH_MULTIPLE,
        max_width=words.spec.max_width,
        smallest=_SMALLEST_BUCKET * batch_size,
    )
    logger.info(
        "batches %s pixels wide, %.0f %% of them padding (one shape: %.0f %%)",
        " or ".join(map(str, buckets)),
        100 * padding_share(words.widths, buckets),
        100 * padding_share(words.widths, (words.spec.max_width,)),
    )
    return Schedule(words.widths, buckets, batch_size, seed, repeats)


def train_batches(
    words: WordStore,
    lexicon: Lexicon,
    schedule: Schedule,
    *,
    seed: int,
    stretches: Float[np.ndarray, " n"] | None = None,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """An endless, prefetched stream of this host's share of each batch.

    Batch `i` of the stream depends on the schedule, `seed` and `i` alone, so a restart at any step, or on another
    number of hosts, continues the same global stream. Where width follows the text, the words to write are as wide as
    the real ones beside them, of one bucket, for both share one shape, and none should be told by its width.

    Args:
      words: the training words.
      lexicon: the words to write.
      schedule: of these words.
      seed: of drawing from the lexicon.
      stretches: how wide the hand of each training word writes, see `Lexicon.stretches`.
      start_step: the first batch to give.
      process_index: of this host.
      process_count: number of hosts.

    Returns:
      Batches with the fields of `WordStore.batch` and `Lexicon.draw`, and `weight`, float32: how much each real word
      counts in means of all, one that comes so many times as often as others by as much less.
    """
    local_size = schedule.batch_size // process_count
    # In one piece, as devices hold it: the batch over all hosts is then the same array on any number of them.
    share = slice(process_index * local_size, (process_index + 1) * local_size)
    lengths = _longest_texts(words.spec, schedule.buckets)
    limits = _limits(lexicon, schedule.buckets)
    hands = np.full(len(words), np.nan) if stretches is None else stretches

    def make_batch(number: int) -> Batch:
        bucket, indices = schedule.batch(number)
        rng, (above, up_to) = np.random.default_rng((seed, number)), limits[bucket]
        given = np.where(noise_rows(len(indices)), np.nan, hands[indices])
        fakes = lexicon.draw(rng, lengths[bucket], given, above=above, up_to=up_to)
        real = words.batch(indices[share], schedule.buckets[bucket], lengths[bucket])
        real["weight"] = schedule.weights[indices[share]]
        return real | {name: rows[share] for name, rows in fakes.items()}

    stream = grain.MapDataset.range(start_step, _ENDLESS).map(make_batch)
    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)
    return iter(stream.to_iter_dataset(options))


def _limits(lexicon: Lexicon, buckets: tuple[int, ...]) -> list[tuple[float, float]]:
    """How wide words to write are in each bucket, above and up to: as real ones; if there are none, up to it."""
    limits = []
    for above, up_to in itertools.pairwise((-np.inf, *map(float, buckets))):
        if not lexicon.has_words(-np.inf, up_to):
            raise UserError(
                f"the lexicon has no word of up to {up_to:.0f} pixels to write beside real words as short; "
                "add some, or set data.num_buckets=1"
            )
        limits.append((above if lexicon.has_words(above, up_to) else -np.inf, up_to))
    return limits


def _longest_texts(spec: ImageSpec, buckets: tuple[int, ...]) -> list[int]:
    """The longest text of each bucket; that of the run where width does not follow the text."""
    if not spec.pixels_per_character:
        return [spec.max_length] * len(buckets)
    return [min(width // spec.pixels_per_character, spec.max_length) for width in buckets]


def eval_batches(
    words: WordStore, batch_size: int, limit: int | None = None, *, one_width: bool = False
) -> Iterator[tuple[Batch, Int[np.ndarray, " rows"]]]:
    """Batches of words of about one width, so that little is padding, each with the numbers of its words.

    Args:
      words: to look at.
      batch_size: the last batch is filled up by repeating its last word, whose number is not given again.
      limit: of the first so many words alone.
      one_width: every batch is `max_width` wide, or a multiple of it where words are wider.
    """
    count = len(words) if limit is None else min(limit, len(words))
    order = np.argsort(words.widths[:count], kind="stable")
    step = words.spec.max_width if one_width else _EVAL_WIDTH_STEP
    widest = int(words.widths[:count].max(initial=1))
    for start in range(0, count, batch_size):
        rows = order[start : start + batch_size]
        padded = np.pad(rows, (0, batch_size - len(rows)), mode="edge")
        needed = widest if one_width else int(words.widths[rows].max())
        yield words.batch(padded, step * -(-needed // step)), rows
