"""Initialises the networks of a new run from those of earlier runs or files of weights."""

import dataclasses
import logging
import shlex
from collections.abc import Collection
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from hwgan.checkpoints.names import PRETRAINED, PRETRAINED_OTHERS, locate_weights, names_weights
from hwgan.checkpoints.run import Run, build_networks, load_run
from hwgan.checkpoints.weights_file import Weights, read_weights
from hwgan.data.charset import Charset
from hwgan.models.state import TrainState
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError

Path = tuple[str, ...]  # of an array among the variables of a network
RareCharacters = dict[str, int]  # number of training examples of each character with few of them

_PRETRAINED = {"pretrained": (PRETRAINED,), "pretrained_all": (PRETRAINED, PRETRAINED_OTHERS)}
# The identifier's last layer, over writers whose ids are those of the words of the old run.
_OVER_WRITERS = "params", "logits"
_FREE_FIELDS = ("parent", "name", "dtype", "param_dtype", "num_writers")  # of a module: they change no function
_COMPATIBLE_STEPS = ("contrast", "trim")  # of preprocessing, which may differ: words stay of one size

logger = logging.getLogger(__name__)


def init_from(state: TrainState, config: Config, charset: Charset) -> tuple[TrainState, RareCharacters | None]:
    """The state with the networks that `config.train.init_from` has; their optimizers are reset.

    A run gives those that it trained, of generator and language model the averages; a file of weights all that it has;
    "pretrained" is the generator of the package, "pretrained_all" all networks that trained with it. Running averages
    that they do not have are reset. So is the identifier's layer over writers, to zero: the words of the new run may be
    by others, and a layer that takes them for those of the old run would spoil the features below it.

    Args:
      state: fresh, of any number of devices.
      config: of the new run.
      charset: its alphabet.

    Returns:
      The state, and how often the characters occurred from which its generator learned, of the rare ones; None for a
      generator that has learned nothing.

    Raises:
      UserError: there is no such run or file; or its alphabet, preprocessing (but for contrast and trim) or sizes of
        networks are others.
    """
    networks, _ = build_networks(config, charset)
    rare_characters = None
    for path, source in sources_of(config.train.init_from):
        old, found = _networks_of(path, source, config, charset)
        for name, variables in found.items():
            state = _with_network(state, name, variables, source)
            _tell_changed_fields(source, name, getattr(old.networks, name), getattr(networks, name))
        if "generator" in found:
            rare_characters = old.rare_characters
        logger.info("starting from the %s of %s", ", ".join(sorted(found)), source)
    return state, rare_characters


def sources_of(names: str) -> list[tuple[str, str]]:
    """(path, name) of the runs and files that `train.init_from` names, in their order."""
    located = filter(None, (locate_weights(name.strip()) for name in names.split(",")))
    return [(path, name) for name in located for path in _PRETRAINED.get(name, (name,))]


def _networks_of(path: str, source: str, config: Config, charset: Charset) -> tuple[Run | Weights, dict[str, Any]]:
    """A run or file that `source` names and that fits the new run, and its variables by the names of networks."""
    if names_weights(path):
        old = read_weights(path)
        found = old.variables
    else:
        old = load_run(path)
        found = old.trained_variables
    check_words(source, old.charset, charset)
    check_preprocessing(source, old.config, config)
    return old, found


def _tell_changed_fields(source: str, name: str, old: nn.Module, new: nn.Module) -> None:
    """Logs fields in which a network differs from the one that was trained, though its arrays have the same shapes."""
    for field in dataclasses.fields(new):
        if field.name in _FREE_FIELDS or not hasattr(old, field.name):
            continue
        before, now = getattr(old, field.name), getattr(new, field.name)
        if before != now:
            logger.warning(
                "%r was trained with model.%s.%s=%r, here it is %r: the network has to adapt",
                source,
                name,
                field.name,
                before,
                now,
            )


def check_words(source: str, old: Charset, new: Charset) -> None:
    """Raises UserError if networks of the alphabet `old`, those of `source`, cannot begin a run of another, `new`."""
    if (old.characters, old.right_to_left) != (new.characters, new.right_to_left):
        raise UserError(
            f"{source!r} has another alphabet, so a run cannot start from it; with that alphabet it can: "
            f"--config.data.alphabet={shlex.quote(old.characters)}"
        )


def check_preprocessing(source: str, old: Config, new: Config, compatible: Collection[str] = _COMPATIBLE_STEPS) -> None:
    """Warns of other preprocessing than `source` was trained with; raises UserError for what is not `compatible`."""
    for field, value in new.preprocessing.items():
        before = old.preprocessing.get(field)
        if before == value:
            continue
        difference = f"{source!r} was trained with preprocessing.{field}={before!r}, here it is {value!r}"
        if field not in compatible:
            raise UserError(f"{difference}: a run can start only from networks with its own preprocessing")
        logger.warning("%s: the networks have to adapt", difference)


def _with_network(state: TrainState, name: str, variables: dict[str, Any], source: str) -> TrainState:
    network = getattr(state, name)
    # By tuples, for names of flax may have slashes in them, as those of spectral norm have.
    parts: tuple[dict[Path, Any], dict[Path, Any]] = flatten_dict(network.variables), flatten_dict(variables)
    fresh, found = parts
    # Such as the covariance of a whitened identifier: running averages adapt within some hundred steps.
    new = [path for path in fresh if path not in found and path[0] != "params"]
    found |= {path: fresh[path] for path in new}
    if name == "identifier":
        over_writers = [path for path in fresh if path[:2] == _OVER_WRITERS]
        found |= {path: np.zeros(fresh[path].shape, fresh[path].dtype) for path in over_writers}
    if jax.tree.map(jnp.shape, found) != jax.tree.map(jnp.shape, fresh):
        raise UserError(
            f"the {name} of {source!r} has other layers or sizes than model.{name} asks for; take the config that made "
            "it, of that version of hwgan"
        )
    if new:
        logger.info(
            "running averages that the %s of %s lacks are reset: %s", name, source, ", ".join(map("/".join, new))
        )
    variables = unflatten_dict(placed_like(fresh, found))
    params = variables.pop("params")
    state = state.replace(**{name: network.replace(params=params, collections=variables)})
    return state.replace(ema=state.ema | {name: jax.tree.map(jnp.copy, params)}) if name in state.ema else state


def placed_like(fresh: Any, found: Any) -> Any:
    """Copies of arrays on the devices of those of an equal tree; the state that they become part of is donated."""
    return jax.tree.map(lambda new, leaf: jax.device_put(np.array(leaf, new.dtype), new.sharding), fresh, found)
