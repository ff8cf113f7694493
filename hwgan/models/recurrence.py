"""LSTM cells over time, whose weight gradient is one matrix product after the backward scan."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# (carry, sums of all gates, weights, text) → carry. The first entry of a carry is what the next step's gates depend on.
Step = Callable[[Any, Float[Array, "b g"], Any, Any], Any]


def lstm_cell(
    gates: Float[Array, "b g"], state: Float[Array, "b f"]
) -> tuple[Float[Array, "b f"], Float[Array, "b f"]]:
    """The output and state of an LSTM after a step, of the sums of its four gates and the state before.

    The state keeps its own type: in bfloat16 it would forget what a step adds to it where that is below 1/256 of it.
    """
    into, forget, candidate, out = jnp.split(gates, 4, axis=-1)
    state = jax.nn.sigmoid(forget) * state + jax.nn.sigmoid(into) * jnp.tanh(candidate)
    return (jax.nn.sigmoid(out) * jnp.tanh(state)).astype(gates.dtype), state


def lstm_step(carry: Any, gates: Float[Array, "b g"], weights: Any, text: Any) -> Any:
    """A `Step` of an LSTM: carry is (output, state)."""
    del weights, text
    return lstm_cell(gates, carry[1])


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def scan_steps(
    step: Step,
    kernel: Float[Array, "i g"],
    weights: Any,
    gates: Float[Array, "n b g"],
    carry: Any,
    text: Any,
) -> Float[Array, "n b i"]:
    """The first entries of the carries of n steps, at each of which `carry[0] @ kernel` is added to the gates.

    The gradient of `kernel` is not summed up in the scan, which would read and write all of it at each step: it is the
    product of all inputs and the gradients of all gates, taken afterwards.

    Args:
      step: of one time.
      kernel: of the recurrence.
      weights: of `step`, differentiated.
      gates: what the inputs of all times add to the gates.
      carry: before the first step.
      text: further inputs of `step`, not differentiated.
    """
    return _scan(step, kernel, weights, gates, carry, text)


def _scan(step: Step, kernel: Any, weights: Any, gates: Any, carry: Any, text: Any) -> Any:
    def body(carry: Any, gates: Any) -> tuple[Any, Any]:
        carry = step(carry, gates + carry[0] @ kernel, weights, text)
        return carry, carry[0]

    return jax.lax.scan(body, carry, gates)[1]


def _scan_forward(step: Step, kernel: Any, weights: Any, gates: Any, carry: Any, text: Any) -> tuple[Any, Any]:
    outputs, pull_back = jax.vjp(functools.partial(_scan_of, step, kernel, text), weights, gates, carry)
    return outputs, (pull_back, carry[0], outputs, kernel)


def _scan_of(step: Step, kernel: Any, text: Any, weights: Any, gates: Any, carry: Any) -> Any:
    return _scan(step, kernel, weights, gates, carry, text)


def _scan_backward(step: Step, residuals: Any, cotangent: Any) -> tuple[Any, ...]:
    del step
    pull_back, first, outputs, kernel = residuals
    for_weights, for_gates, for_carry = pull_back(cotangent)
    inputs = jnp.concatenate([first[None], outputs[:-1]])
    for_kernel = jnp.einsum("nbi,nbg->ig", inputs, for_gates, preferred_element_type=jnp.float32)
    return for_kernel.astype(kernel.dtype), for_weights, for_gates, for_carry, None


scan_steps.defvjp(_scan_forward, _scan_backward)
