"""Names of checkpoints: weights of the package, files of weights, workdirs of runs."""

import pathlib
from difflib import get_close_matches

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path

CHECKPOINTS = "checkpoints"  # folder in the workdir of a run
FOLDER = pathlib.Path(__file__).parents[1] / "weights"
PRETRAINED = str(FOLDER / "handwriting.npz")  # generator and language model
PRETRAINED_OTHERS = str(FOLDER / "handwriting_other_networks.npz")  # discriminator, recognizer, identifier of that run
PRETRAINED_STROKES = "strokes"  # name of a stroke writer
PRETRAINED_EVALUATOR = str(FOLDER / "copiste_evaluator.npz")  # recognizer and identifier trained apart
_OTHERS = "_other_networks"  # in the name of the file of what was trained with the generator of a file


def shipped_names(networks: str = "") -> list[str]:
    """Names of the weights in the package: what writes, or where `networks` is "evaluator" the evaluators."""
    names = [path.stem for path in sorted(FOLDER.glob("*.npz")) if not path.stem.endswith(_OTHERS)]
    return [name for name in names if name.endswith("_evaluator") == (networks == "evaluator")]


def checkpoint_help(*, strokes: bool = False) -> str:
    """The description of a flag that names a generator, of images or, where a command takes them, of strokes."""
    names = ", ".join(name for name in shipped_names() if strokes or name != PRETRAINED_STROKES)
    return (
        f"workdir of a run, a file of hwgan.export, or the name of weights in the package ({names}); empty: "
        "handwriting, the pretrained weights"
    )


def locate_weights(name: str) -> str:
    """The path that a name stands for: that of the package's weights of this name, unless a run or a file has it.

    Args:
      name: of weights in the package, such as "handwriting" or "iam_evaluator"; or a path, whose ~ is the home folder.
    """
    shipped = FOLDER / f"{name}.npz"
    own = pathlib.Path(name)
    if shipped.parent == FOLDER and shipped.is_file() and not (own.is_file() or (own / CHECKPOINTS).is_dir()):
        return str(shipped)
    return str(user_path(name)) if name.startswith("~") else name


def other_networks_path(path: str) -> str:
    """The file of the networks that were trained with a generator of the package; any other path as it is."""
    file = pathlib.Path(path)
    others = file.parent / f"{file.stem}{_OTHERS}.npz"
    return str(others) if file.parent == FOLDER and others.is_file() else path


def names_weights(path: str) -> bool:
    """Whether a path is that of a file of weights, and not of the workdir of a run."""
    return pathlib.Path(path).suffix == ".npz" or pathlib.Path(path).is_file()


def check_step(path: str, step: int | None) -> None:
    """Raises UserError for a step of a file of weights."""
    if step is not None and names_weights(path):
        raise UserError("step is for the checkpoint of a run; a file of weights holds but one")


def describe_missing(workdir: str) -> str:
    """What to say of a workdir, as it was given, without checkpoints: what may have been meant, and what there is."""
    folder = user_path(workdir)
    beside = {found.parent.name: str(found.parent) for found in sorted(folder.parent.glob(f"*/{CHECKPOINTS}"))}
    named = shipped_names() + shipped_names("evaluator")
    there = "holds no checkpoints" if folder.exists() else "does not exist"
    similar = get_close_matches(folder.name, [*beside, *named], n=1, cutoff=0.7)
    guess = f"; did you mean {beside.get(similar[0], similar[0])!r}? If not," if similar else ":"
    return (
        f"{workdir!r} {there}{guess} give the workdir of a run that hwgan.main trained, a file of weights, or the name "
        f"of weights in the package ({', '.join(named)})"
    )
