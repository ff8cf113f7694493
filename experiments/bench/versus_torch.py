"""Times the same networks and the same step in PyTorch, in turns with jax; the step also with `torch.compile`."""

import importlib.util
import time
from collections.abc import Callable

import jax

from experiments.bench.entries import Entry, Row, Settings
from experiments.bench.machine import num_cpus
from experiments.bench.programs import (
    caller,
    network_arguments,
    network_program,
    step_caller,
    step_program,
)
from experiments.bench.timing import Timing, interleave, ratio_fields
from experiments.bench.workload import Workload, workload_of

_EXPECTED_SECONDS = {"iam": 150.0}


def entries(config: str, settings: Settings) -> list[Entry]:
    """One entry for the step and the networks, which share compiled programs."""
    weight = _EXPECTED_SECONDS.get(config, 90.0)
    return [Entry("torch", config, "step and networks", lambda: measure(config, settings), weight)]


def measure(config: str, settings: Settings) -> list[Row]:
    """Rows: differences of outputs; times of the step and of each network. jax is faster if a ratio is above 1."""
    if importlib.util.find_spec("torch") is None:
        return [{"name": "step", "note": "not measured: torch is not installed"}]
    import torch

    on_cpu = jax.default_backend() == "cpu"
    if not on_cpu and not torch.cuda.is_available():
        return [{"name": "step", "note": "not measured: PyTorch finds no accelerator; set JAX_PLATFORMS=cpu"}]

    from experiments.bench import torch_weights

    torch.set_num_threads(num_cpus())
    torch.manual_seed(0)
    workload = workload_of(config, settings)
    modules = torch_weights.build(workload)
    rows: list[Row] = []
    exact = on_cpu and settings.dtype != "bfloat16"  # elsewhere products are rounded
    for name, difference in (torch_weights.output_differences(workload, modules) if exact else {}).items():
        size = torch_weights.torch_parameters(modules[name])
        note = f"{size:,} parameters in both; outputs differ by {difference:.1e}"
        rows.append({"name": f"{name}: outputs compared", "note": note})
    rows += _measure_step(workload, modules, settings)
    for name in modules if on_cpu else ():
        rows += _measure_network(workload, modules, name, settings)
    return rows


def _measure_step(workload: Workload, modules, settings: Settings) -> list[Row]:
    import torch

    from experiments.bench.torch_step import TorchStep
    from experiments.bench.torch_weights import batch_to_torch

    device = "cpu" if jax.default_backend() == "cpu" else "cuda"
    kinds = dict(device=device, dtype=getattr(torch, workload.config.model.dtype))
    batch = {name: tensor.to(device) for name, tensor in batch_to_torch(workload).items()}
    wide = workload.networks.has_variable_width
    eager, compiled = (
        TorchStep(modules, workload.config, has_variable_width=wide, compiled=compiled, **kinds)
        for compiled in (False, True)
    )
    calls = {
        "jax": step_caller(step_program(workload).compiled, workload),
        "eager": lambda: eager(batch),
        **({"eager on one thread": on_one_thread(lambda: eager(batch))} if device == "cpu" else {}),
        "torch.compile": lambda: compiled(batch),
    }
    return compare("step", calls, settings.seconds, workload.batch_size)


def _measure_network(workload: Workload, modules, name: str, settings: Settings) -> list[Row]:
    from experiments.bench.torch_weights import network_calls

    arguments = network_arguments(workload, name)
    program = network_program(workload, name, backward=True)
    module, inputs = network_calls(workload, modules)[name]

    def eager():
        output = module(*inputs)
        parts = output if isinstance(output, tuple) else (output,)
        losses = [part.square().mean() for part in parts if part.is_floating_point() and part.numel()]
        sum(losses).backward()
        module.zero_grad(set_to_none=True)

    calls = {
        "jax": caller(program.compiled, *arguments),
        "eager": eager,
        "eager on one thread": on_one_thread(eager),
    }
    return compare(f"{name} forward+backward", calls, settings.seconds, workload.batch_size)


def on_one_thread(call: Callable[[], object]) -> Callable[[], object]:
    """The same call with one thread of PyTorch: on busy cores two threads are slower than one."""
    import torch

    def alone():
        torch.set_num_threads(1)
        try:
            return call()
        finally:
            torch.set_num_threads(num_cpus())

    return alone


def compare(name: str, calls: dict[str, Callable[[], object]], seconds: float, batch_size: int) -> list[Row]:
    """A row for each call, with times relative to the first one; calls that fail get a row with the error.

    Args:
      name: name of the computation.
      calls: implementations by name; each waits for its own result. If the first fails, no times are relative.
      seconds: time for each.
      batch_size: words of a batch.
    """
    ready, first_calls, rows = {}, {}, []
    for label, call in calls.items():
        began = time.perf_counter()
        try:
            call()
        except Exception as error:  # no C++ compiler, or something that torch.compile cannot do
            message = str(error).strip().splitlines() or [""]
            rows.append({"name": f"{name}, {label}", "failed": f"{type(error).__name__}: {message[0][:200]}"})
            continue
        ready[label], first_calls[label] = call, time.perf_counter() - began
    timings = interleave(ready, seconds) if ready else {}
    reference = timings.get(next(iter(calls)))
    done = [_row(f"{name}, {label}", timing, reference, batch_size) for label, timing in timings.items()]
    for row, label in zip(done, timings, strict=True):
        row["first_call_seconds"] = first_calls[label]
    return done + rows


def _row(name: str, timing: Timing, reference: Timing | None, batch_size: int) -> Row:
    ratio = ratio_fields(reference, timing) if reference else {}
    return {"name": name, "batch_size": batch_size} | timing.fields() | ratio
