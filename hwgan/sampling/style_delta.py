"""The delta of a fine-tuned style: small changes of a generator's parameters, kept apart from its weights.

A delta holds changes of all one-dimensional parameters of the generator, which are the biases of its layers and the
scales and shifts of its norms, and of the character embedding of the language model. Some thousands of numbers so move
strokes, slant and contrast, and the form of each letter, and leave the kernels as they are.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from hwgan.runtime.errors import UserError

Leaf = Float[Array | np.ndarray, "..."]
Delta = Mapping[str, Leaf]  # by the path of the parameter, such as generator/params/mix/bias
NO_DELTA: Delta = {}
_MAX_CHANGE = 10.0  # of one entry; fine-tuning changes them by less than 1
_GENERATOR, _EMBEDDING = "generator/params/", "language_model/params/embed/embedding"


@dataclasses.dataclass(frozen=True, eq=False)
class TunedStyle:
    """A latent with the delta that belongs to it.

    Attributes:
      z: [z_dim].
      delta: empty where nothing is fine-tuned.
    """

    z: Float[Array | np.ndarray, " z"]
    delta: Delta = dataclasses.field(default_factory=lambda: NO_DELTA)


def tunable(variables: Mapping[str, Any]) -> dict[str, Leaf]:
    """The parameters of generator and language model that a delta may change, by path."""
    leaves = {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(variables)}
    return {
        name: leaf
        for name, leaf in leaves.items()
        if name == _EMBEDDING or (name.startswith(_GENERATOR) and leaf.ndim == 1)
    }


def add_delta(variables: dict[str, Any], delta: Delta) -> dict[str, Any]:
    """The variables of generator and language model with the changes of a delta."""
    if not delta:
        return variables

    def changed(path: tuple[Any, ...], leaf: Leaf) -> Leaf:
        change = delta.get(_name(path))
        return leaf if change is None else leaf + change.astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(changed, variables)


def mix_deltas(first: Delta, last: Delta, share: float) -> dict[str, Float[np.ndarray, "..."]]:
    """(1 - share) first + share last, in float16; a parameter that one of them leaves as it is counts as 0 there."""

    def part(delta: Delta, name: str, weight: float) -> Any:
        return weight * np.asarray(delta[name], np.float32) if name in delta else 0.0

    names = sorted({*first, *last})
    return {name: np.asarray(part(first, name, 1.0 - share) + part(last, name, share), np.float16) for name in names}


def check_delta(delta: Delta, variables: Mapping[str, Any], what: str) -> None:
    """Raises UserError if a delta of unknown origin does not fit these variables.

    Args:
      delta: as read.
      variables: of generator and language model.
      what: what has the delta, for the message.
    """
    known = tunable(variables)
    for name, change in delta.items():
        short = name[:100]
        if name not in known:
            raise UserError(f"{what} changes {short!r}, which is no parameter that fine-tuning changes")
        if change.dtype != np.float16 or change.shape != known[name].shape:
            raise UserError(
                f"{what} changes the parameter {short!r} by {change.dtype} {change.shape}, not "
                f"float16 {known[name].shape}"
            )
        if not np.isfinite(change).all() or np.abs(change).max(initial=0.0) > _MAX_CHANGE:
            raise UserError(
                f"{what} changes the parameter {short!r} by numbers that are not finite, or above {_MAX_CHANGE:g}"
            )


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(str(key.key) for key in path)
