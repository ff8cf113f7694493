"""Losses, one value per example, in float32; and the balancing of gradients at the generated image.

The loss of a recognizer is its own: `models.ctc`, `models.transducer_loss`.
"""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

BALANCING_RULES = ("alonso", "fogel", "none")


def mean_where(values: Float[Array, "b *rest"], counts: Bool[Array, " b"] | None) -> Float[Array, "*rest"]:
    """The mean over the rows where `counts` is True, over all if it is None; 0 if there is none."""
    if counts is None:
        return values.mean(axis=0)
    rows = values * counts.reshape(-1, *(1,) * (values.ndim - 1))  # no matrix product, which accelerators round
    return rows.sum(axis=0) / jnp.maximum(counts.sum(), 1)


def hinge_discriminator(
    real_scores: Float[Array, "*b"], fake_scores: Float[Array, "*b"]
) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
    """Hinge losses of real and fake images: max(0, 1 - real), max(0, 1 + fake).

    References:
      Lim and Ye, Geometric GAN, 2017, https://arxiv.org/abs/1705.02894
    """
    return jnp.maximum(0.0, 1.0 - real_scores), jnp.maximum(0.0, 1.0 + fake_scores)


def hinge_generator(fake_scores: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """The generator's part of the hinge loss: -score."""
    return -fake_scores


def gradient_penalty(input_gradient: Float[Array, "b h w 1"]) -> Float[Array, " b"]:
    """R1: ½ ‖∇ₓ D(x)‖² at real images x.

    References:
      Mescheder et al., Which Training Methods for GANs do actually Converge?, ICML 2018,
      https://arxiv.org/abs/1801.04406
    """
    return 0.5 * jnp.square(input_gradient).sum(axis=(1, 2, 3))


def z_error(prediction: Float[Array, "b s"], z: Float[Array, "b z"]) -> Float[Array, " b"]:
    """Mean squared error of a prediction of the first s entries of z; 0 where s is 0.

    z is standard normal, so that a prediction that knows nothing costs 1.

    References:
      Chen et al., InfoGAN, 2016, https://arxiv.org/abs/1606.03657
    """
    num_entries = prediction.shape[1]
    return jnp.square(prediction - z[:, :num_entries]).sum(axis=1) / max(num_entries, 1)


def mean_error(
    mean: Float[Array, "*groups d"], real_mean: Float[Array, "*groups d"], real_variance: Float[Array, "*groups d"]
) -> Float[Array, "*groups"]:
    """Mean over the features d of (mean - real mean)² / real variance."""
    return (jnp.square(mean - real_mean) / real_variance).mean(axis=-1)


def writer_cross_entropy(logits: Float[Array, "b writers"], writers: Int[Array, " b"]) -> Float[Array, " b"]:
    """Cross-entropy of the writer of each word, in nats; 0 for writer -1 (unknown)."""
    entropies = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(writers, 0))
    return jnp.where(writers >= 0, entropies, 0.0)


def balance_gradients(
    gradient: Float[Array, "*shape"], adversarial_gradient: Float[Array, "*shape"], *, rule: str, weight: float
) -> Float[Array, "*shape"]:
    """Scales a gradient at the generated image to the standard deviation of the adversarial gradient.

    With σ and μ the standard deviation and mean over all entries, g the gradient and a the adversarial one:
    "alonso" gives w · (σ(a)/σ(g) · (g - μ(g)) + μ(a)), "fogel" w · σ(a)/σ(g) · g, "none" w · g.

    Args:
      gradient: g, of the recognizer's or the style loss with respect to the image.
      adversarial_gradient: a, of the adversarial loss with respect to the image.
      rule: one of `BALANCING_RULES`.
      weight: w; with "alonso" and "fogel", 1 gives both gradients the same standard deviation.

    Returns:
      The gradient to add to the adversarial one.

    Raises:
      ValueError: no such rule.

    References:
      Alonso et al. 2019, https://arxiv.org/abs/1903.00277, section 2.5; Fogel et al. 2020,
      https://arxiv.org/abs/2003.10557, section 3.4.
    """
    if rule == "none":
        return weight * gradient
    scale = adversarial_gradient.std() / jnp.maximum(gradient.std(), 1e-12)
    if rule == "fogel":
        return weight * scale * gradient
    if rule == "alonso":
        centered = gradient - gradient.mean()
        return weight * (scale * centered + adversarial_gradient.mean())
    raise ValueError(f"rule must be one of {BALANCING_RULES}, got {rule!r}")
