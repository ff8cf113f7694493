"""The transducer's loss against the sum over all alignments, a reference implementation, and finite differences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from hwgan.models.transducer_loss import transducer

# A batch with padding in frames and labels, and what torchaudio.functional.rnnt_loss 2.11.1 makes of it.
NUM_FRAMES, LABELS, LENGTHS = np.array([6, 4, 5]), np.array([[1, 2, 2], [3, 0, 0], [4, 1, 0]]), np.array([3, 1, 2])
LOGITS = (3.0 * np.sin(np.arange(3 * 6 * 4 * 5) ** 1.3)).reshape(3, 6, 4, 5).astype(np.float32)
TORCHAUDIO_LOSSES = [9.2936974, 6.4819670, 10.2482929]
TORCHAUDIO_GRADIENT = [-0.7633169, 0.2700451, 0.0022588, 0.3087136, 0.1822993]  # of their sum, at logits[0, 2, 1]


def alignments(num_frames, num_labels):
    """Every way to put labels between blanks, the last of which is the last step: the cells (f, u), and what is done."""
    for places in itertools.combinations(range(num_frames + num_labels - 1), num_labels):
        frame = count = 0
        steps = []
        for place in range(num_frames + num_labels):
            steps.append((frame, count, place in places))
            frame, count = (frame, count + 1) if place in places else (frame + 1, count)
        yield steps


def naive_loss(logits, label):
    log_probabilities = jax.nn.log_softmax(logits)
    totals = [
        sum(log_probabilities[f, u, label[u] if emits else 0] for f, u, emits in steps)
        for steps in alignments(len(logits), len(label))
    ]
    return -jax.nn.logsumexp(jnp.stack(totals))


def loss_of(logits, num_frames=NUM_FRAMES, labels=LABELS, lengths=LENGTHS):
    return transducer(*map(jnp.asarray, (logits, num_frames, labels, lengths)))


@pytest.mark.parametrize(("frames", "label"), [(1, []), (1, [2, 1]), (3, []), (4, [1]), (3, [1, 1]), (4, [2, 1, 2])])
def test_the_loss_and_its_gradient_are_those_of_the_sum_over_all_alignments(frames, label):
    logits = jax.random.normal(jax.random.key(frames), (5, 5, 3))
    labels = jnp.array([[*label, *[0] * (4 - len(label))]])

    def loss(logits):
        return transducer(logits[None], jnp.array([frames]), labels, jnp.array([len(label)]))[0]

    def expected(logits):
        return naive_loss(logits[:frames, : len(label) + 1], label)

    for found, right in zip(*(jax.value_and_grad(f)(logits) for f in (loss, expected)), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)


def test_the_loss_and_its_gradient_are_those_of_torchaudio_as_it_gave_them_once():
    np.testing.assert_allclose(loss_of(LOGITS), TORCHAUDIO_LOSSES, rtol=1e-5)
    gradient = jax.grad(lambda logits: loss_of(logits).sum())(jnp.asarray(LOGITS))
    np.testing.assert_allclose(gradient[0, 2, 1], TORCHAUDIO_GRADIENT, atol=1e-5)


def test_the_loss_and_its_gradient_are_those_of_torchaudio():
    torch, functional = pytest.importorskip("torch"), pytest.importorskip("torchaudio.functional")
    logits = torch.tensor(LOGITS, requires_grad=True)
    given = (torch.tensor(array, dtype=torch.int32) for array in (LABELS, NUM_FRAMES, LENGTHS))
    losses = functional.rnnt_loss(logits, *given, blank=0, reduction="none")
    losses.sum().backward()
    np.testing.assert_allclose(loss_of(LOGITS), losses.detach().numpy(), rtol=1e-5)
    gradient = jax.grad(lambda logits: loss_of(logits).sum())(jnp.asarray(LOGITS))
    np.testing.assert_allclose(gradient, logits.grad.numpy(), atol=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    weights = jnp.array([1.0, -2.0, 0.5])
    check_grads(lambda logits: (weights * loss_of(logits)).sum(), (jnp.asarray(LOGITS),), 1, ["rev"], 0.02, 0.02, 0.01)


def test_padding_changes_neither_the_loss_nor_the_gradient():
    clean = jax.value_and_grad(lambda logits: loss_of(logits[None], [4], LABELS[1:2, :1], [1])[0])
    loss, gradient = clean(jnp.asarray(LOGITS[1, :4, :2]))
    dirty = LOGITS.copy()
    dirty[1, 4:], dirty[1, :, 2:] = 1e4, -1e4
    labels = LABELS.copy()
    labels[1, 1:] = 4
    padded = jax.value_and_grad(lambda logits: loss_of(logits, labels=labels)[1])
    padded_loss, padded_gradient = padded(jnp.asarray(dirty))
    np.testing.assert_allclose(padded_loss, loss, rtol=1e-6)
    np.testing.assert_allclose(padded_gradient[1, :4, :2], gradient, atol=1e-6)
    rest = padded_gradient.at[1, :4, :2].set(0.0)
    assert not rest.any()


def test_without_a_frame_loss_and_gradient_are_zero():
    loss, gradient = jax.value_and_grad(lambda x: loss_of(x, [0, 4, 5])[0])(jnp.asarray(LOGITS))
    assert loss == 0.0 and not gradient.any()


def test_long_words_have_finite_losses():
    logits = 20.0 * jax.random.normal(jax.random.key(0), (1, 200, 61, 4))
    labels = jnp.ones((1, 60), jnp.int32)
    loss, gradient = jax.value_and_grad(lambda x: transducer(x, jnp.array([200]), labels, jnp.array([60])).sum())(
        logits
    )
    assert 0.0 < loss < 1e5
    assert bool(jnp.isfinite(gradient).all())
