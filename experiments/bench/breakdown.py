"""Shares of the time of a step: of each update, and of networks and kinds of work in a trace of the compiled step."""

import collections
import pathlib
import tempfile

import jax
from jax.profiler import ProfileData

from experiments.bench import hlo
from experiments.bench.entries import Entry, Row, Settings
from experiments.bench.programs import step_caller, step_program
from experiments.bench.timing import interleave
from experiments.bench.workload import Workload, workload_of

_EXPECTED_SECONDS = {"iam": 50.0}
_TRACED_STEPS = 3
_LARGEST = 12  # rows


def entries(config: str, settings: Settings) -> list[Entry]:
    """One entry for single updates, and one for the trace."""
    weight = _EXPECTED_SECONDS.get(config, 20.0)
    return [
        Entry("breakdown", config, "kinds of work", lambda: measure_kinds(config, settings), weight / 2),
        Entry("breakdown", config, "updates", lambda: measure_updates(config, settings), weight + 4 * settings.seconds),
    ]


def measure_updates(config: str, settings: Settings) -> list[Row]:
    """A row for each updated network: a step that updates it alone, relative to the whole step."""
    workload = workload_of(config, settings)
    whole = step_caller(step_program(workload).compiled, workload)
    calls = {"step": whole}
    updated = [name for name in workload.step_config.updated_networks if name in workload.network_names()]
    for name in updated:
        calls[name] = step_caller(step_program(workload, updated_networks=(name,)).compiled, workload)
    timings = interleave(calls, settings.seconds)
    step = timings["step"].median
    return [
        {"name": f"update of {name} alone"} | timings[name].fields() | {"share": timings[name].median / step}
        for name in updated
    ]


def measure_kinds(config: str, settings: Settings) -> list[Row]:
    """Rows of the largest pairs (network, kind of work), of kinds over all networks, and of networks over all kinds.

    Shares are of the time that threads spend in operations; idle time of cores is not counted.
    """
    workload = workload_of(config, settings)
    program = step_program(workload)
    step = step_caller(program.compiled, workload)
    step()
    busy = trace_operations(lambda: [step() for _ in range(_TRACED_STEPS)])
    if not busy:
        return [{"name": "kinds of work", "note": "not measured: the trace of this device names no operations"}]
    labels = hlo.classify(program.compiled.as_text(), module_names(workload))
    return share_rows(busy, labels, _TRACED_STEPS)


def module_names(workload: Workload) -> dict[str, str]:
    """Class name of each network's module, as it appears in compiled programs → name of the network."""
    return {type(getattr(workload.networks, name)).__name__: name for name in workload.network_names()}


def share_rows(busy: dict[str, float], labels: dict[str, tuple[str, str]], steps: int) -> list[Row]:
    """Rows of shares, the largest first.

    Args:
      busy: seconds of each instruction.
      labels: instruction → (network, kind).
      steps: number of traced steps.
    """
    pairs: collections.Counter[tuple[str, str]] = collections.Counter()
    for name, seconds in busy.items():
        pairs[labels.get(name, ("other", "elementwise"))] += seconds
    total = sum(pairs.values())
    by_kind, by_network = collections.Counter(), collections.Counter()
    for (network, kind), seconds in pairs.items():
        by_kind[kind] += seconds
        by_network[network] += seconds
    named = [(f"{network}: {kind}", seconds) for (network, kind), seconds in pairs.most_common(_LARGEST)]
    named += [(f"all networks: {kind}", seconds) for kind, seconds in by_kind.most_common()]
    named += [(f"{network}: all kinds", seconds) for network, seconds in by_network.most_common()]
    return [{"name": name, "core_seconds": seconds / steps, "share": seconds / total} for name, seconds in named]


def trace_operations(function) -> dict[str, float]:
    """Own seconds of each operation of a compiled program, over all threads, while `function` runs."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            function()
        files = list(pathlib.Path(folder).rglob("*.xplane.pb"))
        if not files:
            return {}
        data = ProfileData.from_file(str(files[0]))
        busy: collections.Counter[str] = collections.Counter()
        for plane in data.planes:
            for line in plane.lines:
                if line.name != "python":
                    busy.update(own_seconds(_events(line)))
    return dict(busy)


def _events(line) -> list[tuple[float, float, str]]:
    """(start, duration, operation) in nanoseconds; the operation is "" for other events."""
    events = []
    for event in line.events:
        operation = next((str(value) for name, value in event.stats if name == "hlo_op"), "")
        events.append((event.start_ns, event.duration_ns, operation))
    return events


def own_seconds(events: list[tuple[float, float, str]]) -> dict[str, float]:
    """Seconds of each operation on one thread, without those of the events nested in it.

    Args:
      events: (start, duration, operation) in nanoseconds.
    """
    own: collections.Counter[str] = collections.Counter()
    open_events: list[tuple[float, str]] = []  # (end, operation)
    for start, duration, operation in sorted(events, key=lambda event: (event[0], -event[1])):
        while open_events and open_events[-1][0] <= start:
            open_events.pop()
        if open_events:
            own[open_events[-1][1]] -= duration / 1e9
        own[operation] += duration / 1e9
        open_events.append((start + duration, operation))
    own.pop("", None)
    return dict(own)
