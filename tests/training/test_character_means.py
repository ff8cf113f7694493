"""Means over characters, and the images of letters that they are taken of."""

import jax.numpy as jnp
import numpy as np

from hwgan.training.character_means import character_images, character_means


def test_a_letter_looks_the_same_at_any_frame():
    image = np.ones((1, 40, 32, 1), np.float32)
    image[:, 10:30, 9:11] = -1.0
    moved = np.roll(image, 8, axis=2)  # two frames
    first, second = character_images(jnp.asarray(image), 4), character_images(jnp.asarray(moved), 4)
    assert first.shape[:2] == (1, 8)
    np.testing.assert_allclose(second[0, 4], first[0, 2], atol=1e-6)
    assert float(first[0, 2].sum()) > 1.0 and float(first[0, 7].sum()) == 0.0


def test_character_images_do_not_depend_on_the_height_in_pixels():
    image = np.ones((1, 40, 32, 1), np.float32)
    image[:, 8:32, 12:16] = -1.0
    double = image.repeat(2, axis=1).repeat(2, axis=2)
    small, large = character_images(jnp.asarray(image), 4), character_images(jnp.asarray(double), 8)
    assert small.shape == large.shape
    np.testing.assert_allclose(small, large, atol=0.15)


def test_means_are_over_the_frames_of_a_character():
    states, shapes = jnp.arange(6.0).reshape(1, 3, 2), jnp.ones((1, 3, 4))
    occupancy = jnp.array([[[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 1.0, 0.0]]])
    means = character_means(states, shapes, occupancy)
    np.testing.assert_allclose(means.weights, [1.0, 1.5, 0.0])
    np.testing.assert_allclose(means.states[0], states[0, 0])
    np.testing.assert_allclose(means.states[1], (0.5 * states[0, 1] + states[0, 2]) / 1.5, rtol=1e-6)
    np.testing.assert_allclose(means.shapes[:2], 1.0)
    np.testing.assert_allclose(means.states[2], 0.0)
