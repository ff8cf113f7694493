"""The transducer: what its predictions depend on, and its decoding against plain loops and exhaustive search."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.data.charset import pad_labels
from hwgan.evaluation.beam_search import beam_search
from hwgan.models.recognizer import CRNN, RecognizerOutput
from hwgan.models.transducer import Transducer
from tests.models.test_networks import IMAGES, KEYS, WIDTHS, init, randomized

ENCODER = dict(conv_features=(4, 4), pools=((2, 2), (2, 4)), lstm_features=3, lstm_layers=1)
SIZES = dict(**ENCODER, prediction_features=5)


def with_variables(num_labels=4, max_symbols_per_frame=4):
    return Transducer(num_labels, **SIZES, max_symbols_per_frame=max_symbols_per_frame), variables_of(num_labels)


@functools.cache
def variables_of(num_labels):
    variables = init(Transducer(num_labels, **SIZES), KEYS[0], IMAGES, WIDTHS, train=True)
    params = randomized(variables)["params"]
    # Far from zero, so that the texts of tests differ in their probabilities.
    params["predictor"] = jax.tree.map(lambda leaf: 4.0 * leaf, params["predictor"])
    return variables | {"params": params}


def random_output(num_frames, padded_frames, seed=0):
    states = jax.random.normal(jax.random.key(seed), (len(num_frames), padded_frames, 6))
    return RecognizerOutput(None, jnp.array(num_frames), states)


def texts_of(labels):
    return [row[row > 0].tolist() for row in np.asarray(labels)]


def test_the_encoder_is_that_of_the_crnn():
    module, variables = with_variables()
    crnn = CRNN(4, **ENCODER)
    own = {name: leaves for name, leaves in variables["params"].items() if name != "predictor"}
    head = {"logits": {"kernel": jnp.zeros((6, 4)), "bias": jnp.zeros(4)}}
    expected = crnn.apply(variables | {"params": own | head}, IMAGES, WIDTHS, train=False)
    output = module.apply(variables, IMAGES, WIDTHS, train=False)
    np.testing.assert_array_equal(output.states, expected.states)
    np.testing.assert_array_equal(output.lengths, expected.lengths)
    assert output.logits is None
    assert module.frame_width == crnn.frame_width


def test_predictions_depend_on_labels_before_them_alone():
    module, variables = with_variables()
    states, labels = random_output([5], 5).states, jnp.array([[1, 2, 3]])
    logits = module.predict(variables, states, labels)
    assert logits.shape == (1, 5, 4, 4)
    assert logits.dtype == jnp.float32
    other = module.predict(variables, states, labels.at[0, 1].set(1))
    np.testing.assert_array_equal(other[:, :, :2], logits[:, :, :2])
    assert (jnp.abs(other - logits)[:, :, 2:].max(axis=(1, 3)) > 1e-3).all()


def test_step_by_step_it_predicts_what_it_predicts_at_once():
    module, variables = with_variables()
    states, labels = random_output([2, 2], 2).states, jnp.array([[1, 2], [3, 3]])
    logits = module.predict(variables, states, labels)
    memory, prediction = module.predict(variables, 2, method="start")
    for count in range(3):
        found = module.predict(variables, states[:, 1], prediction, method="join")
        np.testing.assert_allclose(found, logits[:, 1, count], atol=1e-5)
        if count < 2:
            memory, prediction = module.predict(variables, memory, labels[:, count], method="advance")


def test_padding_changes_neither_the_loss_nor_the_reading():
    module, variables = with_variables()
    labels, lengths = jnp.array([[1, 2, 0], [3, 1, 2]]), jnp.array([2, 3])

    @jax.jit
    def read(images, widths, labels, lengths):
        output = module.apply(variables, images, widths, train=False)
        return module.loss(variables, output, labels, lengths), module.decode(variables, output)

    loss, reading = read(IMAGES, WIDTHS, labels, lengths)
    dirty_loss, dirty = read(IMAGES.at[0, :, 48:].set(-1.0), WIDTHS, labels.at[0, 2].set(3), lengths)
    alone_loss, alone = read(IMAGES[:1, :, :48], WIDTHS[:1], labels[:1, :2], lengths[:1])
    np.testing.assert_allclose(dirty_loss, loss, rtol=1e-5)
    np.testing.assert_allclose(alone_loss[0], loss[0], rtol=1e-5)
    assert texts_of(dirty) == texts_of(reading)
    assert texts_of(alone) == texts_of(reading)[:1]


def greedy(module, variables, states):
    """Word by word, frame by frame."""
    read = []
    memory, prediction = module.predict(variables, 1, method="start")
    for state in states:
        for _ in range(module.max_symbols_per_frame):
            best = int(module.predict(variables, state[None], prediction, method="join")[0].argmax())
            if best == 0:
                break
            read.append(best)
            memory, prediction = module.predict(variables, memory, jnp.array([best]), method="advance")
    return read


@pytest.mark.parametrize("limit", [1, 3])
def test_greedy_decoding_is_that_of_a_plain_loop(limit):
    module, variables = with_variables(max_symbols_per_frame=limit)
    output = random_output([6, 4, 0], 6)
    found = texts_of(jax.jit(module.decode)(variables, output))
    expected = [
        greedy(module, variables, states[:count]) for states, count in zip(output.states, [6, 4, 0], strict=True)
    ]
    assert found == expected
    assert len(found[0]) > 1
    assert len({tuple(text) for text in found}) > 1


def log_probability(logits, text, limit):
    """The sum over all ways to deal the labels of a text out to frames, up to `limit` to each."""
    log_probabilities = np.asarray(jax.nn.log_softmax(logits))
    total = -np.inf
    for counts in itertools.product(range(limit + 1), repeat=len(logits)):
        if sum(counts) == len(text):
            done = np.cumsum([0, *counts])
            steps = [log_probabilities[f, u, text[u]] for f in range(len(counts)) for u in range(done[f], done[f + 1])]
            steps += [log_probabilities[f, done[f + 1], 0] for f in range(len(counts))]
            total = np.logaddexp(total, sum(steps))
    return total


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_most_probable_text_of_all(seed):
    module, variables = with_variables(num_labels=3, max_symbols_per_frame=2)
    texts = [text for length in range(5) for text in itertools.product((1, 2), repeat=length)]
    labels = pad_labels([np.array(text, np.int32) for text in texts], 4)
    output = random_output([2], 3, seed)  # of which one frame is padding
    states = output.states[:, :2].repeat(len(texts), axis=0)
    logits = jax.jit(module.predict)(variables, states, jnp.array(labels))
    found = [log_probability(logits[i], text, 2) for i, text in enumerate(texts)]
    assert beam_search(module, variables, output, len(texts)) == texts[int(np.argmax(found))]


def test_texts_of_a_narrow_beam_are_more_probable_than_greedy_ones_on_average():
    module, variables = with_variables(max_symbols_per_frame=2)
    head = variables["params"]["predictor"]["logits"]
    head = head | {"bias": head["bias"].at[0].add(2.0)}  # more frames than labels, as in trained networks
    predictor = variables["params"]["predictor"] | {"logits": head}
    variables = variables | {"params": variables["params"] | {"predictor": predictor}}
    loss, decode = jax.jit(module.loss), jax.jit(module.decode)
    differences = []
    for seed in range(5):
        output = random_output([6], 6, seed)
        found = np.asarray(decode(variables, output)[0])
        texts = [found[found > 0], np.array(beam_search(module, variables, output, 4), np.int32)]
        lengths = jnp.array([[len(text)] for text in texts])
        labels = jnp.array(pad_labels(texts, 12))
        losses = [float(loss(variables, output, labels[i : i + 1], lengths[i])[0]) for i in (0, 1)]
        differences.append(losses[0] - losses[1])
    assert np.mean(differences) > 0.1


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_in_either_precision_the_loss_is_float32(dtype):
    module = Transducer(4, **SIZES, dtype=dtype)

    def read(key):
        output, variables = module.init_with_output(key, IMAGES, WIDTHS, train=True)
        loss = module.loss(variables, output, jnp.array([[1, 2], [3, 0]]), jnp.array([2, 1]))
        return output.states, loss, module.decode(variables, output)

    states, loss, labels = jax.eval_shape(read, KEYS[0])
    assert (loss.shape, loss.dtype) == ((2,), jnp.float32)
    assert labels.shape == (2, 4 * states.shape[1])


def test_the_limit_of_symbols_must_be_positive():
    with pytest.raises(ValueError, match="max_symbols_per_frame=0 must be at least 1"):
        Transducer(4, max_symbols_per_frame=0)
