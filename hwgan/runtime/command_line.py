"""How an entry point starts and ends: flags, the config file, help, errors in one sentence, exit codes."""

import errno
import os
import pathlib
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import NoReturn

import jax
from absl import app, flags, logging

from hwgan.runtime.config_file import CONFIG_FLAG, common_of, describe_fields, find_config
from hwgan.runtime.errors import UserError
from hwgan.runtime.process_end import delete_temporary_folders, threads_are_abandoned
from hwgan.runtime.settings import prepare_backend

EXIT_CODE = 2
_HELP = ("--help", "-help", "-h", "--helpshort", "--helpfull")
_MISSING_FLAG = re.compile(r"flag --(\w+)=None: Flag --\w+ must have a value")  # as absl says it
_OF_NUMBERS = {  # what Python says, and what it means
    r"invalid literal for int\(\) with base 10: (.*)": r"\1 is not a whole number",
    r"could not convert string to float: (.*)": r"\1 is not a number",
}
_TEXT_FLAGS = ("text", "pen_up", "pen_down", "title")  # in which ~ is no folder
_UNUSABLE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)  # what is wrong with a path, never with the code
_SHOWN = 200  # characters of a path in a message
_TERMINATED_EXIT_CODE, _INTERRUPTED_EXIT_CODE = 128 + signal.SIGTERM, 128 + signal.SIGINT


class _Terminated(SystemExit):
    """SIGTERM came."""


def run_main(main: Callable[[list[str]], None], *, positional: bool = False) -> None:
    """Runs the `main` of an entry point.

    A `UserError`, and a mistake in the flags or in the name of a config or a field, becomes one sentence on stderr and
    exit code 2, as does a file or folder that may not be opened. SIGTERM and Ctrl-C end the process as an exception
    does, so that it deletes its temporary files, but without a traceback and without tearing Python down, which crashes
    where XLA was compiling.

    Args:
      main: takes the name of the program, and the arguments that are no flags.
      positional: whether there may be such arguments.
    """

    def guarded(argv: list[str]) -> None:
        logging.set_verbosity(logging.WARNING)  # of libraries; hwgan logs to Python's logger "hwgan"
        if len(argv) > 1 and not positional:
            end_with_error(f"unexpected arguments {argv[1:]}; flags are written --name=value")
        _expand_home()
        prepare_backend()
        signal.signal(signal.SIGTERM, _terminate)
        try:
            main(argv)
        except UserError as error:
            end_with_error(str(error))
        except OSError as error:
            if error.errno not in _UNUSABLE or error.filename is None:
                raise
            end_with_error(f"{str(error.filename)[:_SHOWN]!r} cannot be used: {error.strerror}")

    try:
        app.run(guarded, flags_parser=_parse_flags)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        _end_at_once(SystemExit(_INTERRUPTED_EXIT_CODE))
    except BaseException as stop:
        if not (threads_are_abandoned() or isinstance(stop, _Terminated)):
            raise
        _end_at_once(stop)


def refuse_flags(names: Sequence[str], what: str) -> None:
    """Raises UserError for those of these flags that were given; they have no effect on `what`."""
    given = [f"--{name}" for name in names if flags.FLAGS[name].present]
    if given:
        raise UserError(f"{', '.join(given)}: no effect on {what}; leave {'it' if len(given) == 1 else 'them'} out")


def _expand_home() -> None:
    """Puts the home folder in place of ~ in flags, as shells do for separate words but not after --name=."""
    for flag in flags.FLAGS.get_flags_for_module(sys.modules["__main__"]):
        if flag.name in _TEXT_FLAGS:
            continue
        if isinstance(flag.value, str):
            flag.value = _expanded(flag.value)
        elif isinstance(flag.value, list):
            flag.value = [_expanded(item) if isinstance(item, str) else item for item in flag.value]


def _expanded(value: str) -> str:
    return os.path.expanduser(value) if value.startswith("~/") else value  # noqa: PTH111, of a text that may be no path


def warn(message: str) -> None:
    """Prints a warning of an entry point on stderr."""
    print(f"warning: {message}", file=sys.stderr)


def _parse_flags(argv: list[str]) -> list[str]:
    """The arguments that are no flags, after all flags were parsed."""
    has_config = CONFIG_FLAG in flags.FLAGS
    config_path = ""
    try:
        if has_config:
            argv, config_path = find_config(argv)
        if any(argument.split("=")[0] in _HELP for argument in argv[1:]):
            _print_help(argv[0], config_path)
            sys.exit(0)
        return flags.FLAGS(argv)
    except flags.Error as error:
        missing = _MISSING_FLAG.match(str(error))
        sentence = f"--{missing[1]} is missing: {flags.FLAGS[missing[1]].help}" if missing else _plain(str(error))
        end_with_error(f"{sentence} (--help lists the flags)")
    except UserError as error:
        end_with_error(str(error))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if not has_config or _raised_in(config_path, error.__traceback__):  # a mistake in the user's own config file
            raise
        reason = " ".join(
            str(error).replace("\\n", ". ").replace("\n", ". ").replace("\\", "").replace("'", "").split()
        ).strip('"')
        end_with_error(f"the config has no such field: {reason} (--help lists the fields)")


def _plain(message: str) -> str:
    """A message of absl without the words of Python about numbers."""
    for found, replacement in _OF_NUMBERS.items():
        message = re.sub(found, replacement, message)
    return message


def _raised_in(path: str, frames: TracebackType | None) -> bool:
    return any(pathlib.Path(frame.filename) == pathlib.Path(path) for frame in traceback.extract_tb(frames))


def _print_help(program: str, config_path: str) -> None:
    """What the entry point does, its flags, and the fields of a config if it takes one."""
    print((sys.modules["__main__"].__doc__ or "").strip() + "\n")
    print(flags.FLAGS.main_module_help() or flags.FLAGS.module_help(program))
    if CONFIG_FLAG in flags.FLAGS:
        common = common_of(config_path)
        print(
            f"\nFields of configs that train on {'strokes' if common.startswith('strokes') else 'word images'}, with "
            f"the values of configs/{common}.py, which a config may change.\n"
            "Each is set by --config.FIELD=VALUE. Those of `model` are the fields of the modules in hwgan/models/.\n"
        )
        print(describe_fields(common))


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise _Terminated(_TERMINATED_EXIT_CODE)


def end_with_error(message: str) -> NoReturn:
    """Ends an entry point with a sentence on stderr and exit code 2."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(EXIT_CODE)


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
        delete_temporary_folders()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
