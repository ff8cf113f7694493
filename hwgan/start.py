"""Where a new run starts: from nothing, or from networks that earlier runs have trained."""

import logging
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from hwgan.data.charset import Charset
from hwgan.errors import UserError
from hwgan.release import PACKAGED, PACKAGED_OTHERS, read_weights, trained_variables
from hwgan.run import Config, load_run
from hwgan.train_state import TrainState

_PACKAGE = {"package": (PACKAGED,), "package_all": (PACKAGED, PACKAGED_OTHERS)}
_SMALL_STEPS = ("contrast", "trim")  # of preprocessing: words look alike with and without, and are of one size

logger = logging.getLogger(__name__)


def start_from(state: TrainState, config: Config, charset: Charset) -> TrainState:
    """The state with the networks that `config.train.start_from` has; their optimizers begin anew.

    A run gives those that it trained, of generator and language model the averages; a file of weights all that it has;
    "package" is the generator that comes with the package, "package_all" all that trained with it. Running averages
    that they do not have begin anew.

    Args:
      state: fresh, of any number of devices.
      config: of the new run.
      charset: its alphabet.

    Raises:
      UserError: there is no such run or file; or its alphabet, preprocessing (but for small steps) or sizes of networks
        are others.
    """
    names = filter(None, (name.strip() for name in config.train.start_from.split(",")))
    for source, path in ((name, path) for name in names for path in _PACKAGE.get(name, (name,))):
        found = _networks_of(path, source, config, charset)
        for name, variables in found.items():
            state = _with_network(state, name, variables, source)
        logger.info("starting from the %s of %s", ", ".join(sorted(found)), source)
    return state


def take_onlooker(state: TrainState, config: Config, charset: Charset) -> TrainState:
    """The state with the recognizer of `config.train.onlooker`, a run or a file of weights, as its onlooker.

    Raises:
      UserError: there is no such run or file, or it has no recognizer; its alphabet, preprocessing or sizes are others
        than the run's; there is one without `config.model.onlooker`, or where nothing is matched.
    """
    source, expected = config.train.get("onlooker", ""), state.onlooker is not None
    if bool(source) != expected:
        raise UserError(
            f"train.onlooker={source!r}, whose recognizer looks on, and model.onlooker, what it is made of "
            f"(here {'something' if expected else 'nothing'}), belong together"
        )
    if state.onlooker is None:
        return state
    if not config.train.feature_matching and not config.train.letter_matching:
        raise UserError("an onlooker is of use only with train.feature_matching or train.letter_matching above 0")
    found = _networks_of(source, source, config, charset)
    if "recognizer" not in found:
        raise UserError(f"train.onlooker={source!r} has no recognizer, but {sorted(found)}")
    fresh, held = _by_path(state.onlooker.variables), _by_path(found["recognizer"])
    if jax.tree.map(jnp.shape, held) != jax.tree.map(jnp.shape, fresh):
        raise UserError(f"the recognizer of {source!r} has other layers or sizes than model.onlooker asks for")
    logger.info("the recognizer of %s looks on", source)
    variables = unflatten_dict(_placed_like(fresh, held), sep="/")
    return state.replace(onlooker=state.onlooker.replace(params=variables.pop("params"), collections=variables))


def _networks_of(path: str, source: str, config: Config, charset: Charset) -> dict[str, Any]:
    """Variables by the name of the network, of a run or file that `source` names and that fits the new run."""
    if pathlib.Path(path).suffix == ".npz" or pathlib.Path(path).is_file():
        weights = read_weights(path)
        old_config, old_charset, found = weights.config, weights.charset, weights.variables
    else:
        run = load_run(path)
        old_config, old_charset, found = run.config, run.charset, trained_variables(run)
    _check_words(source, old_charset, charset)
    _check_preprocessing(source, old_config, config)
    return found


def _check_words(source: str, old: Charset, new: Charset) -> None:
    if (old.characters, old.right_to_left) != (new.characters, new.right_to_left):
        raise UserError(
            f"{source!r} writes another alphabet, so a run cannot start from it; with its own it can: "
            f"--config.data.alphabet={old.characters!r}"
        )


def _check_preprocessing(source: str, old: Config, new: Config) -> None:
    for field, value in new.preprocessing.items():
        before = old.preprocessing.get(field)
        if before == value:
            continue
        difference = f"{source!r} was trained with preprocessing.{field}={before!r}, here it is {value!r}"
        if field not in _SMALL_STEPS:
            raise UserError(f"{difference}: a run can start only from networks that saw words as it does")
        logger.info("%s, which it is yet to get used to", difference)


def _with_network(state: TrainState, name: str, variables: dict[str, Any], source: str) -> TrainState:
    network = getattr(state, name)
    fresh, found = (_by_path(part) for part in (network.variables, variables))
    # Such as those by which an identifier whitens: the first hundreds of steps find them.
    new = [path for path in fresh if path not in found and not path.startswith("params/")]
    found |= {path: fresh[path] for path in new}
    if jax.tree.map(jnp.shape, found) != jax.tree.map(jnp.shape, fresh):
        raise UserError(
            f"the {name} of {source!r} has other layers or sizes than model.{name} asks for; take the config that made "
            "it, of that version of hwgan"
        )
    if new:
        logger.info("averages that the %s of %s does not have begin anew: %s", name, source, ", ".join(new))
    variables = unflatten_dict(_placed_like(fresh, found), sep="/")
    params = variables.pop("params")
    state = state.replace(**{name: network.replace(params=params, collections=variables)})
    return state.replace(ema=state.ema | {name: jax.tree.map(jnp.copy, params)}) if name in state.ema else state


def _placed_like(fresh: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Copies, for the state that they become part of is donated."""
    return {path: jax.device_put(np.array(leaf), fresh[path].sharding) for path, leaf in found.items()}


def _by_path(variables: dict[str, Any]) -> dict[str, Any]:
    return flatten_dict(variables, sep="/")
