"""Updates of the networks that look at real words alone: the recognizer and the identifier."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from hwgan import losses
from hwgan.augment import augment
from hwgan.models import Networks
from hwgan.train_state import NetworkState, Optimizers, TrainState
from hwgan.update import Metrics, StepConfig, add_noise, apply_training, mean_gradients, norms
from hwgan.writing import Batch, real_widths


def update_recognizer(
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


def update_identifier(
    networks: Networks, optimizers: Optimizers, state: TrainState, batch: Batch, key: jax.Array, config: StepConfig
) -> tuple[NetworkState, Metrics]:
    """Cross-entropy over the writers of real words; those whose writer is not known teach nothing.

    Its averages are of words without noise, as it will look at them: what it sees in real words stands for noise, and
    must have mean 0.
    """

    def loss_of(output, part):
        right = output.logits.argmax(axis=-1) == part["writer"]
        right = losses.mean_where(right.astype(jnp.float32), part["writer"] >= 0)
        return losses.writer_cross_entropy(output.logits, part["writer"]).mean(), {"identifier/accuracy": right}

    batch = batch | {"clean_image": batch["image"]}
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
    """The network `name` learns `loss_of(output, batch) → (loss, metrics)` on real words under noise.

    Its averages are of these; or of `clean_image`, where the batch has them.
    """
    module, before = getattr(networks, name), getattr(state, name)

    def gradients_of(collections, part, _):
        now, widths = before.replace(collections=collections), real_widths(networks, part)

        def loss_fn(params):
            output, collections = apply_training(module, now, params, part["image"], widths)
            loss, metrics = loss_of(output, part)
            return loss, (collections, {f"{name}/loss": loss, **metrics})

        grads, (collections, metrics) = jax.grad(loss_fn, has_aux=True)(before.params)
        if "clean_image" in part:
            _, collections = apply_training(module, now, before.params, part["clean_image"], widths)
        return grads, collections, metrics

    batch = batch | {"image": add_noise(batch["image"], config.recognizer_noise, key)}
    grads, collections, metrics = mean_gradients(gradients_of, before.collections, batch, key, config.accumulate)
    after = before.replace(collections=collections).apply_gradients(grads, getattr(optimizers, name))
    return after, metrics | norms(name, grads, after)
