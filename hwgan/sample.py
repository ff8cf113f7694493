"""Text → images of handwriting.

With the weights that come with the package, one image:
  python -m hwgan.sample --text="Bonjour from hwgan, 1976!" --output=hello.png

From a run of your own, in eight hands; a paragraph; from one hand to another:
  python -m hwgan.sample --checkpoint=runs/demo --text="the quick brown fox" --output=fox.png --count=8
  python -m hwgan.sample --text="$(cat letter.txt)" --width=800 --output=letter.png
  python -m hwgan.sample --text="from hand to hand" --seed=1 --to_seed=2 --count=9 --output=between.png

One image for each line of a file, with a labels.tsv:
  python -m hwgan.sample --text_file=words.txt --output=images/
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence

import jax
from absl import flags
from PIL import Image
from tqdm import tqdm

from hwgan.data.lexicon import read_lexicon_file
from hwgan.errors import UserError, run_main
from hwgan.page import stack_lines
from hwgan.release import PACKAGED, read_release
from hwgan.run import load_run
from hwgan.sampler import Sampler, between_hands, create_sampler

_GAP = 12  # pixels between hands


def open_sampler(checkpoint: str, step: int | None = None, spread: float | None = None) -> Sampler:
    """The sampler of a run, or of a file of released weights.

    Args:
      checkpoint: workdir of a run, or a file that `hwgan.release` wrote; "" for the weights in the package.
      step: which checkpoint of a run; the newest by default.
      spread: see `Sampler`; None for that of its config.

    Raises:
      UserError: there is nothing, or what there is cannot be read.
    """
    sampler = _open(checkpoint, step)
    return sampler if spread is None else dataclasses.replace(sampler, spread=spread)


def _open(checkpoint: str, step: int | None) -> Sampler:
    if not checkpoint or pathlib.Path(checkpoint).is_file():
        if step is not None:
            raise UserError("--step is for the checkpoint of a run; released weights have but one")
        return read_release(checkpoint or PACKAGED)
    return create_sampler(load_run(checkpoint, step))


def write_text_image(
    sampler: Sampler, text: str, output: pathlib.Path, hands: Sequence[jax.Array], page_width: int = 0
) -> None:
    """Writes one image with the text in each of the hands, one under another."""
    written = [sampler.draw_text(text, hand, page_width) for hand in hands]
    _save(Image.fromarray(stack_lines(written, _GAP, sampler.charset.right_to_left)), output)


def write_text_file(sampler: Sampler, lines: Sequence[str], directory: pathlib.Path, seed: int) -> None:
    """Writes an image a line, each in a hand of its own, and labels.tsv with columns file and text."""
    for number, line in enumerate(lines):
        try:
            sampler.check(line.split())
        except UserError as error:
            raise UserError(f"line {number + 1}, {line[:40]!r}: {error}") from error
    rows = ["file\ttext"]
    for number, line in enumerate(tqdm(lines, unit=" images", disable=not sys.stderr.isatty())):
        name = f"{number:06d}.png"
        _save(Image.fromarray(sampler.draw_text(line, sampler.hand(seed + number))), directory / name)
        rows.append(f"{name}\t{' '.join(line.split())}")
    (directory / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _save(image: Image.Image, path: pathlib.Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {str(path)!r}: {error}") from error


def main(argv: list[str]) -> None:
    """Samples by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if (args.text is None) == (args.text_file is None):
        raise UserError("give either --text or --text_file")
    if args.count < 1 or args.width < 0:
        raise UserError(f"--count={args.count} must be at least 1 and --width={args.width} at least 0")
    if args.to_seed is not None and args.count < 2:
        raise UserError("--to_seed passes from hand to hand: give how many hands with --count=, at least 2")
    sampler = open_sampler(args.checkpoint, args.step, args.spread)
    output = pathlib.Path(args.output)
    if args.text is not None:
        if args.to_seed is None:
            hands = [sampler.hand(args.seed + i) for i in range(args.count)]
        else:
            hands = between_hands(sampler.hand(args.seed), sampler.hand(args.to_seed), args.count)
        write_text_image(sampler, args.text, output, hands, args.width)
    else:
        lines = read_lexicon_file(args.text_file)
        if not lines:
            raise UserError(f"{args.text_file!r} has no line to write")
        write_text_file(sampler, lines, output, args.seed)
    print(f"wrote {output}")


if __name__ == "__main__":
    flags.DEFINE_string("checkpoint", "", "workdir of a trained run, or a file of weights; empty: the package's own")
    flags.DEFINE_integer("step", None, "which checkpoint; the newest by default")
    flags.DEFINE_float("spread", None, "how far from plain hands are; by default as the checkpoint's config has it")
    flags.DEFINE_string("text", None, "what to write; several words become a line, or with --width a paragraph")
    flags.DEFINE_string("text_file", None, "a UTF-8 file, one image a line")
    flags.DEFINE_string("output", None, "an image file, or with --text_file a folder", required=True)
    flags.DEFINE_integer("count", 1, "how many hands write --text")
    flags.DEFINE_integer("seed", 0, "of the first hand; the next is seed + 1")
    flags.DEFINE_integer("to_seed", None, "with --text: --count hands from that of --seed to this one")
    flags.DEFINE_integer("width", 0, "with --text: pixels of a line, which words are broken to fit; 0: one line")
    run_main(main)
