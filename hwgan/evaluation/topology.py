"""The geometry score: whether two sets have as many holes, seen through small random samples."""

import warnings

import gudhi
import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

_LANDMARKS = 64
_MOST_HOLES = 100


def mean_relative_living_times(
    rows: Float[np.ndarray, "n d"], rng: np.random.Generator, rounds: int
) -> Float[np.ndarray, " holes"]:
    """For how much of the scale there are so many one-dimensional holes, averaged over samples of landmarks.

    Args:
      rows: features.
      rng: of drawing the 64 landmarks of a round.
      rounds: how many samples.

    Returns:
      Parts of the scale for 0, 1, ... 99 holes.
    """
    times = [
        relative_living_times(rows, rows[rng.choice(len(rows), _LANDMARKS)], len(rows) / 5000 / 128)
        for _ in range(rounds)
    ]
    return np.mean(times, axis=0)


def relative_living_times(
    rows: Float[np.ndarray, "n d"], landmarks: Float[np.ndarray, "l d"], gamma: float
) -> Float[np.ndarray, " holes"]:
    """For how much of the scale the witness complex of the landmarks has so many one-dimensional holes.

    Args:
      rows: features, which witness.
      landmarks: some of them.
      gamma: the largest scale, in parts of the largest distance.
    """
    distances = cdist(rows, landmarks)
    order = np.argsort(distances, axis=1)
    table = np.dstack([order, np.take_along_axis(distances, order, axis=1)])
    largest = float(distances.max()) * gamma
    times = np.zeros(_MOST_HOLES)
    if not largest:  # all rows are one point
        times[0] = 1.0
        return times
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gudhi's own converters
        tree = gudhi.WitnessComplex(table).create_simplex_tree(max_alpha_square=largest, limit_dimension=2)
        tree.compute_persistence(homology_coeff_field=2)
        holes = np.asarray(tree.persistence_intervals_in_dimension(1)).reshape(-1, 2)
    if not len(holes):
        times[0] = 1.0
        return times
    holes = np.where(np.isinf(holes), largest, holes)
    # The number of holes changes only where one is born or dies.
    borders = np.unique(np.concatenate([holes.ravel(), [0.0, largest]]))
    middles = (borders[:-1] + borders[1:]) / 2
    alive = ((holes[:, :1] <= middles) & (middles < holes[:, 1:])).sum(axis=0)
    known = alive < _MOST_HOLES
    np.add.at(times, alive[known], np.diff(borders)[known])
    return times / largest


def geometry_score(
    first: Float[np.ndarray, "n d"], second: Float[np.ndarray, "m d"], seed: int = 0, rounds: int = 100
) -> float:
    """The squared difference of mean relative living times: 0 where two sets have the same holes.

    Its authors take 1,000 rounds, and often print it times 1,000. As it is a difference of shapes alone, sets that are
    far apart may have a small one.

    References:
      Khrulkov and Oseledets, Geometry Score, ICML 2018, https://arxiv.org/abs/1802.02664
    """
    rngs = [np.random.default_rng((seed, number)) for number in range(2)]
    means = [mean_relative_living_times(rows, rng, rounds) for rows, rng in zip((first, second), rngs, strict=True)]
    return float(np.square(means[0] - means[1]).sum())
