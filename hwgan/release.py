"""Trained weights as one plain file, to be given away: NumPy's own format, with the record of what made them.

The file holds the averaged generator with its language model, or, of a run that trains none, the networks that it
trained, as a recognizer and an identifier of writers; or those that are asked for; and a record: config, alphabet,
preprocessing (in the config), step, and a checksum.

  python -m hwgan.release --checkpoint=runs/copiste --output=copiste.npz
  python -m hwgan.release --checkpoint=runs/copiste --output=all.npz --networks=all   # for others to train on from
  python -m hwgan.release --checkpoint=runs/one,runs/another --output=mean.npz        # runs that went on from the same
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import flags
from flax import traverse_util

from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec
from hwgan.errors import UserError, run_main
from hwgan.judge import Judge
from hwgan.models import Networks
from hwgan.run import Config, Run, build_networks, image_spec, load_run, trains_generator
from hwgan.sampler import Sampler, create_sampler, ema_variables, spread_of_hands
from hwgan.train_state import WRITING_NETWORKS

_WEIGHTS = pathlib.Path(__file__).parent / "weights"
PACKAGED, PACKAGED_JUDGE = str(_WEIGHTS / "copiste.npz"), str(_WEIGHTS / "copiste_judge.npz")
PACKAGED_OTHERS = str(_WEIGHTS / "copiste_others.npz")  # what trained with it
_RECORD, _SEPARATOR, _SLASH = "record", "/", "|"
_MOST_BYTES = 4 * 2**30


def trained_variables(run: Run) -> dict[str, Any]:
    """Variables of the networks that a run trained, by their names; of generator and language model the averages."""
    trained = set(run.config.train.updated_networks)
    variables = ema_variables(run.state) if trains_generator(run.config) else {}
    for name in sorted(trained - {"generator"}):
        variables[name] = getattr(run.state, name).variables
    # A network that a run has in name alone has no numbers.
    return {name: part for name, part in variables.items() if part.get("params")}


def write_release(run: Run, path: str, networks: Sequence[str] = ()) -> None:
    """Writes networks of a run to a file.

    Args:
      run: a trained one.
      path: of the file.
      networks: their names, or "all" that it trained; if none is named, those that write, of a run that trains none
        all. Generator and language model are one.

    Raises:
      UserError: the file cannot be written, or the run has trained no such network.
    """
    variables = trained_variables(run)
    chosen = set(networks) or ({"generator"} if trains_generator(run.config) else {"all"})
    if unknown := chosen - {"all", *variables}:
        raise UserError(f"this run has not trained the networks {sorted(unknown)}; it has {sorted(variables)}")
    if chosen & set(WRITING_NETWORKS):
        chosen |= set(WRITING_NETWORKS)  # the one cannot write without the other, which may have no numbers
    arrays = _flat({name: part for name, part in variables.items() if chosen & {"all", name}})
    config = run.config.copy_and_resolve_references()
    with config.unlocked():  # where things lay on the machine that trained is nobody's business
        config.data.update(data_dir="", cache_dir="", lexicon="")
        config.train.update(start_from="", onlooker="")
        config.evaluate.update(judge="", inception="")
    record = {
        "config": config.to_dict(),
        "alphabet": run.charset.characters,
        "right_to_left": run.charset.right_to_left,
        "step": int(run.state.step),
    }
    record["checksum"] = _checksum(record, arrays)
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        with pathlib.Path(path).open("wb") as file:
            np.savez(file, allow_pickle=False, **{_RECORD: np.array(json.dumps(record))}, **arrays)
    except OSError as error:
        raise UserError(f"cannot write {path!r}: {error.strerror or error}") from error


def average_of_runs(runs: Sequence[Run]) -> Run:
    """The first run, with the mean of what all of them write with; the networks beside those are the first's.

    Runs that went on from the same networks, each in its own order of words and hands, lie near enough to each other
    for their mean to be a network as good as any of them, with less of what each got wrong by chance. Of runs that
    began anew the mean writes nothing.

    Args:
      runs: at least one, all with a generator.

    Raises:
      UserError: they are not of the same networks, alphabet and images, or one of them has no generator.

    References:
      Wortsman et al., Model soups, 2022, https://arxiv.org/abs/2203.05482.
    """
    first, *others = runs
    for run in others:
        # Whoever looked on writes nothing.
        kinds = [
            (dataclasses.replace(r.networks, onlooker=None), r.charset, image_spec(r.config)) for r in (first, run)
        ]
        if kinds[0] != kinds[1]:
            raise UserError(
                "these runs have different networks, alphabets or images: there is no mean of their weights"
            )
    if not others:
        return first
    if not all(trains_generator(run.config) for run in runs):
        raise UserError("one of these runs trained no generator: only networks that write are averaged")
    variables = jax.tree.map(
        lambda *arrays: jnp.mean(jnp.stack(arrays), axis=0), *(ema_variables(run.state) for run in runs)
    )
    params = {name: part.pop("params") for name, part in variables.items()}
    networks = {name: getattr(first.state, name).replace(collections=part) for name, part in variables.items()}
    return dataclasses.replace(first, state=first.state.replace(ema=first.state.ema | params, **networks))


@dataclasses.dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
      config: of the run that made it.
      charset: its alphabet.
      variables: by the name of the network. A language model without numbers has left no trace.
    """

    config: Config
    charset: Charset
    variables: dict[str, Any]


def read_release(path: str) -> Sampler:
    """The sampler of a file of weights.

    Raises:
      UserError: there is no such file, or it is no such file, or it is damaged.
    """
    networks, weights, spec = _rebuild(path, "generator")
    variables = {"language_model": {}, **weights.variables}
    return Sampler(networks, variables, weights.charset, spec, spread_of_hands(weights.config))


def read_judge(path: str) -> Judge:
    """The recognizer and identifier of a file of weights; see `read_release`."""
    networks, weights, spec = _rebuild(path, "recognizer")
    name, variables = pathlib.Path(path).stem, weights.variables
    judge = Judge(networks, variables["recognizer"], variables.get("identifier"), weights.charset, spec, name)
    return judge if "identifier" in variables else judge.without_writers()  # had one in name alone, or not trained


def _rebuild(path: str, wanted: str) -> tuple[Networks, Weights, ImageSpec]:
    weights = read_weights(path)
    if wanted not in weights.variables:
        kinds = " and ".join(sorted(weights.variables))
        raise UserError(f"the weights {path!r} are of {kinds}; here a {wanted} is needed")
    with _as_of_this_version(path):
        networks, _ = build_networks(weights.config, weights.charset)
        return networks, weights, image_spec(weights.config)


@contextlib.contextmanager
def _as_of_this_version(path: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the weights {path!r} were written by another version of hwgan ({error})") from error


def read_weights(path: str) -> Weights:
    """All that a file of weights holds; see `read_release`."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MOST_BYTES:
            raise UserError(
                f"the weights {path!r} would unpack to {unpacked / 1e9:.1f} GB, more than any that are known"
            )
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
    with _as_of_this_version(path):
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


def main(argv: list[str]) -> None:
    """Writes weights by the flags of the command line."""
    del argv
    args = flags.FLAGS
    run = average_of_runs([load_run(workdir, args.step) for workdir in args.checkpoint])
    if args.spread is not None:
        with run.config.unlocked():
            run.config.sample = ml_collections.ConfigDict({"spread": args.spread})
        create_sampler(run)  # refuses a spread that is none, and a run that cannot write
    write_release(run, args.output, args.networks)
    print(f"wrote {args.output}, {pathlib.Path(args.output).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    flags.DEFINE_list(
        "checkpoint",
        None,
        "workdir of a trained run; of several by commas that went on from the same networks, the mean is written",
        required=True,
    )
    flags.DEFINE_integer("step", None, "which checkpoint; the newest by default")
    flags.DEFINE_float("spread", None, "of the hands drawn with it; by default as the run's config has it")
    flags.DEFINE_list(
        "networks",
        [],
        "whose numbers, by commas, or all that the run trained, so that others can go on from them; by default "
        "generator, which takes its language model along, of a run that trains none all",
    )
    flags.DEFINE_string("output", None, "the file to write, *.npz", required=True)
    run_main(main)
