"""Combining marks in generated words: they share the columns of their base, and change what is drawn there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from hwgan.models.layout import assign_columns, char_grid_layout, char_width_layout
from tests.conftest import SmallRun
from tests.models.conftest import edit_to_char_width

MARKS = jnp.array([True, False, False, False, True])  # label 4 is a mark
WIDTHS = jnp.array([0.0, 5.0, 10.0, 20.0, 0.0])
MARKED = jnp.array([[1, 4, 2, 0, 0], [3, 3, 4, 4, 1]])
PLAIN = jnp.array([[1, 2, 0, 0, 0], [3, 3, 1, 0, 0]])
MARKED_LENGTHS, PLAIN_LENGTHS = jnp.array([3, 5]), jnp.array([2, 3])


def layouts():
    """Of the words with marks and without, by both rules of width."""
    options = dict(char_widths=WIDTHS, width_ratio=jnp.array([1.0, 1.3]), canvas_width=96, width_compression=0.2)
    return [
        (
            char_width_layout(MARKED, MARKED_LENGTHS, **options, reference_width=30.0, marks=MARKS),
            char_width_layout(PLAIN, PLAIN_LENGTHS, **options, reference_width=30.0),
        ),
        (char_grid_layout(MARKED, MARKED_LENGTHS, 16, MARKS), char_grid_layout(PLAIN, PLAIN_LENGTHS, 16)),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_marks_take_no_columns(number):
    marked, plain = layouts()[number]
    np.testing.assert_array_equal(marked.lengths, PLAIN_LENGTHS)
    np.testing.assert_allclose(marked.spans, plain.spans, rtol=1e-6)
    np.testing.assert_array_equal(marked.widths, plain.widths)
    for part, expected in zip(assign_columns(marked, 48), assign_columns(plain, 48), strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-6)
    third = [1 / 3] * 3
    np.testing.assert_allclose(marked.members[0], [[0.5, 0.5, 0, 0, 0], [0, 0, 1, 0, 0], *[[0] * 5] * 3])
    np.testing.assert_allclose(marked.members[1], [[1, 0, 0, 0, 0], [0, *third, 0], [0, 0, 0, 0, 1], *[[0] * 5] * 2])


def edit_to_scrabblegan(config):
    config.model.language_model = ConfigDict(dict(name="one_hot"))
    config.model.generator = ConfigDict(dict(name="scrabblegan", block_features=(8, 4), cell_features=8))


@pytest.fixture(scope="module", params=[edit_to_char_width, None, edit_to_scrabblegan])
def draw(request):
    """(text, number of labels) → the image without padding, and all columns of its canvas."""
    run = SmallRun(request.param, characters="אבג\u05b8\u05bc")
    rng = np.random.default_rng(0)
    variables = {
        name: jax.tree.map(lambda x: x + 0.3 * rng.normal(size=x.shape).astype(x.dtype), part)
        for name, part in run.state.ema_variables.items()
    }
    z = jax.random.normal(jax.random.key(1), (1, run.config.model.z_dim))

    @jax.jit
    def generate(labels, lengths):
        layout = run.networks.layout(labels, lengths, z, 96)
        return run.networks.generate(variables, z, labels, layout, train=False)[0], layout.widths

    def apply(text, num_labels=6):
        ids = run.charset.encode(text)
        labels = np.zeros((1, num_labels), np.int32)
        labels[0, : len(ids)] = ids
        images, widths = generate(jnp.asarray(labels), jnp.array([len(ids)]))
        np.testing.assert_array_equal(images[0, :, int(widths[0]) :], 1.0)
        expected = run.networks.text_widths(labels, np.array([len(ids)]))
        if run.networks.pixels_per_character:
            assert int(widths[0]) == expected[0]
        return np.asarray(images[0, :, : int(widths[0]), 0])

    return apply


def test_a_mark_changes_the_picture_but_not_its_width(draw):
    plain = draw("אבג")
    images = [
        draw(text) for text in ("א\u05b8בג", "א\u05bcבג", "אבג\u05b8", "א\u05b8\u05bcבג", "א\u05b8ב\u05b8ג\u05b8")
    ]
    for number, image in enumerate(images):
        assert image.shape == plain.shape
        assert all(np.abs(image - other).max() > 1e-3 for other in [plain, *images[:number]])


def test_padding_does_not_change_a_word_with_marks(draw):
    np.testing.assert_allclose(draw("א\u05b8ב\u05bc", 5), draw("א\u05b8ב\u05bc", 6), atol=1e-4)


def test_an_alphabet_without_marks_has_the_layout_it_had(char_width_run):
    """No member matrix: the arithmetic of weights trained without marks stays as it is, to the last bit."""
    labels, lengths = jnp.array([[1, 2, 0]]), jnp.array([2])
    assert char_width_run.networks.marks == ()
    assert char_width_run.networks.layout(labels, lengths, jnp.zeros((1, 5)), 96).members is None
