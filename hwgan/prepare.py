"""Raw files → a prepared dataset on disk.

python -m hwgan.prepare --dataset=penman
python -m hwgan.prepare --dataset=iam/words --source=DIR      (DIR holds words.tgz and ascii.tgz, or both extracted)
python -m hwgan.prepare --dataset=word_folder --source=DIR_OR_ARCHIVE --name=mywords
python -m hwgan.prepare --dataset=pages --source=DIR_OR_ARCHIVE --name=mypages      (ALTO or PAGE XML with page images)
python -m hwgan.prepare --dataset=pages --source=DIR_OR_ARCHIVE --name=mypages --unit=word      (cut into words)

Strokes of a pen, for configs/strokes_demo.py and its like:
python -m hwgan.prepare --dataset=penman_strokes
python -m hwgan.prepare --dataset=iam_ondb/words --source=DIR               (DIR holds lineStrokes and ascii)
python -m hwgan.prepare --dataset=stroke_folder --source=DIR_OR_ARCHIVE --name=mystrokes      (JSON or InkML)

--preview=preview.png draws a grid of examples, and prints statistics and suspicious rows of the dataset.
--preview_steps=steps.png draws some words after each preprocessing step; of strokes, after each cleaning step.
"""

import pathlib
import time
from typing import Any

from absl import flags
from PIL import Image

from hwgan import datasets
from hwgan.data.ink_cache import is_ink
from hwgan.data.ink_cleaning import Cleaning
from hwgan.data.ink_survey import draw_ink_examples, draw_ink_steps, survey_ink
from hwgan.data.prepared import DOUBTFUL_FILE, SUMMARY_FILE, dataset_directory
from hwgan.data.previews import draw_examples, draw_steps
from hwgan.data.survey import describe_survey, survey
from hwgan.data.transforms import WHITE, decode_grey
from hwgan.datasets.write import write_dataset
from hwgan.runtime.command_line import run_main
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, read_regular, replace_image, writing
from hwgan.runtime.untrusted import reading

_PREVIEW_EXAMPLES = 60
_MAX_PICTURE_BYTES = 50 << 20
# Every step of cleaning, with values that suit lines of writing.
_ALL_STEPS = Cleaning(outliers=12.0, slope=True, size="deviation", slant=True, late_strokes="within", step=0.3)


def prepare_dataset(dataset: str, data_dir: str, source: str | None = None, name: str | None = None, **options) -> dict:
    """Writes a dataset as array_record files under `data_dir`, unless it exists already.

    Args:
      dataset: "penman", "penman/words", "iam/words", "iam/lines", "word_folder" or "pages"; or of strokes
        "penman_strokes", "iam_ondb" or "stroke_folder".
      data_dir: directory of prepared datasets.
      source: folder or archive of raw files; None for synthetic datasets.
      name: name of a word_folder, pages or stroke_folder dataset; the name of the source by default.
      **options: further fields of `hwgan.datasets.Request`.

    Returns:
      The summary: numbers of examples and writers, alphabet, options, checksum, skipped examples by reason.

    Raises:
      UserError: the dataset does not exist, its raw files cannot be used, or the disk is full.
    """
    builder = datasets.create_builder(datasets.Request(dataset, data_dir, source, name, **options))
    try:
        return write_dataset(builder)
    except UserError:
        raise
    except Exception as error:  # a full disk raises OSError, or RuntimeError in array_record
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = getattr(error, "strerror", None) or lines[-1][:300]
        raise UserError(f"cannot prepare {dataset} under {data_dir!r}: {reason}") from error


def prepare_if_synthetic(dataset: str, data_dir: str) -> None:
    """Prepares the dataset if it is synthetic, so that training on it is a single command."""
    if datasets.is_synthetic(dataset):
        prepare_dataset(dataset, data_dir)


def describe(summary: dict[str, Any]) -> str:
    """Formats a summary as a few lines of text."""
    skipped = [
        f"  skipped, {reason}: {rows['count']} (first: {', '.join(rows['first'][:5])})"
        for reason, rows in summary["skipped"].items()
    ]
    options = "".join(f"{name} {value}, " for name, value in summary["options"].items())
    lines = [
        f"{summary['dataset']} {summary['version']}, checksum {summary['content'][:16]}",
        f"  {options}splits: {summary['splits']}",
        *([f"  texts: {summary['texts']}"] if summary.get("texts") else []),
        *(
            f"  {split}: {count} examples by {summary['writers'][split] or 'unknown'} writers"
            for split, count in summary["examples"].items()
        ),
        f"  alphabet ({len(summary['alphabet'])}{', right to left' if summary['right_to_left'] else ''}): "
        + " ".join(f"{c}:{count}" for c, count in summary["character_counts"].items()),
        *(skipped or ["  skipped: none"]),
        *(f"  warning: {warning}" for warning in summary.get("warnings", [])),
    ]
    return "\n".join(lines)


def preview(data_dir: str, dataset: str, splits: list[str], path: str) -> str:
    """Writes a preview of some examples to `path`; returns statistics and suspicious rows as text.

    Below the examples it shows lines with words that could not be cut out, if there are some.

    Raises:
      UserError: a row is damaged, or the preview cannot be written.
    """
    with reading(f"the dataset {dataset!r}"):
        if is_ink(data_dir, dataset):
            picture = draw_ink_examples(data_dir, dataset, splits, _PREVIEW_EXAMPLES)
            found = survey_ink(data_dir, dataset, splits)
        else:
            picture = draw_examples(data_dir, dataset, splits, _PREVIEW_EXAMPLES)
            doubtful = dataset_directory(data_dir, dataset) / DOUBTFUL_FILE
            picture = _stacked([picture, _read(doubtful)]) if doubtful.exists() else picture
            found = describe_survey(survey(data_dir, dataset, splits))
    _save(picture, path)
    return found


def _read(path: pathlib.Path) -> Image.Image:
    try:
        return Image.fromarray(decode_grey(read_regular(path, _MAX_PICTURE_BYTES)))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}); remove its folder and prepare the dataset again") from error


def _stacked(pictures: list[Image.Image]) -> Image.Image:
    size = max(picture.width for picture in pictures), sum(picture.height for picture in pictures)
    stacked, top = Image.new("L", size, WHITE), 0
    for picture in pictures:
        stacked.paste(picture, (0, top))
        top += picture.height
    return stacked


def preview_steps(data_dir: str, dataset: str, path: str) -> None:
    """Writes a preview of some words after each preprocessing step to `path`.

    Raises:
      UserError: a row is damaged, or the preview cannot be written.
    """
    with reading(f"the dataset {dataset!r}"):
        of_ink = is_ink(data_dir, dataset)
        picture = draw_ink_steps(data_dir, dataset, _ALL_STEPS) if of_ink else draw_steps(data_dir, dataset)
    _save(picture, path)


def _save(image: Image.Image, path: str) -> None:
    with writing(path):
        replace_image(pathlib.Path(path), image)
    print(f"wrote {path}")


def main(argv: list[str]) -> None:
    """Prepares by the flags of the command line."""
    del argv
    args = flags.FLAGS
    for flag, path in (("preview", args.preview), ("preview_steps", args.preview_steps)):
        if path:
            check_output_file(flag, path, image=True)
            if args.source and pathlib.Path(path).resolve().is_relative_to(pathlib.Path(args.source).resolve()):
                raise UserError(
                    f"--{flag}={path} lies in --source=, of whose files it would be one; choose another place"
                )
    start, began = time.perf_counter(), time.time() - 1.0  # a second, for the clocks of file systems are coarse
    options = {
        "splits": args.splits,
        "whiten": args.whiten,
        "allow_missing": args.allow_missing,
        "unit": args.unit,
        "writer_pattern": args.writer_pattern,
    }
    summary = prepare_dataset(args.dataset, args.data_dir, args.source, args.name, **options)
    print(describe(summary))
    name = summary["dataset"]
    is_new = (dataset_directory(args.data_dir, name) / SUMMARY_FILE).stat().st_mtime >= began
    took = f"in {time.perf_counter() - start:.1f} s" if is_new else "before, from the same files"
    print(f"prepared {pathlib.Path(args.data_dir) / name} {took}; train on it with --config.data.dataset={name}")
    if args.preview:
        print(preview(args.data_dir, name, list(summary["examples"]), args.preview))
    if args.preview_steps:
        preview_steps(args.data_dir, name, args.preview_steps)


if __name__ == "__main__":
    flags.DEFINE_string(
        "dataset",
        None,
        "penman, penman/words, iam/words, iam/lines, word_folder or pages; of strokes penman_strokes, "
        "iam_ondb/words, iam_ondb/lines or stroke_folder",
        required=True,
    )
    flags.DEFINE_string("source", None, "folder or archive of the raw files")
    flags.DEFINE_string("name", None, "name of a word_folder, pages or stroke_folder dataset; by default its source's")
    flags.DEFINE_string("data_dir", "data", "directory of prepared datasets")
    flags.DEFINE_string("splits", None, "folder with train.txt, validation.txt and test.txt, one id per line")
    flags.DEFINE_bool("whiten", False, "iam: make the grey paper around words white")
    flags.DEFINE_bool("allow_missing", False, "iam: prepare it although more than a tenth of the images is missing")
    flags.DEFINE_enum("unit", "", ["", "line", "word"], "pages: the unit of an example; line by default")
    flags.DEFINE_string("writer_pattern", "", "pages: regular expression that finds the writer in a page's name")
    flags.DEFINE_string("preview", None, "image file for a grid of examples; also prints statistics")
    flags.DEFINE_string("preview_steps", None, "image file for words after each preprocessing step")
    run_main(main)
