"""The generator of characters with widths of their own: dependence on text, style and width, but not on padding."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.layout import char_width_layout
from hwgan.models.state import NETWORK_NAMES
from hwgan.models.variable_width_layers import suppress_background, to_image
from hwgan.runtime.errors import UserError
from tests.conftest import SmallRun
from tests.models.conftest import edit_to_char_width

LABELS = jnp.array([[1, 2, 0, 0], [3, 3, 2, 1]])
LENGTHS = jnp.array([2, 4])


@pytest.fixture(scope="module", params=[0.0, 0.3])
def draw(char_width_run, request):
    """(z, labels, lengths, canvas width) → images, layout; without and with an ink threshold."""
    networks, state = char_width_run.networks, char_width_run.state
    generator = networks.generator.clone(ink_threshold=request.param)
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda x: x + 0.3 * rng.normal(size=x.shape).astype(x.dtype),
        {"language_model": state.language_model.params, "generator": state.generator.params},
    )

    def apply(z, labels, lengths, canvas_width):
        layout = networks.layout(labels, lengths, z, canvas_width)
        text = networks.language_model.apply({"params": params["language_model"]}, labels, lengths)
        return generator.apply({"params": params["generator"]}, z, text, layout, train=False), layout

    return jax.jit(apply, static_argnums=3)


def test_padding_does_not_change_a_word(draw):
    z = jax.random.normal(jax.random.key(0), (2, 5))
    images, layout = draw(z, LABELS, LENGTHS, 128)
    assert images.shape == (2, 40, 128, 1)
    assert float(jnp.abs(images).max()) <= 1.0
    alone, _ = draw(z[:1], LABELS[:1, :2], LENGTHS[:1], 96)
    width = int(layout.widths[0])
    np.testing.assert_allclose(alone[0, :, :width], images[0, :, :width], atol=1e-4)
    assert bool((images[0, :, width:] == 1.0).all())


def test_text_style_and_width_change_the_image(draw):
    z = jax.random.normal(jax.random.key(0), (2, 5)).at[:, 0].set(0.0)
    images, layout = draw(z, LABELS, LENGTHS, 128)
    other_text, _ = draw(z, LABELS.at[1, 0].set(4), LENGTHS, 128)
    assert float(jnp.abs(other_text[1] - images[1]).max()) > 1e-3
    other_style, same = draw(z.at[1, 3].add(1.0), LABELS, LENGTHS, 128)
    assert float(jnp.abs(other_style[1] - images[1]).max()) > 1e-3
    assert same.widths.tolist() == layout.widths.tolist()
    _, wide = draw(z.at[1, 0].set(2.0), LABELS, LENGTHS, 128)
    assert abs(int(wide.widths[1]) - float(layout.widths[1]) * np.exp(0.4)) < 2


def test_faint_ink_far_from_strokes_is_suppressed():
    ink = np.zeros((1, 9, 9, 1), np.float32)
    ink[0, 4, 4], ink[0, 4, 5], ink[0, 5, 5] = 1.0, 0.15, 0.15  # a stroke, its edge, and a pixel across a corner
    ink[0, 0, 0], ink[0, 8, 0] = 0.1, 0.6  # background, and a dot
    left = (1.0 - np.asarray(suppress_background(jnp.array(1.0 - 2.0 * ink), 0.3))) / 2.0
    np.testing.assert_allclose(left[0, 4, 4:6, 0], [1.0, 0.15], rtol=1e-3)
    np.testing.assert_allclose(left[0, 8, 0, 0], 0.6, rtol=1e-2)
    assert left[0, 5, 5, 0] < 0.01
    assert left[0, 0, 0, 0] < 0.01
    assert left.sum() < 1.77
    # Near the threshold the gradient is large: it moves a pixel to either side.
    slope = jax.grad(
        lambda value: suppress_background(jnp.full((1, 3, 3, 1), 1.0).at[0, 1, 1, 0].set(value), 0.3)[0, 1, 1, 0]
    )
    assert float(slope(0.45)) > 1.5


def test_suppression_in_the_last_column_does_not_depend_on_padding():
    class LastLayers(nn.Module):
        @nn.compact
        def __call__(self, x, layout):
            kinds = dict(dtype=jnp.float32, param_dtype=jnp.float32)
            return to_image(x, layout.widths // 2, layout, kinds, ink_threshold=0.3)

    layout = char_width_layout(LABELS, LENGTHS, jnp.array([0.0, 5.0, 10.0, 20.0]), jnp.ones(2), 16)
    layout = dataclasses.replace(layout, widths=jnp.array([16, 16]))
    x = jax.random.normal(jax.random.key(0), (2, 40, 8, 5))
    variables = jax.tree.map(lambda leaf: 4.0 * leaf, jax.jit(LastLayers().init)(jax.random.key(1), x, layout))
    apply = jax.jit(LastLayers().apply)
    padded = apply(variables, jnp.pad(x, ((0, 0), (0, 0), (0, 4), (0, 0))), layout)
    np.testing.assert_allclose(padded[:, :, :16], apply(variables, x, layout), atol=1e-4)
    assert bool((padded[:, :, 16:] == 1.0).all())


def test_a_step_updates_every_network(char_width_run):
    run = char_width_run
    state, metrics = run.step(style_weight=0.5)(run.state, run.batch(), jax.random.key(1))
    for name in NETWORK_NAMES:
        pairs = zip(
            jax.tree.leaves(getattr(state, name).params), jax.tree.leaves(getattr(run.state, name).params), strict=True
        )
        assert any(bool((a != b).any()) for a, b in pairs), name
    assert all(np.isfinite(value) for value in metrics.values())
    assert {"identifier/loss", "identifier/accuracy", "generator/style_error"} <= set(metrics)


@pytest.mark.parametrize("width_compression", [0.0, 0.3])
def test_expected_widths_are_those_of_the_layout(char_width_run, width_compression):
    networks = dataclasses.replace(
        char_width_run.networks, generator=char_width_run.networks.generator.clone(width_compression=width_compression)
    )
    layout = networks.layout(LABELS, LENGTHS, jnp.zeros((2, 5)), 512)
    np.testing.assert_array_equal(np.ceil(networks.text_widths(np.array(LABELS), np.array(LENGTHS))), layout.widths)


def test_every_label_but_the_blank_has_a_width(char_width_run):
    widths = char_width_run.networks.char_widths
    assert len(widths) == char_width_run.charset.num_labels
    assert widths[0] == 0.0
    assert min(widths[1:]) > 0.0


@pytest.mark.parametrize(
    ("section", "fields", "message"),
    [
        ("preprocessing", dict(height=32), "preprocessing.height=40 .here 32."),
        ("preprocessing", dict(pad_to_line=False), "preprocessing.pad_to_line=True"),
        ("data", dict(max_width=100), r"data.max_width .here 100. divisible by 8"),
        ("model", dict(z_dim=6), "features=4 must be model.z_dim=6 less 1"),
    ],
)
def test_sizes_that_do_not_fit_are_errors(section, fields, message):
    def edit(config):
        edit_to_char_width(config)
        config[section].update(fields)

    with pytest.raises(UserError, match=message):
        SmallRun(edit)
