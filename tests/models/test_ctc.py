"""Connectionist temporal classification against sums over all paths."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.ctc import alignment_exists, ctc, ctc_greedy, ctc_occupancy


def paths(log_probabilities, label):
    """Every path of frames that collapses to the label, with its log probability."""
    frames, symbols = log_probabilities.shape
    for path in itertools.product(range(symbols), repeat=frames):
        merged = [s for i, s in enumerate(path) if i == 0 or s != path[i - 1]]
        if [s for s in merged if s] == list(label):
            yield path, sum(log_probabilities[i, s] for i, s in enumerate(path))


def naive_ctc(log_probabilities, label):
    return -np.logaddexp.reduce([weight for _, weight in paths(log_probabilities, label)])


@pytest.mark.parametrize("label", [[1], [1, 2], [1, 1], [2, 1, 2], [2, 2, 1]])
def test_ctc_equals_the_sum_over_paths(label):
    logits = np.random.default_rng(0).normal(size=(6, 3))
    frames, length = 5, len(label)  # one frame is padding
    labels = np.zeros((1, 4), np.int32)
    labels[0, :length] = label
    loss = ctc(jnp.array(logits[None]), jnp.array([frames]), jnp.array(labels), jnp.array([length]))
    log_probabilities = np.asarray(jax.nn.log_softmax(jnp.array(logits[:frames]), axis=-1))
    np.testing.assert_allclose(loss[0], naive_ctc(log_probabilities, label), rtol=1e-5)


@pytest.mark.parametrize("label", [[1], [1, 2], [1, 1], [2, 2, 1]])
def test_occupancy_is_the_share_of_paths_through_a_label(label):
    logits = np.random.default_rng(0).normal(size=(6, 3))
    frames, length = 5, len(label)
    labels = jnp.array([[*label, *[0] * (4 - length)]])
    found = ctc_occupancy(jnp.array(logits[None]), jnp.array([frames]), labels, jnp.array([length]))
    expected = np.zeros((6, 3))
    log_probabilities = np.asarray(jax.nn.log_softmax(jnp.array(logits[:frames]), axis=-1))
    for path, weight in paths(log_probabilities, label):
        expected[np.arange(frames), path] += np.exp(weight)
    expected /= expected[0].sum()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_occupancy_is_zero_without_an_alignment():
    occupancy = ctc_occupancy(jnp.ones((1, 4, 3)), jnp.array([1]), jnp.array([[1, 2, 0]]), jnp.array([2]))
    assert not occupancy.any()


@pytest.mark.parametrize(
    ("frames", "label", "possible"), [(2, [1, 2], True), (2, [1, 1], False), (3, [1, 1], True), (1, [1, 2], False)]
)
def test_ctc_and_its_gradient_are_zero_without_an_alignment(frames, label, possible):
    labels, lengths = jnp.array([[*label, 0]]), jnp.array([len(label)])
    assert bool(alignment_exists(jnp.array([frames]), labels, lengths)[0]) is possible

    def loss(logits):
        return ctc(logits, jnp.array([frames]), labels, lengths).sum()

    value, gradient = jax.value_and_grad(loss)(jnp.zeros((1, 4, 3)))
    assert (value > 0) == possible
    assert bool((gradient != 0).any()) is possible
    assert bool(jnp.isfinite(gradient).all())


def test_greedy_decoding_merges_repeats_and_leaves_out_blanks_and_padding():
    frames = jnp.array([[1, 1, 0, 1, 2, 2], [3, 0, 0, 3, 1, 1]])
    found = ctc_greedy(jax.nn.one_hot(frames, 4), jnp.array([6, 4]))
    assert [row[row > 0].tolist() for row in np.asarray(found)] == [[1, 1, 2], [3, 3]]
