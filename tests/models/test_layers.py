import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models import layers


def test_space_to_depth_round_trip_keeps_blocks_together():
    image = jnp.arange(2.0 * 4 * 6).reshape(2, 4, 6, 1)
    deep = layers.space_to_depth(image)
    assert deep.shape == (2, 2, 3, 4)
    np.testing.assert_array_equal(deep[0, 0, 0], [0, 1, 6, 7])
    np.testing.assert_array_equal(layers.depth_to_space(deep), image)


def test_upsample_then_pool_is_identity():
    image = jax.random.normal(jax.random.key(0), (1, 3, 5, 2))
    np.testing.assert_allclose(layers.average_pool(layers.upsample(image)), image, rtol=1e-6)


def test_mask_columns_and_lengths():
    masked = layers.mask_columns(jnp.ones((2, 3, 4, 1)), jnp.array([1, 4]))
    np.testing.assert_array_equal(masked[:, 0, :, 0], [[1, 0, 0, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(layers.columns_after(jnp.array([1, 8, 9]), 4), [1, 2, 3])


def test_ink_makes_zero_padding_paper():
    np.testing.assert_array_equal(layers.ink(jnp.array([1.0, -1.0]).reshape(1, 1, 2, 1)).ravel(), [0.0, 1.0])


@pytest.mark.parametrize(
    "make", [lambda: layers.Conv(4, spectral_norm=True), lambda: layers.Dense(4, spectral_norm=True)]
)
def test_spectral_norm_reaches_one_and_moves_only_in_training(make):
    module, x = make(), jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    variables = module.init(jax.random.key(0), x, train=True)
    variables = jax.tree.map(lambda leaf: leaf * 5.0 if leaf.ndim > 1 else leaf, variables)
    train = jax.jit(lambda variables: module.apply(variables, x, train=True, mutable=["spectral_stats"])[1])
    for _ in range(30):
        stats = train(variables)
        variables = {**variables, **stats}
    _, unmoved = module.apply(variables, x, train=False, mutable=["spectral_stats"])
    jax.tree.map(np.testing.assert_array_equal, unmoved["spectral_stats"], variables["spectral_stats"])
    kernel = jax.tree.leaves(variables["params"])[-1]
    sigma = np.linalg.svd(np.asarray(kernel).reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    stored = next(v for k, v in jax.tree_util.tree_leaves_with_path(variables["spectral_stats"]) if "sigma" in str(k))
    np.testing.assert_allclose(stored, sigma, rtol=1e-3)


def test_attention_starts_as_identity_and_then_mixes_far_positions():
    attention, x = layers.SelfAttention(), jax.random.normal(jax.random.key(0), (1, 4, 8, 16))
    variables, apply = jax.jit(attention.init)(jax.random.key(1), x), jax.jit(attention.apply)
    np.testing.assert_allclose(apply(variables, x), x)
    variables["params"]["gate"] = jnp.ones(())
    changed = x.at[0, 0, 0].add(3.0)
    difference = apply(variables, changed) - apply(variables, x)
    assert float(jnp.abs(difference[0, 3, 7]).max()) > 1e-6


def test_lstm_ignores_padding_in_both_directions():
    lstm, lengths = layers.BidirectionalLSTM(4, num_layers=2), jnp.array([2, 5])
    x = jax.random.normal(jax.random.key(0), (2, 5, 3))
    variables, apply = jax.jit(lstm.init)(jax.random.key(1), x, lengths), jax.jit(lstm.apply)
    states = apply(variables, x, lengths)
    np.testing.assert_array_equal(states[0, 2:], np.zeros((3, 8)))
    np.testing.assert_allclose(apply(variables, x.at[0, 2:].set(9.0), lengths), states, atol=1e-6)
    np.testing.assert_allclose(apply(variables, x[:1, :2], lengths[:1])[0], states[0, :2], atol=1e-6)


# convolutions at another resolution


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("size", [(4, 6), (5, 8), (6, 3)])
@pytest.mark.parametrize("resample", ["up", "down"])
def test_a_convolution_that_resamples_equals_the_two_operations(resample, size, spectral_norm):
    x = jax.random.normal(jax.random.key(0), (2, *size, 3))
    plain, resampling = (layers.Conv(5, spectral_norm=spectral_norm, resample=how) for how in ("", resample))
    variables = plain.init(jax.random.key(1), x)
    variables["params"]["Conv_0"]["bias"] = jnp.arange(5.0)  # 0 at first, which would hide how it is averaged

    def one(x, variables):
        return resampling.apply(variables, x)

    def two(x, variables):
        if resample == "up":
            return plain.apply(variables, layers.upsample(x))
        return layers.average_pool(plain.apply(variables, x))

    np.testing.assert_allclose(one(x, variables), two(x, variables), atol=1e-5)
    of_one, of_two = (
        jax.grad(lambda x, variables, f=f: jnp.sin(f(x, variables)).sum(), argnums=(0, 1))(x, variables)
        for f in (one, two)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), of_one, of_two)


@pytest.mark.parametrize("window", [(2, 2), (2, 1), (1, 2), (1, 1)])
def test_max_pool_equals_that_of_flax(window):
    x = jax.random.normal(jax.random.key(0), (2, 5, 7, 3))
    np.testing.assert_array_equal(layers.max_pool(x, window), nn.max_pool(x, window, strides=window))
    weight = jax.random.normal(jax.random.key(1), layers.max_pool(x, window).shape)
    found = jax.grad(lambda x: (layers.max_pool(x, window) * weight).sum())(x)
    expected = jax.grad(lambda x: (nn.max_pool(x, window, strides=window) * weight).sum())(x)
    np.testing.assert_array_equal(found, expected)  # no two values are equal, so there is one gradient
