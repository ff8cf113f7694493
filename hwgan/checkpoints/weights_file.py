"""Trained weights as one file to give away: NumPy's .npz with the arrays and a JSON record of what made them.

The record holds config (with the preprocessing), alphabet, step, the characters with few training examples, and a
checksum over itself and all arrays.
"""

import dataclasses
import hashlib
import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import traverse_util

from hwgan.checkpoints.run import Run, build_networks, image_spec, init_state, trains_generator
from hwgan.checkpoints.stored_config import checked_record, naming
from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec
from hwgan.models.networks import Networks
from hwgan.models.state import GENERATING_NETWORKS, NETWORK_NAMES, TrainState
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import open_regular, replacing
from hwgan.runtime.untrusted import reading

_FOLDER = pathlib.Path(__file__).parents[1] / "weights"
PRETRAINED = str(_FOLDER / "handwriting.npz")  # generator and language model
PRETRAINED_OTHERS = str(_FOLDER / "handwriting_other_networks.npz")  # discriminator, recognizer, identifier of that run
PRETRAINED_EVALUATOR = str(_FOLDER / "copiste_evaluator.npz")  # recognizer and identifier trained apart
_OTHERS = "_other_networks"  # in the name of the file of what was trained with the generator of a file
_RECORD, _SEPARATOR, _SLASH = "record", "/", "|"
_MAX_BYTES, _MAX_RECORD_BYTES, _MAX_MEMBERS = 10**9, 10**7, 10_000


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

    @property
    def spec(self) -> ImageSpec:
        """The preprocessing of its images."""
        return image_spec(self.config)

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
        "rare_characters": run.rare_characters,
    }
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        _write(record, arrays, path)
    except OSError as error:
        raise UserError(f"cannot write {path!r}: {error.strerror or error}") from error


def _write(record: dict[str, Any], arrays: dict[str, np.ndarray], path: str) -> None:
    record = record | {"checksum": _checksum(record, arrays)}
    with replacing(pathlib.Path(path)) as file:
        np.savez(file, allow_pickle=False, **{_RECORD: np.array(json.dumps(record))}, **arrays)


def shipped_names(networks: str = "") -> list[str]:
    """Names of the files of weights in the package: of generators, or where `networks` is "evaluator" of evaluators."""
    names = [path.stem for path in sorted(_FOLDER.glob("*.npz")) if not path.stem.endswith(_OTHERS)]
    return [name for name in names if name.endswith("_evaluator") == (networks == "evaluator")]


def checkpoint_help() -> str:
    """The description of a flag that names a generator."""
    names = ", ".join(shipped_names())
    return f"workdir of a run, a file of weights, or the name of weights in the package ({names}); empty: handwriting"


def locate_weights(name: str) -> str:
    """The path that a name stands for: that of the package's weights of this name, unless a file or folder has it.

    Args:
      name: of weights in the package, such as "handwriting" or "iam_evaluator", or a path, which is returned as it is.
    """
    shipped = _FOLDER / f"{name}.npz"
    return str(shipped) if shipped.parent == _FOLDER and shipped.is_file() and not pathlib.Path(name).exists() else name


def other_networks_path(path: str) -> str:
    """The file of the networks that were trained with a generator of the package; any other path as it is."""
    file = pathlib.Path(path)
    others = file.parent / f"{file.stem}{_OTHERS}.npz"
    return str(others) if file.parent == _FOLDER and others.is_file() else path


def names_weights(path: str) -> bool:
    """Whether a path is that of a file of weights, and not of the workdir of a run."""
    return pathlib.Path(path).suffix == ".npz" or pathlib.Path(path).is_file()


def read_weights(path: str) -> Weights:
    """All that a file of weights holds; the file may be of unknown origin.

    Raises:
      UserError: there is no such file, or it holds something else, is damaged, has fields out of range, or its arrays
        are not finite or not those of the networks of its config.
    """
    what = f"the weights {path!r}"
    with reading(what):
        record, arrays = _read_archive(path)
        expected = record.pop("checksum", None)
        if _checksum(record, arrays) != expected:
            raise UserError(f"{what} are damaged: their checksum is not the one they were written with")
        with naming(what):
            config, charset, rare_characters = checked_record(record)
            networks, optimizers = build_networks(config, charset)
            variables = _nested(arrays)
            if pathlib.Path(path).parent != _FOLDER:  # those of the package were checked when it was made
                shapes = jax.eval_shape(lambda key: init_state(key, networks, optimizers, config), jax.random.key(0))
                _check_arrays(variables, shapes)
        return Weights(config, charset, networks, variables, rare_characters)


def _read_archive(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record and the arrays of a file that unpacks to at most 1 GB."""
    with open_regular(pathlib.Path(path), _MAX_BYTES) as file:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            size = archive.getinfo(f"{_RECORD}.npy").file_size
        if unpacked > _MAX_BYTES or size > _MAX_RECORD_BYTES or len(members) > _MAX_MEMBERS:
            raise UserError(
                f"the weights {path!r} would unpack to {unpacked / 1e9:.1f} GB in {len(members)} arrays, above the "
                f"limit of {_MAX_BYTES / 1e9:.0f} GB in {_MAX_MEMBERS}"
            )
        file.seek(0)
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    record = json.loads(str(arrays.pop(_RECORD)))
    if not isinstance(record, dict):
        raise UserError(f"{path!r} holds no weights: its record is no JSON object")
    return record, arrays


def _check_arrays(variables: dict[str, Any], shapes: TrainState) -> None:
    """Raises UserError unless the arrays are finite and have the names, shapes and kinds that the networks need."""
    for network, own in variables.items():
        if network not in NETWORK_NAMES:
            raise UserError(f"it has arrays of {network[:50]!r}, which is no network")
        expected: dict[Any, Any] = traverse_util.flatten_dict(getattr(shapes, network).variables)
        found: dict[Any, Any] = traverse_util.flatten_dict(own)
        # Running averages that another version of a network lacked are reset by those who can.
        missing = [path for path in expected if path not in found and path[0] == "params"]
        for path in missing or found:
            name = f"{network}/{'/'.join(path)}"[:200]
            if missing or path not in expected:
                raise UserError(f"the array {name} is {'missing' if missing else 'of no network of its config'}")
            array, like = found[path], expected[path]
            if array.shape != like.shape or array.dtype.kind != np.dtype(like.dtype).kind:
                raise UserError(
                    f"the array {name} is {array.dtype} {array.shape}; its config asks for {like.dtype} {like.shape}"
                )
            if not np.isfinite(array).all():
                raise UserError(f"the array {name} has values that are not finite")


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
