"""How far a figure would move with other words of the same kind: 95 % intervals."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

_NORMAL_95 = 1.96


@dataclasses.dataclass(frozen=True)
class Figure:
    """A number with the interval in which it lies with 95 % confidence; without one where none was made.

    Attributes:
      value: of all words.
      low: end of the interval.
      high: the other.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float]:
        """Its fields that are there."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


def bootstrap_ratio(
    numerators: Sequence[int | float],
    denominators: Sequence[int | float],
    groups: Sequence[str],
    seed: int,
    replicates: int = 1000,
) -> Figure:
    """The ratio of two sums over words, such as edits over characters, with a percentile bootstrap.

    Words of one group (a writer) are drawn together: they are alike, and drawn one by one they would make the interval
    too narrow.

    Args:
      numerators: one a word.
      denominators: one a word, not all 0.
      groups: of each word; "" for a word on its own.
      seed: of drawing.
      replicates: how often.

    References:
      Efron and Tibshirani, An Introduction to the Bootstrap, 1993; Davison and Hinkley, Bootstrap Methods, 1997, 3.8
    """
    names = [group or f"\0{row}" for row, group in enumerate(groups)]
    _, numbers = np.unique(names, return_inverse=True)
    tops = np.bincount(numbers, weights=np.asarray(numerators, np.float64))
    bottoms = np.bincount(numbers, weights=np.asarray(denominators, np.float64))
    value = float(tops.sum() / bottoms.sum())
    if len(tops) < 2:
        return Figure(value)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(tops), np.full(len(tops), 1.0 / len(tops)), size=replicates)
    low, high = np.percentile((drawn @ tops) / np.maximum(drawn @ bottoms, 1e-12), [2.5, 97.5])
    return Figure(value, float(low), float(high))


def half_sample_figure(
    statistic: Callable[..., float], sets: Sequence[np.ndarray], seed: int, replicates: int = 20
) -> Figure:
    """A statistic of sets of rows, with an interval from random halves of each.

    The statistic of a random half, drawn without replacement, moves around that of the whole as the statistic of the
    whole moves around its expectation: σ²/(n/2) · (1 - 1/2) = σ²/n. No row comes twice, as it does in the usual
    bootstrap, where the distances of this package take equal rows for structure; that small sets have larger distances
    moves all halves alike and does not count.

    Args:
      statistic: of as many arrays as there are sets.
      sets: [rows, features] each.
      seed: of drawing.
      replicates: how often; 0 makes no interval.

    References:
      Shao and Wu, A General Theory for Jackknife Variance Estimation, 1989 (delete-half jackknife)
    """
    value = statistic(*sets)
    if not replicates or min(map(len, sets)) < 4:
        return Figure(value)
    rng = np.random.default_rng(seed)
    halves = []
    for _ in range(replicates):
        parts = [rows[rng.permutation(len(rows))[: len(rows) // 2]] for rows in sets]
        halves.append(statistic(*parts))
    reach = _NORMAL_95 * float(np.std(halves, ddof=1)) if replicates > 1 else 0.0
    return Figure(value, value - reach, value + reach)
