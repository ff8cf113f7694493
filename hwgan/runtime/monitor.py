"""Rates, where the time goes, memory, a heartbeat, a profile of a run."""

import contextlib
import json
import logging
import os
import pathlib
import socket
import time

import jax

from hwgan.runtime.config import Config
from hwgan.runtime.files import replace_text
from hwgan.runtime.timings import Timings

HEARTBEAT_FILE = "heartbeat.json"
PROFILE_FOLDER = "profile"
_STEP_OF_ALL = "a step of all networks"
_HEARTBEAT_SECONDS = 10
_PROFILE_AFTER = 10  # steps, so that compilation is not profiled

logger = logging.getLogger(__name__)


class Clock:
    """Rates and the time left; time spent on evaluating and saving is counted apart.

    A step of recognizer pretraining takes a fraction of a step of all networks, so the time left is reckoned by phase;
    the pace of a phase to come is that of the last time on this machine.
    """

    def __init__(self, step: int, train: Config, timings: Timings):
        self._train, self._timings = train, timings
        self._aside = 0.0
        self._skipped: list[int] = []  # steps after the last lap
        self.restart(step)

    def restart(self, step: int) -> None:
        """Starts a new lap here: the time since the last one was not spent on steps."""
        self._step, self._time, self._waited = step, time.perf_counter(), 0.0
        self._skipped = [skipped for skipped in self._skipped if skipped > step]

    def waited(self, seconds: float) -> None:
        """Adds time spent waiting for input."""
        self._waited += seconds

    def skip(self, step: int, seconds: float) -> None:
        """Leaves a step out of its lap: one that compiled, and the first one, is unlike those to come."""
        self._skipped.append(step)
        self._time += seconds

    def aside(self, seconds: float) -> None:
        """Adds time spent evaluating, drawing and saving."""
        self._aside += seconds

    def lap(self, step: int) -> dict[str, float]:
        """Rates since the last lap or restart, and seconds left; empty where no step was made since."""
        skipped = sum(skipped <= step for skipped in self._skipped)
        steps, seconds = step - self._step - skipped, time.perf_counter() - self._time
        waited, aside, self._aside = self._waited, self._aside, 0.0
        self.restart(step)
        if steps <= 0:
            return {}
        rate = steps / seconds
        return {
            "speed/steps_per_second": rate,
            "speed/examples_per_second": rate * self._train.batch_size,
            **self._left(step, seconds / steps),
            "speed/step_seconds": (seconds - waited) / steps,
            "speed/input_wait_seconds": waited / steps,
            "speed/evaluate_and_save_seconds": aside,  # all of it since the lap before, not a step's share
            **device_memory(),
        }

    def _left(self, step: int, step_seconds: float) -> dict[str, float]:
        """Seconds left of recognizer pretraining, if it lasts, and of the run, if the pace of all phases is known."""
        alone, total = self._train.get("recognizer_pretrain_steps", 0), self._train.num_steps
        if step > alone:
            self._timings.put(_STEP_OF_ALL, step_seconds)
            return {"speed/seconds_left": (total - step) * step_seconds}
        left, later = (alone - step) * step_seconds, self._timings.get(_STEP_OF_ALL)
        whole = {"speed/seconds_left": left + (total - alone) * later} if later else {}
        return {"speed/pretraining_seconds_left": left, **whole}


def device_memory() -> dict[str, float]:
    """Peak and present memory of the first local device in GB; empty where the backend does not count it, as on CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    names = {"peak_bytes_in_use": "speed/device_memory_peak_GB", "bytes_in_use": "speed/device_memory_GB"}
    return {name: stats[key] / 1e9 for key, name in names.items() if key in stats}


class Heartbeat:
    """A small file that says when the run last finished a step, for monitors of a cluster."""

    def __init__(self, workdir: str):
        self._path = pathlib.Path(workdir) / HEARTBEAT_FILE
        self._last = 0.0

    def beat(self, step: int, *, at_once: bool = False) -> None:
        """Writes the file, unless it was written a few seconds ago; atomically."""
        if not at_once and time.monotonic() - self._last < _HEARTBEAT_SECONDS:
            return
        self._last = time.monotonic()
        facts = {"time": time.time(), "step": step, "host": socket.gethostname(), "pid": os.getpid()}
        # A full disk does not stop the run; the metric writer and the checkpointer warn of it.
        with contextlib.suppress(OSError):
            replace_text(self._path, json.dumps(facts) + "\n")


class Profile:
    """Traces a number of steps into `profile/` of the workdir, for TensorBoard or Perfetto."""

    def __init__(self, workdir: str, num_steps: int, start_step: int):
        self._folder = str(pathlib.Path(workdir) / PROFILE_FOLDER)
        self._first = start_step + _PROFILE_AFTER
        self._last = self._first + num_steps if num_steps else 0
        self._running = False
        self._step = start_step

    def step(self, step: int) -> None:
        """Begins or ends the trace, if it is time; to be called after every step."""
        self._step = step
        if self._last and step == self._first:
            jax.profiler.start_trace(self._folder)
            self._running = True
        if step == self._last:
            self.close()

    def close(self) -> None:
        """Ends the trace, if one is running; warns where it is shorter than asked for."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False
        if self._last > self._step:
            traced = max(self._step - self._first, 0)
            logger.warning(
                "--profile: %d of %d steps were traced, for tracing begins %d steps after the start",
                traced,
                self._last - self._first,
                _PROFILE_AFTER,
            )
            self._last = 0
