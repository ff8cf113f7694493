"""The stroke writer against plain loops, and what padding and text may change."""

import dataclasses
import math
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.ink_batch import InkBatch
from hwgan.models.recurrence import lstm_cell
from hwgan.models.soft_window import soft_window
from hwgan.models.stroke_likelihood import log_density, mixture_of, point_losses
from hwgan.models.stroke_writer import Mixture, StrokeWriter


def batch_of(size=3, points=9, length=5, seed=0):
    rng = np.random.default_rng(seed)
    num_points = rng.integers(4, points + 1, size).astype(np.int32)
    lengths = rng.integers(2, length + 1, size).astype(np.int32)
    ink = rng.standard_normal((size, points, 3)).astype(np.float32)
    ink[..., 2] = rng.random((size, points)) < 0.3
    ink *= (np.arange(points) < num_points[:, None])[..., None]
    labels = rng.integers(1, 7, (size, length)).astype(np.int32) * (np.arange(length) < lengths[:, None])
    writers = np.arange(size, dtype=np.int32) % 3
    return jax.tree.map(jnp.asarray, InkBatch(ink, num_points, labels, lengths, writers))


NETWORK = StrokeWriter(
    7,
    features=6,
    num_layers=2,
    window_components=2,
    mixture_components=3,
    height_input=True,
    num_writers=2,
    writer_features=4,
)


@pytest.fixture(scope="module")
def params():
    batch = batch_of()
    found = NETWORK.init(jax.random.key(0), batch.points, batch.labels, batch.lengths, batch.writers)["params"]
    # Initial values of many parameters are 0, which would hide mistakes.
    leaves, tree = jax.tree.flatten(found)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return tree.unflatten([x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)])


def test_window_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    parameters, position = rng.standard_normal((2, 6)), rng.random((2, 2)) * 3
    inside = np.arange(5)[None] < np.array([[3], [5]])
    weights, moved = soft_window(
        jnp.array(parameters, jnp.float32), jnp.array(position, jnp.float32), jnp.array(inside)
    )
    for row in range(2):
        for place in range(5):
            expected = 0.0
            for k in range(2):
                kappa = position[row, k] + math.exp(parameters[row, 4 + k])
                assert moved[row, k] == pytest.approx(kappa, rel=1e-5)
                alpha, beta = math.exp(parameters[row, k]), math.exp(parameters[row, 2 + k])
                expected += alpha * math.exp(-beta * (kappa - place) ** 2)
            assert weights[row, place] == pytest.approx(expected if inside[row, place] else 0.0, rel=1e-4, abs=1e-7)


def naive_density(mixture, offset):
    """Graves 2013, equations 24 and 25."""
    total = 0.0
    for m in range(len(mixture.log_weights)):
        (mx, my), (sx, sy), rho = mixture.means[m], np.exp(mixture.log_stds[m]), mixture.correlation[m]
        x, y = (offset[0] - mx) / sx, (offset[1] - my) / sy
        z = x**2 + y**2 - 2 * rho * x * y
        normal = math.exp(-z / (2 * (1 - rho**2))) / (2 * math.pi * sx * sy * math.sqrt(1 - rho**2))
        total += math.exp(mixture.log_weights[m]) * normal
    return total


def plain(mixture, *at):
    """The fields as NumPy arrays, at these indices."""
    fields = dataclasses.fields(mixture)
    return types.SimpleNamespace(**{field.name: np.asarray(getattr(mixture, field.name))[at] for field in fields})


def random_mixture(rng, *shape, count=4):
    return Mixture(
        jax.nn.log_softmax(jnp.array(rng.standard_normal((*shape, count)), jnp.float32)),
        jnp.array(rng.standard_normal((*shape, count, 2)), jnp.float32),
        jnp.array(0.5 * rng.standard_normal((*shape, count, 2)), jnp.float32),
        jnp.array(rng.uniform(-0.9, 0.9, (*shape, count)), jnp.float32),
        jnp.array(rng.standard_normal((*shape, 2)), jnp.float32),
    )


def test_density_is_that_of_a_plain_loop_and_integrates_to_one():
    rng = np.random.default_rng(0)
    mixture = random_mixture(rng)
    for _ in range(5):
        offset = rng.standard_normal(2)
        expected = math.log(naive_density(plain(mixture), offset))
        assert float(log_density(mixture, jnp.array(offset, jnp.float32))) == pytest.approx(
            expected, rel=1e-4, abs=1e-5
        )
    axis = np.linspace(-12, 12, 241)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).astype(np.float32)
    everywhere = jax.tree.map(lambda x: jnp.broadcast_to(x, (241, 241, *x.shape)), mixture)
    assert np.exp(log_density(everywhere, jnp.array(grid))).sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(
        1, abs=1e-3
    )


def test_losses_are_those_of_a_plain_loop():
    rng, batch = np.random.default_rng(1), batch_of()
    mixture = random_mixture(rng, 3, 9)
    losses = point_losses(mixture, batch)
    for row in range(3):
        for t in range(9):
            here = plain(mixture, row, t)
            inside = t < batch.num_points[row]
            ends = 1 / (1 + np.exp(-here.ends))
            stroke = ends[0] if batch.points[row, t, 2] else 1 - ends[0]
            stop = ends[1] if t == batch.num_points[row] - 1 else 1 - ends[1]
            expected = {
                "offset": naive_density(here, np.asarray(batch.points[row, t, :2])),
                "stroke": stroke,
                "stop": stop,
            }
            for name, probability in expected.items():
                value = -math.log(probability) if inside else 0.0
                assert float(losses[name][row, t]) == pytest.approx(value, rel=1e-4, abs=1e-5)


def test_steps_are_those_of_the_whole_sequence(params):
    """The network of training, with its input products taken out of the scan, is that of sampling, point by point."""
    batch = batch_of()
    whole = mixture_of(NETWORK, params, batch)
    carry = NETWORK.apply({"params": params}, batch.labels, method="initial_carry")
    point = jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0]), (3, 3))
    for t in range(9):
        text = batch.labels, batch.lengths, batch.writers
        carry, mixture, window = NETWORK.apply({"params": params}, carry, point, *text, method="step")
        for one, all_ in zip(jax.tree.leaves(mixture), jax.tree.leaves(whole), strict=True):
            np.testing.assert_allclose(one, all_[:, t], rtol=2e-4, atol=1e-5)
        assert (np.asarray(window.characters) > 0).sum() <= batch.lengths.sum()
        point = batch.points[:, t]


def test_padding_changes_nothing(params):
    batch = batch_of()
    points = np.pad(batch.points, ((0, 0), (0, 4), (0, 0)), constant_values=5.0)
    labels = np.pad(batch.labels, ((0, 0), (0, 3)))
    for row, count in enumerate(batch.num_points):  # whatever stands in the padding
        points[row, count:] = 7.0
    padded = batch.replace(points=jnp.array(points), labels=jnp.array(labels))
    losses, longer = (point_losses(mixture_of(NETWORK, params, b), b) for b in (batch, padded))
    for name, values in losses.items():
        np.testing.assert_allclose(longer[name][:, :9], values, rtol=1e-5, atol=1e-6)
        assert not np.asarray(longer[name][:, 9:]).any()


def test_text_writer_and_earlier_points_change_the_distribution(params):
    batch = batch_of()
    before = mixture_of(NETWORK, params, batch).means
    for change in ({"labels": batch.labels % 6 + (batch.labels > 0)}, {"writers": (batch.writers + 1) % 3}):
        assert not np.allclose(mixture_of(NETWORK, params, batch.replace(**change)).means, before)
    points = batch.points.at[:, 3].add(1.0)
    after = mixture_of(NETWORK, params, batch.replace(points=points)).means
    np.testing.assert_array_equal(after[:, :4], before[:, :4])  # causal: point 3 is predicted without itself
    assert not np.allclose(after[:, 4], before[:, 4])


def test_a_single_layer_knows_the_first_character_at_the_first_point():
    """It did not: the first letters of words began at the height of any letter."""
    network, batch = NETWORK.clone(num_layers=1), batch_of()
    variables = network.init(jax.random.key(0), batch.points, batch.labels, batch.lengths, batch.writers)
    before = mixture_of(network, variables["params"], batch).means
    first = batch.replace(labels=batch.labels.at[:, 0].set(batch.labels[:, 0] % 6 + 1))
    assert not np.allclose(mixture_of(network, variables["params"], first).means[:, 0], before[:, 0])


def test_bfloat16_keeps_the_likelihood_in_float32(params):
    network = NETWORK.clone(dtype=jnp.bfloat16)
    batch = batch_of()
    losses = point_losses(mixture_of(network, params, batch), batch)
    assert {values.dtype for values in losses.values()} == {jnp.dtype("float32")}
    exact = point_losses(mixture_of(NETWORK, params, batch), batch)
    assert float(losses["offset"].sum()) == pytest.approx(float(exact["offset"].sum()), rel=0.05)


def test_bfloat16_keeps_the_state_of_the_cells_in_float32():
    """In bfloat16 a state near 1 forgets what is added to it in steps of less than 1/256."""
    carry = NETWORK.clone(dtype=jnp.bfloat16).initial_carry(batch_of().labels)
    assert {cell.dtype for cell in carry.cells} == {jnp.dtype("float32")}
    assert {hidden.dtype for hidden in carry.hidden} == {jnp.dtype("bfloat16")}
    keep = jnp.array([[-6.0, 20.0, 20.0, 0.0]], jnp.bfloat16)  # gates: little in, nothing forgotten
    state = jnp.ones((1, 1), jnp.float32)
    for _ in range(100):
        hidden, state = lstm_cell(keep, state)
    assert hidden.dtype == jnp.bfloat16
    assert float(state[0, 0]) == pytest.approx(1.0 + 100 / (1 + math.exp(6.0)), rel=0.02)


def test_densities_are_bounded(params):
    """An offset that never varies must not draw the loss to minus infinity."""
    batch = batch_of()
    mixture = mixture_of(NETWORK, jax.tree.map(lambda x: 1e4 * x, params), batch)
    assert float(mixture.log_stds.min()) == -5.0
    assert float(jnp.abs(mixture.correlation).max()) < 1.0
    assert all(np.isfinite(values).all() for values in point_losses(mixture, batch).values())


def test_gradients_are_those_of_the_steps(params):
    """The weight gradient that is taken after the backward scan is that of differentiating each step."""
    batch = batch_of()

    def loss_of_steps(params):
        carry = NETWORK.apply({"params": params}, batch.labels, method="initial_carry")
        point, mixtures = jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0]), (3, 3)), []
        for t in range(9):
            text = batch.labels, batch.lengths, batch.writers
            carry, mixture, _ = NETWORK.apply({"params": params}, carry, point, *text, method="step")
            mixtures.append(mixture)
            point = batch.points[:, t]
        stacked = jax.tree.map(lambda *parts: jnp.stack(parts, axis=1), *mixtures)
        return sum(values.sum() for values in point_losses(stacked, batch).values())

    def loss(params):
        return sum(values.sum() for values in point_losses(mixture_of(NETWORK, params, batch), batch).values())

    expected, found = jax.jit(jax.grad(loss_of_steps))(params), jax.jit(jax.grad(loss))(params)
    for one, other in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-3, atol=2e-4)
