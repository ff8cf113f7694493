"""Words that CTC cannot align, as they have more labels than the recognizer has frames, are named."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import smoke
from hwgan.checkpoints.run import build_networks, image_spec
from hwgan.data.charset import Charset
from hwgan.data.lexicon import Lexicon
from hwgan.data.word_store import WordStore
from hwgan.models.recognizer import CRNN, ConvRecognizer, GatedCRNN
from hwgan.runtime.errors import UserError
from hwgan.training.alignment import check_alignment

CHARSET = Charset("qb\u0323\u0302\u0304\u0308")
STACKED = "q\u0323\u0302\u0304\u0308b"  # six labels on 32 pixels, of which the smoke config makes 8 frames


def check(texts, pools=((2, 2), (2, 1), (2, 1)), recognizer=None):
    config = smoke.get_config()
    config.model.recognizer.pools = pools
    if recognizer:
        config.model.recognizer = ConfigDict(recognizer)
    networks, _ = build_networks(config, CHARSET)
    spec = image_spec(config)
    lexicon = Lexicon.from_words(texts, CHARSET, spec)
    images = [np.zeros((32, int(width)), np.uint8) for width in spec.expected_widths(texts)]
    words = WordStore.from_images(spec, images, texts, [""] * len(texts), charset=CHARSET)
    check_alignment(networks, CHARSET, words, lexicon)


def test_words_with_enough_frames_pass(caplog):
    caplog.set_level(logging.WARNING)
    check(["qb", STACKED])
    assert not caplog.records


def test_words_with_too_few_frames_are_counted_and_named(caplog):
    caplog.set_level(logging.WARNING)
    check(["qb", STACKED, "b"], pools=((2, 2), (2, 2), (2, 1)))
    first, second = (record.getMessage() for record in caplog.records)
    assert "1 of 3 training words have more labels than the recognizer has frames, one for each 8 pixels" in first
    assert f"{STACKED!r}, 6 labels and 4 frames" in first
    assert "1 of 3 texts to generate" in second


def test_a_transducer_takes_more_labels_than_frames(caplog):
    caplog.set_level(logging.WARNING)
    check(["qb", STACKED], recognizer=dict(name="transducer", conv_features=(2, 2), pools=((2, 4), (2, 2))))
    assert not caplog.records


def test_a_repeated_mark_needs_a_frame_more(caplog):
    caplog.set_level(logging.WARNING)
    check(["qb", "q\u0323\u0323"], pools=((2, 2), (2, 2), (2, 1)))  # 3 labels, a blank between equal ones, 2 frames
    assert "'q\u0323\u0323', 3 labels and 2 frames" in caplog.text


def test_where_nothing_can_be_aligned_training_ends():
    with pytest.raises(UserError, match=r"2 of 2 training words .* a larger preprocessing.height"):
        check([STACKED, STACKED[:-1]], pools=((2, 2), (2, 2), (2, 2)))


@pytest.mark.parametrize(
    "recognizer",
    [
        CRNN(3, conv_features=(2,) * 7, lstm_features=2, stem=2),
        GatedCRNN(3, conv_features=(2,) * 5, lstm_features=2),
        ConvRecognizer(3, conv_features=(2, 2, 2), dense_features=2),
    ],
)
def test_the_width_of_a_frame_is_that_of_the_network(recognizer):
    widths = np.array([1, 31, 32, 96])
    image = jnp.zeros((4, 64, 96, 1))
    shapes = jax.jit(lambda key: recognizer.init_with_output(key, image, jnp.asarray(widths), train=False)[0].lengths)
    np.testing.assert_array_equal(shapes(jax.random.key(0)), -(-widths // recognizer.frame_width))
