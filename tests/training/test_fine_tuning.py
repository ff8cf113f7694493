"""Fine-tuning a style: it lowers its own objective, changes the style alone, and does the same each time."""

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hwgan.models.state import variables_digest
from hwgan.runtime.errors import UserError
from hwgan.sampling.style_files import read_style, write_style
from hwgan.training.fine_tuning import FineTuning, fine_tune

QUICK = FineTuning(steps=30, batch_size=8, learning_rate=0.01)
TEXTS = ["ab", "cde", "fa", "bad", "deaf"]


def picture(text):
    """Some strokes for each character, the same for equal ones."""
    image = Image.new("L", (8 + 16 * len(text), 50), 255)
    draw = ImageDraw.Draw(image)
    for place, character in enumerate(text):
        points = np.random.default_rng(ord(character)).uniform(4, [18, 46], (4, 2))
        draw.line([(x + 16 * place, y) for x, y in points.tolist()], fill=0, width=3)
    return np.asarray(image)


@pytest.fixture(scope="module")
def words(style_encoder):
    return style_encoder.encode_words([picture(text) for text in TEXTS], TEXTS)


@pytest.fixture(scope="module")
def style(style_encoder, words):
    return style_encoder.fit(words)


@pytest.fixture(scope="module")
def tuned(style_encoder, words, style):
    return fine_tune(style_encoder, words, style, QUICK)


def test_the_objective_falls(tuned):
    _, values = tuned
    assert len(values) == QUICK.steps and np.isfinite(values).all()
    assert np.mean(values[-5:]) < 0.9 * np.mean(values[:5])


def test_the_style_changes_and_the_weights_do_not(style_encoder, words, style, tuned):
    found, _ = tuned
    assert variables_digest(style_encoder.sampler.variables) == style_encoder.weights == found.weights
    assert found.z[0] == style.z[0] and np.abs(found.z[1:] - style.z[1:]).max() > 0.01
    assert all(change.dtype == np.float16 for change in found.delta.values())
    assert max(np.abs(change).max() for change in found.delta.values()) > 0.01
    assert dataclasses.replace(found, z=style.z, delta=style.delta) == style


def test_the_same_seed_gives_the_same_style(style_encoder, words, style, tuned):
    again, values = fine_tune(style_encoder, words, style, QUICK)
    assert values == tuned[1] and np.array_equal(again.z, tuned[0].z)
    assert all(np.array_equal(change, tuned[0].delta[name]) for name, change in again.delta.items())
    other, _ = fine_tune(style_encoder, words, style, dataclasses.replace(QUICK, seed=1))
    assert not np.array_equal(other.z, again.z)


@pytest.mark.slow  # it compiles another program
def test_strong_decay_leaves_the_parameters(style_encoder, words, style, tuned):
    def size(style):
        return max(float(np.abs(change).mean()) for change in style.delta.values())

    held, _ = fine_tune(style_encoder, words, style, dataclasses.replace(QUICK, decay=1e7))
    assert size(held) < 0.3 * size(tuned[0])


def test_a_tuned_style_is_a_small_file(style_encoder, tuned, tmp_path):
    path = tmp_path / "mine.npz"
    write_style(tuned[0], str(path))
    assert path.stat().st_size < 100_000
    assert read_style(str(path), style_encoder.sampler).delta.keys() == tuned[0].delta.keys()


@pytest.mark.slow  # it compiles another program
def test_a_style_that_has_left_the_range_is_not_written(style_encoder, words, style):
    with pytest.raises(UserError, match="the fine-tuned style"):
        fine_tune(style_encoder, words, style, dataclasses.replace(QUICK, learning_rate=1e6))
