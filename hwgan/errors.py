"""The one exception that means "the user can mend this"."""

import sys
from collections.abc import Callable

from absl import app, logging

EXIT_CODE = 2


class UserError(Exception):
    """Something the user gave is wrong; the message says what, where and what to do."""


def run_main(main: Callable[[list[str]], None], **app_run_arguments) -> None:
    """Runs an absl `main`; a `UserError` becomes one line on stderr and exit code 2."""

    def guarded(argv: list[str]) -> None:
        logging.set_verbosity(logging.WARNING)  # of the libraries; ours is Python's own logger "hwgan"
        if len(argv) > 1:
            print(f"error: unexpected arguments {argv[1:]}; flags are written --name=value", file=sys.stderr)
            sys.exit(EXIT_CODE)
        try:
            main(argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(EXIT_CODE)

    app.run(guarded, **app_run_arguments)
