"""Timing: repeated calls within a budget of seconds, medians with quartiles, and several functions in turns."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

MIN_REPEATS, MAX_REPEATS = 3, 200
_PAUSE = 0.03  # seconds between calls: worker threads may spin for a moment after a call


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of each call of a function."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    def fields(self) -> dict[str, float]:
        """The fields of a row of results."""
        low, high = np.quantile(self.seconds, [0.25, 0.75])
        return {"seconds": self.median, "low": float(low), "high": float(high), "repeats": len(self.seconds)}


def measure(function: Callable[[], object], seconds: float, *, min_repeats: int = MIN_REPEATS) -> Timing:
    """Times a function, after one call that is not counted.

    Args:
      function: waits for its own result.
      seconds: time to spend; `min_repeats` calls are made even if they take longer.
      min_repeats: minimum number of calls.
    """
    return interleave({"": function}, seconds, min_repeats=min_repeats, pause=0.0)[""]


def interleave(
    functions: dict[str, Callable[[], object]],
    seconds: float,
    *,
    min_repeats: int = MIN_REPEATS,
    pause: float = _PAUSE,
) -> dict[str, Timing]:
    """Times several functions in turns, so that other load on the machine affects all of them equally.

    Args:
      functions: functions that wait for their own results.
      seconds: time to spend on each of them, on average.
      min_repeats: minimum number of rounds.
      pause: seconds to wait before each call.
    """
    for function in functions.values():
        function()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds * len(functions)
    for repeat in range(MAX_REPEATS):
        if repeat >= min_repeats and time.perf_counter() >= end:
            break
        for name, function in functions.items():
            time.sleep(pause)
            began = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - began)
    return {name: Timing(tuple(values)) for name, values in taken.items()}


def ratio_fields(before: Timing, after: Timing) -> dict[str, float]:
    """`after` / `before`: median and quartiles over the rounds of `interleave`."""
    ratios = np.array(after.seconds) / np.array(before.seconds)
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return {"ratio": float(middle), "ratio_low": float(low), "ratio_high": float(high)}
