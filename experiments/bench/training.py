"""The full training step, and each network alone: seconds, compilation, memory, and shares of the device's ceilings."""

from experiments.bench.entries import Entry, Row, Settings
from experiments.bench.machine import memory_in_use
from experiments.bench.programs import (
    caller,
    network_arguments,
    network_program,
    rate_fields,
    step_caller,
    step_program,
)
from experiments.bench.timing import measure
from experiments.bench.workload import workload_of

_EXPECTED_SECONDS = {"iam": 80.0}


def entries(config: str, settings: Settings) -> list[Entry]:
    """One entry for the step, and one for all networks."""
    weight = _EXPECTED_SECONDS.get(config, 20.0)
    return [
        Entry("training", config, "step", lambda: measure_step(config, settings), weight + settings.seconds),
        Entry(
            "training", config, "networks", lambda: measure_networks(config, settings), weight + 8 * settings.seconds
        ),
    ]


def measure_step(config: str, settings: Settings) -> list[Row]:
    """One row: the training step of the config."""
    workload = workload_of(config, settings)
    program = step_program(workload)
    timing = measure(step_caller(program.compiled, workload), settings.seconds)
    row = {"name": "step", "batch_size": workload.batch_size, "image": list(workload.batch.real.image.shape[1:3])}
    row |= timing.fields() | {"images_per_s": workload.batch_size / timing.median}
    row |= program.fields() | rate_fields(program, timing, settings.ceilings, workload.dtype)
    return [row | ({"note": settings.dtype} if settings.dtype else {}) | memory_in_use()]


def measure_networks(config: str, settings: Settings) -> list[Row]:
    """Two rows for each network: forward, and forward with gradients."""
    workload = workload_of(config, settings)
    rows = []
    for name in workload.network_names():
        arguments = network_arguments(workload, name)
        for backward in (False, True):
            program = network_program(workload, name, backward=backward)
            timing = measure(caller(program.compiled, *arguments), settings.seconds)
            row = (
                {"name": f"{name} forward{'+backward' if backward else ''}", "batch_size": workload.batch_size}
                | timing.fields()
                | program.fields()
            )
            rows.append(row | rate_fields(program, timing, settings.ceilings, workload.dtype))
    return rows
