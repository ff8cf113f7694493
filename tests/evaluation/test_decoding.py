"""Decoding with a lexicon."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hwgan.data.charset import Charset, pad_labels
from hwgan.evaluation.decoding import DecodingLexicon, log_likelihoods
from hwgan.models.ctc import CTCRecognizer
from hwgan.models.recognizer import RecognizerOutput


def output_of(frames):
    """A recognizer's output for one image, of logits [frames, labels]."""
    frames = jnp.asarray(frames, jnp.float32)[None]
    return RecognizerOutput(frames, jnp.array([frames.shape[1]]), frames)


def likelihoods(log_probabilities, words, charset):
    labels = [charset.encode(word) for word in words]
    lengths = jnp.array([len(row) for row in labels])
    return log_likelihoods(CTCRecognizer(), {}, output_of(log_probabilities), jnp.array(pad_labels(labels, 4)), lengths)


@pytest.mark.parametrize("seed", range(5))
def test_likelihoods_are_those_of_ctc(seed):
    charset = Charset("abc")
    words = ["a", "aa", "ab", "abca", "bbb", "cab"]
    log_probabilities = np.asarray(jax.nn.log_softmax(jax.random.normal(jax.random.key(seed), (9, 4))))
    found = likelihoods(log_probabilities, words, charset)
    labels = jnp.asarray(pad_labels([charset.encode(word) for word in words], 4))
    frames = jnp.repeat(log_probabilities[None], len(words), axis=0)
    expected = -optax.ctc_loss(frames, jnp.zeros(frames.shape[:2]), labels, jnp.asarray(labels == 0, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # A plain sum over all ways to align two labels with four frames.
    short = log_probabilities[:4]
    total = -np.inf
    for path in itertools.product(range(4), repeat=4):
        merged = [label for label, group in itertools.groupby(path) if label]
        if merged == [1, 2]:
            total = np.logaddexp(total, sum(short[i, label] for i, label in enumerate(path)))
    found = likelihoods(short, ["ab", "aaa"], charset)
    np.testing.assert_allclose(found[0], total, rtol=1e-5)
    assert found[1] == -np.inf  # three labels and two blanks between them do not fit into four frames


def test_a_lexicon_corrects_a_character():
    charset = Charset("aorst")
    frames = np.full((8, 6), -5.0)
    for i, label in enumerate([0, 5, 0, 2, 0, 1, 0, 0]):  # greedily "toa"
        frames[i, label] = -0.1
    frames[5, 3] = -0.3  # or nearly "tor"
    given = CTCRecognizer(), {}, output_of(frames), "toa"
    assert DecodingLexicon(["tor", "sat", "rats"], charset).read(*given) == "tor"
    assert DecodingLexicon(["tor", "sat", "é"], charset, candidates=1).read(*given) == "tor"
