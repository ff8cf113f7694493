"""Claims a workdir for a run: a folder holds the checkpoints of one config."""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from hwgan.checkpoints.names import CHECKPOINTS
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import replace_text
from hwgan.runtime.locking import run_lock
from hwgan.runtime.untrusted import read_json_object

CONFIG_FILE = "config.json"
_FIXED_SECTIONS = ("data", "preprocessing", "model")  # of a config: a run that continues must keep them
_FREE_FIELDS = ("data_dir", "cache_dir")  # but for these: data may be moved


@contextlib.contextmanager
def claim_workdir(config: Config, workdir: str) -> Iterator[None]:
    """Makes the workdir, checks that it is of this config, and holds it for this process.

    Raises:
      UserError: it holds checkpoints of another config, is in use by another process, or cannot be written to.
    """
    path = pathlib.Path(workdir) / CONFIG_FILE
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(run_lock(path.parent))
            saved = any(path.parent.glob(f"*{CHECKPOINTS}/*"))  # or damaged_checkpoints
            if path.exists() and saved:  # a run that was refused or failed before its first checkpoint claims nothing
                _check_same_run(read_json_object(path), json.loads(config.to_json()), workdir)
        except OSError as error:
            raise _unwritable(workdir, error) from error
        yield


def save_config(config: Config, workdir: str) -> None:
    """Writes config.json; to be called once nothing is left that could refuse the config.

    Raises:
      UserError: the workdir cannot be written to.
    """
    try:
        replace_text(pathlib.Path(workdir) / CONFIG_FILE, config.to_json(indent=1) + "\n")
    except OSError as error:
        raise _unwritable(workdir, error) from error


def _unwritable(workdir: str, error: OSError) -> UserError:
    return UserError(f"cannot write to the workdir {workdir!r}: {error.strerror or error}")


def _check_same_run(old: dict[str, Any], new: dict[str, Any], workdir: str) -> None:
    for section in _FIXED_SECTIONS:
        before, now = old.get(section, {}), new[section]
        if not isinstance(before, dict):
            raise UserError(
                f"the {CONFIG_FILE} in {workdir!r} is damaged: {section} is no object; choose another --workdir"
            )
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        # A field that one version has and another has not changes nothing where it is switched off.
        changed = [key for key in changed if key not in _FREE_FIELDS and (before.get(key) or now.get(key))]
        if changed:
            raise _other_config(workdir, f"{section}.{changed[0]}", before.get(changed[0]), now.get(changed[0]))
    if old.get("seed", new["seed"]) != new["seed"]:  # batches and drawn texts would be others from here on
        raise _other_config(workdir, "seed", old["seed"], new["seed"])


def _other_config(workdir: str, field: str, before: Any, now: Any) -> UserError:
    return UserError(
        f"{workdir!r} holds a run of another config: {field} was {before!r} and is now {now!r}; choose another "
        "--workdir, or the config that made it"
    )
