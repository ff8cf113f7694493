"""Opens the evaluator of a run or of a weights file."""

import dataclasses
import pathlib

from hwgan.checkpoints.names import PRETRAINED_EVALUATOR, locate_weights, names_weights
from hwgan.checkpoints.run import Run, load_run
from hwgan.checkpoints.weights_file import Weights, read_weights
from hwgan.evaluation.evaluator import Evaluator


def open_evaluator(name: str, run: Run | None = None) -> Evaluator:
    """Opens an evaluator.

    Args:
      name: "" for the pretrained evaluator of French words; the name of another in the package, such as
        "iam_evaluator"; "own" for recognizer and identifier of `run` itself; the workdir of another run; or a file that
        `hwgan.export` wrote.
      run: the run to evaluate; only for "own".

    Raises:
      UserError: the run or file does not exist or cannot be read.
    """
    if name == "own" and run is not None:
        return _of_run(run, "own")
    path = locate_weights(name or PRETRAINED_EVALUATOR)
    if names_weights(path):
        return evaluator_from_weights(read_weights(path), path)
    other = load_run(path)
    evaluator = _of_run(other, pathlib.Path(path).name)
    return evaluator if "identifier" in other.trained_variables else evaluator.without_identifier()


def _of_run(run: Run, name: str) -> Evaluator:
    evaluator = Evaluator.of_state(run.networks, run.state, run.charset, run.spec, name)
    return dataclasses.replace(evaluator, trained_on=run.config.data.dataset, learned=run.learned)


def evaluator_from_weights(weights: Weights, path: str) -> Evaluator:
    """The recognizer and, if there is one, the identifier of a weights file.

    Args:
      weights: content of the file.
      path: path of the file, for messages and the evaluator's name.

    Raises:
      UserError: the weights have no recognizer, or are of another version.
    """
    weights.require("recognizer", path)
    recognizer, identifier = weights.variables["recognizer"], weights.variables.get("identifier")
    evaluator = Evaluator(
        weights.networks,
        recognizer,
        identifier,
        weights.charset,
        weights.spec,
        pathlib.Path(path).stem,
        weights.config.data.dataset,
        weights.learned,
    )
    return evaluator if identifier is not None else evaluator.without_identifier()
