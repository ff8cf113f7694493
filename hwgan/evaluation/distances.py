"""How far one set of images is from another, by the features that a network sees in them.

Figures of different networks, sample sizes or splits must not be compared with one another.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from hwgan.evaluation.intervals import Figure, half_sample_figure

_MOST_BUNDLES = 256  # of rows that are drawn together
_ROWS_AT_ONCE = 1000  # against all others


def frechet_distance(first: Float[np.ndarray, "n d"], second: Float[np.ndarray, "m d"]) -> float:
    """Fréchet distance of the normal distributions that fit two sets of features; 0 for equal ones.

    Few samples make it too large: compare at equal `n` and `m`.

    References:
      Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017, https://arxiv.org/abs/1706.08500
    """
    means = [np.asarray(features, np.float64).mean(axis=0) for features in (first, second)]
    covariances = [np.atleast_2d(np.cov(np.asarray(f, np.float64), rowvar=False)) for f in (first, second)]
    # tr (C1 C2)^½ = tr (C1^½ C2 C1^½)^½, and that is symmetric, so that no complex root can come up.
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    between = np.linalg.eigvalsh(root @ covariances[1] @ root)
    traces = np.trace(covariances[0]) + np.trace(covariances[1]) - 2.0 * np.sqrt(np.maximum(between, 0.0)).sum()
    return float(np.square(means[0] - means[1]).sum() + traces)


def kernel_distance(
    first: Float[np.ndarray, "n d"],
    second: Float[np.ndarray, "m d"],
    first_groups: Sequence[str] = (),
    second_groups: Sequence[str] = (),
    seed: int = 0,
    replicates: int = 200,
) -> Figure:
    """Squared maximum mean discrepancy with the kernel (x·y / d + 1)³, unbiased: 0 on average for equal distributions.

    It is that of all rows; the usual average over random subsets has the same expectation and is less exact. Unbiased
    it is for rows on their own: few groups, whose rows are alike, raise it by what groups differ in, over their number,
    and no number of rows helps. The interval is from random halves of the groups of each set, as in
    `intervals.half_sample_figure`; between sets that hardly differ it is wider than it need be.

    Args:
      first: features.
      second: features.
      first_groups: of each row of `first`; rows of one group (a writer) are drawn together, for they are alike. "" for
        a row on its own; empty if all are.
      second_groups: the same of `second`.
      seed: of drawing.
      replicates: how often.

    Returns:
      The distance, without an interval where either set has fewer than four groups.

    References:
      Bińkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
    """
    x, y = _Bundles.of(first, first_groups), _Bundles.of(second, second_groups)
    own_x, own_y, between = _sums(x, x), _sums(y, y), _sums(x, y)

    def distance(rows: np.ndarray, columns: np.ndarray) -> float:
        n, m = x.sizes[rows].sum(), y.sizes[columns].sum()
        within_x = own_x[np.ix_(rows, rows)].sum() - x.own[rows].sum()
        within_y = own_y[np.ix_(columns, columns)].sum() - y.own[columns].sum()
        across = between[np.ix_(rows, columns)].sum()
        return float(within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2.0 * across / (n * m))

    everything = [np.arange(len(side.sizes)) for side in (x, y)]
    return half_sample_figure(distance, everything, seed, replicates)


@dataclasses.dataclass(frozen=True)
class _Bundles:
    """Rows in the order of their bundles, each of which is a group or, where there are many, some."""

    rows: np.ndarray  # float64
    starts: np.ndarray  # of each bundle
    sizes: np.ndarray
    own: np.ndarray  # the kernel of each row with itself, summed over each bundle

    @classmethod
    def of(cls, rows: np.ndarray, groups: Sequence[str]) -> "_Bundles":
        names = [group or f"\0{row}" for row, group in enumerate(groups or [""] * len(rows))]
        bundles = np.unique(names, return_inverse=True)[1] % _MOST_BUNDLES
        sizes = np.bincount(bundles)
        starts = np.cumsum(sizes) - sizes
        rows = np.asarray(rows, np.float64)[np.argsort(bundles, kind="stable")]
        own = (np.square(rows).sum(axis=1) / rows.shape[1] + 1.0) ** 3
        return cls(rows, starts, sizes, np.add.reduceat(own, starts))


def _sums(x: _Bundles, y: _Bundles) -> Float[np.ndarray, "bundles bundles2"]:
    """The kernel summed over the rows of each two bundles."""
    sums = np.zeros((len(x.sizes), len(y.sizes)))
    for bundle, rows in enumerate(np.split(x.rows, x.starts[1:])):
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            product = rows[start : start + _ROWS_AT_ONCE] @ y.rows.T / y.rows.shape[1] + 1.0
            kernel = product * product * product  # NumPy's ** 3 takes twenty times as long
            sums[bundle] += np.add.reduceat(kernel.sum(axis=0), y.starts)
    return sums
