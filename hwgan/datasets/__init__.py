"""Datasets: a package each, found here by name."""

import dataclasses
import pathlib
import re
from typing import Any

from absl import logging

from hwgan.datasets.builder import WordImageBuilder
from hwgan.datasets.iam.builder import Iam
from hwgan.datasets.pages.builder import Pages
from hwgan.datasets.penman.builder import Penman
from hwgan.datasets.splits import read_split_lists
from hwgan.datasets.word_folder.builder import WordFolder
from hwgan.errors import UserError

_FIXED = {"penman": Penman, "iam": Iam}  # with configs of their own
_NAMED = {"word_folder": WordFolder, "pages": Pages}  # the user names what is made
_DEFAULT_CONFIG = {"penman": "demo", "iam": "words"}
_OPTIONS = {"penman": (), "iam": ("whiten",), "word_folder": (), "pages": ("unit",)}


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user asks to be prepared.

    Attributes:
      dataset: "name" or "name/config".
      data_dir: where prepared datasets lie.
      source: folder or archive of raw files; penman has none.
      name: what to call a word_folder or pages; the source's name by default.
      splits: folder with train.txt, validation.txt and test.txt.
      whiten: iam only: make the paper around words white.
      unit: pages only: "line" or "word".
    """

    dataset: str
    data_dir: str
    source: str | None = None
    name: str | None = None
    splits: str | None = None
    whiten: bool = False
    unit: str = ""


def create_builder(request: Request) -> WordImageBuilder:
    """The builder of a request.

    Raises:
      UserError: no such dataset, a source that is missing or out of place, or an option of another dataset.
    """
    kind, _, config = request.dataset.partition("/")
    if kind not in _OPTIONS:
        raise UserError(
            f"no dataset {request.dataset!r}; there are penman, iam/words, iam/lines, word_folder and pages"
        )
    _check_source(kind, request)
    settings: dict[str, Any] = {
        "data_dir": request.data_dir,
        "source": request.source,
        "options": _options(kind, request),
    }
    if request.splits is not None:
        settings["lists"] = read_split_lists(request.splits, nested=kind == "iam")
    if kind in _NAMED:
        name = request.name or config or pathlib.Path(request.source or "").name.split(".")[0]
        if not re.fullmatch(r"[\w-]+", name):
            raise UserError(f"{name!r} cannot be the name of a folder of data; give --name= letters, digits, _ and -")
        verbosity = logging.get_verbosity()
        logging.set_verbosity(logging.ERROR)  # else tfds warns that the name is not one it knows
        try:
            return _NAMED[kind](dataset_name=name, **settings)
        finally:
            logging.set_verbosity(verbosity)
    config, builder = config or _DEFAULT_CONFIG[kind], _FIXED[kind]
    if config not in builder.builder_configs:
        raise UserError(f"no dataset {request.dataset!r}; {kind} has {sorted(builder.builder_configs)}")
    return builder(config=config, **settings)


def _check_source(kind: str, request: Request) -> None:
    if kind == "penman" and (request.source or request.splits):
        raise UserError("penman is drawn, it has neither --source nor --splits")
    if kind != "penman" and not request.source:
        raise UserError(f"{request.dataset} needs --source=: the folder or archive of its raw files")
    if request.source and not pathlib.Path(request.source).expanduser().exists():
        raise UserError(f"--source={request.source}: no such file or folder")


def _options(kind: str, request: Request) -> dict[str, Any]:
    given = {name: getattr(request, name) for name in ("whiten", "unit") if getattr(request, name)}
    for name in given:
        if name not in _OPTIONS[kind]:
            raise UserError(f"--{name} is no option of {kind}")
    return given
