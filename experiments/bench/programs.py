"""Compiled programs: the training step, each network forward and backward, with what XLA says of their cost."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.bench.timing import Timing
from experiments.bench.workload import Workload
from hwgan.writing import fake_layout, real_widths


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled function.

    Attributes:
      compiled: to be called with arrays of the shapes it was compiled for.
      compile_seconds: tracing and compiling, from cold.
      gflop: floating-point operations by XLA's count, in which the body of a loop counts once.
      gbytes: bytes read and written by all its operations, by XLA's count.
      peak_MB: arguments, results and temporaries together.
    """

    compiled: Any
    compile_seconds: float
    gflop: float
    gbytes: float
    peak_MB: float  # noqa: N815, a unit

    def fields(self) -> dict[str, float]:
        """What a row of results says of it."""
        return {name: value for name, value in vars(self).items() if name != "compiled"}


def compile_program(
    function: Callable[..., Any], *args: Any, donate: tuple[int, ...] = (), options: dict[str, str] | None = None
) -> Program:
    """Traces and compiles for these arguments; `options` are XLA's flags without their dashes."""
    began = time.perf_counter()
    compiled = jax.jit(function, donate_argnums=donate).lower(*args).compile(compiler_options=options)
    seconds = time.perf_counter() - began
    costs, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    peak = sum(getattr(memory, name) for name in parts) - memory.alias_size_in_bytes if memory else 0
    return Program(compiled, seconds, costs.get("flops", 0.0) / 1e9, costs.get("bytes accessed", 0.0) / 1e9, peak / 1e6)


def rate_fields(
    program: Program, timing: Timing, ceilings: dict[str, float], dtype: str = "float32"
) -> dict[str, float]:
    """Operations and bytes a second, and their share of what the device was measured to do."""
    rates = {"gflop_per_s": program.gflop / timing.median, "gb_per_s": program.gbytes / timing.median}
    matmul, copy = ceilings.get(f"matmul_{dtype}"), ceilings.get("copy")
    if matmul and copy:
        rates |= {"of_matmul": rates["gflop_per_s"] / matmul, "of_copy": rates["gb_per_s"] / copy}
    return rates


def caller(compiled: Any, *args: Any) -> Callable[[], Any]:
    """A call that waits for its result."""
    return lambda: jax.block_until_ready(compiled(*args))


def step_caller(compiled: Any, workload: Workload) -> Callable[[], Any]:
    """A call that takes one step further, from the fresh state of a workload, which stays as it is."""
    held = [jax.tree.map(jnp.copy, workload.state)]
    key = jax.random.key(1)

    def step():
        held[0], metrics = compiled(held[0], workload.batch, key)
        return jax.block_until_ready((held[0], metrics))[1]

    return step


def step_program(workload: Workload, **changes: Any) -> Program:
    """The compiled training step, compiled once for each change of its settings."""
    key = tuple(sorted(changes.items()))
    if key not in workload.programs:
        step = workload.step_function(**changes)
        workload.programs[key] = compile_program(step, workload.state, workload.batch, jax.random.key(1), donate=(0,))
    return workload.programs[key]


def network_inputs(workload: Workload, name: str) -> tuple[Any, ...]:
    """What a network is called with in training; gradients are also taken by the first of them, if it has any."""
    networks, batch = workload.networks, workload.batch
    if name not in ("language_model", "generator"):
        return batch["image"], real_widths(networks, batch)
    words = batch["fake_labels"], batch["fake_label_length"]
    if name == "language_model":
        return words
    z = workload.noise(0)
    text = networks.language_model.apply(workload.state.language_model.variables, *words)
    return text, z, fake_layout(networks, batch | {"z": z})


def network_functions(workload: Workload, name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`forward` and `backward`, both of (params, collections, *inputs), in training mode.

    The latter gives the gradients of the mean squares of all outputs by the parameters and by the first input.
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
        return (output.logits, output.lengths) if name == "recognizer" else output  # its states are for evaluation only

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
