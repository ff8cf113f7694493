"""One training step, top to bottom: discriminator, recognizer, identifier, then generator with language model."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hwgan.models.batch import Batch, RealWords, WordFeatures
from hwgan.models.layout import Layout
from hwgan.models.networks import Networks
from hwgan.models.state import GENERATING_NETWORKS, NetworkState, Optimizers, TrainState, update_ema
from hwgan.models.styles import Styles, encode_styles, sample_styles
from hwgan.training import losses
from hwgan.training.augment import augment
from hwgan.training.feature_matching import character_features, match, update_real_statistics, word_features
from hwgan.training.gradients import Metrics, add_noise, apply_training, mean_gradients, norms
from hwgan.training.step_config import UPDATED_NETWORKS, StepConfig


@dataclasses.dataclass(frozen=True)
class Setup:
    """What is the same in every step: modules, optimizers, plain settings."""

    networks: Networks
    optimizers: Optimizers
    config: StepConfig


class Inputs(flax.struct.PyTreeNode):
    """A batch, or a part of it, with a style for each of its texts (None where nothing is generated)."""

    batch: Batch
    styles: Styles | None = None


# (the network with the parameters to differentiate by, the state before, inputs, key, setup)
# → (loss, (the network's new collections, metrics))
LossFn = Callable[[NetworkState, TrainState, Inputs, jax.Array, Setup], tuple[Float[Array, ""], tuple[Any, Metrics]]]


def make_train_step(
    networks: Networks, optimizers: Optimizers, config: StepConfig
) -> Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]:
    """Returns `(state, batch, root_key) → (state, metrics)`, to be jitted with its state donated.

    The key is that of the run; the number of the step is folded in here.
    """
    setup = Setup(networks, optimizers, config)
    updated = set(config.updated_networks)

    def train_step(state: TrainState, batch: Batch, root_key: jax.Array) -> tuple[TrainState, Metrics]:
        step_key = jax.random.fold_in(root_key, state.step)
        keys = jax.random.split(step_key, config.discriminator_steps_per_generator_step + 3)
        recognizer_key, identifier_key, generator_key, *discriminator_keys = keys
        metrics: Metrics = {}

        encoded = None
        if networks.has_identifier and updated & {"generator", "discriminator"}:
            encoded = encode_styles(networks, state.identifier, batch.real)
        temperature, without_style = config.random_text_temperature, batch.real.for_recognizer
        sample = partial(
            sample_styles, networks, batch.fake, encoded, temperature=temperature, without_style=without_style
        )

        if "discriminator" in updated:
            for key in discriminator_keys:
                inputs = Inputs(batch, sample(key))
                state, metrics_d = update(state, "discriminator", discriminator_loss, inputs, key, setup)
            metrics |= metrics_d
        if "recognizer" in updated:
            state, metrics_r = update(state, "recognizer", recognizer_loss, Inputs(batch), recognizer_key, setup)
            metrics |= metrics_r
        if "identifier" in updated and networks.has_identifier:
            state, metrics_i = update(state, "identifier", identifier_loss, Inputs(batch), identifier_key, setup)
            metrics |= metrics_i
        if "generator" in updated:
            noise_key, style_key = jax.random.split(generator_key)
            state, metrics_g = update_generator(state, Inputs(batch, sample(style_key)), noise_key, setup)
            metrics |= metrics_g
        return state.replace(step=state.step + 1), metrics

    return train_step


def update(
    state: TrainState, name: str, loss_fn: LossFn, inputs: Inputs, key: jax.Array, setup: Setup
) -> tuple[TrainState, Metrics]:
    """One optimizer step of one network."""
    before: NetworkState = getattr(state, name)

    def gradient_fn(collections, part, key):
        def loss_of(params):
            return loss_fn(before.replace(params=params, collections=collections), state, part, key, setup)

        gradients, (collections, metrics) = jax.grad(loss_of, has_aux=True)(before.params)
        return gradients, collections, metrics

    num_parts = setup.config.gradient_accumulation_steps
    gradients, collections, metrics = mean_gradients(gradient_fn, before.collections, inputs, key, num_parts)
    optimizer = getattr(setup.optimizers, name)
    after = before.replace(collections=collections).apply_gradients(gradients, optimizer)
    return state.replace(**{name: after}), metrics | norms(name, gradients, after)


def discriminator_loss(
    discriminator: NetworkState, state: TrainState, inputs: Inputs, key: jax.Array, setup: Setup
) -> tuple[Float[Array, ""], tuple[Any, Metrics]]:
    """Hinge loss of real and generated words + R1 + error of the prediction of z.

    Real and generated words are scored apart, so that batch norm never mixes them.
    """
    del key
    networks, config, real, fake, z = setup.networks, setup.config, inputs.batch.real, inputs.batch.fake, _z(inputs)
    layout = networks.layout(fake.labels, fake.lengths, z, real.image.shape[2])
    variables = {name: getattr(state, name).variables for name in GENERATING_NETWORKS}
    fake_image, _ = networks.generate(variables, z, fake.labels, layout, train=True)

    on_real, collections = score(discriminator, state, real.image, networks.input_widths(real), setup)
    penalty = _gradient_penalty(discriminator, state, real, setup) if config.gradient_penalty else jnp.zeros(())
    discriminator = discriminator.replace(collections=collections)
    on_fake, collections = score(discriminator, state, fake_image, layout.widths, setup)

    real_losses, fake_losses = losses.hinge_discriminator(on_real.scores, on_fake.scores)
    head_losses = losses.mean_where(real_losses, real.for_all_networks)
    head_losses += losses.mean_where(fake_losses, fake.adversarial_mask)
    hinge = head_losses.mean()
    z_error = losses.z_error(on_fake.z_prediction, z).mean()
    metrics = {
        "discriminator/loss": hinge,
        "discriminator/real_score": losses.mean_where(on_real.scores, real.for_all_networks).mean(),
        "discriminator/fake_score": losses.mean_where(on_fake.scores, fake.adversarial_mask).mean(),
        "discriminator/z_prediction_error": z_error,
        **({"discriminator/gradient_penalty": penalty} if config.gradient_penalty else {}),
        **{f"discriminator/loss_{head}": head_losses[i] for i, head in enumerate(on_real.heads)},
    }
    return hinge + penalty + config.z_prediction_weight * z_error, (collections, metrics)


def _gradient_penalty(
    discriminator: NetworkState, state: TrainState, real: RealWords, setup: Setup
) -> Float[Array, ""]:
    """gradient_penalty · mean R1 of `gradient_penalty_share` of the real words, which lie evenly in the batch.

    It takes second derivatives, through the networks of the heads too, and is the most expensive part of the step.
    """
    config, size = setup.config, real.image.shape[0]
    count = max(1, round(config.gradient_penalty_share * size))
    if count < size:
        real = jax.tree.map(lambda x: x[np.arange(count) * size // count], real)

    def scores_of(image):
        output, _ = score(discriminator, state, image, setup.networks.input_widths(real), setup)
        return output.scores

    scores, backward = jax.vjp(scores_of, real.image)
    (input_gradient,) = backward(jnp.ones_like(scores))
    penalties = losses.gradient_penalty(input_gradient)
    return config.gradient_penalty * losses.mean_where(penalties, real.for_all_networks)


def recognizer_loss(
    recognizer: NetworkState, state: TrainState, inputs: Inputs, key: jax.Array, setup: Setup
) -> tuple[Float[Array, ""], tuple[Any, Metrics]]:
    """The recognizer's own loss, on real words only: one trained on generated words would learn to read scribble."""
    del state
    networks, config, real = setup.networks, setup.config, inputs.batch.real
    if config.augment:
        key, augment_key = jax.random.split(key)
        image, widths = augment(real.image, real.widths, augment_key)
        real = real.replace(image=image, widths=widths)
    image = add_noise(real.image, config.recognizer_noise, key)
    output, collections = apply_training(networks.recognizer, recognizer, image, networks.input_widths(real))
    loss = networks.recognizer.loss(recognizer.variables, output, real.labels, real.lengths).mean()
    return loss, (collections, {"recognizer/loss": loss})


def identifier_loss(
    identifier: NetworkState, state: TrainState, inputs: Inputs, key: jax.Array, setup: Setup
) -> tuple[Float[Array, ""], tuple[Any, Metrics]]:
    """Cross-entropy over the writers of real words; words of unknown writers do not count.

    The running statistics are of words without noise, as styles are encoded: encoded styles must have mean 0.
    """
    del state
    networks, real = setup.networks, inputs.batch.real
    widths = networks.input_widths(real)
    image = add_noise(real.image, setup.config.recognizer_noise, key)
    output, _ = apply_training(networks.identifier, identifier, image, widths, real.for_all_networks)
    statistics = jax.lax.stop_gradient(identifier)
    counts = real.for_all_networks
    _, collections = apply_training(networks.identifier, statistics, real.image, widths, counts)
    if counts is not None:  # a part of a batch without a word that counts has no statistics
        collections = jax.tree.map(
            lambda new, old: jnp.where(counts.any(), new, old), collections, identifier.collections
        )
    correct = (output.logits.argmax(axis=-1) == real.writers).astype(jnp.float32)
    known = real.writers >= 0
    loss = losses.mean_where(losses.writer_cross_entropy(output.logits, real.writers), known)
    accuracy = losses.mean_where(correct, known)
    return loss, (collections, {"identifier/loss": loss, "identifier/accuracy": accuracy})


def update_generator(state: TrainState, inputs: Inputs, key: jax.Array, setup: Setup) -> tuple[TrainState, Metrics]:
    """One optimizer step of generator and language model, their averages, and the feature statistics."""
    before = state.generator.collections, state.feature_statistics
    gradient_fn = partial(_generator_gradients, state=state, setup=setup)
    num_parts = setup.config.gradient_accumulation_steps
    gradients, after, metrics = mean_gradients(gradient_fn, before, inputs, key, num_parts)
    generator = state.generator.replace(collections=after[0])
    networks = {"language_model": state.language_model, "generator": generator}
    for name, network in networks.items():
        networks[name] = network.apply_gradients(gradients[name], getattr(setup.optimizers, name))
        metrics |= norms(name, gradients[name], networks[name])
    steps = jnp.maximum(state.step - setup.config.recognizer_pretrain_steps, 0)
    params = {name: network.params for name, network in networks.items()}
    ema = update_ema(state.ema, params, steps, setup.config.ema_decay)
    return state.replace(**networks, ema=ema, feature_statistics=after[1]), metrics


def _generator_gradients(
    collections: Any, inputs: Inputs, key: jax.Array, *, state: TrainState, setup: Setup
) -> tuple[Any, Any, Metrics]:
    """Gradients of generator and language model: one backward pass from the gradient of all losses at the image x.

      ∂L/∂x = g_adv + ctc_weight · balance(g_ctc, g_adv) + style_weight · balance(g_style, g_adv) + g_fm

    `balance` is `losses.balance_gradients`; g_adv includes the error of D's prediction of z; g_fm, of feature matching,
    is not balanced.

    Args:
      collections: the generator's collections, and the feature statistics.
      inputs: a part of the batch, with styles.
      key: of the noise on the recognizer's input.
      state: of the run, before the step.
      setup: modules and settings.

    Returns:
      Gradients by network, the new collections and statistics, and metrics.
    """
    networks, config, real, fake, z = setup.networks, setup.config, inputs.batch.real, inputs.batch.fake, _z(inputs)
    layout = networks.layout(fake.labels, fake.lengths, z, real.image.shape[2])
    generator_collections, statistics = collections

    def generate(params):
        variables = {
            "language_model": {"params": params["language_model"], **state.language_model.collections},
            "generator": {"params": params["generator"], **generator_collections},
        }
        return networks.generate(variables, z, fake.labels, layout, train=True)

    params = {name: getattr(state, name).params for name in GENERATING_NETWORKS}
    image, backward, generator_collections = jax.vjp(generate, params, has_aux=True)
    about = dict(state=state, inputs=inputs, layout=layout, setup=setup)
    balance = partial(losses.balance_gradients, rule=config.gradient_balancing)

    adversarial_gradient, metrics = jax.grad(adversarial_loss, has_aux=True)(image, **about)
    text_gradient, nats = jax.grad(text_loss, has_aux=True)(image, key, **about)
    image_gradient = adversarial_gradient + balance(text_gradient, adversarial_gradient, weight=config.ctc_weight)
    kind = networks.recognizer.loss_name
    metrics[f"generator/{kind}_loss"] = nats
    ratio = text_gradient.std() / jnp.maximum(adversarial_gradient.std(), 1e-12)
    metrics[f"generator/{kind}_to_adversarial_gradient"] = ratio
    if networks.has_identifier:
        metrics["generator/style_error"], style_gradient = jax.value_and_grad(style_loss)(image, **about)
        image_gradient += balance(style_gradient, adversarial_gradient, weight=config.style_weight)
    if config.matches_features:
        statistics = _with_real_words(statistics, state, inputs, setup)
        matching = jax.grad(feature_matching_loss, has_aux=True)
        matching_gradient, (statistics, distances) = matching(image, statistics, **about)
        image_gradient += matching_gradient
        metrics |= distances
    (gradients,) = backward(image_gradient)
    return gradients, (generator_collections, statistics), metrics


def adversarial_loss(
    image: Float[Array, "b h w 1"], *, state: TrainState, inputs: Inputs, layout: Layout, setup: Setup
) -> tuple[Float[Array, ""], Metrics]:
    """-D(image), over texts that are not random, + error of D's prediction of z."""
    output, _ = score(state.discriminator, state, image, layout.widths, setup)
    mask = inputs.batch.fake.adversarial_mask
    hinge = losses.mean_where(losses.hinge_generator(output.scores), mask).mean()
    z_error = losses.z_error(output.z_prediction, _z(inputs)).mean()
    return hinge + setup.config.z_prediction_weight * z_error, {"generator/adversarial_loss": hinge}


def text_loss(
    image: Float[Array, "b h w 1"],
    key: jax.Array,
    *,
    state: TrainState,
    inputs: Inputs,
    layout: Layout,
    setup: Setup,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The loss of the recognizer: that of its kind, in most runs CTC.

    Returns the mean of loss / length^p, and of the loss alone, in nats a word.
    """
    recognizer, variables = setup.networks.recognizer, state.recognizer.variables
    fake, config = inputs.batch.fake, setup.config
    image = add_noise(image, config.recognizer_noise, key)
    output = recognizer.apply(variables, image, layout.widths, train=False)
    nats = recognizer.loss(variables, output, fake.labels, fake.lengths)
    return (nats / jnp.maximum(fake.lengths, 1) ** config.ctc_length_exponent).mean(), nats.mean()


def style_loss(
    image: Float[Array, "b h w 1"], *, state: TrainState, inputs: Inputs, layout: Layout, setup: Setup
) -> Float[Array, ""]:
    """Mean squared error of the identifier's output against z[:, 1:], from which the image was generated."""
    output = setup.networks.identifier.apply(state.identifier.variables, image, layout.widths, train=False)
    return losses.z_error(output.style, _z(inputs)[:, 1:]).mean()


def feature_matching_loss(
    image: Float[Array, "b h w 1"], statistics: Any, *, state: TrainState, inputs: Inputs, layout: Layout, setup: Setup
) -> tuple[Float[Array, ""], tuple[Any, Metrics]]:
    """feature_matching · d_words + character_feature_matching · d_characters: distances of means (`match`).

    Returns the loss, and (the new statistics, metrics).
    """
    fake, config = inputs.batch.fake, setup.config
    features = _features(state, image, layout.widths, setup)
    # Means over words take words in styles of the prior alone: those in encoded styles repeat the styles of the batch.
    counted = fake.weights * _styles(inputs).from_prior
    distances, statistics = match(statistics, word_features(features), counted)
    distance = jnp.stack(list(distances.values())).mean()
    loss, metrics = config.feature_matching * distance, {"generator/feature_distance": distance}
    if config.character_feature_matching:
        # In all styles, for there are too few examples of most characters otherwise.
        grouped = character_features(features, fake.labels, fake.lengths)
        distances, statistics = match(statistics, grouped, fake.weights)
        distance = jnp.stack(list(distances.values())).mean()
        loss += config.character_feature_matching * distance
        metrics["generator/character_feature_distance"] = distance
    return loss, (statistics, metrics)


def score(
    discriminator: NetworkState, state: TrainState, image: Float[Array, "b h w 1"], widths: jax.Array, setup: Setup
) -> tuple[Any, Any]:
    """D's output for images, with features of recognizer and identifier where D has heads; and its collections."""
    variables = state.recognizer.variables, state.identifier.variables
    features = setup.networks.discriminator_features(*variables, image, widths)
    return apply_training(setup.networks.discriminator, discriminator, image, widths, features)


def _with_real_words(statistics: Any, state: TrainState, inputs: Inputs, setup: Setup) -> Any:
    real = inputs.batch.real
    features = _features(state, real.image, setup.networks.input_widths(real), setup)
    grouped = word_features(features)
    if setup.config.character_feature_matching:
        grouped |= character_features(features, real.labels, real.lengths)
    return update_real_statistics(statistics, grouped, real.weights)


def _features(state: TrainState, image: jax.Array, widths: jax.Array, setup: Setup) -> WordFeatures:
    return setup.networks.word_features(state.recognizer.variables, state.identifier.variables, image, widths)


def _styles(inputs: Inputs) -> Styles:
    assert inputs.styles is not None  # given wherever words are generated
    return inputs.styles


def _z(inputs: Inputs) -> Float[Array, "b z"]:
    return _styles(inputs).z


def nonfinite_network(metrics: dict[str, float]) -> str | None:
    """The network that diverged, if any metric is not finite: the first in the order of the updates."""
    for network in (*UPDATED_NETWORKS, "language_model"):
        for name, value in metrics.items():
            if name.startswith(network + "/") and not abs(value) < float("inf"):
                return network
    return None
