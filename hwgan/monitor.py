"""A run seen from outside: rates, where the time goes, memory, a heartbeat, a profile, signs of trouble."""

import contextlib
import json
import os
import pathlib
import socket
import time

import jax

from hwgan.files import replace_text
from hwgan.run import Config

HEARTBEAT_FILE = "heartbeat.json"
PROFILE_FOLDER = "profile"
_HEARTBEAT_SECONDS = 10
_PROFILE_AFTER = 10  # steps, so that compiling is not what is profiled


class Clock:
    """Rates and the time that is left; what is spent on evaluating and saving does not count as training."""

    def __init__(self, step: int, train: Config):
        self._train = train
        self._aside = 0.0
        self.restart(step)

    def restart(self, step: int) -> None:
        """Measures from here on; the time since the last lap was for other things than steps."""
        self._step, self._time, self._waited = step, time.perf_counter(), 0.0

    def waited(self, seconds: float) -> None:
        """Adds time spent waiting for input."""
        self._waited += seconds

    def aside(self, seconds: float) -> None:
        """Adds time spent evaluating, drawing and saving."""
        self._aside += seconds

    def lap(self, step: int) -> dict[str, float]:
        """Rates since the last lap or restart, and seconds left; empty where no step was made since."""
        steps, seconds = step - self._step, time.perf_counter() - self._time
        waited, aside, self._aside = self._waited, self._aside, 0.0
        self.restart(step)
        if steps <= 0:
            return {}
        rate = steps / seconds
        return {
            "speed/steps_per_second": rate,
            "speed/images_per_second": rate * self._train.batch_size,
            "speed/seconds_left": (self._train.num_steps - step) / rate,
            "speed/step_seconds": (seconds - waited) / steps,
            "speed/input_wait_seconds": waited / steps,
            "speed/evaluate_and_save_seconds": aside,  # all of it since the lap before, not a step's share
            **device_memory(),
        }


def device_memory() -> dict[str, float]:
    """Peak and present memory of the first local device in GB; empty where the backend does not count it, as on CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    names = {"peak_bytes_in_use": "speed/device_memory_peak_GB", "bytes_in_use": "speed/device_memory_GB"}
    return {name: stats[key] / 1e9 for key, name in names.items() if key in stats}


class Heartbeat:
    """A small file that says when the run last finished a step, for whoever watches a cluster."""

    def __init__(self, workdir: str):
        self._path = pathlib.Path(workdir) / HEARTBEAT_FILE
        self._last = 0.0

    def beat(self, step: int, *, at_once: bool = False) -> None:
        """Writes the file, unless it was written a few seconds ago; in one move, so that no reader sees half of it."""
        if not at_once and time.monotonic() - self._last < _HEARTBEAT_SECONDS:
            return
        self._last = time.monotonic()
        facts = {"time": time.time(), "step": step, "host": socket.gethostname(), "pid": os.getpid()}
        # A full disk is no reason to stop, and is told of where it matters.
        with contextlib.suppress(OSError):
            replace_text(self._path, json.dumps(facts) + "\n")


class Profile:
    """Traces a number of steps into `profile/` of the workdir, for TensorBoard or Perfetto."""

    def __init__(self, workdir: str, num_steps: int, start_step: int):
        self._folder = str(pathlib.Path(workdir) / PROFILE_FOLDER)
        self._first = start_step + _PROFILE_AFTER
        self._last = self._first + num_steps if num_steps else 0
        self._running = False

    def step(self, step: int) -> None:
        """Begins or ends the trace, if it is time; to be called after every step."""
        if self._last and step == self._first:
            jax.profiler.start_trace(self._folder)
            self._running = True
        if step == self._last:
            self.close()

    def close(self) -> None:
        """Ends the trace, if one is running."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False


# What healthy runs keep clear of, from the curves under experiments/.
_SAME_HAND = 0.01  # of hand_variance
_MARGIN_LOST, _MARGIN_WON = 0.05, 4.0  # of the mean score of real words over that of generated ones
_HARDLY_READS = 0.6  # CER of the recognizer on real words


def signs_of_trouble(figures: dict[str, float]) -> list[str]:
    """What looks wrong with a run whose generator learns, with its figure, in sentences; empty for a healthy one.

    Args:
      figures: metrics of the last step and of the evaluation.
    """
    found = []
    variance = figures.get("evaluate/hand_variance")
    if variance is not None and variance < _SAME_HAND:
        found.append(f"mode collapse: one word in many hands varies by {variance:.4f} a pixel, less than {_SAME_HAND}")
    if "discriminator/real_score" in figures:
        margin = figures["discriminator/real_score"] - figures["discriminator/fake_score"]
        if margin < _MARGIN_LOST:
            found.append(f"lazy discriminator: it scores real words only {margin:.3f} over generated ones")
        if margin > _MARGIN_WON:
            found.append(f"the discriminator has won: it scores real words {margin:.1f} over generated ones")
    cer = figures.get("evaluate/real_cer")
    if cer is not None and cer > _HARDLY_READS:
        found.append(f"lazy recognizer: it reads real words with {100 * cer:.0f} % CER, so it cannot teach to write")
    return found
