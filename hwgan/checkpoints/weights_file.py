"""Trained weights of word images as one file to give away; see `archive`.

The record holds config (with the preprocessing), alphabet, step, and the characters with few training examples.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax

from hwgan.checkpoints.archive import check_arrays, read_archive, write_archive
from hwgan.checkpoints.learned import WRITERS, Learned, writers_for_record
from hwgan.checkpoints.names import FOLDER
from hwgan.checkpoints.run import Run, build_networks, image_spec, init_state, trains_generator
from hwgan.checkpoints.stored_config import checked_record, naming
from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec
from hwgan.models.networks import Networks
from hwgan.models.state import GENERATING_NETWORKS, NETWORK_NAMES, TrainState
from hwgan.runtime.config import STROKES, Config, task_of
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import reading

_PATHS = ("data", "data_dir"), ("data", "cache_dir"), ("data", "lexicon")
_PATHS += ("train", "init_from"), ("evaluate", "evaluator"), ("evaluate", "inception")


@dataclasses.dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
      config: of the run that made it.
      charset: its alphabet.
      networks: its modules, also those without variables here.
      variables: by the name of the network. A language model without parameters is not among them.
      rare_characters: see `Run`; empty in files that do not have it.
    """

    config: Config
    charset: Charset
    networks: Networks
    variables: dict[str, Any]
    rare_characters: dict[str, int] = dataclasses.field(default_factory=dict)
    learned: Learned = dataclasses.field(default_factory=Learned)

    @property
    def spec(self) -> ImageSpec:
        """The preprocessing of its images."""
        return image_spec(self.config)

    def require(self, network: str, name: str) -> None:
        """Raises UserError if this network is not among them; `name` is that of the file, for the message."""
        if network not in self.variables:
            kinds = " and ".join(sorted(self.variables))
            what = (
                "choose weights with a generator, such as handwriting"
                if network == "generator"
                else "give the workdir of the run, or a file that hwgan.export wrote with --networks=all"
            )
            raise UserError(f"the weights {name!r} hold only {kinds}, and a {network} is needed: {what}")


def write_weights_file(run: Run, path: str, networks: Sequence[str] = ()) -> None:
    """Writes networks of a run to a file.

    Args:
      run: a trained one.
      path: of the file.
      networks: their names, or "all" that it trained; by default generator and language model, of a run that trains
        none all. Generator and language model go together.

    Raises:
      UserError: the file cannot be written, or the run has trained no such network.
    """
    variables = run.trained_variables
    chosen = set(networks) or ({"generator"} if trains_generator(run.config) else {"all"})
    if unknown := chosen - {"all", *variables}:
        raise UserError(f"this run has not trained the networks {sorted(unknown)}; it has {sorted(variables)}")
    if chosen & set(GENERATING_NETWORKS):
        chosen |= set(GENERATING_NETWORKS)  # one is of no use without the other, which may have no parameters
    record = {
        "config": published(run.config),
        "alphabet": run.charset.characters,
        "right_to_left": run.charset.right_to_left,
        "step": int(run.state.step),
        "rare_characters": run.rare_characters,
        "content": run.learned.content,
        WRITERS: writers_for_record(run.learned.writers),
    }
    write_archive(record, {name: dict(part) for name, part in variables.items() if chosen & {"all", name}}, path)


def published(config: Config) -> dict[str, Any]:
    """A config as JSON values, without the paths of the machine that trained."""
    config = config.copy_and_resolve_references()
    with config.unlocked():
        for group, name in _PATHS:
            if name in config[group]:
                config[group][name] = ""
    return config.to_dict()


def read_weights(path: str) -> Weights:
    """All that a file of weights holds; the file may be of unknown origin.

    Raises:
      UserError: there is no such file, or it holds something else, is damaged, has fields out of range, or its arrays
        are not finite or not those of the networks of its config.
    """
    what = f"the weights {path!r}"
    with reading(what):
        record, variables = read_archive(path)
        with naming(what):
            config, charset, rare_characters = checked_record(record)
            learned = Learned.of_record(record)
            if task_of(config) == STROKES:
                raise UserError(
                    "they write strokes, not images; hwgan.sample, hwgan.generate and hwgan.load_strokes take them"
                )
            networks, optimizers = build_networks(config, charset)
            if pathlib.Path(path).parent != FOLDER:  # those of the package were checked when it was made
                shapes = jax.eval_shape(lambda key: init_state(key, networks, optimizers, config), jax.random.key(0))
                _check_variables(variables, shapes)
        return Weights(config, charset, networks, variables, rare_characters, learned)


def _check_variables(variables: dict[str, Any], shapes: TrainState) -> None:
    """Raises UserError unless the arrays are those of networks of these shapes; see `check_arrays`."""
    for network, own in variables.items():
        if network not in NETWORK_NAMES:
            raise UserError(f"it has arrays of {network[:50]!r}, which is no network")
        check_arrays(own, getattr(shapes, network).variables, network)
