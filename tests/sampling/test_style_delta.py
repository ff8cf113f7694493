"""The delta of a fine-tuned style: what it changes, that a file holds it, and which files are refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.runtime.errors import UserError
from hwgan.sampling.model import Model
from hwgan.sampling.style_delta import TunedStyle, add_delta, mix_deltas, tunable
from hwgan.sampling.style_files import Style, read_style, style_of, with_style, write_style

BIAS = "generator/params/mix/bias"


@pytest.fixture(scope="module")
def delta(style_sampler):
    rng = np.random.default_rng(0)
    return {name: np.float16(0.3 * rng.normal(size=p.shape)) for name, p in tunable(style_sampler.variables).items()}


@pytest.fixture(scope="module")
def zeros(delta):
    return {name: np.zeros_like(change) for name, change in delta.items()}


@pytest.fixture(scope="module")
def style(style_encoder, delta):
    z = np.linspace(-1.0, 1.0, style_encoder.networks.z_dim, dtype=np.float32)
    return Style(z, 15, 0.5, style_encoder.weights, delta)


@pytest.fixture
def path(style, tmp_path):
    write_style(style, str(tmp_path / "mine.npz"))
    return str(tmp_path / "mine.npz")


def same(first, last):
    return len(first) == len(last) and all(map(np.array_equal, first, last))


def test_biases_norms_and_the_embedding_are_tunable(style_sampler):
    found = tunable(style_sampler.variables)
    assert {BIAS, "generator/params/norm/scale", "language_model/params/embed/embedding"} <= set(found)
    assert not any(name.endswith("kernel") for name in found)
    assert not any("lstm" in name for name in found)


def test_a_delta_of_zeros_changes_no_byte(style_sampler, zeros):
    styles = style_sampler.sample_styles(jax.random.key(0), 3)
    tuned = dataclasses.replace(style_sampler, delta=zeros)
    assert same(tuned.draw(["ab", "cde", "f"], styles), style_sampler.draw(["ab", "cde", "f"], styles))
    leaves = zip(
        *map(jax.tree.leaves, (add_delta(style_sampler.variables, zeros), style_sampler.variables)), strict=True
    )
    assert all(np.asarray(after).tobytes() == np.asarray(before).tobytes() for after, before in leaves)


def test_a_delta_changes_its_parameters_alone_and_is_recorded(style_sampler, delta):
    before = style_sampler.variables
    after = add_delta(before, {BIAS: delta[BIAS]})
    mix = after["generator"]["params"]["mix"]
    np.testing.assert_allclose(mix["bias"] - before["generator"]["params"]["mix"]["bias"], delta[BIAS], atol=1e-6)
    mix["bias"] = before["generator"]["params"]["mix"]["bias"]
    assert same(jax.tree.leaves(after), jax.tree.leaves(before))
    tuned, plain = (dataclasses.replace(style_sampler, center=jnp.ones(5), delta=d) for d in (delta, {}))
    assert tuned.facts()["weights"] == plain.facts()["weights"]
    assert tuned.facts()["style"] != plain.facts()["style"]


def test_a_file_holds_the_delta(style, style_sampler, path):
    read = read_style(path, style_sampler)
    assert sorted(read.delta) == sorted(style.delta)
    assert all(np.array_equal(read.delta[name], change) for name, change in style.delta.items())
    tuned = with_style(style_sampler, path)
    z = jnp.asarray(style.z)[None]
    expected = dataclasses.replace(style_sampler, delta=style.delta).draw(["ab"], z)
    assert same(tuned.draw(["ab"], z), expected)
    assert not same(expected, style_sampler.draw(["ab"], z))
    assert same([read_style(path, tuned).z], [read.z])  # a tuned sampler still has the weights of the style


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("generator/params/mix/kernel", np.zeros((3, 3), np.float16), "no parameter that fine-tuning changes"),
        ("../../etc/passwd", np.zeros(3, np.float16), "no parameter that fine-tuning changes"),
        (BIAS, np.zeros(7, np.float16), r"float16 \(7,\), not float16 \(16,\)"),
        (BIAS, np.zeros(16, np.float64), r"float64 \(16,\), not float16"),
        (BIAS, np.full(16, np.nan, np.float16), "not finite"),
        (BIAS, np.full(16, np.inf, np.float16), "not finite"),
        (BIAS, np.full(16, 6e4, np.float16), "above 10"),
        (BIAS, np.zeros(10**7, np.float16), "would unpack to"),
        (BIAS, np.array([{}], dtype=object), "damaged"),
    ],
)
def test_deltas_that_do_not_fit_are_refused(style, style_sampler, path, name, change, message):
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez_compressed(path, **{**arrays, f"delta/{name}": change})
    with pytest.raises(UserError, match=message) as caught:
        read_style(path, style_sampler)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_delta_of_other_weights_is_refused(style, style_sampler, tmp_path):
    write_style(dataclasses.replace(style, weights="0" * 16), str(tmp_path / "other.npz"))
    with pytest.raises(UserError, match="belongs to other weights"):
        read_style(str(tmp_path / "other.npz"), style_sampler)


def test_deltas_are_mixed_linearly(delta, zeros):
    half = mix_deltas(delta, {}, 0.5)
    np.testing.assert_allclose(half[BIAS], 0.5 * delta[BIAS], atol=1e-3)
    assert half[BIAS].dtype == np.float16
    assert np.array_equal(mix_deltas(zeros, delta, 1.0)[BIAS], delta[BIAS])
    assert np.array_equal(mix_deltas(delta, {}, 0.0)[BIAS], delta[BIAS])


def test_the_model_writes_each_word_with_the_delta_of_its_style(style, style_sampler, path):
    model = Model(style_sampler)
    plain, tuned = model.word("ab", style.z), model.word("ab", path)
    assert not same([plain], [tuned])
    assert same(model.words(["ab"] * 4, [path, style.z, 3, path]), [tuned, plain, model.word("ab", 3), tuned])
    assert same([model.line("ab", path)], [tuned])
    # From the file to a seed: the ends are what they are alone, the delta fades between them.
    between = model.interpolate(path, 3, 3)
    assert all(isinstance(step, TunedStyle) for step in between)
    written = model.words(["ab"] * 3, between)
    assert same([written[0]], [tuned]) and np.abs(written[2].astype(int) - model.word("ab", 3)).max() <= 1
    np.testing.assert_allclose(between[1].delta[BIAS], 0.5 * style.delta[BIAS], atol=1e-3)
    with pytest.raises(UserError, match="no parameter that fine-tuning changes"):
        model.word("ab", TunedStyle(style.z, {"x": np.zeros(1, np.float16)}))
    # A sampler of the file writes plain latents, which are variations of its style, with the delta too.
    assert same([Model(with_style(style_sampler, path)).word("ab", style.z)], [tuned])
    assert style_of(path, style_sampler).delta.keys() == style.delta.keys()
