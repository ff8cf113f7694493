"""Connectionist temporal classification: loss, posterior, greedy decoding, and the recognizers that use it.

References:
  Graves et al., Connectionist Temporal Classification, ICML 2006.
"""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from hwgan.models.layers import length_mask


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
    """-log p(labels | frames), in nats a word.

    Args:
      logits: unnormalised, label 0 is the blank.
      num_frames: frames of each row that are not padding.
      labels: padded on the right.
      label_lengths: labels of each row that are not padding.

    Returns:
      One loss a row; 0 where no alignment exists, for which optax gives a large finite number with meaningless
      gradients.
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


def ctc_greedy(logits: Float[Array, "b f v"], num_frames: Int[Array, " b"]) -> Int[Array, "b f"]:
    """The most probable label of each frame; 0 where it is that of the frame before, and in padding.

    Without its zeros, a row is the text by greedy decoding.
    """
    best = logits.argmax(axis=-1)
    repeated = jnp.pad(best[:, 1:] == best[:, :-1], ((0, 0), (1, 0)))
    return jnp.where(length_mask(num_frames, logits.shape[1]) & ~repeated, best, 0)


class CTCRecognizer(nn.Module):
    """What recognizers with a distribution over labels for each frame have in common: loss and decoding.

    Every recognizer has these three functions and the attribute; another kind is `transducer.Transducer`. `variables`
    are those of the module, `output` is what it returns for images.

    Attributes:
      loss_name: of the loss, in the names of metrics.
    """

    loss_name: ClassVar[str] = "ctc"

    @nn.nowrap
    def loss(
        self, variables: Any, output: Any, labels: Int[Array, "b t"], label_lengths: Int[Array, " b"]
    ) -> Float[Array, " b"]:
        """-log p(labels | images) in nats a word; 0 where `can_align` is False."""
        del variables
        return ctc(output.logits, output.lengths, labels, label_lengths)

    @nn.nowrap
    def decode(self, variables: Any, output: Any) -> Int[Array, "b n"]:
        """The labels that are read, greedily: in their order, with zeros anywhere between them."""
        del variables
        return ctc_greedy(output.logits, output.lengths)

    @nn.nowrap
    def can_align(
        self, num_frames: Int[Array, " b"], labels: Int[Array, "b t"], label_lengths: Int[Array, " b"]
    ) -> Bool[Array, " b"]:
        """Whether so many frames can be read as these labels."""
        return alignment_exists(num_frames, labels, label_lengths)
