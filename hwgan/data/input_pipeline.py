"""Words → shuffled batches of a few fixed shapes, the same stream at every restart and on any number of hosts."""

import dataclasses
import logging
import pathlib
from collections.abc import Iterator

import grain
import numpy as np
from jaxtyping import Int

from hwgan.data.charset import Charset, normalize_text, pad_labels
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.schedule import Schedule, choose_buckets, padding_share
from hwgan.data.word_store import Batch, WordStore
from hwgan.errors import UserError

logger = logging.getLogger(__name__)

_WIDTH_MULTIPLE = 16  # pixels; at least what networks shrink a width by, so that no column is cut
_SMALLEST_BUCKET = 4  # batches of words
_ENDLESS = 2**40  # batches
_EVAL_WIDTH_STEP = 32  # pixels, so that few shapes are compiled


@dataclasses.dataclass(frozen=True)
class Lexicon:
    """Words to write, drawn with the frequency they are listed with.

    Attributes:
      labels: int32 [num_words, max_length], padded with 0.
      lengths: int32 [num_words].
      widths: float32 [num_words], pixels of each, in the average hand where hands differ in it.
    """

    labels: np.ndarray
    lengths: np.ndarray
    widths: np.ndarray

    @classmethod
    def from_words(cls, words: list[str], charset: Charset, spec: ImageSpec) -> "Lexicon":
        """Drops words that do not fit; raises UserError if none does."""
        fitting = [w for w in words if spec.min_length <= len(w) <= spec.max_length and not charset.unknown(w)]
        if len(fitting) < len(words):
            logger.info("lexicon: %d words, dropped: %d", len(fitting), len(words) - len(fitting))
        if not fitting:
            raise UserError("no word of the lexicon fits the alphabet and the lengths of this config")
        labels = [charset.encode(word) for word in fitting]
        lengths = np.array([len(row) for row in labels], np.int32)
        return cls(pad_labels(labels, spec.max_length), lengths, spec.expected_widths(fitting))

    def part(self, above: float, up_to: float) -> "Lexicon":
        """The words wider than `above` and at most `up_to` pixels; where there are none, all up to `up_to`.

        Raises:
          UserError: there are none of these either.
        """
        fitting = (self.widths > above) & (self.widths <= up_to)
        fitting = fitting if fitting.any() else self.widths <= up_to
        if not fitting.any():
            raise UserError(
                f"the lexicon has no word of up to {up_to:.0f} pixels to write beside real words as short; "
                "add some, or set data.num_buckets=1"
            )
        return Lexicon(self.labels[fitting], self.lengths[fitting], self.widths[fitting])

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Batch:
        """fake_labels [count, length], fake_label_length [count]."""
        rows = rng.integers(len(self.lengths), size=count)
        return {"fake_labels": self.labels[rows, :length], "fake_label_length": self.lengths[rows]}


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
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """An endless, prefetched stream of this host's share of each batch.

    Batch `i` of the stream depends on the schedule, `seed` and `i` alone, so a restart at any step, or on another
    number of hosts, continues the same global stream. Where width follows the text, the words to write are as wide as
    the real ones beside them, for both share one shape.

    Args:
      words: the training words.
      lexicon: the words to write.
      schedule: of these words.
      seed: of drawing from the lexicon.
      start_step: the first batch to give.
      process_index: of this host.
      process_count: number of hosts.

    Returns:
      Batches with the fields of `WordStore.batch` and `Lexicon.draw`.
    """
    local_size = schedule.batch_size // process_count
    # In one piece, as devices hold it: the batch over all hosts is then the same array on any number of them.
    share = slice(process_index * local_size, (process_index + 1) * local_size)
    lengths = _longest_texts(words.spec, schedule.buckets)
    reaches = [words.spec.lexicon_share * width for width in schedule.buckets]
    lexicons = [lexicon.part(above, up_to) for above, up_to in zip((0.0, *reaches), reaches, strict=False)]

    def make_batch(number: int) -> Batch:
        bucket, indices = schedule.batch(number)
        fakes = lexicons[bucket].draw(np.random.default_rng((seed, number)), schedule.batch_size, lengths[bucket])
        real = words.batch(indices[share], schedule.buckets[bucket], lengths[bucket])
        return real | {name: rows[share] for name, rows in fakes.items()}

    stream = grain.MapDataset.range(start_step, _ENDLESS).map(make_batch)
    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)
    return iter(stream.to_iter_dataset(options))


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
