"""The geometry score: compares the number of one-dimensional holes of two sets of features."""

import functools
import importlib.util
import logging
import warnings

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from hwgan.runtime.progress import with_progress

logger = logging.getLogger(__name__)

_LANDMARKS = 64
_MAX_HOLES = 100


def mean_relative_living_times(
    rows: Float[np.ndarray, "n d"], rng: np.random.Generator, rounds: int
) -> Float[np.ndarray, " holes"]:
    """`relative_living_times`, averaged over random samples of 64 landmarks.

    Args:
      rows: features.
      rng: random generator of the landmarks.
      rounds: number of samples.

    Returns:
      Shares of the scale with 0, 1, ..., 99 holes, in [0, 1].
    """
    times = [
        relative_living_times(rows, rows[rng.choice(len(rows), _LANDMARKS)], len(rows) / 5000 / 128)
        for _ in with_progress(range(rounds), "geometry score", "rounds")
    ]
    return np.mean(times, axis=0)


@functools.cache  # so that it warns once
def has_gudhi() -> bool:
    """Whether the package gudhi is installed, which there is not for every machine; warns where it is not."""
    found = importlib.util.find_spec("gudhi") is not None
    if not found:
        logger.warning(
            "the geometry score is left out: it needs the package gudhi, of which there is none for ARM Linux"
        )
    return found


def relative_living_times(
    rows: Float[np.ndarray, "n d"], landmarks: Float[np.ndarray, "l d"], gamma: float
) -> Float[np.ndarray, " holes"]:
    """The share of the scale at which a witness complex has k one-dimensional holes, for k = 0, 1, ..., 99.

    The scale of the filtration goes from 0 to gamma times the largest distance between a row and a landmark.

    Args:
      rows: features, the witnesses.
      landmarks: a subset of the rows, the vertices.
      gamma: the largest scale, relative to the largest distance.
    """
    distances = cdist(rows, landmarks)
    order = np.argsort(distances, axis=1)
    table = np.dstack([order, np.take_along_axis(distances, order, axis=1)])
    largest = float(distances.max()) * gamma
    times = np.zeros(_MAX_HOLES)
    if not largest:  # all rows are equal
        times[0] = 1.0
        return times
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gudhi's conversion of arrays issues warnings
        import gudhi  # there is none for ARM Linux

        tree = gudhi.WitnessComplex(table).create_simplex_tree(max_alpha_square=largest, limit_dimension=2)
        tree.compute_persistence(homology_coeff_field=2)
        holes = np.asarray(tree.persistence_intervals_in_dimension(1)).reshape(-1, 2)
    if not len(holes):
        times[0] = 1.0
        return times
    holes = np.where(np.isinf(holes), largest, holes)
    # The number of holes is constant between two successive births or deaths.
    borders = np.unique(np.concatenate([holes.ravel(), [0.0, largest]]))
    middles = (borders[:-1] + borders[1:]) / 2
    alive = ((holes[:, :1] <= middles) & (middles < holes[:, 1:])).sum(axis=0)
    counted = alive < _MAX_HOLES
    np.add.at(times, alive[counted], np.diff(borders)[counted])
    return times / largest


def geometry_score(
    first: Float[np.ndarray, "n d"], second: Float[np.ndarray, "m d"], seed: int = 0, rounds: int = 100
) -> float:
    """The squared Euclidean distance between the mean relative living times of two sets; 0 for equal topology.

    The paper uses 1,000 rounds; scores are often reported times 1,000. The score does not depend on the location of the
    sets in feature space, so that of distant sets can be small.

    Args:
      first: features of one set.
      second: features of the other set.
      seed: seed of the landmarks.
      rounds: number of samples of landmarks for each set.

    References:
      Khrulkov and Oseledets, Geometry Score, ICML 2018, https://arxiv.org/abs/1802.02664
    """
    rngs = [np.random.default_rng((seed, number)) for number in range(2)]
    means = [mean_relative_living_times(rows, rng, rounds) for rows, rng in zip((first, second), rngs, strict=True)]
    return float(np.square(means[0] - means[1]).sum())
