"""Prepared datasets on disk: where they lie, what their summary says, and their rows."""

import json
import pathlib
from typing import Any

import tensorflow_datasets as tfds

from hwgan.errors import UserError

# A sequence of dicts. Not declared so, for whoever checks types by looking at a row would read it from disk.
Rows = Any
SUMMARY_FILE = "summary.json"  # written by hwgan.prepare as the last thing: without it a dataset is not whole
_REQUIRED = ("content", "right_to_left", "alphabet", "options", "source", "source_listing", "splits")


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
    return parse_summary(dataset_directory(data_dir, dataset) / SUMMARY_FILE)


def parse_summary(path: pathlib.Path) -> dict[str, Any]:
    """A summary file.

    Raises:
      UserError: it cannot be read, or was written by an older version.
    """
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        absent = [name for name in _REQUIRED if name not in summary]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove its folder and prepare the dataset again") from error
    if absent:
        raise UserError(f"{path.parent} was prepared by an older version of hwgan; remove it and prepare it again")
    return summary


def open_rows(data_dir: str, dataset: str, split: str) -> Rows:
    """The rows of a split by number, images still encoded: `id`, `image`, `text`, `writer`, and what else the set has.

    Raises:
      UserError: the dataset or the split does not exist, or its file is damaged.
    """
    builder = tfds.builder_from_directory(dataset_directory(data_dir, dataset))
    if split not in builder.info.splits:
        raise UserError(f"dataset {dataset} has no split {split!r}; it has {sorted(builder.info.splits)}")
    rows = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
    try:
        len(rows)  # opens the file
    except RuntimeError as error:
        raise UserError(
            f"{dataset} {split} is damaged on disk ({str(error)[:200]}); remove {builder.data_dir} and prepare it again"
        ) from error
    return rows


def read_texts(data_dir: str, dataset: str, split: str) -> list[str]:
    """What the words of a split say, in the order of its rows."""
    return [row_text(row, "text") for row in open_rows(data_dir, dataset, split)]


def row_text(row: dict[str, Any], field: str) -> str:
    """A text field of a row; tfds gives bytes."""
    value = row[field]
    return value.decode() if isinstance(value, bytes) else value
