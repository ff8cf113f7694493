"""How far one set of images is from another, by the features that a network sees in them.

Figures of different networks, sample sizes or splits must not be compared with one another.
"""

import numpy as np
from jaxtyping import Float


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


def kernel_distance(first: Float[np.ndarray, "n d"], second: Float[np.ndarray, "m d"]) -> float:
    """Squared maximum mean discrepancy with the kernel (x·y / d + 1)³, unbiased: 0 on average for equal distributions.

    It is that of all rows; the usual average over random subsets has the same expectation and is less exact.

    References:
      Bińkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
    """
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1.0) ** 3

    def mean_of_others(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    return float(mean_of_others(kernel(x, x)) + mean_of_others(kernel(y, y)) - 2.0 * kernel(x, y).mean())
