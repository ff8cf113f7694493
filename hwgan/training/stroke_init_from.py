"""Initialises a stroke writer with the parameters of an earlier run or a file of weights."""

import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.checkpoints.names import PRETRAINED_STROKES, locate_weights
from hwgan.checkpoints.stroke_run import open_stroke_run
from hwgan.data.charset import Charset
from hwgan.models.stroke_state import NETWORK, StrokeState
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.training.init_from import RareCharacters, check_preprocessing, check_words, placed_like

_EMBEDDING = "writers"  # the parameters of the network that have a row for each writer

logger = logging.getLogger(__name__)


def source_of(config: Config) -> str:
    """The workdir or file that `config.train.init_from` names; "" for none."""
    name = config.train.init_from.strip()
    return locate_weights(PRETRAINED_STROKES if name == "pretrained" else name) if name else ""


def stroke_init_from(
    state: StrokeState, config: Config, charset: Charset, writer_names: list[str], scale: float
) -> tuple[StrokeState, RareCharacters | None]:
    """The state with the averaged parameters of what `config.train.init_from` names; the optimizer is reset.

    A writer whom the earlier run embedded under the same name keeps the embedding; all others begin as the unknown one.

    Args:
      state: fresh, of any number of devices.
      config: of the new run.
      charset: its alphabet.
      writer_names: of the embedded writers.
      scale: x-heights in a unit of its offsets.

    Returns:
      The state, and how often the characters occurred from which it learned, of the rare ones; None for a fresh one.

    Raises:
      UserError: there is no such run or file; or its alphabet or the sizes of its network are others.
    """
    source = source_of(config)
    if not source:
        return state, None
    old = open_stroke_run(source)
    check_words(config.train.init_from, old.charset, charset)
    check_preprocessing(config.train.init_from, old.config, config, compatible=config.preprocessing.keys())
    if abs(scale / old.offset_scale - 1.0) > 0.02:
        logger.warning(
            "the points of these strokes are %.2f x-heights apart, those of %r %.2f: the network has to adapt",
            scale,
            config.train.init_from,
            old.offset_scale,
        )
    fresh, found = state.stroke_writer.params, dict(old.variables["params"])
    if _EMBEDDING in found and _EMBEDDING in fresh:
        found[_EMBEDDING] = {"embedding": _rows_by_name(found[_EMBEDDING]["embedding"], old.writer_names, writer_names)}
    if jax.tree.map(jnp.shape, found) != jax.tree.map(jnp.shape, fresh):
        raise UserError(
            f"the network of {config.train.init_from!r} has other layers or sizes than `model` asks for; take the "
            "config that made it"
        )
    params, ema = placed_like(fresh, found), placed_like(fresh, found)  # the averages are donated apart
    logger.info("starting from the %s of %s", NETWORK, config.train.init_from)
    return state.replace(stroke_writer=state.stroke_writer.replace(params=params), ema=ema), old.rare_characters


def _rows_by_name(embedding: Any, old_names: list[str], names: list[str]) -> np.ndarray:
    """The embedding with a row for the unknown writer, then one for each of `names`."""
    places = {name: place for place, name in enumerate(old_names, start=1)}
    return np.asarray(embedding)[[0, *(places.get(name, 0) for name in names)]]
