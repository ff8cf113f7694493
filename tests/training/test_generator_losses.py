"""The generator's losses of styles and features, and the average of its parameters."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.models.state import update_ema
from hwgan.models.styles import encode_styles, sample_styles
from hwgan.training import augment as augmentation
from tests.conftest import SmallRun
from tests.models.conftest import edit_to_char_width

KEY = jax.random.key(7)
STYLE = dict(updated_networks=("generator",), gradient_balancing="none", ctc_weight=0.0)


@pytest.fixture(scope="module")
def run():
    """Networks whose styles are encoded from real words."""
    return SmallRun(edit_to_char_width)


def styles_of_step(run, batch):
    """The styles of the generator's update in a step with `KEY` and one update of the discriminator."""
    keys = jax.random.split(jax.random.fold_in(KEY, 0), 4)
    encoded = encode_styles(run.networks, run.state.identifier, batch.real)
    return sample_styles(run.networks, batch.fake, encoded, jax.random.split(keys[2])[1])


def test_the_style_error_is_that_of_the_identifiers_output_beside_z(run):
    batch, networks, state = run.batch(), run.networks, run.state
    _, metrics = run.step(**STYLE, style_weight=1.0)(state, batch, KEY)
    z = styles_of_step(run, batch).z
    layout = networks.layout(batch.fake.labels, batch.fake.lengths, z, batch.real.image.shape[2])
    variables = {name: getattr(state, name).variables for name in ("language_model", "generator")}
    image, _ = networks.generate(variables, z, batch.fake.labels, layout, train=True)
    found = networks.identifier.apply(state.identifier.variables, image, layout.widths, train=False).style
    expected = jnp.square(found - z[:, 1:]).mean()
    np.testing.assert_allclose(metrics["generator/style_error"], expected, rtol=1e-4)


@pytest.mark.release
def test_the_generator_learns_to_write_in_the_style_it_is_given(run):
    """On one batch in the same styles the identifier's error falls where it counts, and hardly where it does not."""
    batch = run.batch()
    errors = {}
    for weight in (0.0, 1000.0):
        step, state = run.step(**STYLE, style_weight=weight), run.state
        for _ in range(40):
            state, metrics = step(state.replace(step=run.state.step), batch, KEY)
        errors[weight] = float(metrics["generator/style_error"])
    assert errors[1000.0] < 0.8 * errors[0.0]


def test_words_in_encoded_styles_do_not_count_in_feature_matching():
    """Their real words are counted already; those in styles of the prior do."""

    def edit(config):
        edit_to_char_width(config)
        config.train.feature_matching = 1.0

    run = SmallRun(edit)
    step = run.step(updated_networks=("generator",), feature_matching=1.0)
    batch = run.batch()
    from_prior = styles_of_step(run, batch).from_prior
    assert 0 < int(from_prior.sum()) < len(from_prior)
    _, plain = step(run.state, batch, KEY)
    for row, counts in ((int(jnp.argmin(from_prior)), False), (int(jnp.argmax(from_prior)), True)):
        others = batch.fake.labels.at[row].set(batch.fake.labels[row] % (run.charset.num_labels - 1) + 1)
        others *= batch.fake.labels > 0  # padding stays
        _, metrics = step(run.state, batch.replace(fake=batch.fake.replace(labels=others)), KEY)
        same = np.isclose(metrics["generator/feature_distance"], plain["generator/feature_distance"], rtol=1e-6)
        assert same != counts


@pytest.mark.release
def test_the_temperature_is_of_random_texts_alone(small_run):
    step = functools.partial(small_run.step, updated_networks=("generator",))
    for is_random in (False, True):
        fake = small_run.batch().fake.replace(is_random=jnp.full(4, is_random))
        batch = small_run.batch().replace(fake=fake)
        losses = [
            float(step(random_text_temperature=t)(small_run.state, batch, KEY)[1]["generator/ctc_loss"])
            for t in (0.5, 1.0)
        ]
        assert (losses[0] == losses[1]) != is_random


def test_augmented_words_are_read_to_their_new_width(run):
    """The recognizer's loss with augmentation is that without on words that were augmented before."""
    batch, settings = run.batch(), dict(updated_networks=("recognizer",))
    keys = jax.random.split(jax.random.fold_in(KEY, 0), 4)
    _, augment_key = jax.random.split(keys[0])
    real = batch.real.replace(widths=jnp.array([40, 50, 60, 70]))
    _, augmented = run.step(**settings, augment=True)(run.state, batch.replace(real=real), KEY)
    image, widths = augmentation.augment(real.image, real.widths, augment_key)
    assert (widths != real.widths).any()
    _, before = run.step(**settings)(run.state, batch.replace(real=real.replace(image=image, widths=widths)), KEY)
    np.testing.assert_allclose(augmented["recognizer/loss"], before["recognizer/loss"], rtol=1e-4)
    _, to_old_width = run.step(**settings)(run.state, batch.replace(real=real.replace(image=image)), KEY)
    assert not np.isclose(augmented["recognizer/loss"], to_old_width["recognizer/loss"], rtol=1e-3)


def test_averages_forget_at_the_rate_that_is_asked_for():
    old, new = {"a": jnp.zeros(3)}, {"a": jnp.ones(3)}
    late = update_ema(old, new, jnp.array(10**6), 0.9)
    np.testing.assert_allclose(late["a"], 0.1, rtol=1e-5)
    early = update_ema(old, new, jnp.array(10), 0.9)
    np.testing.assert_allclose(early["a"], 1 - 11 / 20, rtol=1e-5)
