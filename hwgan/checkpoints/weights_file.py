"""Trained weights as one file to give away: NumPy's .npz with the arrays and a JSON record of what made them.

The record holds config (with the preprocessing), alphabet, step and a checksum over itself and all arrays.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import ml_collections
import numpy as np
from flax import traverse_util

from hwgan.checkpoints.run import Run, trains_generator
from hwgan.data.charset import Charset
from hwgan.models.state import GENERATING_NETWORKS
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError

_FOLDER = pathlib.Path(__file__).parents[1] / "weights"
PRETRAINED = str(_FOLDER / "copiste.npz")  # generator and language model
PRETRAINED_OTHERS = str(_FOLDER / "copiste_other_networks.npz")  # discriminator, recognizer, identifier of that run
PRETRAINED_EVALUATOR = str(_FOLDER / "copiste_evaluator.npz")  # recognizer and identifier trained apart
_RECORD, _SEPARATOR, _SLASH = "record", "/", "|"
_MAX_BYTES = 4 * 2**30


@dataclasses.dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
      config: of the run that made it.
      charset: its alphabet.
      variables: by the name of the network. A language model without parameters is not among them.
    """

    config: Config
    charset: Charset
    variables: dict[str, Any]

    def require(self, network: str, name: str) -> None:
        """Raises UserError if this network is not among them; `name` is that of the file, for the message."""
        if network not in self.variables:
            kinds = " and ".join(sorted(self.variables))
            raise UserError(f"the weights {name!r} are of {kinds}; here a {network} is needed")


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
    arrays = _flat({name: part for name, part in variables.items() if chosen & {"all", name}})
    config = run.config.copy_and_resolve_references()
    with config.unlocked():  # paths of the machine that trained are not published
        config.data.update(data_dir="", cache_dir="", lexicon="")
        config.train.update(init_from="")
        config.evaluate.update(evaluator="", inception="")
    record = {
        "config": config.to_dict(),
        "alphabet": run.charset.characters,
        "right_to_left": run.charset.right_to_left,
        "step": int(run.state.step),
    }
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        _write(record, arrays, path)
    except OSError as error:
        raise UserError(f"cannot write {path!r}: {error.strerror or error}") from error


def _write(record: dict[str, Any], arrays: dict[str, np.ndarray], path: str) -> None:
    record = record | {"checksum": _checksum(record, arrays)}
    with pathlib.Path(path).open("wb") as file:
        np.savez(file, allow_pickle=False, **{_RECORD: np.array(json.dumps(record))}, **arrays)


@contextlib.contextmanager
def of_this_version(path: str) -> Iterator[None]:
    """Turns what a config of another version lacks into a `UserError`."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the weights {path!r} were written by another version of hwgan ({error})") from error


def read_weights(path: str) -> Weights:
    """All that a file of weights holds.

    Raises:
      UserError: there is no such file, or it holds something else, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MAX_BYTES:
            raise UserError(f"the weights {path!r} would unpack to {unpacked / 1e9:.1f} GB, above the limit")
        with pathlib.Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        record = json.loads(str(arrays.pop(_RECORD)))
        expected = record.pop("checksum")
    except OSError as error:
        raise UserError(f"cannot read the weights {path!r}: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path!r} holds no weights, or is damaged: {error}") from error
    if _checksum(record, arrays) != expected:
        raise UserError(f"the weights {path!r} are damaged: their checksum is not the one they were written with")
    with of_this_version(path):
        charset = Charset(record["alphabet"], record["right_to_left"])
        config = ml_collections.ConfigDict(record["config"])
    return Weights(config, charset, _nested(arrays))


def _flat(variables: dict[str, Any]) -> dict[str, np.ndarray]:
    """By names as of paths; a slash inside a name, as spectral norm has them, is written otherwise."""
    flat = traverse_util.flatten_dict({name: dict(part) for name, part in variables.items()})
    return {
        _SEPARATOR.join(part.replace(_SEPARATOR, _SLASH) for part in path): np.asarray(array)
        for path, array in flat.items()
    }


def _nested(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of `_flat`."""
    return traverse_util.unflatten_dict(
        {
            tuple(part.replace(_SLASH, _SEPARATOR) for part in name.split(_SEPARATOR)): array
            for name, array in arrays.items()
        }
    )


def _checksum(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over the record and each array with its name, type and shape."""
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
