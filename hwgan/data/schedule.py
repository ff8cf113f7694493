"""Which words stand in which batch: a pure function of seed and batch number, so that any restart, and any number of
hosts, goes on with the same stream.

Words are sorted by width into buckets; a batch is drawn from one bucket and padded to its width, so that little of it
is white paper and only as many programs are compiled as there are buckets.
"""

import functools

import numpy as np
from jaxtyping import Int


def choose_buckets(
    widths: Int[np.ndarray, " n"], num_buckets: int, *, multiple: int, max_width: int, smallest: int
) -> tuple[int, ...]:
    """The widths to pad to that waste least, by dynamic programming over all ways to cut the sorted words.

    Args:
      widths: of the training words.
      num_buckets: at most so many.
      multiple: every width but the last is one of this many pixels.
      max_width: the last of them.
      smallest: words that a bucket must hold at least, so that its batches are not the same few again and again.

    Returns:
      Ascending widths; the last is `max_width`.
    """
    rounded = np.minimum(-(-widths // multiple) * multiple, max_width)
    values, counts = np.unique(np.append(rounded, max_width), return_counts=True)
    counts[-1] -= 1  # the one appended: the last bucket is there whether a word is as wide or not
    totals = np.concatenate([[0], np.cumsum(counts)])
    # best[j]: (padded pixels, cuts) for the words up to value j, for growing numbers of buckets.
    best: dict[int, tuple[int, tuple[int, ...]]] = {-1: (0, ())}
    answer = None
    for _ in range(num_buckets):
        following: dict[int, tuple[int, tuple[int, ...]]] = {}
        for cut, (cost, cuts) in best.items():
            for j in range(cut + 1, len(values)):
                held = int(totals[j + 1] - totals[cut + 1])
                if held < smallest and not (cut == -1 and j == len(values) - 1):
                    continue
                option = (cost + held * int(values[j]), (*cuts, int(values[j])))
                if j not in following or option < following[j]:
                    following[j] = option
        best = following
        last = best.get(len(values) - 1)
        if last is not None and (answer is None or last < answer):
            answer = last
    assert answer is not None  # one bucket for all is always an option
    return answer[1]


def padding_share(widths: Int[np.ndarray, " n"], buckets: tuple[int, ...]) -> float:
    """The part of all batches that is padding, in [0, 1)."""
    padded = np.array(buckets)[np.searchsorted(buckets, widths)]
    return float(1.0 - widths.sum() / padded.sum())


class Schedule:
    """The endless stream of batches over all hosts.

    Each bucket deals out its words in random order, all of them before any comes again. The buckets take turns in
    proportion to their sizes, so that words of all widths are met equally often.

    Attributes:
      buckets: ascending widths.
      batch_size: over all hosts.
      weights: of each word, one over how often it is dealt out where others are once: by weight, words are met as
        often as they are there.
    """

    def __init__(
        self,
        widths: Int[np.ndarray, " n"],
        buckets: tuple[int, ...],
        batch_size: int,
        seed: int,
        repeats: Int[np.ndarray, " n"] | None = None,
    ):
        """`repeats` says how often a word is dealt out where others are once."""
        self.buckets, self.batch_size, self._seed = buckets, batch_size, seed
        times = np.ones(len(widths), np.int64) if repeats is None else repeats
        bucket_of = np.searchsorted(buckets, widths)
        words = [np.flatnonzero(bucket_of == b) for b in range(len(buckets))]
        self._members = [members.repeat(times[members]) for members in words]
        self._num_words = int(times.sum())
        self.weights = (1.0 / times).astype(np.float32)
        # Bound to this object, so that they go with it; the streams of a bucket are at two places at most at a time.
        self._turns_of = functools.lru_cache(4)(self._make_turns)
        self._order_of = functools.lru_cache(4 * len(buckets))(self._make_order)

    def batch(self, number: int) -> tuple[int, Int[np.ndarray, " batch"]]:
        """The bucket of a batch, and the words in it."""
        cycle, turn = divmod(number, self._num_words)
        turns, ranks = self._turns_of(cycle)
        bucket = int(turns[turn])
        members = self._members[bucket]
        # In a cycle of as many batches as there are words, a bucket of n words has n batches.
        first = (cycle * len(members) + int(ranks[turn])) * self.batch_size
        places = np.arange(first, first + self.batch_size)
        rounds = places // len(members)
        words = np.empty(self.batch_size, np.int64)
        for r in range(rounds[0], rounds[-1] + 1):
            here = rounds == r
            words[here] = members[self._order_of(bucket, r)[places[here] % len(members)]]
        return bucket, words

    def _make_turns(self, cycle: int) -> tuple[np.ndarray, np.ndarray]:
        """For each batch of a cycle, its bucket, and how many of that bucket came before it in the cycle."""
        sizes = [len(members) for members in self._members]
        if len(sizes) == 1:
            return np.zeros(sizes[0], np.int64), np.arange(sizes[0])
        rng = np.random.default_rng((self._seed, 1, cycle))
        # Batch i of a bucket of n falls somewhere in the i-th of n equal parts of the cycle.
        times = np.concatenate([(np.arange(n) + rng.random(n)) / max(n, 1) for n in sizes])
        order = np.argsort(times, kind="stable")
        turns = np.repeat(np.arange(len(sizes)), sizes)[order]
        ranks = np.concatenate([np.arange(n) for n in sizes])[order]
        return turns, ranks

    def _make_order(self, bucket: int, round_number: int) -> np.ndarray:
        rng = np.random.default_rng((self._seed, 2, bucket, round_number))
        return rng.permutation(len(self._members[bucket]))
