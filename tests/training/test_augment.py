"""Augmentation of word images."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.training import augment as module
from hwgan.training.augment import Augmentation

augment = jax.jit(module.augment, static_argnames="how")
IDENTITY = Augmentation(**dict.fromkeys(vars(Augmentation()), 0.0))


@pytest.fixture
def words():
    rng = np.random.default_rng(0)
    image = np.ones((3, 40, 96, 1), np.float32)
    widths = np.array([96, 50, 8], np.int32)
    for row, width in zip(image, widths, strict=True):
        row[10:30, 2 : width - 2] = np.where(rng.random((20, width - 4, 1)) < 0.3, -1.0, 1.0)
    return jnp.asarray(image), jnp.asarray(widths)


def test_strengths_of_zero_change_nothing(words):
    image, widths = words
    same, same_widths = augment(image, widths, jax.random.key(0), how=IDENTITY)
    np.testing.assert_allclose(same, image, atol=1e-4)
    np.testing.assert_array_equal(same_widths, widths)


def test_augmented_words_depend_on_the_key_alone_and_fit_their_canvas(words):
    image, widths = words
    first, first_widths = augment(image, widths, jax.random.key(0))
    again, _ = augment(image, widths, jax.random.key(0))
    other, _ = augment(image, widths, jax.random.key(1))
    np.testing.assert_array_equal(first, again)
    assert float(jnp.abs(first - other).mean()) > 0.01
    assert float(first.min()) >= -1.0
    assert float(first.max()) <= 1.0 + 1e-6
    assert (first_widths <= 96).all()
    assert (first_widths >= 1).all()
    for row, width in zip(np.asarray(first), np.asarray(first_widths), strict=True):
        np.testing.assert_allclose(row[:, width:], 1.0, atol=1e-5)  # padding is paper


def test_affine_maps_keep_the_ink(words):
    """Nothing of a sheared, rotated and shifted word is cut off."""
    image, widths = words
    how = Augmentation(wave=0.0, thickness=0.0, gamma=0.0, width=0.0, scale=0.0)
    ink = (1 - image).sum(axis=(1, 2, 3))
    for seed in range(5):
        changed, _ = augment(image, widths, jax.random.key(seed), how=how)
        kept = (1 - changed).sum(axis=(1, 2, 3)) / ink
        assert float(kept[1]) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("how", [dict(width=0.4), dict(shear=0.3)])
def test_a_word_that_would_outgrow_its_canvas_is_scaled_less(how):
    """Both ends of a word as wide as the canvas stay in it."""
    image = np.ones((16, 40, 96, 1), np.float32)
    image[:, 18:22, 2:6], image[:, 18:22, 90:94] = -1.0, -1.0
    changed, widths = augment(
        jnp.asarray(image), jnp.full(16, 96), jax.random.key(0), how=dataclasses.replace(IDENTITY, **how)
    )
    assert (widths <= 96).all()
    ink = np.asarray(1.0 - changed[..., 0])
    for word, width in zip(ink, np.asarray(widths), strict=True):
        left, right = word[:, : width // 2].sum(), word[:, width // 2 :].sum()
        assert left > 0.5 * 2 * 16 * 0.6 and right == pytest.approx(left, rel=0.2)


def test_strokes_become_thicker_or_thinner():
    image = jnp.ones((2, 20, 30, 1)).at[:, 8:12, 5:25].set(-1.0)
    widths = jnp.array([30, 30])
    thick, inks = dataclasses.replace(IDENTITY, thickness=1.0), []
    for seed in range(12):
        changed, _ = augment(image, widths, jax.random.key(seed), how=thick)
        inks += ((1 - changed).sum(axis=(1, 2, 3)) / 2).tolist()
    assert min(inks) < 0.9 * 80
    assert max(inks) > 1.1 * 80


def test_a_rotation_keeps_right_angles():
    """A bar and a stem turn by the same angle to the same side."""
    image = np.ones((1, 41, 97, 1), np.float32)
    image[0, 19:22, 10:87], image[0, 4:37, 47:50] = -1.0, -1.0
    how = dataclasses.replace(IDENTITY, rotation=0.1)
    for seed in range(4):
        turned, _ = augment(jnp.asarray(image), jnp.array([97]), jax.random.key(seed), how=how)
        ink = np.asarray(1.0 - turned[0, :, :, 0])
        rows, columns = np.mgrid[: ink.shape[0], : ink.shape[1]]
        center = (ink * columns).sum() / ink.sum()
        bar = np.abs(columns - center) > 12  # beside the stem
        stem = np.abs(rows - 20) > 8  # above and below the bar
        slope = np.polyfit(columns[bar], rows[bar], 1, w=ink[bar])[0]
        lean = np.polyfit(rows[stem], columns[stem], 1, w=ink[stem])[0]
        assert abs(slope) > 0.01 and slope == pytest.approx(-lean, abs=0.02)
