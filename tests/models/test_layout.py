"""Where characters of different widths stand on the canvas."""

import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.layout import assign_columns, char_width_layout

WIDTHS = jnp.array([0.0, 5.0, 10.0, 20.0])
LABELS = jnp.array([[1, 2, 0, 0], [3, 3, 2, 1]])
LENGTHS = jnp.array([2, 4])


def layout(width_ratio=(1.0, 1.0), canvas_width=64, width_compression=0.0, reference_width=1.0):
    return char_width_layout(
        LABELS, LENGTHS, WIDTHS, jnp.array(width_ratio), canvas_width, width_compression, reference_width
    )


def test_spans_are_character_widths_times_the_width_ratio():
    np.testing.assert_allclose(layout().spans, [[5, 10, 0, 0], [20, 20, 10, 5]])
    np.testing.assert_array_equal(layout().widths, [15, 55])
    np.testing.assert_array_equal(layout((2.0, 0.5)).widths, [30, 28])


def test_a_word_wider_than_the_canvas_is_squeezed():
    squeezed = layout(canvas_width=40)
    assert squeezed.widths.tolist() == [15, 40]
    np.testing.assert_allclose(squeezed.spans.sum(axis=1), [15, 40], rtol=1e-6)
    np.testing.assert_allclose(squeezed.spans[1] / squeezed.spans[1, 0], [1, 1, 0.5, 0.25], rtol=1e-6)


def test_width_compression_makes_long_words_narrower_and_short_ones_wider():
    compressed = layout(width_compression=0.5, reference_width=30.0)
    wanted = [15 * (30 / 15) ** 0.5, 55 * (30 / 55) ** 0.5]  # 21.2 instead of 15, 40.6 instead of 55
    np.testing.assert_array_equal(compressed.widths, np.ceil(wanted))
    np.testing.assert_allclose(compressed.spans.sum(axis=1), np.ceil(wanted), rtol=1e-6)
    np.testing.assert_allclose(compressed.spans[1] / compressed.spans[1, 0], [1, 1, 0.5, 0.25], rtol=1e-6)


@pytest.mark.parametrize("width_ratio", [0.8, 1.0, 1.3])
def test_width_compression_does_not_change_a_word_of_the_reference_width(width_ratio):
    plain, compressed = (
        layout((1.0, width_ratio), 96, width_compression, reference_width=55.0) for width_compression in (0.0, 0.5)
    )
    assert int(compressed.widths[1]) == int(plain.widths[1]) == np.ceil(55 * width_ratio)


def test_columns_belong_to_the_character_at_their_place():
    shares, places = assign_columns(layout(), 64)
    np.testing.assert_allclose(shares.sum(axis=-1), np.ones((2, 64)), rtol=1e-5)
    assert shares[0].argmax(axis=-1)[:15].tolist() == [0] * 5 + [1] * 10
    assert shares[1].argmax(axis=-1)[jnp.array([10, 30, 45, 54])].tolist() == [0, 1, 2, 3]
    assert float(shares[0, :, 2:].max()) == 0.0  # padding is no character
    assert abs(float(places[1, 9])) < 0.1  # near the middle of the first character
    assert float(places[1, 2]) < -0.7
