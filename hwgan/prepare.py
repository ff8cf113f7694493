"""Raw files → a prepared dataset on disk.

python -m hwgan.prepare --dataset=penman
python -m hwgan.prepare --dataset=iam/words --source=DIR      (DIR holds words.tgz and ascii.tgz, or both extracted)
python -m hwgan.prepare --dataset=word_folder --source=DIR_OR_ARCHIVE --name=mywords
python -m hwgan.prepare --dataset=pages --source=DIR_OR_ARCHIVE --name=mypages      (ALTO or PAGE XML with page images)

With --preview=sheet.png it also looks at what it made: a sheet of examples, and a table of figures and suspicious rows;
with --preview_steps=sheet.png it draws what each step of the preprocessing does to some words.
"""

import pathlib
import time
from typing import Any

from absl import flags
from PIL import Image

from hwgan import datasets
from hwgan.data.survey import describe_survey, draw_examples, draw_steps, survey
from hwgan.datasets.write import write_dataset
from hwgan.errors import UserError, run_main

_PREVIEW_EXAMPLES = 60


def prepare_dataset(dataset: str, data_dir: str, source: str | None = None, name: str | None = None, **options) -> dict:
    """Writes a dataset as array_record under `data_dir`, unless it is there already.

    Args:
      dataset: "penman", "penman/words", "iam/words", "iam/lines", "word_folder" or "pages".
      data_dir: where prepared datasets lie.
      source: folder or archive of raw files; penman has none.
      name: what to call a word_folder or pages; the source's name by default.
      **options: see `hwgan.datasets.Request`.

    Returns:
      The summary: examples, writers, alphabet, options, checksum, what was skipped and why.

    Raises:
      UserError: no such dataset, raw files that cannot be used, or no room.
    """
    builder = datasets.create_builder(datasets.Request(dataset, data_dir, source, name, **options))
    try:
        return write_dataset(builder)
    except UserError:
        raise
    except Exception as error:  # a full disk ends in OSError, or in the RuntimeError of array_record
        reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[-1][:300]
        raise UserError(f"cannot prepare {dataset} under {data_dir!r}: {reason}") from error


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
    options = ", ".join(f"{name} {value}" for name, value in summary["options"].items()) or "none"
    lines = [
        f"{summary['dataset']} {summary['version']}, content {summary['content'][:16]}",
        f"  options: {options}; splits: {summary['splits']}",
        *(
            f"  {split}: {count} examples by {summary['writers'][split] or 'unknown'} writers"
            for split, count in summary["examples"].items()
        ),
        f"  alphabet ({len(summary['alphabet'])}{', right to left' if summary['right_to_left'] else ''}): "
        + " ".join(f"{c}:{count}" for c, count in summary["character_counts"].items()),
        *(skipped or ["  skipped: none"]),
    ]
    return "\n".join(lines)


def preview(data_dir: str, dataset: str, splits: list[str], path: str) -> str:
    """Draws a sheet of examples to `path`; returns the table of figures.

    Raises:
      UserError: the sheet cannot be written.
    """
    _save(draw_examples(data_dir, dataset, splits, _PREVIEW_EXAMPLES), path)
    return describe_survey(survey(data_dir, dataset, splits))


def preview_steps(data_dir: str, dataset: str, path: str) -> None:
    """Draws to `path` what each step of the preprocessing does.

    Raises:
      UserError: the sheet cannot be written.
    """
    _save(draw_steps(data_dir, dataset), path)


def _save(sheet: Image.Image, path: str) -> None:
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write the preview {path!r}: {error}") from error
    print(f"drew {path}")


def main(argv: list[str]) -> None:
    """Prepares by the flags of the command line."""
    del argv
    args = flags.FLAGS
    began = time.perf_counter()
    options = {"splits": args.splits, "whiten": args.whiten, "unit": args.unit}
    summary = prepare_dataset(args.dataset, args.data_dir, args.source, args.name, **options)
    print(describe(summary))
    name = summary["dataset"]
    print(
        f"in {pathlib.Path(args.data_dir) / name} after {time.perf_counter() - began:.1f} s; "
        f"train on it with --config.data.dataset={name}"
    )
    if args.preview:
        print(preview(args.data_dir, name, list(summary["examples"]), args.preview))
    if args.preview_steps:
        preview_steps(args.data_dir, name, args.preview_steps)


if __name__ == "__main__":
    flags.DEFINE_string(
        "dataset", None, "penman, penman/words, iam/words, iam/lines, word_folder or pages", required=True
    )
    flags.DEFINE_string("source", None, "folder or archive of the raw files")
    flags.DEFINE_string("name", None, "what to call a word_folder or pages; its source's name by default")
    flags.DEFINE_string("data_dir", "data", "where prepared datasets lie")
    flags.DEFINE_string("splits", None, "folder with train.txt, validation.txt and test.txt: an id a line")
    flags.DEFINE_bool("whiten", False, "iam: make the grey paper around words white")
    flags.DEFINE_enum("unit", "", ["", "line", "word"], "pages: what becomes an example; line by default")
    flags.DEFINE_string("preview", None, "image file for a sheet of examples; prints figures and suspicious rows too")
    flags.DEFINE_string("preview_steps", None, "image file that shows what each step of the preprocessing does")
    run_main(main)
