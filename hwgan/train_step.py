"""One training step: updates of the discriminator, the recognizer, the identifier, and the generator with its language
model."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from hwgan import losses
from hwgan.augment import augment
from hwgan.models import Networks
from hwgan.train_state import NetworkState, Optimizers, TrainState
from hwgan.writing import Batch, draw_hands, fake_layout, generate, real_hands, real_widths

Metrics = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class StepConfig:
    """Plain values that shape the step.

    Attributes:
      updated_networks: those that learn: of "discriminator", "recognizer", "identifier", "generator".
      discriminator_steps: updates of D for each of G.
      balance_rule: see `losses.balance_gradients`.
      alpha: weight of the recognizer's gradient against the discriminator's.
      augment: the recognizer learns from real words slanted, stretched, bent and written with other pens
        (`augment.augment`). Not the identifier: these are what hands differ in.
      recognizer_noise: standard deviation of white noise on what the recognizer sees while anything is trained: one
        that reads through noise looks at strokes, and its gradient draws strokes.
      style_weight: of the error of the guess of the noise from the image. The guess is the identifier's, whose gradient
        is balanced as the recognizer's is; or, in a run without one, the discriminator's own, which learns to guess.
      ema_decay: of the averaged generator.
      accumulate: the batch is gone through in so many parts, one after the other, and their gradients are averaged, as
        if it were in memory at once; but that batch norm and the balance of gradients are each part's own.
    """

    updated_networks: tuple[str, ...] = ("discriminator", "recognizer", "identifier", "generator")
    discriminator_steps: int = 1
    balance_rule: str = "alonso"
    alpha: float = 1.0
    augment: bool = False
    recognizer_noise: float = 0.0
    style_weight: float = 0.0
    ema_decay: float = 0.999
    accumulate: int = 1


def make_train_step(
    networks: Networks, optimizers: Optimizers, config: StepConfig
) -> Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]:
    """Returns `(state, batch, root_key) → (state, metrics)`, to be jitted with its state donated.

    The batch holds `image, image_width, labels, label_length, writer` of real words and `fake_labels,
    fake_label_length` of words to write. The key is that of the run; the step number is folded in here.
    """

    def train_step(state: TrainState, batch: Batch, root_key: jax.Array) -> tuple[TrainState, Metrics]:
        step_key = jax.random.fold_in(root_key, state.step)
        keys = jax.random.split(step_key, config.discriminator_steps + 3)
        recognizer_key, identifier_key, generator_key, *discriminator_keys = keys
        metrics: Metrics = {}
        if networks.knows_writers and "generator" in config.updated_networks:
            batch = batch | {"hand": real_hands(networks, state, batch)}
        if "discriminator" in config.updated_networks:
            for key in discriminator_keys:
                discriminator, metrics_d = _update_discriminator(networks, optimizers, state, batch, key, config)
                state = state.replace(discriminator=discriminator)
            metrics |= metrics_d
        if "recognizer" in config.updated_networks:
            recognizer, metrics_r = _update_recognizer(networks, optimizers, state, batch, recognizer_key, config)
            state = state.replace(recognizer=recognizer)
            metrics |= metrics_r
        if "identifier" in config.updated_networks and networks.knows_writers:
            identifier, metrics_i = _update_identifier(networks, optimizers, state, batch, identifier_key, config)
            state = state.replace(identifier=identifier)
            metrics |= metrics_i
        if "generator" in config.updated_networks:
            state, metrics_g = _update_generator(networks, optimizers, state, batch, generator_key, config)
            metrics |= metrics_g
        return state.replace(step=state.step + 1), metrics

    return train_step


def _apply(module, state: NetworkState, params, *inputs) -> tuple[Any, Any]:
    """Applies in training mode; returns the output and the new collections."""
    return module.apply({"params": params, **state.collections}, *inputs, train=True, mutable=list(state.collections))


def _norms(name: str, grads: Any, after: NetworkState) -> Metrics:
    # The norm of the new parameters tells a network that breaks from those that it breaks one step later.
    return {f"{name}/grad_norm": optax.tree.norm(grads), f"{name}/param_norm": optax.tree.norm(after.params)}


def _mean_gradients(
    gradients_of: Callable[[Any, Batch, jax.Array], tuple[Any, Any, Metrics]],
    collections: Any,
    batch: Batch,
    key: jax.Array,
    num_parts: int,
) -> tuple[Any, Any, Metrics]:
    """`gradients_of(collections, batch, key) → (gradients, collections, metrics)` over the parts of a batch, averaged.

    Collections pass from part to part. Rows are dealt out in turn, so that each device's rows stay on it.
    """
    if num_parts == 1:
        return gradients_of(collections, batch, key)
    parts = jax.tree.map(lambda rows: rows.reshape(-1, num_parts, *rows.shape[1:]).swapaxes(0, 1), batch)
    first = jax.tree.map(lambda rows: rows[0], parts)
    gradients, _, metrics = jax.eval_shape(gradients_of, collections, first, key)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (gradients, metrics))

    def add(carry, part):
        collections, total = carry
        gradients, collections, metrics = gradients_of(collections, part[0], part[1])
        return (collections, jax.tree.map(jnp.add, total, (gradients, metrics))), None

    (collections, total), _ = jax.lax.scan(add, (collections, zeros), (parts, jax.random.split(key, num_parts)))
    gradients, metrics = jax.tree.map(lambda leaf: leaf / num_parts, total)
    return gradients, collections, metrics


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
            widths = real_widths(networks, part)
            on_real, after_real = _apply(networks.discriminator, now, params, part["image"], widths)
            after_real = before.replace(collections=after_real)
            on_fake, collections = _apply(networks.discriminator, after_real, params, fake, layout.widths)
            real_losses, fake_losses = losses.hinge_discriminator(on_real.scores, on_fake.scores)
            hinge = real_losses.mean() + fake_losses.mean()
            style = losses.style_error(on_fake.style, part["z"]).mean()
            metrics = {
                "discriminator/loss": hinge,
                "discriminator/real_score": on_real.scores.mean(),
                "discriminator/fake_score": on_fake.scores.mean(),
                "discriminator/style_error": style,
            }
            return hinge + config.style_weight * style, (collections, metrics)

        grads, (collections, metrics) = jax.grad(loss_fn, has_aux=True)(before.params)
        return grads, collections, metrics

    batch = batch | {"z": draw_hands(networks, batch, key)}
    grads, collections, metrics = _mean_gradients(gradients_of, before.collections, batch, key, config.accumulate)
    discriminator = before.replace(collections=collections).apply_gradients(grads, optimizers.discriminator)
    return discriminator, metrics | _norms("discriminator", grads, discriminator)


def _add_noise(image: Float[Array, "b h w 1"], scale: float, key: jax.Array) -> Float[Array, "b h w 1"]:
    return image + scale * jax.random.normal(key, image.shape) if scale else image


def _update_recognizer(
    networks: Networks, optimizers: Optimizers, state: TrainState, batch: Batch, key: jax.Array, config: StepConfig
) -> tuple[NetworkState, Metrics]:
    """CTC on real images only: a recognizer that saw generated ones would learn to read scribble."""

    def loss_of(output, part):
        return losses.ctc(output.logits, output.lengths, part["labels"], part["label_length"]).mean(), {}

    if config.augment:
        key, augment_key = jax.random.split(key)
        image, widths = augment(batch["image"], batch["image_width"], augment_key)
        batch = batch | {"image": image, "image_width": widths}
    return _update_on_real_words("recognizer", loss_of, networks, optimizers, state, batch, key, config)


def _update_identifier(
    networks: Networks, optimizers: Optimizers, state: TrainState, batch: Batch, key: jax.Array, config: StepConfig
) -> tuple[NetworkState, Metrics]:
    """Cross-entropy over the writers of real words; those whose writer is not known teach nothing."""

    def loss_of(output, part):
        right = (output.logits.argmax(axis=-1) == part["writer"]).mean()
        return losses.writer_cross_entropy(output.logits, part["writer"]).mean(), {"identifier/accuracy": right}

    return _update_on_real_words("identifier", loss_of, networks, optimizers, state, batch, key, config)


def _update_on_real_words(
    name: str,
    loss_of: Callable[[Any, Batch], tuple[jax.Array, Metrics]],
    networks: Networks,
    optimizers: Optimizers,
    state: TrainState,
    batch: Batch,
    key: jax.Array,
    config: StepConfig,
) -> tuple[NetworkState, Metrics]:
    """The network `name` learns `loss_of(output, batch) → (loss, metrics)` on real words under noise."""
    module, before = getattr(networks, name), getattr(state, name)

    def gradients_of(collections, part, _):
        now = before.replace(collections=collections)

        def loss_fn(params):
            output, collections = _apply(module, now, params, part["image"], real_widths(networks, part))
            loss, metrics = loss_of(output, part)
            return loss, (collections, {f"{name}/loss": loss, **metrics})

        grads, (collections, metrics) = jax.grad(loss_fn, has_aux=True)(before.params)
        return grads, collections, metrics

    batch = batch | {"image": _add_noise(batch["image"], config.recognizer_noise, key)}
    grads, collections, metrics = _mean_gradients(gradients_of, before.collections, batch, key, config.accumulate)
    after = before.replace(collections=collections).apply_gradients(grads, getattr(optimizers, name))
    return after, metrics | _norms(name, grads, after)


def _update_generator(
    networks: Networks, optimizers: Optimizers, state: TrainState, batch: Batch, key: jax.Array, config: StepConfig
) -> tuple[TrainState, Metrics]:
    """Generator and language model, which learn as one."""
    noise_key, z_key = jax.random.split(key)

    def gradients_of(collections, part, part_key):
        return _generator_gradients(networks, state, collections, part, part_key, config)

    batch = batch | {"z": draw_hands(networks, batch, z_key)}
    grads, collections, metrics = _mean_gradients(
        gradients_of, state.generator.collections, batch, noise_key, config.accumulate
    )
    language_model = state.language_model.apply_gradients(grads["language_model"], optimizers.language_model)
    generator = state.generator.replace(collections=collections).apply_gradients(
        grads["generator"], optimizers.generator
    )
    ema = _update_ema(state, {"language_model": language_model.params, "generator": generator.params}, config.ema_decay)
    metrics |= _norms("generator", grads["generator"], generator)
    metrics |= _norms("language_model", grads["language_model"], language_model)
    return state.replace(language_model=language_model, generator=generator, ema=ema), metrics


def _generator_gradients(
    networks: Networks, state: TrainState, collections: Any, batch: Batch, noise_key: jax.Array, config: StepConfig
) -> tuple[Any, Any, Metrics]:
    """The gradients of those who look at the image meet there, balanced; from there one backward pass."""
    z, labels, layout = batch["z"], batch["fake_labels"], fake_layout(networks, batch)

    def draw(params):
        language_variables = {"params": params["language_model"], **state.language_model.collections}
        generator_variables = {"params": params["generator"], **collections}
        return generate(networks, language_variables, generator_variables, z, labels, layout, train=True)

    def adversarial(image):
        before = state.discriminator
        output, _ = _apply(networks.discriminator, before, before.params, image, layout.widths)
        hinge = losses.hinge_generator(output.scores).mean()
        return hinge + config.style_weight * losses.style_error(output.style, z).mean(), hinge

    def reading(image):
        image = _add_noise(image, config.recognizer_noise, noise_key)
        output = networks.recognizer.apply(state.recognizer.variables, image, layout.widths, train=False)
        return losses.ctc(output.logits, output.lengths, labels, layout.lengths).mean()

    def recognizing_the_hand(image):
        seen = networks.identifier.apply(state.identifier.variables, image, layout.widths, train=False).features
        return losses.style_error(seen, z[:, 1:]).mean()

    balance = partial(losses.balance_gradients, rule=config.balance_rule)
    params = {"language_model": state.language_model.params, "generator": state.generator.params}
    image, backward, after = jax.vjp(draw, params, has_aux=True)
    image_grad_d, adversarial_loss = jax.grad(adversarial, has_aux=True)(image)
    ctc_loss, image_grad_r = jax.value_and_grad(reading)(image)
    image_grad = image_grad_d + balance(image_grad_r, image_grad_d, alpha=config.alpha)
    metrics = {
        "generator/adversarial_loss": adversarial_loss,
        "generator/ctc_loss": ctc_loss,
        "generator/ctc_to_adversarial_gradient": image_grad_r.std() / jnp.maximum(image_grad_d.std(), 1e-12),
    }
    if networks.knows_writers:
        metrics["generator/hand_error"], image_grad_i = jax.value_and_grad(recognizing_the_hand)(image)
        image_grad += balance(image_grad_i, image_grad_d, alpha=config.style_weight)
    (grads,) = backward(image_grad)
    return grads, after, metrics


def _update_ema(state: TrainState, params: dict[str, Any], decay: float) -> dict[str, Any]:
    # The average follows closely at first, so that it is worth sampling from early on.
    bounded_decay = jnp.minimum(decay, (1.0 + state.step) / (10.0 + state.step))
    return jax.tree.map(lambda old, new: bounded_decay * old + (1.0 - bounded_decay) * new, state.ema, params)


def nonfinite_network(metrics: dict[str, float]) -> str | None:
    """The network that broke, if any metric is not finite: the first in the order of the updates."""
    for network in ("discriminator", "recognizer", "identifier", "generator", "language_model"):
        for name, value in metrics.items():
            if name.startswith(network + "/") and not abs(value) < float("inf"):
                return network
    return None
