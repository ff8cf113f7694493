"""Raw files → a prepared dataset on disk.

python -m hwgan.prepare --dataset=penman
python -m hwgan.prepare --dataset=iam/words --source=DIR      (DIR holds words.tgz and ascii.tgz, or both extracted)
python -m hwgan.prepare --dataset=word_folder --source=DIR_OR_ARCHIVE --name=mywords
"""

import pathlib
from typing import Any

from absl import flags

from hwgan import datasets
from hwgan.datasets.builder import prepare
from hwgan.errors import UserError, run_main


def prepare_dataset(dataset: str, data_dir: str, source: str | None = None, name: str | None = None) -> dict[str, Any]:
    """Writes a dataset as array_record under `data_dir`, unless it is there already.

    Args:
      dataset: "penman", "penman/words", "iam/words", "iam/lines" or "word_folder".
      data_dir: where prepared datasets lie.
      source: folder or archive of raw files; penman has none.
      name: what to call a word_folder; the source's name by default.

    Returns:
      The summary: examples, writers, alphabet, what was skipped and why.

    Raises:
      UserError: no such dataset, or raw files that cannot be used.
    """
    builder = datasets.create_builder(dataset, data_dir, source, name)
    try:
        return prepare(builder)
    except OSError as error:
        raise UserError(f"cannot prepare {dataset} under {data_dir!r}: {error}") from error


def prepare_if_made_here(dataset: str, data_dir: str) -> None:
    """Prepares a dataset that needs no raw files, so that training on it is one command."""
    if dataset.split("/")[0] == "penman":
        prepare_dataset(dataset, data_dir)


def describe(summary: dict[str, Any]) -> str:
    """The summary as a few lines of text."""
    skipped = [
        f"  skipped, {reason}: {rows['count']} (first: {', '.join(rows['first'][:5])})"
        for reason, rows in summary["skipped"].items()
    ]
    lines = [
        f"{summary['dataset']} {summary['version']}",
        *(
            f"  {split}: {count} examples by {summary['writers'][split] or 'unknown'} writers"
            for split, count in summary["examples"].items()
        ),
        f"  alphabet ({len(summary['alphabet'])}): {summary['alphabet']}",
        *(skipped or ["  skipped: none"]),
    ]
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    """Prepares by the flags of the command line."""
    del argv
    args = flags.FLAGS
    summary = prepare_dataset(args.dataset, args.data_dir, args.source, args.name)
    print(describe(summary))
    config = summary["dataset"]
    print(f"in {pathlib.Path(args.data_dir) / config}; train on it with --config.data.dataset={config}")


if __name__ == "__main__":
    flags.DEFINE_string("dataset", None, "penman, penman/words, iam/words, iam/lines or word_folder", required=True)
    flags.DEFINE_string("source", None, "folder or archive of the raw files")
    flags.DEFINE_string("name", None, "what to call a word_folder; its source's name by default")
    flags.DEFINE_string("data_dir", "data", "where prepared datasets lie")
    run_main(main)
