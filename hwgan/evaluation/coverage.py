"""What part of real words a generator covers, what part of its words could be real, and whether they are copies."""

import numpy as np
from jaxtyping import Bool, Float

from hwgan.evaluation.neighbors import nearest_distances, pairwise_distances

_NEIGHBORS = 5
_CHANCE = 0.01


def _radii(rows: Float[np.ndarray, "n d"], neighbors: int) -> Float[np.ndarray, " n"]:
    """The distance of each row to its `neighbors`-th nearest other one."""
    return np.partition(pairwise_distances(rows, rows), neighbors, axis=1)[:, neighbors]


def precision_recall_density_coverage(
    real: Float[np.ndarray, "n d"], generated: Float[np.ndarray, "m d"], neighbors: int = _NEIGHBORS
) -> dict[str, float]:
    """How two sets of features overlap, by balls around each row that reach to its `neighbors`-th nearest.

    Args:
      real: features.
      generated: features.
      neighbors: of a ball; less than the rows of either set.

    Returns:
      `precision`: the share of generated rows within the ball of a real one; `recall`: that of real rows within the
      ball of a generated one; `density`: how many balls of real rows a generated one lies in, in units of `neighbors`,
      which one outlier does not inflate; `coverage`: the share of real rows with a generated one in their ball.

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
    """The share of generated rows that lie closer to a training row than 99 % of real rows do.

    About 0.01 for a generator that is no closer to its training words than other writers are; 1 for one that copies.

    Args:
      generated: features.
      train: features of the training words.
      real: features of words that are not among them.
    """
    closest = np.percentile(nearest_distances(real, train), 100 * _CHANCE)
    return float((nearest_distances(generated, train) < closest).mean())
