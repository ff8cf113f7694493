"""Compiled programs: the training step, and each network forward and backward, with XLA's counts of their cost."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.bench.timing import Timing
from experiments.bench.workload import Workload


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled function.

    Attributes:
      compiled: callable with arrays of the shapes it was compiled for.
      compile_seconds: seconds of tracing and compiling, without a cache.
      gflop: 10⁹ floating-point operations by XLA's count, in which the body of a loop counts once.
      gbytes: 10⁹ bytes read and written by all operations, by XLA's count.
      peak_MB: 10⁶ bytes of arguments, results and temporaries.
    """

    compiled: Any
    compile_seconds: float
    gflop: float
    gbytes: float
    peak_MB: float  # noqa: N815, a unit

    def fields(self) -> dict[str, float]:
        """The fields of a row of results."""
        return {name: value for name, value in vars(self).items() if name != "compiled"}


def compile_program(function: Callable[..., Any], *args: Any, donate: tuple[int, ...] = ()) -> Program:
    """Traces and compiles a function for arguments of these shapes."""
    began = time.perf_counter()
    compiled = jax.jit(function, donate_argnums=donate).lower(*args).compile()
    seconds = time.perf_counter() - began
    costs, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    peak = sum(getattr(memory, name) for name in parts) - memory.alias_size_in_bytes if memory else 0
    return Program(compiled, seconds, costs.get("flops", 0.0) / 1e9, costs.get("bytes accessed", 0.0) / 1e9, peak / 1e6)


def rate_fields(program: Program, timing: Timing, ceilings: dict[str, float], dtype: str) -> dict[str, float]:
    """Operations and bytes per second, and their shares of the ceilings of the device for computations of a type."""
    rates = {"gflop_per_s": program.gflop / timing.median, "gb_per_s": program.gbytes / timing.median}
    matmul, copy = ceilings.get(f"matmul_{dtype}"), ceilings.get("copy")
    if matmul and copy:
        rates |= {"of_matmul": rates["gflop_per_s"] / matmul, "of_copy": rates["gb_per_s"] / copy}
    return rates


def caller(compiled: Any, *args: Any) -> Callable[[], Any]:
    """A call that waits for its result."""
    return lambda: jax.block_until_ready(compiled(*args))


def step_caller(compiled: Any, workload: Workload) -> Callable[[], Any]:
    """A call that does one training step, beginning with a copy of the state of the workload."""
    held = [jax.tree.map(jnp.copy, workload.state)]
    key = jax.random.key(1)

    def step():
        held[0], metrics = compiled(held[0], workload.batch, key)
        return jax.block_until_ready((held[0], metrics))[1]

    return step


def step_program(workload: Workload, **changes: Any) -> Program:
    """The training step, compiled once for each set of changed settings."""
    key = tuple(sorted(changes.items()))
    if key not in workload.programs:
        step = workload.step_function(**changes)
        workload.programs[key] = compile_program(step, workload.state, workload.batch, jax.random.key(1), donate=(0,))
    return workload.programs[key]


def network_inputs(workload: Workload, name: str) -> tuple[Any, ...]:
    """The inputs of a network in training; `network_functions` differentiates by the first, if it is not labels."""
    networks, state, real, fake = workload.networks, workload.state, workload.batch.real, workload.batch.fake
    if name in ("recognizer", "identifier", "discriminator"):
        inputs = real.image, networks.input_widths(real)
        if name != "discriminator":
            return inputs
        variables = state.recognizer.variables, state.identifier.variables
        return *inputs, jax.jit(networks.discriminator_features)(*variables, *inputs)
    if name == "language_model":
        return fake.labels, fake.lengths
    z = workload.sample_z(0)
    text = networks.language_model.apply(state.language_model.variables, fake.labels, fake.lengths)
    return text, z, networks.layout(fake.labels, fake.lengths, z, real.image.shape[2])


def network_functions(workload: Workload, name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`forward` and `backward`, both of (params, collections, *inputs), in training mode.

    `backward` computes the gradients of the mean squares of all outputs by the parameters and by the first input.
    """
    module = getattr(workload.networks, name)

    def forward(params, collections, *inputs):
        variables = {"params": params, **collections}
        if name == "language_model":
            return module.apply(variables, *inputs)
        if name == "generator":
            text, z, layout = inputs
            inputs = z, text, layout
        output, _ = module.apply(variables, *inputs, train=True, mutable=list(collections))
        return (output.logits, output.lengths) if name == "recognizer" else output

    def loss(params, collections, *inputs):
        outputs = jax.tree.leaves(forward(params, collections, *inputs))
        return sum(jnp.square(x).mean() for x in outputs if x.size and jnp.issubdtype(x.dtype, jnp.floating))

    return forward, jax.grad(loss, argnums=0 if name == "language_model" else (0, 2))


def network_program(workload: Workload, name: str, *, backward: bool) -> Program:
    """One of `network_functions`, compiled once."""
    key = (name, backward)
    if key not in workload.programs:
        function = network_functions(workload, name)[backward]
        workload.programs[key] = compile_program(function, *network_arguments(workload, name))
    return workload.programs[key]


def network_arguments(workload: Workload, name: str) -> tuple[Any, ...]:
    """The arguments of `network_functions`."""
    state = getattr(workload.state, name)
    return state.params, state.collections, *network_inputs(workload, name)
