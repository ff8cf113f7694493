"""The mean of the weights of several runs that continued from the same networks."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from hwgan.checkpoints.learned import Learned, merged
from hwgan.checkpoints.run import Run, trains_generator
from hwgan.runtime.errors import UserError


def average_of_runs(runs: Sequence[Run]) -> Run:
    """The first run, with the mean over all runs of the EMA parameters of generator and language model.

    Its training writers are those of all runs, as their words were learned from.

    Runs that continued from the same networks lie in one basin of the loss, so that their mean is as good a network as
    any of them. Of runs from scratch the mean generates nothing of use.

    Args:
      runs: at least one, all with a generator.

    Raises:
      UserError: their networks, alphabets or images differ, or one of them has no generator.

    References:
      Wortsman et al., Model soups, 2022, https://arxiv.org/abs/2203.05482.
    """
    first, *others = runs
    if any((run.networks, run.charset, run.spec) != (first.networks, first.charset, first.spec) for run in others):
        raise UserError("these runs have different networks, alphabets or images: there is no mean of their weights")
    if not others:
        return first
    if not all(trains_generator(run.config) for run in runs):
        raise UserError("one of these runs trained no generator: only generators are averaged")
    variables = jax.tree.map(
        lambda *arrays: jnp.mean(jnp.stack(arrays), axis=0), *(run.state.ema_variables for run in runs)
    )
    ema = {name: part.pop("params") for name, part in variables.items()}
    networks = {name: getattr(first.state, name).replace(collections=part) for name, part in variables.items()}
    return dataclasses.replace(
        first,
        state=first.state.replace(ema=ema, **networks),
        learned=Learned(first.learned.contents, functools.reduce(merged, (run.learned.writers for run in runs))),
        rare_characters=_most_examples([run.rare_characters for run in runs]),
    )


def _most_examples(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The examples of characters that are rare in the words of all runs, as many as in those that have the most."""
    rare = [character for character in counts[0] if all(character in found for found in counts)]
    return {character: max(found[character] for found in counts) for character in rare}
