"""One training step: updates of the discriminator, the recognizer, the identifier, and the generator with its language
model."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from hwgan import losses
from hwgan.matching import follow_real, letter_features, match, matched_features, word_features
from hwgan.models import Networks
from hwgan.models.discriminator import DiscriminatorOutput, ReadersView
from hwgan.train_state import NetworkState, Optimizers, TrainState
from hwgan.update import Metrics, StepConfig, add_noise, apply_training, mean_gradients, norms
from hwgan.update_readers import update_identifier, update_recognizer
from hwgan.writing import Batch, draw_hands, fake_layout, generate, like_real, real_hands, real_widths


def make_train_step(
    networks: Networks, optimizers: Optimizers, config: StepConfig
) -> Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]:
    """Returns `(state, batch, root_key) → (state, metrics)`, to be jitted with its state donated.

    The batch holds `image, image_width, labels, label_length, writer` of real words and `fake_labels,
    fake_label_length` of words to write, with `fake_stretch` where hands differ in how wide they write, and
    `fake_invented` where some of them are unlike real ones, which are not held against those; and where means are
    matched how much each counts in them, `weight` and `fake_weight`. The key is that of the run; the step number is
    folded in here.
    """

    def train_step(state: TrainState, batch: Batch, root_key: jax.Array) -> tuple[TrainState, Metrics]:
        step_key = jax.random.fold_in(root_key, state.step)
        keys = jax.random.split(step_key, config.discriminator_steps + 3)
        recognizer_key, identifier_key, generator_key, *discriminator_keys = keys
        metrics: Metrics = {}
        if networks.knows_writers and {"generator", "discriminator"} & set(config.updated_networks):
            batch = batch | {"hand": real_hands(networks, state, batch)}
        if "discriminator" in config.updated_networks:
            for key in discriminator_keys:
                discriminator, metrics_d = _update_discriminator(networks, optimizers, state, batch, key, config)
                state = state.replace(discriminator=discriminator)
            metrics |= metrics_d
        if "recognizer" in config.updated_networks:
            recognizer, metrics_r = update_recognizer(networks, optimizers, state, batch, recognizer_key, config)
            state = state.replace(recognizer=recognizer)
            metrics |= metrics_r
        if "identifier" in config.updated_networks and networks.knows_writers:
            identifier, metrics_i = update_identifier(networks, optimizers, state, batch, identifier_key, config)
            state = state.replace(identifier=identifier)
            metrics |= metrics_i
        if "generator" in config.updated_networks:
            state, metrics_g = _update_generator(networks, optimizers, state, batch, generator_key, config)
            metrics |= metrics_g
        return state.replace(step=state.step + 1), metrics

    return train_step


def _update_discriminator(
    networks: Networks, optimizers: Optimizers, state: TrainState, batch: Batch, key: jax.Array, config: StepConfig
) -> tuple[NetworkState, Metrics]:
    """Hinge loss on a real and a generated batch, scored apart so that batch norm never mixes them."""
    before, writers = state.discriminator, (state.language_model.variables, state.generator.variables)

    def gradients_of(collections, part, _):
        layout = fake_layout(networks, part)
        fake, _ = generate(networks, *writers, part["z"], part["fake_labels"], layout, train=True)
        now = before.replace(collections=collections)

        def loss_fn(params):
            real_words = part["image"], real_widths(networks, part), part["labels"], part["label_length"]
            on_real, after_real, penalty = _score_real(networks, state, now, params, real_words, config)
            after_real = before.replace(collections=after_real)
            fake_words = fake, layout.widths, part["fake_labels"], layout.lengths
            on_fake, collections = _score(networks, state, after_real, params, *fake_words)
            real_losses, fake_losses = losses.hinge_discriminator(on_real.scores, on_fake.scores)
            hinges = real_losses.mean(axis=0) + losses.mean_where(fake_losses, like_real(part))
            hinge = hinges.mean()
            style = losses.style_error(on_fake.style, part["z"]).mean()
            metrics = {
                "discriminator/loss": hinge,
                "discriminator/real_score": on_real.scores.mean(),
                "discriminator/fake_score": losses.mean_where(on_fake.scores, like_real(part)).mean(),
                "discriminator/style_error": style,
                **({"discriminator/gradient_penalty": penalty} if config.gradient_penalty else {}),
                **{f"discriminator/loss_{head}": hinges[i] for i, head in enumerate(on_real.heads)},
            }
            return hinge + penalty + config.style_weight * style, (collections, metrics)

        grads, (collections, metrics) = jax.grad(loss_fn, has_aux=True)(before.params)
        return grads, collections, metrics

    batch = batch | draw_hands(networks, batch, key, config.spread_of_invented)
    grads, collections, metrics = mean_gradients(gradients_of, before.collections, batch, key, config.accumulate)
    discriminator = before.replace(collections=collections).apply_gradients(grads, optimizers.discriminator)
    return discriminator, metrics | norms("discriminator", grads, discriminator)


def _views(
    networks: Networks, state: TrainState, image: jax.Array, widths: jax.Array
) -> tuple[ReadersView, ReadersView | None]:
    """What is matched: what the readers see, and the onlooker where there is one."""
    seen = networks.readers_view(state.recognizer.variables, state.identifier.variables, image, widths)
    onlooker = state.onlooker and state.onlooker.variables
    return seen, networks.onlookers_view(onlooker, image, widths)


def _score(
    networks: Networks,
    state: TrainState,
    discriminator: NetworkState,
    params: Any,
    image: jax.Array,
    widths: jax.Array,
    labels: jax.Array,
    lengths: jax.Array,
) -> tuple[DiscriminatorOutput, Any]:
    """What D says of words that are to say these labels, and its new collections."""
    variables = {name: getattr(state, name).variables for name in ("recognizer", "identifier", "language_model")}
    shown = networks.shown_to_discriminator(variables, image, widths, labels, lengths)
    return apply_training(networks.discriminator, discriminator, params, image, widths, *shown)


def _score_real(
    networks: Networks,
    state: TrainState,
    discriminator: NetworkState,
    params: Any,
    words: tuple[jax.Array, ...],
    config: StepConfig,
) -> tuple[DiscriminatorOutput, Any, jax.Array]:
    """What D says of real words, its new collections, and the weighted penalty on the slopes of its heads' sum."""
    if not config.gradient_penalty:
        return *_score(networks, state, discriminator, params, *words), jnp.zeros(())
    image, *others = words

    def scores_of(image):
        output, collections = _score(networks, state, discriminator, params, image, *others)
        return output.scores, (output, collections)

    scores, backward, (output, collections) = jax.vjp(scores_of, image, has_aux=True)
    (slopes,) = backward(jnp.ones_like(scores))
    return output, collections, config.gradient_penalty * losses.gradient_penalty(slopes).mean()


def _update_generator(
    networks: Networks, optimizers: Optimizers, state: TrainState, batch: Batch, key: jax.Array, config: StepConfig
) -> tuple[TrainState, Metrics]:
    """Generator and language model, which learn as one."""
    noise_key, z_key = jax.random.split(key)

    def gradients_of(collections, part, part_key):
        return _generator_gradients(networks, state, collections, part, part_key, config)

    batch = batch | draw_hands(networks, batch, z_key, config.spread_of_invented)
    before = {"generator": state.generator.collections, "means": state.ema.get("means", {})}
    grads, after, metrics = mean_gradients(gradients_of, before, batch, noise_key, config.accumulate)
    language_model = state.language_model.apply_gradients(grads["language_model"], optimizers.language_model)
    generator = state.generator.replace(collections=after["generator"]).apply_gradients(
        grads["generator"], optimizers.generator
    )
    params = {"language_model": language_model.params, "generator": generator.params}
    ema = state.ema | _update_ema(state, params, config)
    if after["means"]:
        ema["means"] = after["means"]
    metrics |= norms("generator", grads["generator"], generator)
    metrics |= norms("language_model", grads["language_model"], language_model)
    return state.replace(language_model=language_model, generator=generator, ema=ema), metrics


def _generator_gradients(
    networks: Networks, state: TrainState, collections: Any, batch: Batch, noise_key: jax.Array, config: StepConfig
) -> tuple[Any, Any, Metrics]:
    """The gradients of those who look at the image meet there, balanced; from there one backward pass."""
    z, labels, layout = batch["z"], batch["fake_labels"], fake_layout(networks, batch)

    def draw(params):
        language_variables = {"params": params["language_model"], **state.language_model.collections}
        generator_variables = {"params": params["generator"], **collections["generator"]}
        return generate(networks, language_variables, generator_variables, z, labels, layout, train=True)

    def adversarial(image):
        before = state.discriminator
        output, _ = _score(networks, state, before, before.params, image, layout.widths, labels, layout.lengths)
        hinge = losses.mean_where(losses.hinge_generator(output.scores), like_real(batch)).mean()
        return hinge + config.style_weight * losses.style_error(output.style, z).mean(), hinge

    def reading(image):
        image = add_noise(image, config.recognizer_noise, noise_key)
        output = networks.recognizer.apply(state.recognizer.variables, image, layout.widths, train=False)
        nats = losses.ctc(output.logits, output.lengths, labels, layout.lengths)
        return (nats / jnp.maximum(layout.lengths, 1) ** config.length_power).mean(), nats.mean()

    def recognizing_the_hand(image):
        seen = networks.identifier.apply(state.identifier.variables, image, layout.widths, train=False).noise
        return losses.style_error(seen, z[:, 1:]).mean()

    def unlike_real_words(image, means):
        seen = _views(networks, state, image, layout.widths)
        counts = batch["fake_weight"]
        distances, means = match(means, word_features(*seen), counts * batch["from_noise"])
        of_words = jnp.stack(list(distances.values())).mean()
        distance, metrics = config.feature_matching * of_words, {"generator/feature_distance": of_words}
        if config.letter_matching:
            # In any hand: there are too few of most letters, and it is whole words that tell hands apart.
            distances, means = match(means, letter_features(*seen, labels, layout.lengths), counts)
            of_letters = jnp.stack(list(distances.values())).mean()
            distance += config.letter_matching * of_letters
            metrics["generator/letter_distance"] = of_letters
        return distance, (means, metrics)

    balance = partial(losses.balance_gradients, rule=config.balance_rule)
    params = {"language_model": state.language_model.params, "generator": state.generator.params}
    image, backward, after_draw = jax.vjp(draw, params, has_aux=True)
    after = {"generator": after_draw, "means": collections["means"]}
    image_grad_d, adversarial_loss = jax.grad(adversarial, has_aux=True)(image)
    image_grad_r, ctc_loss = jax.grad(reading, has_aux=True)(image)
    image_grad = image_grad_d + balance(image_grad_r, image_grad_d, alpha=config.alpha)
    metrics = {
        "generator/adversarial_loss": adversarial_loss,
        "generator/ctc_loss": ctc_loss,
        "generator/ctc_to_adversarial_gradient": image_grad_r.std() / jnp.maximum(image_grad_d.std(), 1e-12),
    }
    if networks.knows_writers:
        metrics["generator/hand_error"], image_grad_i = jax.value_and_grad(recognizing_the_hand)(image)
        image_grad += balance(image_grad_i, image_grad_d, alpha=config.style_weight)
    if config.matches_features:
        seen = _views(networks, state, batch["image"], real_widths(networks, batch))
        real = matched_features(*seen, batch["labels"], batch["label_length"], config.letter_matching > 0.0)
        means = follow_real(collections["means"], real, batch["weight"])
        image_grad_m, (after["means"], distances) = jax.grad(unlike_real_words, has_aux=True)(image, means)
        image_grad += image_grad_m
        metrics |= distances
    (grads,) = backward(image_grad)
    return grads, after, metrics


def _update_ema(state: TrainState, params: dict[str, Any], config: StepConfig) -> dict[str, Any]:
    # The average follows closely at first, so that it is worth sampling from early on.
    learned = jnp.maximum(state.step - config.recognizer_first_steps, 0)
    bounded_decay = jnp.minimum(config.ema_decay, (1.0 + learned) / (10.0 + learned))
    before = {name: state.ema[name] for name in params}
    return jax.tree.map(lambda old, new: bounded_decay * old + (1.0 - bounded_decay) * new, before, params)


def nonfinite_network(metrics: dict[str, float]) -> str | None:
    """The network that broke, if any metric is not finite: the first in the order of the updates."""
    for network in ("discriminator", "recognizer", "identifier", "generator", "language_model"):
        for name, value in metrics.items():
            if name.startswith(network + "/") and not abs(value) < float("inf"):
                return network
    return None
