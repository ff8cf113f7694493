"""Reads images of handwritten words with a recognizer.

Images of words, of lines, or of a page, whose words are found as by hwgan.style; by an evaluator of the package, or a
recognizer of your own (configs/htr.py):
  python -m hwgan.read --checkpoint=iam_evaluator --images=page.jpg --output=readings.tsv --preview=cut.png
  python -m hwgan.read --checkpoint=runs/htr --images=words/ --output=readings.tsv

A line of the table is one word: file, number of the word as --preview shows it, number of its line, its box in pixels
of the image (left, top, right, bottom), reading, and the confidence of the reading in [0, 1]. The place of a word on
its line depends on its text, which is not known: the word is read at each place that words have, with or without
ascenders and descenders, and the most probable reading is taken (hwgan/sampling/word_reader.py).
"""

import itertools
import pathlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from absl import flags

from hwgan.checkpoints.names import shipped_names
from hwgan.data.word_cutting import CutWord
from hwgan.evaluation.open import open_evaluator
from hwgan.runtime.command_line import run_main, warn
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, replace_image, replace_text, writing
from hwgan.runtime.progress import Progress
from hwgan.sampling.style_images import LAYOUTS, check_preview, list_images, preview, words_of_images
from hwgan.sampling.word_reader import WordReader

_COLUMNS = ("file", "word", "line", "box", "reading", "confidence")
_CHUNK = 64  # words that are read at once


class Reading(NamedTuple):
    """A word of an image, as it was read.

    Attributes:
      file: path of the image.
      number: of the word among all words of all images, from 1.
      word: the word.
      text: "" where nothing is read.
      confidence: geometric mean of the probabilities of the labels, in [0, 1].
    """

    file: str
    number: int
    word: CutWord
    text: str
    confidence: float


def open_reader(checkpoint: str) -> WordReader:
    """The recognizer of a checkpoint, for words of unknown text.

    Args:
      checkpoint: workdir of a run, a file that `hwgan.export` wrote, or the name of an evaluator in the package.

    Raises:
      UserError: it has no recognizer, or one by a transducer.
    """
    return open_evaluator(checkpoint).for_scans().word_reader()


def read_words(
    reader: WordReader, images: Iterable[tuple[str, np.ndarray]], layout: str, total: int | None = None
) -> Iterator[Reading]:
    """Finds the words of images and reads them, one image at a time.

    Args:
      reader: a recognizer.
      images: paths, and uint8 [height, width] each.
      layout: what they show; see `words_of_images`.
      total: number of images, for the progress that is shown.
    """
    found = _cut_words(reader, images, layout, total)
    number = 0
    while chunk := list(itertools.islice(found, _CHUNK)):
        texts, confidences = reader.read([word.image for _, word in chunk])
        for (file, word), text, confidence in zip(chunk, texts, confidences.tolist(), strict=True):
            number += 1
            yield Reading(file, number, word, text, confidence)


def _cut_words(
    reader: WordReader, images: Iterable[tuple[str, np.ndarray]], layout: str, total: int | None
) -> Iterator[tuple[str, CutWord]]:
    with Progress("reading", total, "images") as progress:
        for file, image in images:
            for word in words_of_images([image], layout, right_to_left=reader.charset.right_to_left):
                yield file, word
            progress.update()


def main(argv: list[str]) -> None:
    """Reads by the flags of the command line."""
    del argv
    args = flags.FLAGS
    check_output_file("output", args.output, endings=(".tsv",))
    if args.preview:
        check_output_file("preview", args.preview, image=True)
        check_preview(args.preview, args.images)
    files = list_images(args.images)
    images = ((file.name, file.read()) for file in files)
    rows, words, confidences, read = ["\t".join(_COLUMNS)], [], [], set()
    for file, number, word, text, confidence in read_words(
        open_reader(args.checkpoint), images, args.layout, len(files)
    ):
        box = " ".join(map(str, word.box))
        rows.append("\t".join([file, str(number), str(word.line + 1), box, text, f"{confidence:.3f}"]))
        confidences.append(confidence)
        read.add(file)
        if args.preview:  # which alone needs the images of all words
            words.append(word)
    if not confidences:
        raise UserError(
            f"no handwriting is found in {args.images!r}; its ink must be darker than the paper, or lighter"
        )
    for file in files:
        if file.name not in read:
            warn(f"no word is found in {file.name}")
    with writing(args.output):
        replace_text(pathlib.Path(args.output), "\n".join(rows) + "\n")
    if args.preview:
        with writing(args.preview):
            replace_image(pathlib.Path(args.preview), preview(words))
    print(f"wrote {args.output}: {len(confidences)} words, mean confidence {np.mean(confidences):.2f}")


if __name__ == "__main__":
    flags.DEFINE_string(
        "checkpoint",
        None,
        "workdir or weights file of a recognizer, or the name of an evaluator in the package "
        f"({', '.join(shipped_names('evaluator'))})",
        required=True,
    )
    flags.DEFINE_string(
        "images", None, "a folder of images, or files with commas between: of words, lines or pages", required=True
    )
    flags.DEFINE_enum("layout", "auto", LAYOUTS, "what --images show; auto: told by the size of each")
    flags.DEFINE_string("output", "readings.tsv", "the table to write, *.tsv")
    flags.DEFINE_string("preview", "", "picture to write of all words that are found, with their numbers")
    run_main(main)
