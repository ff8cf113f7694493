"""`UserError`, the exception for mistakes of the user, and how an entry point starts and ends."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import jax
from absl import app, logging

from hwgan.runtime.cpu import use_correct_convolutions

EXIT_CODE = 2
_threads_abandoned = False


class UserError(Exception):
    """Something that the user gave is wrong; the message says what, where, and what to do."""


def abandon_threads() -> None:
    """Makes `run_main` end the process without joining threads, for a library left some that never end."""
    global _threads_abandoned
    _threads_abandoned = True


def run_main(main: Callable[[list[str]], None], **app_run_arguments) -> None:
    """Runs an absl `main`; a `UserError` becomes one line on stderr and exit code 2."""

    def guarded(argv: list[str]) -> None:
        logging.set_verbosity(logging.WARNING)  # of libraries; hwgan logs to Python's logger "hwgan"
        if len(argv) > 1:
            print(f"error: unexpected arguments {argv[1:]}; flags are written --name=value", file=sys.stderr)
            sys.exit(EXIT_CODE)
        use_correct_convolutions()
        try:
            main(argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(EXIT_CODE)

    try:
        app.run(guarded, **app_run_arguments)
    except BaseException as stop:
        if not _threads_abandoned:
            raise
        _end_at_once(stop)


def _end_at_once(stop: BaseException) -> NoReturn:
    """Ends the process as Python would for this exception, but waits for no thread."""
    code = 1
    if isinstance(stop, SystemExit):
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    else:
        traceback.print_exception(stop)
    try:
        if jax.distributed.is_initialized():
            jax.distributed.shutdown()
    finally:  # also where the peers are gone
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
