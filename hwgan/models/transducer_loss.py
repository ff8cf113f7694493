"""The transducer's loss: the sum over all alignments of labels to frames, along the anti-diagonals of their lattice.

Cell (f, u) of the lattice is the state at frame f after u labels. A blank leads to (f + 1, u), label u + 1 to
(f, u + 1); an alignment is a path from (0, 0) to (F, U), whose last step is a blank. All cells of a diagonal d = f + u
depend on the diagonal before alone: F + U steps on rows of U + 1 cells are enough.

References:
  Graves, Sequence Transduction with Recurrent Neural Networks, 2012, https://arxiv.org/abs/1211.3711, section 2.4
  Bagby et al., Efficient Implementation of Recurrent Neural Network Transducer in TensorFlow, SLT 2018 (the diagonals)
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.layers import length_mask

_IMPOSSIBLE = -1e30  # log probability; thousands of them can be added up in float32


def transducer(
    logits: Float[Array, "b f n v"],
    num_frames: Int[Array, " b"],
    labels: Int[Array, "b t"],
    label_lengths: Int[Array, " b"],
) -> Float[Array, " b"]:
    """-log p(labels | frames), in nats a word, in float32.

    Args:
      logits: unnormalised, at each frame after each number of labels, n = t + 1; label 0 is the blank.
      num_frames: frames of each row that are not padding.
      labels: padded on the right.
      label_lengths: labels of each row that are not padding.

    Returns:
      One loss a row; 0 where there is no frame, and so no alignment.
    """
    log_probabilities = jax.nn.log_softmax(logits.astype(jnp.float32))
    next_labels = jnp.pad(labels, ((0, 0), (0, 1)))[:, None, :, None]
    emissions = jnp.take_along_axis(log_probabilities, next_labels, axis=-1)[..., 0]
    frames = length_mask(num_frames, logits.shape[1])[:, :, None]
    counts = jnp.arange(logits.shape[2])[None, None]
    lengths = label_lengths[:, None, None]
    blanks = jnp.where(frames & (counts <= lengths), log_probabilities[..., 0], _IMPOSSIBLE)
    emissions = jnp.where(frames & (counts < lengths), emissions, _IMPOSSIBLE)
    return -jnp.where(num_frames > 0, log_likelihood(blanks, emissions, num_frames, label_lengths), 0.0)


@jax.custom_vjp
def log_likelihood(
    blanks: Float[Array, "b f n"],
    emissions: Float[Array, "b f n"],
    num_frames: Int[Array, " b"],
    label_lengths: Int[Array, " b"],
) -> Float[Array, " b"]:
    """The log of the sum over all paths through a lattice.

    Args:
      blanks: log probability of the step from (f, u) to (f + 1, u); -1e30 outside of a row's lattice.
      emissions: of the step from (f, u) to (f, u + 1); likewise.
      num_frames: F of each row, at least 1; the result is below -1e29 elsewhere.
      label_lengths: U of each row, below n.
    """
    return _forward(blanks, emissions, num_frames, label_lengths)[0]


def _forward(
    blanks: Float[Array, "b f n"],
    emissions: Float[Array, "b f n"],
    num_frames: Int[Array, " b"],
    lengths: Int[Array, " b"],
) -> tuple[Float[Array, " b"], Float[Array, "d b n"]]:
    """The log likelihoods, and α of each diagonal: log p(labels up to u, frames before f)."""
    rows, size = jnp.arange(len(blanks)), blanks.shape[2]
    first = jnp.where(jnp.arange(size)[None] == 0, 0.0, jnp.full((len(blanks), size), _IMPOSSIBLE))

    def advance(alpha, steps):
        blank, emission = steps
        emitted = jnp.pad((alpha + emission)[:, :-1], ((0, 0), (1, 0)), constant_values=_IMPOSSIBLE)
        return jnp.logaddexp(alpha + blank, emitted), alpha

    _, alphas = jax.lax.scan(advance, first, (_diagonals(blanks), _diagonals(emissions)))
    last = jnp.maximum(num_frames - 1, 0)
    return alphas[last + lengths, rows, lengths] + blanks[rows, last, lengths], alphas


def _forward_with_residuals(blanks, emissions, num_frames, lengths):
    likelihoods, alphas = _forward(blanks, emissions, num_frames, lengths)
    return likelihoods, (blanks, emissions, num_frames, lengths, likelihoods, alphas)


def _backward(residuals, gradient):
    """∂ log p / ∂ log probability of a step is the posterior of the step: the share of the paths that take it."""
    blanks, emissions, num_frames, lengths, likelihoods, alphas = residuals
    ends, counts = num_frames + lengths, jnp.arange(blanks.shape[2])[None] == lengths[:, None]

    def with_end(beta, diagonal):
        return jnp.where((ends == diagonal)[:, None] & counts, 0.0, beta)

    def go_back(beta, steps):
        blank, emission, alpha, diagonal = steps
        blank = blank + beta
        emission = emission + jnp.pad(beta[:, 1:], ((0, 0), (0, 1)), constant_values=_IMPOSSIBLE)
        scale = alpha - likelihoods[:, None]
        posteriors = jnp.exp(scale + blank), jnp.exp(scale + emission)
        return with_end(jnp.logaddexp(blank, emission), diagonal), posteriors

    num_diagonals = len(alphas)
    beta = with_end(jnp.full(alphas.shape[1:], _IMPOSSIBLE), num_diagonals)
    steps = _diagonals(blanks), _diagonals(emissions), alphas, jnp.arange(num_diagonals)
    _, posteriors = jax.lax.scan(go_back, beta, steps, reverse=True)
    possible = (num_frames > 0)[:, None, None]
    scale = gradient[:, None, None]
    return *(jnp.where(possible, scale * _from_diagonals(x, blanks.shape[1]), 0.0) for x in posteriors), None, None


log_likelihood.defvjp(_forward_with_residuals, _backward)


def _diagonals(cells: Float[Array, "b f n"]) -> Float[Array, "d b n"]:
    """Row d is the anti-diagonal of the cells (d - u, u); of impossible log probability where d - u is no frame."""
    b, f, n = cells.shape
    # A column that is one longer than its rows moves on by a place in each.
    padded = jnp.pad(cells.swapaxes(1, 2), ((0, 0), (0, 0), (0, n)), constant_values=_IMPOSSIBLE)
    return padded.reshape(b, n * (f + n))[:, : n * (f + n - 1)].reshape(b, n, f + n - 1).transpose(2, 0, 1)


def _from_diagonals(diagonals: Float[Array, "d b n"], num_frames: int) -> Float[Array, "b f n"]:
    """The inverse of `_diagonals`."""
    d, b, n = diagonals.shape
    flat = jnp.pad(diagonals.transpose(1, 2, 0).reshape(b, n * d), ((0, 0), (0, n)))
    return flat.reshape(b, n, d + 1)[:, :, :num_frames].swapaxes(1, 2)
