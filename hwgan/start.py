"""Where a new run starts: from nothing, or from networks that earlier runs have trained."""

import logging
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.data.charset import Charset
from hwgan.errors import UserError
from hwgan.release import PACKAGED, PACKAGED_OTHERS, read_weights, trained_variables
from hwgan.run import Config, load_run
from hwgan.train_state import TrainState

_PACKAGE = {"package": (PACKAGED,), "package_all": (PACKAGED, PACKAGED_OTHERS)}

logger = logging.getLogger(__name__)


def start_from(state: TrainState, config: Config, charset: Charset) -> TrainState:
    """The state with the networks that `config.train.start_from` has; their optimizers begin anew.

    A run gives those that it trained, of generator and language model the averages; a file of weights all that it has;
    "package" is the generator that comes with the package, "package_all" all that trained with it.

    Args:
      state: fresh, of any number of devices.
      config: of the new run.
      charset: its alphabet.

    Raises:
      UserError: there is no such run or file; or its alphabet, preprocessing or sizes of networks are others.
    """
    names = filter(None, (name.strip() for name in config.train.start_from.split(",")))
    for source, path in ((name, path) for name in names for path in _PACKAGE.get(name, (name,))):
        old_config, old_charset, found = _read(path)
        _check_words(source, old_charset, charset)
        _check_preprocessing(source, old_config, config)
        for name, variables in found.items():
            state = _with_network(state, name, variables, source)
        logger.info("starting from the %s of %s", ", ".join(sorted(found)), source)
    return state


def _read(path: str) -> tuple[Config, Charset, dict[str, Any]]:
    """Config, alphabet, and variables by the name of the network."""
    if pathlib.Path(path).suffix == ".npz" or pathlib.Path(path).is_file():
        weights = read_weights(path)
        return weights.config, weights.charset, weights.variables
    run = load_run(path)
    return run.config, run.charset, trained_variables(run)


def _check_words(source: str, old: Charset, new: Charset) -> None:
    if (old.characters, old.right_to_left) != (new.characters, new.right_to_left):
        raise UserError(
            f"{source!r} writes another alphabet, so a run cannot start from it; with its own it can: "
            f"--config.data.alphabet={old.characters!r}"
        )


def _check_preprocessing(source: str, old: Config, new: Config) -> None:
    fields = new.preprocessing.keys()
    differ = [field for field in fields if old.preprocessing.get(field) != new.preprocessing[field]]
    if differ:
        field = differ[0]
        raise UserError(
            f"{source!r} was trained with preprocessing.{field}={old.preprocessing.get(field)!r}, here it is "
            f"{new.preprocessing[field]!r}: a run can start only from networks that saw words as it does"
        )


def _with_network(state: TrainState, name: str, variables: dict[str, Any], source: str) -> TrainState:
    network = getattr(state, name)
    expected, found = (jax.tree.map(lambda leaf: leaf.shape, part) for part in (network.variables, variables))
    if expected != found:
        raise UserError(
            f"the {name} of {source!r} has other layers or sizes than model.{name} asks for; take the config that made "
            "it, of that version of hwgan"
        )
    # Copies, for the state that they become part of is donated.
    placed = jax.tree.map(lambda new, old: jax.device_put(np.array(new), old.sharding), variables, network.variables)
    params = placed.pop("params")
    state = state.replace(**{name: network.replace(params=params, collections=placed)})
    return state.replace(ema=state.ema | {name: jax.tree.map(jnp.copy, params)}) if name in state.ema else state
