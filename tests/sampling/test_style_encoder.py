"""Styles from images of words."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageDraw

from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.models.transducer import Transducer
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler
from hwgan.sampling.style_encoder import EMPHASIS, MAX_NORM, agreement, open_style_encoder


def strokes(seed, height=50, width=70, thickness=4):
    """A picture of some strokes, black on white, with a margin."""
    picture = Image.new("L", (width, height), 255)
    points = np.random.default_rng(seed).uniform(4, [width - 4, height - 4], (7, 2))
    ImageDraw.Draw(picture).line([tuple(point) for point in points.tolist()], fill=0, width=thickness)
    return np.asarray(picture)


def test_the_style_is_fitted_to_the_words(style_encoder):
    images = [strokes(seed) for seed in range(5)]
    words = style_encoder.encode_words(images)
    assert len(words.z) >= 2
    style = style_encoder.encode(images)
    assert style.num_words == len(words.z)
    assert style.agreement == pytest.approx(agreement(words.z))
    # The identifier's output for generated words is nearer to the emphasised mean of the words than without fitting.
    target, texts = EMPHASIS * words.z[:, 1:].mean(axis=0), ["bonjour"[:6], "depuis", "quand", "nous"]

    def miss(z):
        drawn = style_encoder.sampler.draw(texts, jnp.asarray(np.tile(z, (4, 1))))
        return np.linalg.norm(style_encoder.encode_words(drawn, texts).z[:, 1:].mean(axis=0) - target)

    unfitted = words.z.mean(axis=0)
    assert np.linalg.norm(style.z[1:]) <= MAX_NORM * np.sqrt(len(target)) + 1e-4
    assert np.abs(style.z[1:] - unfitted[1:]).max() > 0.01
    assert miss(style.z) <= miss(unfitted) + 0.05


def test_a_word_has_one_style_whatever_stands_around_it(style_encoder):
    image = strokes(1)
    wide = np.pad(image, ((30, 10), (5, 40)), constant_values=255)
    negative = 255 - wide
    texts = ["word"] * 4
    words = style_encoder.encode_words([image, wide, negative, strokes(2)], texts)
    np.testing.assert_allclose(words.z[0], words.z[1], atol=0.02)
    np.testing.assert_allclose(words.z[1], words.z[2], atol=0.02)
    assert np.abs(words.z[0] - words.z[3]).max() > 0.1


def test_known_texts_give_the_log_width(style_encoder):
    narrow, wide = (np.asarray(Image.fromarray(strokes(1)).resize((width, 50))) for width in (90, 130))
    words = style_encoder.encode_words([narrow, wide], ["aa", "aa"])
    assert words.z[1, 0] > words.z[0, 0]
    np.testing.assert_array_equal(words.confidences, 1.0)
    longer = style_encoder.encode_words([wide], ["aaa"])
    assert longer.z[0, 0] < words.z[1, 0]


def test_what_is_no_word_is_left_out_and_named(style_encoder):
    blank, line = np.full((40, 60), 200, np.uint8), strokes(0, height=20, width=900)
    words = style_encoder.encode_words([blank, line, strokes(3)], ["ab", "ab", "ab"])
    assert words.rows.tolist() == [2]
    assert "blank" in words.left_out[0]
    assert "wide" in words.left_out[1]
    with pytest.raises(UserError, match="no image is a word: it is blank"):
        style_encoder.encode([blank])


def test_agreement_tells_one_writer_from_several():
    rng = np.random.default_rng(0)
    one = rng.normal(size=6) + 0.3 * rng.normal(size=(20, 6))
    two = np.concatenate([one[:10], 0.3 * rng.normal(size=(10, 6)) - one.mean(axis=0)])
    assert agreement(one) > 0.8 > 0.3 > agreement(two)
    assert agreement(one[:1]) is None
    # Of equal words it is 1, where style files allow nothing above, whatever rounding makes of it.
    assert all(agreement(np.full((2, 2), value, np.float32)) <= 1.0 for value in np.linspace(0.1, 3.0, 300))


def test_weights_without_an_identifier_encode_nothing(style_run, style_sampler, tmp_path):
    write_weights_file(style_run, str(tmp_path / "generator.npz"))
    with pytest.raises(UserError, match="has no identifier"):
        open_style_encoder(str(tmp_path / "generator.npz"), style_sampler)
    write_weights_file(style_run, str(tmp_path / "all.npz"), ["all"])
    sampler = open_sampler(str(tmp_path / "all.npz"))
    encoder = open_style_encoder(str(tmp_path / "all.npz"), sampler)
    assert encoder.encode([strokes(1)], ["ab"]).num_words == 1


def test_a_transducer_cannot_read_the_words_of_a_style(style_encoder, monkeypatch):
    networks = dataclasses.replace(style_encoder.networks, recognizer=Transducer(27))
    opened = networks, {}, style_encoder.charset, style_encoder.spec
    monkeypatch.setattr("hwgan.sampling.style_encoder.open_networks", lambda *_: opened)
    with pytest.raises(UserError, match="has a transducer as its recognizer"):
        open_style_encoder("run", style_encoder.sampler)
