"""Everything that training a stroke writer changes, in one struct."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from hwgan.models.optimizers import Optimizer
from hwgan.models.state import NetworkState
from hwgan.models.stroke_writer import StrokeWriter

NETWORK = "stroke_writer"  # its name in files of weights and in metrics


class StrokeState(flax.struct.PyTreeNode):
    """The state of a run of strokes.

    Attributes:
      step: int32 scalar, finished steps.
      stroke_writer: the network.
      ema: exponential moving average of its parameters; what is sampled from.
    """

    step: Any
    stroke_writer: NetworkState
    ema: Any


def create_stroke_state(network: StrokeWriter, optimizer: Optimizer, key: jax.Array) -> StrokeState:
    """A fresh state; to be called under `jit`, so that it is created with its sharding."""
    points, labels, one = jnp.zeros((1, 2, 3)), jnp.ones((1, 1), jnp.int32), jnp.ones((1,), jnp.int32)
    params = network.init(key, points, labels, one, one - 1)["params"]
    state = NetworkState(params, {}, optimizer.init(params))
    # A copy: averages that alias the parameters could not be donated beside them.
    return StrokeState(jnp.zeros((), jnp.int32), state, jax.tree.map(jnp.copy, params))
