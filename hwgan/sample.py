"""Text → images of handwriting.

With the weights that come with the package, one image:
  python -m hwgan.sample --text="Bonjour from hwgan, 1976" --output=hello.png

From a run, in eight styles; a paragraph; interpolation between two styles:
  python -m hwgan.sample --checkpoint=runs/demo --text="the quick brown fox" --output=fox.png --num_styles=8
  python -m hwgan.sample --text="$(cat letter.txt)" --width=800 --output=letter.png
  python -m hwgan.sample --text="from style to style" --seed=4 --interpolate_to=9 --num_styles=9 --output=between.png

In the style of a file that hwgan.style made of images of someone's words:
  python -m hwgan.sample --style=mine.npz --text="Bonjour from hwgan, 1976" --output=hello.png

One image per line of a file, and a table labels.tsv:
  python -m hwgan.sample --text_file=words.txt --output=images/

Typographic quotes, dashes and spaces outside the alphabet of the model are written as what looks the same (--replace).
Other characters outside it are named, or left out (--leave_out); a line of a file that has one is left out and named.
"""

import pathlib
from collections.abc import Iterable, Mapping, Sequence

import jax
import numpy as np
from absl import flags
from PIL import Image

from hwgan.data.replacements import describe_replaced
from hwgan.data.word_list import fit_lines, read_lines
from hwgan.runtime.command_line import run_main, warn
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, check_output_folder, replace_image, replace_text
from hwgan.runtime.progress import with_progress
from hwgan.runtime.untrusted import MAX_SEED
from hwgan.sampling.open import open_sampler
from hwgan.sampling.page import add_margin, stack_lines
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_files import latent_of, with_style
from hwgan.sampling.styles import slerp

_GAP = 12  # pixels between styles
_MARGIN = 8  # pixels of white around a picture


def write_text_image(
    sampler: Sampler, text: str, output: pathlib.Path, styles: Sequence[jax.Array], page_width: int = 0
) -> None:
    """Writes one image with the text in each of the styles, one below the other, and a margin around it.

    Args:
      sampler: the generator.
      text: see `Sampler.draw_text`.
      output: the image file.
      styles: each [z_dim].
      page_width: of the image in pixels, to which lines are broken; 0 breaks none.
    """
    line_width = max(page_width - 2 * _MARGIN, 1) if page_width else 0
    images = [sampler.draw_text(text, style, line_width) for style in styles]
    _save(stack_lines(images, _GAP, sampler.charset.right_to_left), output)


def write_text_file(sampler: Sampler, lines: Mapping[int, str], directory: pathlib.Path, seed: int) -> None:
    """Writes one image per line, with the style of seed + its index, and labels.tsv with columns file and text.

    Args:
      sampler: the generator.
      lines: by index, which need not be consecutive.
      directory: to write to.
      seed: of the style of index 0.
    """
    sampler.check([word for line in lines.values() for word in line.split()])
    rows = ["file\ttext"]
    for number, line in with_progress(lines.items(), "writing", "images"):
        name = f"{number:06d}.png"
        _save(sampler.draw_text(line, sampler.style(seed + number)), directory / name)
        rows.append(f"{name}\t{' '.join(line.split())}")
    try:
        replace_text(directory / "labels.tsv", "\n".join(rows) + "\n")
    except OSError as error:
        raise UserError(f"cannot write {str(directory / 'labels.tsv')!r}: {error.strerror or error}") from error


def _fitted_text(sampler: Sampler, text: str, replace: bool, leave_out: bool) -> str:
    """A text without characters outside the alphabet; a warning says what was replaced."""
    lines = dict(enumerate(text.splitlines(), 1))
    found = fit_lines(lines, sampler.charset, replace=replace, leave_out=leave_out)
    found.require_all(sampler.charset)
    if found.replaced:
        warn(describe_replaced(found.replaced))
    _warn_of(sampler, found.lines.values())
    return "\n".join(found.lines.get(number, "") for number in lines)


def _fitted_lines(sampler: Sampler, path: str, replace: bool, leave_out: bool) -> dict[int, str]:
    """The lines of a file that can be written, by index; warnings name the others."""
    lines = read_lines(path)
    found = fit_lines(lines, sampler.charset, replace=replace, leave_out=leave_out, max_length=sampler.longest_word)
    for note in found.notes(path):
        warn(note)
    if not found.lines:
        raise UserError(f"{path!r} has no line of text that can be written")
    _warn_of(sampler, found.lines.values())
    return {index: found.lines[number] for index, number in enumerate(lines) if number in found.lines}


def _warn_of(sampler: Sampler, lines: Iterable[str]) -> None:
    for caution in sampler.cautions([word for line in lines for word in line.split()]):
        warn(caution)


def _save(image: np.ndarray, path: pathlib.Path) -> None:
    """Writes an image with a margin, so that no stroke ends at its border."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_image(path, Image.fromarray(add_margin(image, _MARGIN)))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {str(path)!r}: {error}") from error


def main(argv: list[str]) -> None:
    """Samples by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if (args.text is None) == (args.text_file is None):
        raise UserError("give either --text or --text_file")
    if args.num_styles < 1 or args.width < 0:
        raise UserError(f"--num_styles={args.num_styles} must be at least 1 and --width={args.width} at least 0")
    if args.interpolate_to is not None and args.num_styles < 2:
        raise UserError("--interpolate_to needs --num_styles= of at least 2")
    if args.text is None:
        check_output_folder("output", args.output)
    else:
        check_output_file("output", args.output, image=True)
    prior = open_sampler(args.checkpoint, args.step, args.temperature)
    sampler = with_style(prior, args.style)
    output = pathlib.Path(args.output)
    if args.text is not None:
        first = sampler.style(args.seed) if sampler.center is None else sampler.center
        if args.interpolate_to is None:
            styles = [first, *(sampler.style(args.seed + i) for i in range(1, args.num_styles))]
        else:
            styles = slerp(first, latent_of(args.interpolate_to, prior), args.num_styles)
        text = _fitted_text(sampler, args.text, args.replace, args.leave_out)
        write_text_image(sampler, text, output, styles, args.width)
    else:
        lines = _fitted_lines(sampler, args.text_file, args.replace, args.leave_out)
        write_text_file(sampler, lines, output, args.seed)
    print(f"wrote {output}")


if __name__ == "__main__":
    flags.DEFINE_string("checkpoint", "", "workdir of a trained run, or a weights file; empty: the pretrained weights")
    flags.DEFINE_integer("step", None, "step of the checkpoint; the newest by default")
    flags.DEFINE_float("temperature", None, "T of styles z ~ N(0, T² I); by default that of the checkpoint's config")
    flags.DEFINE_string("text", None, "text to generate: a line, or with --width a paragraph")
    flags.DEFINE_string("text_file", None, "UTF-8 file of texts to generate; one image per line")
    flags.DEFINE_string("output", None, "image file to write, or with --text_file a folder", required=True)
    flags.DEFINE_integer("num_styles", 1, "number of styles in which --text is generated")
    flags.DEFINE_integer(
        "seed", 0, "seed of the first style; the next ones have seed + 1, ...", lower_bound=0, upper_bound=MAX_SEED
    )
    flags.DEFINE_string("style", "", "a file of hwgan.style: the style to write in; further styles and lines vary it")
    flags.DEFINE_string(
        "interpolate_to",
        None,
        "with --text: --num_styles styles interpolated from that of --style or --seed to that of this seed or file",
    )
    flags.DEFINE_bool(
        "replace", True, "write characters outside the alphabet as what looks the same, such as typographic quotes"
    )
    flags.DEFINE_bool("leave_out", False, "leave out other characters outside the alphabet, such as emoji")
    flags.DEFINE_integer("width", 0, "with --text: maximum width of a line in pixels; 0: no line breaks")
    run_main(main)
