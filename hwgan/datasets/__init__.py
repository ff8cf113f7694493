"""Dataset builders by name; each dataset is a package of this folder."""

import dataclasses
import re
from typing import Any

from absl import logging

from hwgan.data.prepared import DEFAULT_CONFIGS
from hwgan.datasets.builder import HandwritingBuilder
from hwgan.datasets.iam.builder import Iam
from hwgan.datasets.iam_ondb.builder import IamOnDb
from hwgan.datasets.pages.builder import Pages
from hwgan.datasets.penman.builder import Penman
from hwgan.datasets.penman.strokes_builder import PenmanStrokes
from hwgan.datasets.splits import read_split_lists
from hwgan.datasets.stroke_folder.builder import StrokeFolder
from hwgan.datasets.word_folder.builder import WordFolder
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path

# Datasets with a fixed list of configs.
_FIXED = {"penman": Penman, "penman_strokes": PenmanStrokes, "iam": Iam, "iam_ondb": IamOnDb}
# Datasets whose config is a name that the user chooses.
_NAMED = {"word_folder": WordFolder, "pages": Pages, "stroke_folder": StrokeFolder}
_OPTION_FIELDS = ("whiten", "allow_missing", "unit", "writer_pattern")
_OPTIONS = {"iam": ("whiten", "allow_missing"), "pages": ("unit", "writer_pattern")}
_SYNTHETIC = ("penman", "penman_strokes")


def is_synthetic(dataset: str) -> bool:
    """Whether a dataset, "name" or "name/config", needs no raw files."""
    return dataset.partition("/")[0] in _SYNTHETIC


@dataclasses.dataclass(frozen=True)
class Request:
    """The dataset that a user asks to prepare, with its options.

    Attributes:
      dataset: "name" or "name/config".
      data_dir: directory of prepared datasets.
      source: folder or archive of raw files; None for synthetic datasets.
      name: name of a word_folder, pages or stroke_folder dataset; the name of the source by default.
      splits: folder with train.txt, validation.txt and test.txt; None for the dataset's own splits.
      whiten: whether the paper around words becomes white; iam only.
      allow_missing: whether more than a tenth of the listed images may be missing; iam only.
      unit: "line" or "word", the unit of an example; pages only; "" for "line".
      writer_pattern: regular expression that finds the writer in the name of a page; pages only; "" for none.
    """

    dataset: str
    data_dir: str
    source: str | None = None
    name: str | None = None
    splits: str | None = None
    whiten: bool = False
    allow_missing: bool = False
    unit: str = ""
    writer_pattern: str = ""


def create_builder(request: Request) -> HandwritingBuilder:
    """Creates the builder of the requested dataset.

    Raises:
      UserError: the dataset does not exist, its source is missing or not allowed, or an option is of another dataset.
    """
    kind, _, config = request.dataset.partition("/")
    if kind not in (*_FIXED, *_NAMED):
        raise UserError(
            f"no dataset {request.dataset!r}; there are penman, iam/words, iam/lines, word_folder and pages, and of "
            "strokes penman_strokes, iam_ondb and stroke_folder"
        )
    _check_source(kind, request)
    settings: dict[str, Any] = {
        "data_dir": request.data_dir,
        "source": request.source,
        "options": _options(kind, request),
    }
    if request.splits is not None:
        settings["lists"] = read_split_lists(request.splits, nested=kind in ("iam", "iam_ondb"))
    if kind in _NAMED:
        name = request.name or config or user_path(request.source or "").resolve().name.split(".")[0]
        if not re.fullmatch(r"[\w-]+", name):
            raise UserError(f"{name!r} cannot be the name of a folder of data; --name= takes letters, digits, _, -")
        verbosity = logging.get_verbosity()
        logging.set_verbosity(logging.ERROR)  # tfds would warn that the config name is not predefined
        try:
            return _NAMED[kind](dataset_name=name, **settings)
        finally:
            logging.set_verbosity(verbosity)
    config, builder = config or DEFAULT_CONFIGS[kind], _FIXED[kind]
    if config not in builder.builder_configs:
        raise UserError(f"no dataset {request.dataset!r}; {kind} has {sorted(builder.builder_configs)}")
    return builder(config=config, **settings)


def _check_source(kind: str, request: Request) -> None:
    if kind in _SYNTHETIC and (request.source or request.splits):
        raise UserError(f"{kind} is synthetic, it has neither --source nor --splits")
    if kind not in _SYNTHETIC and not request.source:
        raise UserError(f"{request.dataset} needs --source=: the folder or archive of its raw files")
    if request.source and not user_path(request.source).exists():
        raise UserError(f"--source={request.source}: no such file or folder")


def _options(kind: str, request: Request) -> dict[str, Any]:
    given = {name: getattr(request, name) for name in _OPTION_FIELDS if getattr(request, name)}
    for name in given:
        if name not in _OPTIONS.get(kind, ()):
            raise UserError(f"--{name} is no option of {kind}")
    return given
