"""The writer identifier: its features, whitening, and training."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.checkpoints.run import Run
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.data.word_store import WordStore
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.set_metrics import SetMetrics, frequent_words
from hwgan.models.identifier import Whitening, WriterIdentifier
from hwgan.models.styles import encode_styles
from tests.conftest import SmallRun
from tests.models.conftest import edit_to_char_width


def test_identifier_ignores_padding():
    module = WriterIdentifier(num_writers=3, features=4, conv_features=(4, 4))
    image = jax.random.uniform(jax.random.key(0), (2, 16, 32, 1), minval=-1.0)
    widths = jnp.array([12, 32])
    variables = jax.jit(functools.partial(module.init, train=False))(jax.random.key(1), image, widths)
    apply = jax.jit(functools.partial(module.apply, train=False))
    output = apply(variables, image, widths)
    dirty = apply(variables, image.at[0, :, 12:].set(-1.0), widths)
    np.testing.assert_allclose(dirty.features, output.features, atol=1e-5)
    assert output.features.shape == (2, 4)
    assert output.logits.shape == (2, 3)


def test_words_of_unknown_writers_have_no_loss(char_width_run):
    step, batch = char_width_run.step(updated_networks=("identifier",)), char_width_run.batch()
    unknown = batch.replace(real=batch.real.replace(writers=jnp.full((4,), -1)))
    _, metrics = step(char_width_run.state, unknown, jax.random.key(1))
    assert float(metrics["identifier/loss"]) == 0.0
    assert float(metrics["identifier/grad_norm"]) == 0.0
    _, metrics = step(char_width_run.state, batch, jax.random.key(1))
    assert float(metrics["identifier/grad_norm"]) > 0.0


def test_whitened_features_have_mean_zero_and_identity_covariance():
    rng = np.random.default_rng(0)
    mix, shift = rng.normal(size=(4, 4)), rng.normal(size=4)
    module = Whitening()
    variables = module.init(jax.random.key(0), jnp.zeros((1, 4)), train=True)
    learn = jax.jit(lambda v, x: module.apply(v, x, train=True, mutable=["batch_stats"])[1])
    for _ in range(1000):  # batches of fewer words than a covariance needs
        variables = learn(variables, jnp.asarray(rng.normal(size=(3, 4)) @ mix + shift, jnp.float32))
    whitened = module.apply(variables, jnp.asarray(rng.normal(size=(5000, 4)) @ mix + shift), train=False)
    np.testing.assert_allclose(whitened.mean(axis=0), 0.0, atol=0.25)
    np.testing.assert_allclose(np.cov(whitened, rowvar=False), np.eye(4), atol=0.35)


def test_whitening_is_learned_from_features_by_running_statistics():
    module = WriterIdentifier(num_writers=3, features=4, conv_features=(4, 4), whitened=True)
    image, widths = jax.random.uniform(jax.random.key(0), (400, 16, 32, 1), minval=-1.0), jnp.full(400, 32)
    image *= jax.random.uniform(jax.random.key(1), (400, 1, 1, 1))  # styles that differ
    variables = jax.jit(functools.partial(module.init, train=False))(jax.random.key(2), image, widths)
    learn = jax.jit(lambda v, i: module.apply(v, i, widths[:4], train=True, mutable=["batch_stats"])[1])
    for start in [*range(0, 400, 4)] * 12:
        variables = variables | learn(variables, image[start : start + 4])
    noise = jax.jit(functools.partial(module.apply, train=False))(variables, image, widths).style
    np.testing.assert_allclose(np.cov(noise, rowvar=False), np.eye(4), atol=0.35)


@pytest.mark.release
def test_encoded_styles_of_a_whitened_identifier_are_whitened():
    def edit(config):
        edit_to_char_width(config)
        config.model.identifier.whitened = True

    run = SmallRun(edit)
    step = run.step(style_weight=0.5, updated_networks=("identifier", "generator"))
    state, metrics = step(run.state, run.batch(), jax.random.key(1))
    assert all(np.isfinite(value) for value in metrics.values())
    covariance = state.identifier.collections["batch_stats"]["whitening"]["covariance"]
    assert not np.array_equal(covariance, np.eye(4))
    real = run.batch().real
    apply = jax.jit(functools.partial(run.networks.identifier.apply, train=False))
    output = apply(state.identifier.variables, real.image, real.widths)
    styles = jax.jit(encode_styles, static_argnums=0)(run.networks, state.identifier, real)
    np.testing.assert_allclose(styles[:, 1:], output.style, rtol=1e-5)
    assert float(jnp.abs(output.style - output.features).max()) > 1e-3


@pytest.mark.parametrize("gradient_accumulation_steps", [1, 2])
def test_noise_changes_gradients_but_not_running_statistics(char_width_run, gradient_accumulation_steps):
    run = char_width_run
    plain, noisy = (
        run.step(
            updated_networks=("identifier",),
            recognizer_noise=noise,
            gradient_accumulation_steps=gradient_accumulation_steps,
        )(run.state, run.batch(), jax.random.key(1))[0]
        for noise in (0.0, 0.5)
    )
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), plain.identifier.params, noisy.identifier.params)
    assert max(jax.tree.leaves(moved)) > 1e-4
    real, variables = run.batch().real, run.state.identifier.variables
    apply = jax.jit(functools.partial(run.networks.identifier.apply, train=True, mutable=["batch_stats"]))
    for part in range(gradient_accumulation_steps):  # rows are dealt out in turn, as `gradients.mean_gradients` does
        image, widths = (rows[part::gradient_accumulation_steps] for rows in (real.image, real.widths))
        variables |= apply(variables, image, widths)[1]
    expected = {name: variables[name] for name in noisy.identifier.collections}
    for a, b in zip(jax.tree.leaves(noisy.identifier.collections), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_style_metrics_need_a_text_by_two_writers(char_width_run):
    """Synthetic words of three writers, two texts each; one more text is by one writer alone."""
    run, rng = char_width_run, np.random.default_rng(0)
    texts = ["ab", "ab", "ab", "cde", "cde", "cde", "f"]
    writers = ["w0", "w1", "w2", "w0", "w1", "w2", "w1"]
    images = [rng.integers(0, 256, (40, 30), dtype=np.uint8) for _ in texts]
    real = WordStore.from_images(run.spec, images, texts, writers, charset=run.charset)
    assert frequent_words(real) == ["ab", "cde"]
    set_metrics = SetMetrics(Evaluator.of_state(run.networks, run.state, run.charset, run.spec), [], seed=0)
    metrics = set_metrics.styles(real, frequent_words(real))
    assert metrics["num_styles"].value == 3
    assert metrics["style_distance"].value > 0
    assert 0 <= metrics["style_retrieval"].value <= 1
    anonymous = dataclasses.replace(real, writers=[""] * len(texts))
    assert frequent_words(anonymous) == []
    assert set_metrics.styles(anonymous, ["ab"]) == {}
    one_writer = real.take([0, 3])
    assert set_metrics.styles(one_writer, ["ab", "cde"]) == {}


def test_an_identifier_that_was_not_trained_is_not_used(char_width_run, tmp_path):
    run = char_width_run
    config = run.config.copy_and_resolve_references()
    config.train.updated_networks = ("recognizer",)
    path = str(tmp_path / "recognizer.npz")
    write_weights_file(Run(config, run.charset, run.networks, run.state), path)
    evaluator = open_evaluator(path)
    assert not evaluator.has_identifier
    words, _ = evaluator.store([np.full((40, 30), 255, np.uint8)], ["ab"], [""])
    assert evaluator.recognizer_features(words).shape[0] == 1
