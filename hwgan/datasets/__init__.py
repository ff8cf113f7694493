"""Datasets: a package each, found here by name."""

import pathlib

from hwgan.datasets.builder import WordImageBuilder
from hwgan.datasets.iam.builder import Iam
from hwgan.datasets.penman.builder import Penman
from hwgan.datasets.word_folder.builder import WordFolder
from hwgan.errors import UserError

_CONFIGURED = {"penman": Penman, "iam": Iam}
DEFAULT_CONFIG = {"penman": "demo", "iam": "words"}


def create_builder(dataset: str, data_dir: str, source: str | None, name: str | None) -> WordImageBuilder:
    """The builder of "name" or "name/config".

    Raises:
      UserError: no such dataset, or a source that is missing or out of place.
    """
    kind, _, config = dataset.partition("/")
    if kind not in _CONFIGURED and kind != "word_folder":
        raise UserError(f"no dataset {dataset!r}; there are penman, iam/words, iam/lines and word_folder")
    if kind == "penman" and source:
        raise UserError("penman is drawn, it has no --source")
    if kind != "penman" and not source:
        raise UserError(f"{dataset} needs --source=: the folder or archive of its raw files")
    if source and not pathlib.Path(source).expanduser().exists():
        raise UserError(f"--source={source}: no such file or folder")
    if kind == "word_folder" and source:
        return WordFolder(source=source, dataset_name=name or config or pathlib.Path(source).stem, data_dir=data_dir)
    config = config or DEFAULT_CONFIG[kind]
    builder = _CONFIGURED[kind]
    if config not in builder.builder_configs:
        raise UserError(f"no dataset {dataset!r}; {kind} has {sorted(builder.builder_configs)}")
    return builder(config=config, source=source, data_dir=data_dir)
