"""The training step: what each update touches, and its gradients against those of the plain losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import iam
from hwgan.models.create import create_networks
from hwgan.models.ctc import ctc
from hwgan.models.state import NETWORK_NAMES
from hwgan.models.styles import sample_styles
from hwgan.runtime import sharding
from hwgan.training.step import make_train_step, nonfinite_network
from hwgan.training.step_config import StepConfig
from tests.conftest import SmallRun

KEY = jax.random.key(7)


def changed(before, after):
    return any(not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True))


@pytest.mark.parametrize(
    ("updated", "networks"),
    [
        (("discriminator",), {"discriminator"}),
        (("recognizer",), {"recognizer"}),
        (("generator",), {"generator", "language_model"}),
    ],
)
def test_each_update_touches_only_its_own_network(small_run, updated, networks):
    state, metrics = small_run.step(updated_networks=updated)(small_run.state, small_run.batch(), KEY)
    moved = {n for n in NETWORK_NAMES if changed(getattr(small_run.state, n), getattr(state, n))}
    assert moved == networks
    assert changed(small_run.state.ema, state.ema) == ("generator" in updated)
    assert int(state.step) == 1
    assert all(np.isfinite(value) for value in metrics.values())


def edit_to_alonso(config):
    """Alonso et al.'s modules, tiny: 16x64 canvases."""
    config.data.update(max_width=64, max_length=4)
    config.preprocessing.update(height=16, pixels_per_character=0)
    config.model = ConfigDict(
        dict(
            dtype="float32",
            z_dim=10,
            language_model=dict(name="bilstm", embedding_features=4, features=4, num_layers=2),
            generator=dict(
                name="alonso", block_features=(8, 8, 8, 4), first_shape=(1, 4), first_features=8, attention_after=2
            ),
            discriminator=dict(name="alonso", block_features=(4, 4, 8, 8), attention_after=2, norm="batch"),
            recognizer=dict(name="crnn", conv_features=(4, 8), pools=((2, 2), (2, 2)), lstm_features=4, lstm_layers=1),
        )
    )


@pytest.fixture(scope="module")
def alonso_run():
    return SmallRun(edit_to_alonso)


@pytest.mark.release
def test_alonso_step_updates_every_network_and_collections_of_updated_ones_only(alonso_run):
    batch = alonso_run.batch()
    state, metrics = alonso_run.step()(alonso_run.state, batch, KEY)
    assert all(np.isfinite(value) for value in metrics.values())
    moved = {n for n in NETWORK_NAMES if changed(getattr(alonso_run.state, n).params, getattr(state, n).params)}
    assert moved == set(NETWORK_NAMES) - {"identifier"}  # this run has none
    only_generator, _ = alonso_run.step(updated_networks=("generator",))(alonso_run.state, batch, KEY)
    for name in ("discriminator", "recognizer"):
        assert changed(getattr(alonso_run.state, name).collections, getattr(state, name).collections)
        assert not changed(getattr(alonso_run.state, name).collections, getattr(only_generator, name).collections)


def test_gradient_through_the_image_is_that_of_the_sum_of_losses(small_run):
    """Without balancing, at a CTC weight of 1, it is the gradient of adversarial + CTC loss by the parameters."""
    batch, networks, state = small_run.batch(), small_run.networks, small_run.state
    labels, lengths = batch.fake.labels, batch.fake.lengths
    step = small_run.step(updated_networks=("generator",), gradient_balancing="none", z_prediction_weight=0.0)
    _, metrics = step(state, batch, KEY)
    keys = jax.random.split(jax.random.fold_in(KEY, 0), 4)
    z = jax.random.normal(jax.random.split(keys[2])[1], (4, networks.z_dim))
    layout = networks.layout(labels, lengths, z, 0)

    @jax.jit
    def gradient_norm(params):
        def loss(params):
            variables = {"language_model": state.language_model.variables, "generator": {"params": params}}
            image, _ = networks.generate(variables, z, labels, layout, train=True)
            scores = networks.discriminator.apply(
                state.discriminator.variables, image, 16 * lengths, train=False
            ).scores
            read = networks.recognizer.apply(state.recognizer.variables, image, 16 * lengths, train=False)
            return -scores.mean() + ctc(read.logits, read.lengths, labels, lengths).mean()

        return jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(jax.grad(loss)(params))))

    # The step does one power iteration of D's spectral norms, this does none: the same to a per cent.
    np.testing.assert_allclose(metrics["generator/grad_norm"], gradient_norm(state.generator.params), rtol=2e-2)


def test_ctc_weight_zero_ignores_the_recognizer(small_run):
    negated = jax.tree.map(jnp.negative, small_run.state.recognizer.params)
    other = small_run.state.replace(recognizer=small_run.state.recognizer.replace(params=negated))
    step = small_run.step(updated_networks=("generator",), gradient_balancing="fogel", ctc_weight=0.0)
    after, _ = step(small_run.state, small_run.batch(), KEY)
    after_other, _ = step(other, small_run.batch(), KEY)
    assert not changed(after.generator.params, after_other.generator.params)


def test_gradient_penalty_is_half_the_squared_norm_of_input_gradients():
    """Input gradients are checked by finite differences; the penalty reduces them."""

    def edit(config):
        config.model.discriminator.spectral_norm = False

    run, weight = SmallRun(edit), 1e4
    batch, rng = run.batch(), np.random.default_rng(0)
    image, widths = batch.real.image, batch.real.widths
    direction = jnp.asarray(rng.normal(size=image.shape), jnp.float32)

    @jax.jit
    def score(state, image):
        return run.networks.discriminator.apply(state.discriminator.variables, image, widths, train=False).scores.sum()

    input_gradient = jax.jit(jax.grad(score, argnums=1))
    gradient = input_gradient(run.state, image)
    ahead, behind = (score(run.state, image + sign * 1e-2 * direction) for sign in (1, -1))
    np.testing.assert_allclose((gradient * direction).sum(), (ahead - behind) / 2e-2, rtol=0.02, atol=1e-3)

    step = run.step(updated_networks=("discriminator",), gradient_penalty=weight)
    state, metrics = step(run.state, batch, KEY)
    per_image = (gradient**2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(metrics["discriminator/gradient_penalty"], weight / 2 * per_image.mean(), rtol=1e-4)
    size = len(per_image)
    for count in (1, size // 2):
        share = run.step(
            updated_networks=("discriminator",), gradient_penalty=weight, gradient_penalty_share=count / size
        )
        _, metrics = share(run.state, batch, KEY)
        some = per_image[np.arange(count) * size // count].mean()
        np.testing.assert_allclose(metrics["discriminator/gradient_penalty"], weight / 2 * some, rtol=1e-4)
    for _ in range(20):
        state, _ = step(state, batch, KEY)
    unpenalized = run.state
    for _ in range(21):
        unpenalized, metrics = run.step(updated_networks=("discriminator",))(unpenalized, batch, KEY)
    assert "discriminator/gradient_penalty" not in metrics
    assert (input_gradient(state, image) ** 2).sum() < 0.5 * (input_gradient(unpenalized, image) ** 2).sum()


def test_discriminator_with_feature_heads():
    """Its update touches no other network, and the generator's gradient passes through the recognizer's features."""

    def edit(config):
        config.model.discriminator.feature_head_dim = 4

    run = SmallRun(edit)
    batch = run.batch()
    state, metrics = run.step(updated_networks=("discriminator",))(run.state, batch, KEY)
    assert {n for n in NETWORK_NAMES if changed(getattr(run.state, n), getattr(state, n))} == {"discriminator"}
    heads = [metrics[f"discriminator/loss_{head}"] for head in ("image", "recognizer")]  # this run has no identifier
    np.testing.assert_allclose(metrics["discriminator/loss"], np.mean(heads), rtol=1e-6)
    assert "discriminator/loss_style" not in metrics

    step = run.step(updated_networks=("generator",), gradient_balancing="fogel", ctc_weight=0.0)
    zeros = run.state.recognizer.replace(params=jax.tree.map(jnp.zeros_like, run.state.recognizer.params))
    after, _ = step(run.state, batch, KEY)
    after_other, _ = step(run.state.replace(recognizer=zeros), batch, KEY)
    assert changed(after.generator.params, after_other.generator.params)


def test_more_discriminator_steps(small_run):
    one, _ = small_run.step(updated_networks=("discriminator",))(small_run.state, small_run.batch(), KEY)
    step = small_run.step(updated_networks=("discriminator",), discriminator_steps_per_generator_step=3)
    three, _ = step(small_run.state, small_run.batch(), KEY)

    def adam_count(state):
        return int(jax.tree.leaves(state.discriminator.opt_state)[0])

    assert (adam_count(one), adam_count(three)) == (1, 3)
    assert int(three.step) == 1


@pytest.mark.parametrize("pretrain_steps", [pytest.param(0, marks=pytest.mark.release), 5000])
def test_first_ema_decay_is_a_tenth_after_any_pretraining(small_run, pretrain_steps):
    before = small_run.state.replace(step=small_run.state.step + pretrain_steps)
    state, _ = small_run.step(recognizer_pretrain_steps=pretrain_steps)(before, small_run.batch(), KEY)
    old = jax.tree.leaves(small_run.state.ema["generator"])
    new = jax.tree.leaves(state.generator.params)
    for average, a, b in zip(jax.tree.leaves(state.ema["generator"]), old, new, strict=True):
        np.testing.assert_allclose(average, 0.1 * a + 0.9 * b, rtol=1e-5, atol=1e-7)  # (1 + 0) / (10 + 0)


@pytest.mark.parametrize("settings", [dict(recognizer_noise=0.5), dict(augment=True)])
def test_noise_and_augmentation_change_what_the_recognizer_learns(small_run, settings):
    batch = small_run.batch()
    plain, _ = small_run.step(updated_networks=("recognizer",))(small_run.state, batch, KEY)
    other, metrics = small_run.step(updated_networks=("recognizer",), **settings)(small_run.state, batch, KEY)
    assert changed(plain.recognizer.params, other.recognizer.params)
    assert np.isfinite(metrics["recognizer/loss"])
    assert {n for n in NETWORK_NAMES if changed(getattr(small_run.state, n), getattr(other, n))} == {"recognizer"}


@pytest.mark.release
def test_ctc_is_divided_by_a_power_of_the_length(small_run):
    batch = small_run.batch()

    def gradient_norm(lengths, **settings):
        step = small_run.step(updated_networks=("generator",), gradient_balancing="none", **settings)
        _, metrics = step(small_run.state, batch.replace(fake=batch.fake.replace(lengths=lengths)), KEY)
        return float(metrics["generator/grad_norm"]), float(metrics["generator/ctc_loss"])

    twos = jnp.full_like(batch.fake.lengths, 2)
    assert gradient_norm(twos, ctc_length_exponent=1.0) == pytest.approx(gradient_norm(twos, ctc_weight=0.5), rel=1e-4)
    mixed = twos.at[::2].set(1)
    with_exponent = gradient_norm(mixed, ctc_length_exponent=1.0)[0]
    assert with_exponent != pytest.approx(gradient_norm(mixed, ctc_weight=0.5)[0], rel=1e-3)


def test_each_part_of_a_batch_has_styles_of_the_prior_and_of_real_words(small_run):
    encoded = jnp.ones((8, small_run.networks.z_dim))
    styles = sample_styles(small_run.networks, small_run.batch(8).fake, encoded, KEY)
    for part in range(4):  # as `mean_gradients` deals out the rows
        assert sorted(styles.from_prior[part::4].tolist()) == [False, True]
    np.testing.assert_array_equal((styles.z == 1.0).all(axis=1), ~styles.from_prior)


@pytest.mark.slow
def test_parameters_are_float32_where_bfloat16_computes():
    run = SmallRun(lambda config: config.model.update(dtype="bfloat16"))
    state, metrics = run.step()(run.state, run.batch(), KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves(state.generator.params)} == {jnp.dtype("float32")}
    assert all(np.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize("run_name", ["small_run", pytest.param("alonso_run", marks=pytest.mark.release)])
def test_two_devices_equal_one(run_name, request):
    run = request.getfixturevalue(run_name)
    batch = run.batch()
    _, alone = run.step()(run.state, batch, KEY)
    mesh = sharding.create_mesh(batch_size=4)
    assert mesh.size == 2
    state = jax.device_put(run.state, sharding.replicated(mesh))
    shared = jax.device_put(batch, sharding.split_batch(mesh))
    new_state, together = run.step()(state, shared, jax.device_put(KEY, sharding.replicated(mesh)))
    assert set(together) == set(alone)
    for name, value in alone.items():
        np.testing.assert_allclose(together[name], value, rtol=2e-3, atol=2e-4, err_msg=name)
    assert jax.tree.leaves(new_state)[1].sharding.is_fully_replicated


def test_compiles_once_and_moves_nothing_to_the_host(small_run):
    step = jax.jit(make_train_step(small_run.networks, small_run.optimizers, StepConfig()), donate_argnums=0)
    state, batch = jax.tree.map(jnp.copy, small_run.state), small_run.batch()
    with jax.transfer_guard("disallow"):
        for _ in range(3):
            state, _ = step(state, batch, KEY)
    assert step._cache_size() == 1
    assert int(state.step) == 3


@pytest.mark.slow
def test_iam_config_takes_two_steps():
    """configs/iam.py at full size: two updates of all four networks on random images at batch 2."""
    config = iam.get_config()
    run = SmallRun(config=config, characters="".join(chr(48 + i) for i in range(79)))
    assert run.networks == create_networks(config, 80)
    step = jax.jit(make_train_step(run.networks, run.optimizers, StepConfig()), donate_argnums=0)
    state = run.state
    for seed in range(2):
        state, metrics = step(state, run.batch(size=2, seed=seed), KEY)
        assert not [name for name, value in metrics.items() if not np.isfinite(value)]
    assert int(state.step) == 2


def test_nonfinite_network_is_named():
    good = {"discriminator/loss": 1.0, "generator/ctc_loss": 2.0}
    assert nonfinite_network(good) is None
    assert nonfinite_network(good | {"generator/ctc_loss": float("nan")}) == "generator"
    assert nonfinite_network({"recognizer/loss": float("inf"), "generator/ctc_loss": float("nan")}) == "recognizer"


@pytest.mark.parametrize("parts", [2, pytest.param(4, marks=pytest.mark.release)])
def test_gradients_of_parts_of_a_batch_add_up_to_those_of_the_batch(small_run, parts):
    """Without balancing and batch norm, which are over the batch, they are equal but for rounding."""
    batch = small_run.batch(size=8)
    settings = dict(gradient_balancing="none")
    whole, expected = small_run.step(**settings)(small_run.state, batch, jax.random.key(1))
    parted, metrics = small_run.step(**settings, gradient_accumulation_steps=parts)(
        small_run.state, batch, jax.random.key(1)
    )
    for name, value in expected.items():
        if name != "generator/ctc_to_adversarial_gradient":  # of images, whose gradients are means over a part
            np.testing.assert_allclose(metrics[name], value, rtol=2e-4, err_msg=name)
    assert int(parted.step) == int(whole.step) == 1


@pytest.mark.release
def test_words_for_the_recognizer_alone_change_nothing_else():
    """Other images in their rows change the recognizer's loss, and no loss or statistic of another network."""

    def edit(config):
        config.model.identifier = {"name": "writers", "num_writers": 4, "features": 5, "conv_features": (4, 4)}
        config.model.discriminator.update(predicted_z_dims=0, spectral_norm=False)
        config.train.feature_matching = 1.0

    run = SmallRun(edit)
    config = dict(recognizer_pretrain_steps=0, gradient_penalty=0.3, style_weight=0.5, feature_matching=1.0)
    all_but_recognizer = ("discriminator", "identifier", "generator")  # so that its features stay the same
    batch, other = run.batch(size=4), run.batch(size=4, seed=1)
    alone = jnp.array([False, True, False, True])
    real = batch.real.replace(
        for_recognizer=alone, weights=jnp.where(alone, 0.0, 1.0), writers=jnp.where(alone, -1, batch.real.writers)
    )
    image = jnp.where(alone[:, None, None, None], other.real.image, real.image)
    for updated in (all_but_recognizer, ("recognizer",)):
        step = jax.jit(make_train_step(run.networks, run.optimizers, StepConfig(**config, updated_networks=updated)))
        metrics, statistics = [], []
        for words in (real, real.replace(image=image)):
            after, found = step(run.state, batch.replace(real=words), KEY)
            metrics.append(found)
            statistics.append((after.identifier.collections, after.feature_statistics))
        changed = {name for name in metrics[0] if not np.allclose(metrics[0][name], metrics[1][name], rtol=1e-5)}
        assert ("recognizer/loss" in changed) == (updated == ("recognizer",))
        assert not {name for name in changed if not name.startswith("recognizer/")}
        jax.tree.map(lambda one, two: np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6), *statistics)


@pytest.mark.release
def test_a_part_of_a_batch_with_words_for_the_recognizer_only_leaves_the_identifier_as_it_is():
    def edit(config):
        config.model.identifier = {"name": "writers", "num_writers": 4, "features": 5, "conv_features": (4, 4)}
        config.model.identifier["whitened"] = True

    run = SmallRun(edit)
    step = jax.jit(make_train_step(run.networks, run.optimizers, StepConfig(gradient_accumulation_steps=2)))
    batch = run.batch(size=4)
    for only in ([True, False, True, False], [True] * 4):  # rows are dealt to the parts in turn
        only = jnp.array(only)
        writers = jnp.where(only, -1, jnp.array([0, 1, 2, 0]))
        real = batch.real.replace(for_recognizer=only, weights=jnp.where(only, 0.0, 1.0), writers=writers)
        after, metrics = step(run.state, batch.replace(real=real), KEY)
        for leaf in jax.tree.leaves((after.identifier, metrics)):
            assert np.isfinite(np.asarray(leaf, np.float32)).all()
    jax.tree.map(np.testing.assert_array_equal, after.identifier.collections, run.state.identifier.collections)


def test_words_of_unknown_writers_do_not_count():
    """The loss is the mean over known writers, not over all words."""

    def edit(config):
        config.model.identifier = {"name": "writers", "num_writers": 4, "features": 5, "conv_features": (4, 4)}

    run = SmallRun(edit)
    batch = run.batch(size=4)
    losses = {}
    for name, writers in (("known", [0, 1, 2, 3]), ("first two", [0, 1, -1, -1]), ("last two", [-1, -1, 2, 3])):
        real = batch.real.replace(writers=jnp.array(writers))
        _, metrics = run.step(updated_networks=("identifier",))(run.state, batch.replace(real=real), KEY)
        losses[name] = float(metrics["identifier/loss"])
    assert losses["known"] == pytest.approx((losses["first two"] + losses["last two"]) / 2, rel=1e-5)
