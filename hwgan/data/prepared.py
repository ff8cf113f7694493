"""Prepared datasets on disk: their directories, summaries and rows."""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_plain, read_regular, user_cache_folder, user_path
from hwgan.runtime.untrusted import reading

# A sequence of dicts. It is not annotated as one, because a run-time type checker would read a row from disk.
Rows = Any
# The config of a dataset of which only the name is given.
DEFAULT_CONFIGS = {"penman": "demo", "penman_strokes": "demo", "iam": "words", "iam_ondb": "lines"}
SUMMARY_FILE = "summary.json"  # hwgan.prepare writes it last: a dataset without it is incomplete
DOUBTFUL_FILE = "doubtful.png"  # lines with words that could not be cut out, for the preview
_VERSIONS = f"*/{SUMMARY_FILE}"
FEATURES_FILE = "features.json"  # tfds writes it: it names the class that decodes each field
# The feature classes that a prepared dataset may name. tfds imports any module that the features file names, and a
# dataset may come from an untrusted source, so other classes are rejected before tfds reads the file.
_FEATURE_CLASSES = frozenset(
    f"tensorflow_datasets.core.features.{name}"
    for name in (
        "bounding_boxes.BBoxFeature",
        "class_label_feature.ClassLabel",
        "features_dict.FeaturesDict",
        "image_feature.Image",
        "scalar.Scalar",
        "sequence_feature.Sequence",
        "tensor_feature.Tensor",
        "text_feature.Text",
    )
)
_CLASS_KEYS = ("pythonClassName", "python_class_name", "type", "proto_cls")
_MAX_FEATURES_BYTES, _MAX_SUMMARY_BYTES = 1 << 20, 50 << 20
_TYPES = {"content": str, "right_to_left": bool, "alphabet": str, "options": dict, "source": str, "source_listing": str}
_TYPES |= {"examples": dict, "writers": dict, "skipped": dict, "character_counts": dict}
_REQUIRED = ("content", "right_to_left", "alphabet", "options", "source", "source_listing", "splits")


def dataset_directory(data_dir: str, dataset: str) -> pathlib.Path:
    """The directory of the newest prepared version of `dataset` ("name/config"; "name" for its default config).

    Raises:
      UserError: there is no prepared version.
    """
    name, _, config = dataset.partition("/")
    root = user_path(data_dir)
    versions = [path.parent for path in (root / name / (config or DEFAULT_CONFIGS.get(name, ""))).glob(_VERSIONS)]
    if not versions:
        there = sorted({path.parents[1].relative_to(root).as_posix() for path in root.glob(f"*/*/{_VERSIONS}")})
        named = name in ("pages", "word_folder", "stroke_folder")
        arguments = [f"--dataset={name if named else dataset}"]
        arguments += ["--source=FOLDER_OR_ARCHIVE"] if not name.startswith("penman") else []
        arguments += [f"--name={config}"] if named and config else []
        arguments += [f"--data_dir={data_dir}"] if str(data_dir) != "data" else []
        missing = (
            f"no prepared dataset {dataset!r} under {str(data_dir)!r}, where there is {', '.join(there) or 'none'}"
        )
        if whole := [other for other in there if dataset == other.partition("/")[2]]:
            raise UserError(f"{missing}; did you mean {whole[0]}?")
        similar = get_close_matches(dataset, there, n=1, cutoff=0.8)
        raise UserError(
            f"{missing}; {f'did you mean {similar[0]}? If not, ' if similar else ''}make it with: python -m "
            f"hwgan.prepare {' '.join(arguments)}"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".") if part.isdigit()])


def dataset_names(datasets: str) -> list[str]:
    """The names in a list separated by commas, as `data.dataset` may be.

    Raises:
      UserError: there is none, or one comes twice.
    """
    names = [name.strip() for name in datasets.split(",")]
    if names == [""]:
        raise UserError(
            "no dataset is named: give one that hwgan.prepare made, for a run by --config.data.dataset=NAME/CONFIG"
        )
    if not all(names) or len(set(names)) < len(names):
        raise UserError(f"{datasets!r} must be names of prepared datasets, separated by commas, each once")
    return names


def cache_folders(data_dir: str, dataset: str, cache_dir: str) -> list[pathlib.Path]:
    """Where what is computed from a prepared dataset may be kept; the first that can be written to is used.

    Args:
      data_dir: directory of prepared datasets.
      dataset: "name/config".
      cache_dir: directory of caches; "" for a folder inside the prepared dataset, or if that is read-only, for one in
        the user's cache folder.

    Raises:
      UserError: there is no prepared version.
    """
    if cache_dir:
        return [user_path(cache_dir)]
    folders = [dataset_directory(data_dir, dataset) / "cache"]
    with contextlib.suppress(RuntimeError):  # the user has no home
        folders.append(user_cache_folder("decoded"))
    return folders


def writer_among(names: list[str], dataset: str, writer: str) -> str:
    """The name of a writer of one of several datasets, "name/config writer"; as it is if there is one, or it is ""."""
    return f"{dataset} {writer}" if writer and len(names) > 1 else writer


def combined_summary(data_dir: str, datasets: str) -> dict[str, Any]:
    """What a run must know of one or several prepared datasets.

    Args:
      data_dir: directory of prepared datasets.
      datasets: their names, separated by commas.

    Returns:
      `alphabet`: all characters of any of them; `right_to_left`; `content`: their checksums, joined by "+";
      `splits`: the names of the splits that any of them has.

    Raises:
      UserError: a dataset is missing, or one is written from right to left and another is not.
    """
    summaries = {name: read_summary(data_dir, name) for name in dataset_names(datasets)}
    directions = {name: summary["right_to_left"] for name, summary in summaries.items()}
    if len(set(directions.values())) > 1:
        names = [", ".join(name for name, rtl in directions.items() if rtl is wanted) for wanted in (True, False)]
        raise UserError(f"{names[0]} is written from right to left and {names[1]} is not; train on them apart")
    return {
        "alphabet": "".join(sorted({c for summary in summaries.values() for c in summary["alphabet"]})),
        "right_to_left": next(iter(directions.values())),
        "content": "+".join(summary["content"] for summary in summaries.values()),
        "splits": sorted({split for summary in summaries.values() for split in _split_names(summary)}),
    }


def has_split(data_dir: str, dataset: str, split: str) -> bool:
    """Whether one prepared dataset has a split."""
    return split in _split_names(read_summary(data_dir, dataset))


def _split_names(summary: dict[str, Any]) -> list[str]:
    return list(summary.get("examples", ("train", "validation", "test")))  # older summaries do not list them


def read_summary(data_dir: str, dataset: str) -> dict[str, Any]:
    """The summary that `hwgan.prepare` wrote: counts, alphabet, options, checksum, skipped rows."""
    return parse_summary(dataset_directory(data_dir, dataset) / SUMMARY_FILE)


def parse_summary(path: pathlib.Path) -> dict[str, Any]:
    """Reads a summary file.

    Raises:
      UserError: the file cannot be read, or an older version of hwgan wrote it.
    """
    try:
        summary = json.loads(read_regular(path, _MAX_SUMMARY_BYTES))
        absent = [name for name in _REQUIRED if name not in summary]
        odd = [name for name, kind in _TYPES.items() if not isinstance(summary.get(name, kind()), kind)]
        if odd:
            raise ValueError(f"its {odd[0]} is no {_TYPES[odd[0]].__name__}")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove its folder and prepare the dataset again") from error
    if absent:
        raise UserError(f"{path.parent} was prepared by an older version of hwgan; remove it and prepare it again")
    return summary


def check_features(path: pathlib.Path) -> None:
    """Checks that a features file names only known tfds feature classes.

    tfds imports the module of every class that the file names, so an untrusted file could run arbitrary code.

    Args:
      path: path of `features.json`.

    Raises:
      UserError: the file is missing, is not JSON, is larger than 1 MiB, or names any other class.
    """
    try:
        named = list(_named_classes(json.loads(read_regular(path, _MAX_FEATURES_BYTES))))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove its folder and prepare the dataset again") from error
    unknown = sorted({repr(name)[:100] for name in named if name not in _FEATURE_CLASSES})
    if unknown or not named:
        raise UserError(
            f"{path} names the classes {', '.join(unknown) or '(none)'}, which no dataset made by hwgan.prepare does; "
            "their code was not run. Do not use this dataset, or prepare it again from its raw files"
        )


def _named_classes(value: Any) -> Iterator[Any]:
    """All values, at any depth, of keys that tfds interprets as the name of a class."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _CLASS_KEYS and not isinstance(inner, dict):
                yield tuple(inner) if isinstance(inner, list) else inner
            else:
                yield from _named_classes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_classes(inner)


def open_rows(data_dir: str, dataset: str, split: str) -> Rows:
    """The rows of a split, indexed by number: dicts of `id`, `image` (encoded) or `ink`, `text`, `writer`, extras.

    Raises:
      UserError: the dataset or the split does not exist, its file is damaged, or `check_features` rejects it.
    """
    import tensorflow_datasets as tfds  # here, as names and summaries need none of it, and it takes long to import

    directory = dataset_directory(data_dir, dataset)
    _check_files(directory)
    check_features(directory / FEATURES_FILE)
    with reading(f"the dataset {dataset!r} (remove {directory} and prepare it again)"):
        builder = tfds.builder_from_directory(directory)
        if split not in builder.info.splits:
            raise UserError(f"dataset {dataset} has no split {split!r}; it has {sorted(builder.info.splits)}")
        features: Any = builder.info.features
        decoders = {"image": tfds.decode.SkipDecoding()} if "image" in features else None
        rows = builder.as_data_source(split, decoders=decoders)
        len(rows)  # opens the file, which fails if it is damaged
    return rows


def _check_files(directory: pathlib.Path) -> None:
    """Raises UserError if something in a dataset's folder is neither file nor folder, or describes itself too long."""
    for path in directory.iterdir():
        size = check_plain(path, "prepared dataset").st_size
        if path.suffix == ".json" and size > _MAX_SUMMARY_BYTES:
            raise UserError(f"{path} has {size / 1e6:.0f} MB, more than any prepared dataset's")


def read_texts(data_dir: str, dataset: str, split: str) -> list[str]:
    """The transcriptions of a split of one or several datasets, in the order of their rows."""
    return [row_text(row, "text") for name in dataset_names(dataset) for row in open_rows(data_dir, name, split)]


def row_text(row: dict[str, Any], field: str) -> str:
    """A text field of a row as str; tfds returns bytes."""
    value = row[field]
    return value.decode() if isinstance(value, bytes) else value
