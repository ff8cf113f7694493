"""A run of strokes: what its config stands for, how a trained one is opened again, and its file to give away."""

import contextlib
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.checkpoints import orbax
from hwgan.checkpoints.archive import check_arrays, read_archive, write_archive
from hwgan.checkpoints.integrity import check_finite
from hwgan.checkpoints.learned import WRITERS, Learned, digests_of_writers, writers_for_record
from hwgan.checkpoints.names import names_weights
from hwgan.checkpoints.stored_config import checked_record, naming
from hwgan.checkpoints.weights_file import published
from hwgan.data.charset import Charset
from hwgan.data.ink_cleaning import Cleaning, InkSpec
from hwgan.models.create import dtype_of
from hwgan.models.optimizers import Optimizer, create_optimizer
from hwgan.models.stroke_state import NETWORK, StrokeState, create_stroke_state
from hwgan.models.stroke_writer import StrokeWriter
from hwgan.runtime.config import STROKES, Config, task_of
from hwgan.runtime.errors import UserError
from hwgan.runtime.field_types import check_field_types
from hwgan.runtime.untrusted import check_number, reading

_MAX_WRITERS, _MAX_NAME = 10**6, 10**4


def ink_spec(config: Config) -> InkSpec:
    """The cleaning that a config asks for, and the sizes that fit.

    Raises:
      UserError: a step does not exist, or a number is out of range.
    """
    data = config.data
    check_field_types("preprocessing", Cleaning, config.preprocessing.to_dict())
    try:
        cleaning = Cleaning(**config.preprocessing)
    except ValueError as error:
        raise UserError(f"preprocessing: {error}") from error
    return InkSpec(cleaning, data.max_points, data.max_length, data.min_length)


def build_stroke_writer(config: Config, charset: Charset, writer_names: list[str]) -> tuple[StrokeWriter, Optimizer]:
    """The network of a config and its optimizer.

    Raises:
      UserError: the config has a field that the network has not, or a size that cannot be.
    """
    settings = dict(config.model)
    if settings.pop("embed_writers"):
        settings["num_writers"] = len(writer_names)
    dtype = dtype_of(settings.pop("dtype"))
    check_field_types("model", StrokeWriter, settings)
    network = StrokeWriter(charset.num_labels, dtype=dtype, **settings)
    return network, create_optimizer(config.optimizer.stroke_writer)


@dataclasses.dataclass(frozen=True)
class StrokeRun:
    """A trained run, restored from a checkpoint or a file of weights.

    Attributes:
      config: that made it.
      charset: its alphabet.
      network: its module.
      variables: what to sample with: the averaged parameters.
      step: of them.
      offset_scale: x-heights in a unit of the network's offsets.
      writer_names: of the embedded writers, whose ids are the index + 1.
      rare_characters: number of training examples of each character with few of them.
      learned: what it learned from.
    """

    config: Config
    charset: Charset
    network: StrokeWriter
    variables: dict[str, Any]
    step: int
    offset_scale: float
    writer_names: list[str]
    rare_characters: dict[str, int] = dataclasses.field(default_factory=dict)
    learned: Learned = dataclasses.field(default_factory=Learned)

    @property
    def spec(self) -> InkSpec:
        """The cleaning of its ink."""
        return ink_spec(self.config)


def load_stroke_run(workdir: str, step: int | None = None) -> StrokeRun:
    """Restores a run of strokes from its checkpoint alone.

    Args:
      workdir: of the run.
      step: which checkpoint; the newest that is whole by default.

    Raises:
      UserError: there is no readable checkpoint.
    """
    what = f"the run {workdir!r}"
    with reading(what):
        with contextlib.closing(orbax.open_for_reading(workdir)) as checkpointer:
            record = checkpointer.read_record(step)
            with naming(what):
                run, optimizer = _of_record(record)
            shapes = jax.eval_shape(lambda key: create_stroke_state(run.network, optimizer, key), jax.random.key(0))
            state = orbax.restore_here(checkpointer, shapes, step)
            assert isinstance(state, StrokeState)  # for there is a record
        with naming(what):
            check_finite(state.ema)
        return dataclasses.replace(run, variables={"params": state.ema}, step=int(state.step))


def open_stroke_run(path: str, step: int | None = None) -> StrokeRun:
    """The run of a workdir (`load_stroke_run`), or what a file of weights holds (`read_stroke_weights`)."""
    return read_stroke_weights(path) if names_weights(path) else load_stroke_run(path, step)


def write_stroke_weights(run: StrokeRun, path: str) -> None:
    """Writes the averaged parameters of a run to a file, in half precision.

    Raises:
      UserError: it cannot be written, or a parameter is too large for half precision.
    """
    record = {
        "config": published(run.config),
        "alphabet": run.charset.characters,
        "right_to_left": run.charset.right_to_left,
        "step": run.step,
        "rare_characters": run.rare_characters,
        "offset_scale": run.offset_scale,
        "writers": run.writer_names,
        "content": run.learned.content,
        WRITERS: writers_for_record(run.learned.writers),
    }
    halves = jax.tree.map(lambda array: np.asarray(array, np.float16), run.variables)
    with naming("these parameters in half precision"):
        check_finite(halves)
    write_archive(record, {NETWORK: halves}, path)


def read_stroke_weights(path: str) -> StrokeRun:
    """The content of a file of weights of strokes; the file may be of unknown origin.

    Raises:
      UserError: there is no such file, or it holds something else, is damaged, has fields out of range, or its arrays
        are not finite or not those of the network of its config.
    """
    what = f"the weights {path!r}"
    with reading(what):
        record, variables = read_archive(path)
        with naming(what):
            run, optimizer = _of_record(record)
            shapes = jax.eval_shape(lambda key: create_stroke_state(run.network, optimizer, key), jax.random.key(0))
            found = variables.get(NETWORK, {})
            check_arrays(found, {"params": shapes.ema}, NETWORK)
        whole = jax.tree.map(lambda array: jnp.asarray(array, jnp.float32), found)
        return dataclasses.replace(run, variables=whole, step=int(record.get("step", 0)))


def _of_record(record: dict[str, Any]) -> tuple[StrokeRun, Optimizer]:
    """The run of a record, without its parameters, and the optimizer.

    Raises:
      UserError: the record is of another kind of run, or has values out of range.
    """
    config, charset, rare_characters = checked_record(record)
    if task_of(config) != STROKES:
        raise UserError("it is of word images, not of strokes")
    check_number("offset_scale", record.get("offset_scale"), 1e-6, 1e6)
    writer_names = _checked_names(record.get("writers"))
    network, optimizer = build_stroke_writer(config, charset, writer_names)
    learned = Learned.of_record(record)
    if not learned.writers and writer_names:  # of an older version, which lists the embedded ones alone
        learned = dataclasses.replace(learned, writers={config.data.dataset: digests_of_writers(writer_names)})
    scale = record["offset_scale"]
    run = StrokeRun(config, charset, network, {}, 0, scale, writer_names, rare_characters, learned)
    return run, optimizer


def _checked_names(stored: Any) -> list[str]:
    """The names of writers, of a JSON value.

    Raises:
      UserError: it is no list of names.
    """
    if not isinstance(stored, list) or len(stored) > _MAX_WRITERS:
        raise UserError("its writers are no list of names")
    if not all(isinstance(name, str) and len(name) <= _MAX_NAME for name in stored):
        raise UserError("its writers are no list of names")
    return stored
