"""Prepared datasets on disk: where they lie, what their summary says, and their rows."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import tensorflow_datasets as tfds

from hwgan.errors import UserError

SUMMARY_FILE = "summary.json"  # written by hwgan.prepare as the last thing: without it a dataset is not whole


def dataset_directory(data_dir: str, dataset: str) -> pathlib.Path:
    """Where the newest prepared version of `dataset` ("name/config") lies.

    Raises:
      UserError: it was not prepared.
    """
    name, _, config = dataset.partition("/")
    parent = pathlib.Path(data_dir).expanduser() / name / config
    versions = [path.parent for path in parent.glob(f"*/{SUMMARY_FILE}")]
    if not versions:
        raise UserError(
            f"no prepared dataset {dataset!r} under {str(data_dir)!r}; "
            f"make it with: python -m hwgan.prepare --dataset={name} --data_dir={data_dir} (see --help for the rest)"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".") if part.isdigit()])


def read_summary(data_dir: str, dataset: str) -> dict[str, Any]:
    """What `hwgan.prepare` wrote of a dataset: counts, alphabet, options, what was skipped."""
    path = dataset_directory(data_dir, dataset) / SUMMARY_FILE
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove its folder and prepare the dataset again") from error


def open_rows(data_dir: str, dataset: str, split: str) -> Sequence[dict[str, Any]]:
    """The rows of a split by number, images still encoded: `id`, `image`, `text`, `writer`, and what else the set has.

    Raises:
      UserError: the dataset or the split does not exist.
    """
    builder = tfds.builder_from_directory(dataset_directory(data_dir, dataset))
    if split not in builder.info.splits:
        raise UserError(f"dataset {dataset} has no split {split!r}; it has {sorted(builder.info.splits)}")
    return builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})


def row_text(row: dict[str, Any], field: str) -> str:
    """A text field of a row; tfds gives bytes."""
    value = row[field]
    return value.decode() if isinstance(value, bytes) else value
