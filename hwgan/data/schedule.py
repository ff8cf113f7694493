"""Assigns words to batches as a pure function of seed and batch number, independent of restarts and number of hosts.

Words are grouped into buckets by width: in pixels, or of ink in points. All words of a batch come from one bucket and
are padded to its width, so that batches contain little padding and only one program per bucket is compiled.
"""

import functools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int


def choose_buckets(
    widths: Int[np.ndarray, " n"], num_buckets: int, *, multiple: int, max_width: int, smallest: int
) -> tuple[int, ...]:
    """Chooses bucket widths that minimize the total padding, by dynamic programming over the sorted widths.

    Args:
      widths: widths of the training words in pixels.
      num_buckets: maximum number of buckets.
      multiple: every bucket width except the last is a multiple of this many pixels.
      max_width: width of the last bucket in pixels.
      smallest: minimum number of words per bucket, so that the batches of a bucket differ.

    Returns:
      Bucket widths in ascending order; the last is `max_width`.
    """
    rounded = np.minimum(-(-widths // multiple) * multiple, max_width)
    values, counts = np.unique(np.append(rounded, max_width), return_counts=True)
    counts[-1] -= 1  # `max_width` was appended, so that the last bucket exists even if no word needs it
    totals = np.concatenate([[0], np.cumsum(counts)])
    # best[j] = (padded columns, bucket widths) of the words up to width values[j]; iteration k has k buckets.
    best: dict[int, tuple[int, tuple[int, ...]]] = {-1: (0, ())}
    optimum = None
    for _ in range(num_buckets):
        following: dict[int, tuple[int, tuple[int, ...]]] = {}
        for cut, (cost, cuts) in best.items():
            for j in range(cut + 1, len(values)):
                num_words = int(totals[j + 1] - totals[cut + 1])
                if num_words < smallest and not (cut == -1 and j == len(values) - 1):
                    continue
                option = (cost + num_words * int(values[j]), (*cuts, int(values[j])))
                if j not in following or option < following[j]:
                    following[j] = option
        best = following
        last = best.get(len(values) - 1)
        if last is not None and (optimum is None or last < optimum):
            optimum = last
    assert optimum is not None  # a single bucket is always allowed
    return optimum[1]


def padding_share(widths: Int[np.ndarray, " n"], buckets: tuple[int, ...]) -> float:
    """The share of padding columns in all batches, in [0, 1)."""
    padded = np.array(buckets)[np.searchsorted(buckets, widths)]
    return float(1.0 - widths.sum() / padded.sum())


class Schedule:
    """An endless stream of batches over all hosts.

    The words of each bucket are shuffled anew for each pass over the bucket. Buckets are interleaved in proportion to
    their sizes, so that each word occurs in proportion to its repeats.

    Attributes:
      buckets: bucket widths in pixels, ascending.
      batch_size: number of words per batch over all hosts.
      weights: float32 [n], 1 / repeats of each word: weighted means over batches estimate means over the words.
    """

    def __init__(
        self,
        widths: Int[np.ndarray, " n"],
        buckets: tuple[int, ...],
        batch_size: int,
        seed: int,
        repeats: Int[np.ndarray, " n"] | None = None,
    ):
        """Creates the schedule; `repeats` is how often each word occurs per pass, None for once each."""
        self.buckets, self.batch_size, self._seed = buckets, batch_size, seed
        repeats = np.ones(len(widths), np.int64) if repeats is None else repeats
        bucket_of = np.searchsorted(buckets, widths)
        words = [np.flatnonzero(bucket_of == b) for b in range(len(buckets))]
        self._members = [members.repeat(repeats[members]) for members in words]
        self._num_words = int(repeats.sum())
        self.weights = (1.0 / repeats).astype(np.float32)
        # The caches are bound to this object and freed with it. A bucket is read at two positions at most at a time.
        self._turns_of = functools.lru_cache(4)(self._make_turns)
        self._order_of = functools.lru_cache(4 * len(buckets))(self._make_order)

    def batch(self, number: int) -> tuple[int, Int[np.ndarray, " batch"]]:
        """The bucket index of batch `number`, and the indices of its words."""
        cycle, turn = divmod(number, self._num_words)
        turns, ranks = self._turns_of(cycle)
        bucket = int(turns[turn])
        members = self._members[bucket]
        # A cycle has as many batches as there are words (with repeats); n of them come from a bucket of n words.
        first = (cycle * len(members) + int(ranks[turn])) * self.batch_size
        positions = np.arange(first, first + self.batch_size)
        rounds = positions // len(members)
        words = np.empty(self.batch_size, np.int64)
        for r in range(rounds[0], rounds[-1] + 1):
            here = rounds == r
            words[here] = members[self._order_of(bucket, r)[positions[here] % len(members)]]
        return bucket, words

    def _make_turns(self, cycle: int) -> tuple[np.ndarray, np.ndarray]:
        """For each batch of a cycle, its bucket, and the number of earlier batches of that bucket in the cycle."""
        sizes = [len(members) for members in self._members]
        if len(sizes) == 1:
            return np.zeros(sizes[0], np.int64), np.arange(sizes[0])
        rng = np.random.default_rng((self._seed, 1, cycle))
        # Batch i of a bucket with n batches lies at a random time within the i-th of n equal parts of the cycle.
        times = np.concatenate([(np.arange(n) + rng.random(n)) / max(n, 1) for n in sizes])
        order = np.argsort(times, kind="stable")
        turns = np.repeat(np.arange(len(sizes)), sizes)[order]
        ranks = np.concatenate([np.arange(n) for n in sizes])[order]
        return turns, ranks

    def _make_order(self, bucket: int, round_number: int) -> np.ndarray:
        rng = np.random.default_rng((self._seed, 2, bucket, round_number))
        return rng.permutation(len(self._members[bucket]))


def sorted_rows(
    sizes: Int[np.ndarray, " n"], batch_size: int
) -> Iterator[tuple[Int[np.ndarray, " batch"], Int[np.ndarray, " rows"]]]:
    """The rows of each batch, sorted by size, which keeps padding low.

    Yields:
      (filled, rows): `filled` has `batch_size` entries: where fewer rows are left, the last is repeated.
    """
    order = np.argsort(sizes, kind="stable")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield np.pad(rows, (0, batch_size - len(rows)), mode="edge"), rows


def padded_size(size: int) -> int:
    """A size at least as large: a power of 2 from 8 on, or 1.5 times one, so that few shapes are compiled."""
    power = 1 << max(3, (size - 1).bit_length())
    return 3 * power // 4 if size <= 3 * power // 4 else power
