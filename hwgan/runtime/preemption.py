"""Preemption: on SIGTERM, by which clusters announce it, a run saves and stops."""

import signal
from types import FrameType

import jax
from jax.experimental import multihost_utils

EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong, run the same command again


class Preempted(Exception):
    """The run was asked to stop, and has saved its state; the message says at which step."""


class Preemption:
    """Notices SIGTERM while it is entered; all processes agree on one step to stop at."""

    def __init__(self):
        self._noticed = False

    def __enter__(self) -> "Preemption":
        # With several processes jax catches the signal itself and passes it on to all of them.
        if jax.process_count() == 1:
            self._before = signal.signal(signal.SIGTERM, self._notice)
        return self

    def __exit__(self, *_) -> None:
        if jax.process_count() == 1:
            signal.signal(signal.SIGTERM, self._before)

    def _notice(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._noticed = True

    def reached(self, step: int) -> bool:
        """Whether to stop after `step`; to be asked after every step, by all processes."""
        if jax.process_count() == 1:
            return self._noticed
        return multihost_utils.reached_preemption_sync_point(step)
