"""The training step of a stroke writer: negative log-likelihood of the points, its gradient, averaged parameters."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from hwgan.models.ink_batch import InkBatch
from hwgan.models.optimizers import Optimizer
from hwgan.models.state import update_ema
from hwgan.models.stroke_likelihood import mixture_of, point_losses
from hwgan.models.stroke_state import NETWORK, StrokeState
from hwgan.models.stroke_writer import StrokeWriter
from hwgan.runtime.config import Config
from hwgan.training.gradients import Metrics, mean_gradients, norms


@dataclasses.dataclass(frozen=True)
class StrokeStepConfig:
    """The fields of `config.train` that shape the step.

    Attributes:
      weight_noise: standard deviation of noise on all parameters while the gradient is taken; 0 for none.
      unknown_writers: share of the examples whose writer is hidden, so that the unknown writer is trained, too.
      ema_decay: of the averaged parameters.
      gradient_accumulation_steps: parts of the batch whose gradients are averaged, each the mean over its own points.
    """

    weight_noise: float = 0.0
    unknown_writers: float = 0.0
    ema_decay: float = 0.999
    gradient_accumulation_steps: int = 1

    @classmethod
    def from_config(cls, config: Config) -> "StrokeStepConfig":
        """The fields of `config.train` by their names."""
        return cls(**{field.name: config.train[field.name] for field in dataclasses.fields(cls)})


def make_stroke_step(
    network: StrokeWriter, optimizer: Optimizer, config: StrokeStepConfig
) -> Callable[[StrokeState, InkBatch, jax.Array], tuple[StrokeState, Metrics]]:
    """The step: (state, batch, root key) → (state, metrics)."""

    def gradient(params: Any, batch: InkBatch, key: jax.Array) -> tuple[Any, Any, Metrics]:
        noise_key, writer_key = jax.random.split(key)
        noisy = add_weight_noise(params, config.weight_noise, noise_key)
        hidden = jax.random.bernoulli(writer_key, config.unknown_writers, batch.writers.shape)
        batch = batch.replace(writers=jnp.where(hidden, 0, batch.writers))

        def loss(params: Any) -> tuple[jax.Array, Metrics]:
            count = batch.num_points.sum()
            losses = point_losses(mixture_of(network, params, batch), batch)
            means = {name: values.sum() / count for name, values in losses.items()}
            total = sum(means.values(), jnp.zeros(()))
            return total, {"loss": total, **{f"{name}_loss": mean for name, mean in means.items()}}

        gradients, metrics = jax.grad(loss, has_aux=True)(noisy)
        return gradients, None, {f"{NETWORK}/{name}": value for name, value in metrics.items()}

    def step(state: StrokeState, batch: InkBatch, root_key: jax.Array) -> tuple[StrokeState, Metrics]:
        key = jax.random.fold_in(root_key, state.step)
        params = state.stroke_writer.params
        gradients, _, metrics = mean_gradients(
            lambda _, part, part_key: gradient(params, part, part_key),
            None,
            batch,
            key,
            config.gradient_accumulation_steps,
        )
        after = state.stroke_writer.apply_gradients(gradients, optimizer)
        ema = update_ema(state.ema, after.params, state.step, config.ema_decay)
        return StrokeState(state.step + 1, after, ema), metrics | norms(NETWORK, gradients, after)

    return step


def add_weight_noise(params: Any, scale: float, key: jax.Array) -> Any:
    """Adds white noise of standard deviation `scale` to all parameters.

    References:
      Graves, Practical Variational Inference for Neural Networks, NIPS 2011, whose noise it is with a fixed variance
    """
    if not scale:
        return params
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    noisy = [leaf + scale * jax.random.normal(k, leaf.shape, leaf.dtype) for leaf, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, noisy)
