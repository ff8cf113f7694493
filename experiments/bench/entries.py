"""Entries: single measurements, run one after the other with a line of progress each; failures are recorded as rows."""

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings from the command line, and the ceilings of the device.

    Attributes:
      seconds: time for each measurement.
      batch_sizes: batch sizes by config; other configs keep their own.
      ceilings: rates of the device, see `machine.measure_ceilings`.
      dtype: in which the networks compute; "" for that of each config.
    """

    seconds: float
    batch_sizes: dict[str, int]
    ceilings: dict[str, float]
    dtype: str = ""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One measurement.

    Attributes:
      part: part of the benchmark.
      config: name of the config.
      name: name in the progress line.
      run: measures, and returns rows, each with a "name".
      weight: expected seconds on two CPU cores, for the estimate of the remaining time.
    """

    part: str
    config: str
    name: str
    run: Callable[[], list[Row]]
    weight: float = 10.0


def run_entries(
    entries: list[Entry], log: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
) -> list[Row]:
    """Runs all entries; the row of an entry that failed has the field "failed" instead of metrics."""
    rows: list[Row] = []
    began, done, total = time.perf_counter(), 0.0, sum(entry.weight for entry in entries)
    for number, entry in enumerate(entries, 1):
        spent = time.perf_counter() - began
        # The expected pace at first, then the measured one.
        pace = (spent + 30.0) / (done + 30.0)
        log(
            f"[{number}/{len(entries)}] {entry.part}: {entry.config} {entry.name} "
            f"({spent:.0f} s so far, about {(total - done) * pace:.0f} s left)"
        )
        try:
            measured = entry.run()
        except Exception as error:  # the other entries are measured all the same
            message = str(error).strip().splitlines() or [""]
            measured = [{"name": entry.name, "failed": f"{type(error).__name__}: {message[0][:200]}"}]
            log(f"    failed: {measured[0]['failed']}")
        rows += [{"part": entry.part, "config": entry.config} | row for row in measured]
        done += entry.weight
    return rows
