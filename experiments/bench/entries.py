"""What is measured: entries, run one after the other with a line of progress each; what fails is said, not hidden."""

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the command line says.

    Attributes:
      seconds: to spend on each thing that is timed.
      batch_sizes: by config; others take the config's own.
      ceilings: of the device, see `machine.measure_ceilings`.
    """

    seconds: float
    batch_sizes: dict[str, int]
    ceilings: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Entry:
    """Something to measure.

    Attributes:
      part: of the benchmark.
      config: whose networks.
      name: what a reader calls it.
      run: measures; returns rows, each with a "name".
      weight: seconds it is expected to take on two CPU cores, for the estimate of the time left.
    """

    part: str
    config: str
    name: str
    run: Callable[[], list[Row]]
    weight: float = 10.0


def run_entries(
    entries: list[Entry], log: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
) -> list[Row]:
    """Measures all; a row of an entry that failed has the field "failed" instead of figures."""
    rows: list[Row] = []
    began, done, total = time.perf_counter(), 0.0, sum(entry.weight for entry in entries)
    for number, entry in enumerate(entries, 1):
        spent = time.perf_counter() - began
        # Expectations at first, then this machine's own pace.
        pace = (spent + 30.0) / (done + 30.0)
        log(
            f"[{number}/{len(entries)}] {entry.part}: {entry.config} {entry.name} "
            f"({spent:.0f} s so far, about {(total - done) * pace:.0f} s left)"
        )
        try:
            measured = entry.run()
        except Exception as error:  # the rest is still worth measuring
            message = str(error).strip().splitlines() or [""]
            measured = [{"name": entry.name, "failed": f"{type(error).__name__}: {message[0][:200]}"}]
            log(f"    failed: {measured[0]['failed']}")
        rows += [{"part": entry.part, "config": entry.config} | row for row in measured]
        done += entry.weight
    return rows
