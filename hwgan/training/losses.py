"""Losses, one value per example, in float32; and the balancing of gradients at the generated image."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from hwgan.models.layers import length_mask

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


def alignment_exists(
    num_frames: Int[Array, " b"], labels: Int[Array, "b t"], label_lengths: Int[Array, " b"]
) -> Bool[Array, " b"]:
    """Whether CTC has an alignment: it takes one frame per label, and one more between two equal neighbours."""
    inside = length_mask(label_lengths, labels.shape[1])
    repeats = ((labels[:, 1:] == labels[:, :-1]) & inside[:, 1:]).sum(axis=1)
    return num_frames >= label_lengths + repeats


def ctc(
    logits: Float[Array, "b f v"],
    num_frames: Int[Array, " b"],
    labels: Int[Array, "b t"],
    label_lengths: Int[Array, " b"],
) -> Float[Array, " b"]:
    """Connectionist temporal classification: -log p(labels | frames), in nats a word.

    Args:
      logits: unnormalised, label 0 is the blank.
      num_frames: frames of each row that are not padding.
      labels: padded on the right.
      label_lengths: labels of each row that are not padding.

    Returns:
      One loss a row; 0 where no alignment exists, for which optax gives a large finite number with meaningless
      gradients.

    References:
      Graves et al., Connectionist Temporal Classification, ICML 2006.
    """
    logit_paddings = 1.0 - length_mask(num_frames, logits.shape[1]).astype(jnp.float32)
    label_paddings = 1.0 - length_mask(label_lengths, labels.shape[1]).astype(jnp.float32)
    losses = optax.ctc_loss(logits.astype(jnp.float32), logit_paddings, labels, label_paddings)
    return jnp.where(alignment_exists(num_frames, labels, label_lengths), losses, 0.0)


def ctc_occupancy(
    logits: Float[Array, "b f v"],
    num_frames: Int[Array, " b"],
    labels: Int[Array, "b t"],
    label_lengths: Int[Array, " b"],
) -> Float[Array, "b f v"]:
    """Posterior p(frame f emits label v | labels), by forward-backward; 0 in padding and without an alignment.

    Computed from the gradient of `ctc`: ∂ctc/∂logits = softmax(logits) - occupancy. Arguments as in `ctc`. The result
    is not differentiable.
    """
    logits = jax.lax.stop_gradient(logits.astype(jnp.float32))
    gradients = jax.grad(lambda logits: ctc(logits, num_frames, labels, label_lengths).sum())(logits)
    aligned = alignment_exists(num_frames, labels, label_lengths)[:, None]
    inside = length_mask(num_frames, logits.shape[1]) & aligned
    return jnp.where(inside[..., None], jax.nn.softmax(logits) - gradients, 0.0)


def balance_gradients(
    gradient: Float[Array, "*shape"], adversarial_gradient: Float[Array, "*shape"], *, rule: str, weight: float
) -> Float[Array, "*shape"]:
    """Scales a gradient at the generated image to the standard deviation of the adversarial gradient.

    With σ and μ the standard deviation and mean over all entries, g the gradient and a the adversarial one:
    "alonso" gives w · (σ(a)/σ(g) · (g - μ(g)) + μ(a)), "fogel" w · σ(a)/σ(g) · g, "none" w · g.

    Args:
      gradient: g, of the CTC or style loss with respect to the image.
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
