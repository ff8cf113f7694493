"""Config → optax, one optimizer a network."""

from typing import Any

import optax

Optimizer = optax.GradientTransformation


def create_optimizer(config: Any, updates_per_step: int = 1) -> Optimizer:
    """Adam, with gradients clipped by their global norm where `clip_norm` is above 0.

    Args:
      config: with `learning_rate`, `b1`, `b2`, `clip_norm`, `warmup_steps`, `decay_steps`; the rate rises linearly
        over `warmup_steps` and, if `decay_steps` is above 0, falls to a tenth by a cosine until that step.
      updates_per_step: of the run; optax counts updates.
    """
    rate = config.learning_rate
    if config.warmup_steps or config.decay_steps:
        rate = optax.warmup_cosine_decay_schedule(
            init_value=0.0 if config.warmup_steps else rate,
            peak_value=rate,
            warmup_steps=updates_per_step * config.warmup_steps,
            decay_steps=updates_per_step * max(config.decay_steps, config.warmup_steps + 1),
            end_value=0.1 * rate if config.decay_steps else rate,
        )
    adam = optax.adam(rate, b1=config.b1, b2=config.b2, eps=1e-8)
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), adam) if config.clip_norm else adam
