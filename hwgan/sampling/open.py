"""Opens the sampler of a run or of a file of weights, of images; for strokes see `open_strokes`."""

import dataclasses
from typing import Any

from hwgan.checkpoints.names import PRETRAINED, check_step, locate_weights, names_weights, other_networks_path
from hwgan.checkpoints.record import task_of_checkpoint
from hwgan.checkpoints.run import Run, load_run, trains_generator
from hwgan.checkpoints.weights_file import Weights, read_weights
from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec
from hwgan.models.networks import Networks
from hwgan.runtime.config import STROKES, Config
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import reading
from hwgan.sampling.sampler import Sampler, check_temperature


def writes_strokes(checkpoint: str, step: int | None = None) -> bool:
    """Whether a run or a file of weights writes strokes; False for one of word images.

    Raises:
      UserError: it is neither.
    """
    path = locate_weights(checkpoint or PRETRAINED)
    return path != PRETRAINED and task_of_checkpoint(path, step) == STROKES


def open_sampler(checkpoint: str, step: int | None = None, temperature: int | float | None = None) -> Sampler:
    """The sampler of a run, or of a file of weights.

    Args:
      checkpoint: workdir of a run, a file that `hwgan.export` wrote, or the name of weights in the package; "" for
        those that are used by default.
      step: which checkpoint of a run; the newest by default.
      temperature: see `Sampler`; None for that of its config.

    Raises:
      UserError: there is nothing, or what there is cannot be read.
    """
    return open_sampler_and_step(checkpoint, step, temperature)[0]


def open_sampler_and_step(
    checkpoint: str, step: int | None = None, temperature: int | float | None = None
) -> tuple[Sampler, int | None]:
    """As `open_sampler`, with the step of its checkpoint, at which other networks of a run that trains on fit to it.

    Returns:
      The sampler, and the step; None for a file of weights, which has but one.
    """
    path = locate_weights(checkpoint or PRETRAINED)
    check_step(path, step)
    if names_weights(path):
        sampler = sampler_from_weights(read_weights(path), path)
    else:
        run = load_run(path, step)
        sampler, step = sampler_from_run(run), int(run.state.step)
    return sampler if temperature is None else dataclasses.replace(sampler, temperature=temperature), step


def open_networks(checkpoint: str, step: int | None = None) -> tuple[Networks, dict[str, Any], Charset, ImageSpec]:
    """The modules of a run or of a file of weights, for uses other than writing.

    Args:
      checkpoint: as for `open_sampler`; of weights in the package, the networks that were trained with them.
      step: likewise.

    Returns:
      Modules, the variables of those networks that were trained, alphabet, size of images.

    Raises:
      UserError: there is nothing, or what there is cannot be read.
    """
    path = locate_weights(checkpoint or PRETRAINED)
    if not names_weights(path):
        run = load_run(path, step)
        return run.networks, run.trained_variables, run.charset, run.spec
    weights = read_weights(other_networks_path(path))
    return weights.networks, weights.variables, weights.charset, weights.spec


def sampler_from_run(run: Run) -> Sampler:
    """The sampler of a restored run.

    Raises:
      UserError: the run trained no generator.
    """
    if not trains_generator(run.config):
        raise UserError("this run trained no generator, so it cannot write; give the workdir of one that does")
    return Sampler(
        run.networks,
        run.state.ema_variables,
        run.charset,
        run.spec,
        sampling_temperature(run.config),
        run.rare_characters,
    )


def sampler_from_weights(weights: Weights, name: str) -> Sampler:
    """The sampler of the content of a file of weights.

    Args:
      weights: with a generator.
      name: of the file, for messages.

    Raises:
      UserError: they have no generator, or are of another version.
    """
    weights.require("generator", name)
    with reading(f"the weights {name!r}"):
        temperature = sampling_temperature(weights.config)
    variables = {"language_model": {}, **weights.variables}  # one without parameters is not in the file
    return Sampler(weights.networks, variables, weights.charset, weights.spec, temperature, weights.rare_characters)


def sampling_temperature(config: Config) -> float:
    """`config.sample.temperature`; see `Sampler`.

    Raises:
      UserError: it is not above 0.
    """
    check_temperature(config.sample.temperature)
    return config.sample.temperature
