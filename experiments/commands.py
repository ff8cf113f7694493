"""How the commands of experiments start and end."""

import sys
from collections.abc import Callable
from typing import NoReturn

from hwgan.runtime.command_line import end_with_error
from hwgan.runtime.errors import UserError
from hwgan.runtime.settings import prepare_backend


def run_command(main: Callable[[], int | None]) -> NoReturn:
    """Runs the `main` of a command that parses its own arguments, with the backend set as for every run.

    What is wrong with its input ends it in one sentence, with exit code 2.

    Args:
      main: returns the exit code; None for 0.
    """
    prepare_backend()
    try:
        sys.exit(main())
    except UserError as error:
        end_with_error(str(error))
