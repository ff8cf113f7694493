"""Overlap of two sets of features: precision, recall, density, coverage, and the share of copies of training words."""

import numpy as np
from jaxtyping import Bool, Float

from hwgan.evaluation.neighbors import nearest_distances, pairwise_distances

_NEIGHBORS = 5
_COPY_QUANTILE = 0.01  # of the distances of real words to their nearest training word


def _radii(rows: Float[np.ndarray, "n d"], neighbors: int) -> Float[np.ndarray, " n"]:
    """The distance of each row to its `neighbors`-th nearest other row."""
    return np.partition(pairwise_distances(rows, rows), neighbors, axis=1)[:, neighbors]


def precision_recall_density_coverage(
    real: Float[np.ndarray, "n d"], generated: Float[np.ndarray, "m d"], neighbors: int = _NEIGHBORS
) -> dict[str, float]:
    """Overlap of two sets of features, by balls around each row whose radius is the distance to its k-th neighbour.

    Args:
      real: features of real words.
      generated: features of generated words.
      neighbors: k, smaller than the number of rows of either set.

    Returns:
      `precision`: share of generated rows inside the ball of at least one real row, in [0, 1].
      `recall`: share of real rows inside the ball of at least one generated row, in [0, 1].
      `density`: mean number of balls of real rows that contain a generated row, divided by k; above 0, not bounded by
      1, and less sensitive to outliers among the real rows than precision.
      `coverage`: share of real rows whose ball contains a generated row, in [0, 1].

    References:
      Kynkäänniemi et al., Improved Precision and Recall Metric, 2019, https://arxiv.org/abs/1904.06991; Naeem et al.,
      Reliable Fidelity and Diversity Metrics, 2020, https://arxiv.org/abs/2002.09797
    """
    between = pairwise_distances(real, generated)
    real_radii, generated_radii = _radii(real, neighbors), _radii(generated, neighbors)
    inside_real: Bool[np.ndarray, "n m"] = between < real_radii[:, None]
    return {
        "precision": float(inside_real.any(axis=0).mean()),
        "recall": float((between < generated_radii[None]).any(axis=1).mean()),
        "density": float(inside_real.sum(axis=0).mean() / neighbors),
        "coverage": float((between.min(axis=1) < real_radii).mean()),
    }


def share_of_copies(
    generated: Float[np.ndarray, "m d"], train: Float[np.ndarray, "n d"], real: Float[np.ndarray, "k d"]
) -> float:
    """The share of generated rows whose nearest training row is closer than that of 99 % of the real rows.

    It is about 0.01 for a generator whose words are as far from the training words as held-out real words are, and 1
    for a generator that copies training words.

    Args:
      generated: features of generated words.
      train: features of the training words.
      real: features of real words that are not training words.
    """
    threshold = np.percentile(nearest_distances(real, train), 100 * _COPY_QUANTILE)
    return float((nearest_distances(generated, train) < threshold).mean())
