"""Text → images of handwriting.

With the weights that come with the package, one image:
  python -m hwgan.sample --text="Bonjour from hwgan, 1976" --output=hello.png

A letter on paper; the format is that of the ending, .pdf, .svg, .png or another image format:
  python -m hwgan.sample --text="$(cat letter.txt)" --output=letter.pdf --paper=lined --ink=blue
  python -m hwgan.sample --text="$(cat letter.txt)" --width=800 --scale=2 --output=letter.png

From a run, in eight styles; interpolation between two styles:
  python -m hwgan.sample --checkpoint=runs/demo --text="the quick brown fox" --output=fox.png --num_styles=8
  python -m hwgan.sample --text="from style to style" --seed=4 --interpolate_to=9 --num_styles=9 --output=between.png

In the style of a file that hwgan.style made of images of someone's words:
  python -m hwgan.sample --style=mine.npz --text="Bonjour from hwgan, 1976" --output=hello.png

With a run of strokes (configs/strokes_demo.py), single lines as SVG or PDF, G-code for a pen plotter, or a picture:
  python -m hwgan.sample --checkpoint=runs/strokes_demo --text="the quick brown fox" --output=fox.svg --bias=1
  python -m hwgan.sample --checkpoint=runs/strokes_demo --text="the quick fox" --output=fox.gcode --style=mine.json

One image per line of a file, and a table labels.tsv:
  python -m hwgan.sample --text_file=words.txt --output=images/

Typographic quotes, dashes and spaces outside the alphabet of the model are written as what looks the same (--replace).
Any other character outside the alphabet is an error that lists it; --leave_out writes the text without such characters.
Without it a line of --text_file that has one is left out, and a warning says which.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from absl import flags
from PIL import Image

import hwgan
from hwgan.checkpoints.names import checkpoint_help
from hwgan.data.replacements import describe_replaced
from hwgan.data.word_list import fit_lines, read_lines
from hwgan.runtime.command_line import refuse_flags, run_main, warn
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, check_output_folder, replace_image, replace_text, writing
from hwgan.runtime.progress import with_progress
from hwgan.runtime.untrusted import MAX_SEED
from hwgan.sampling.document import GCODE, VECTOR_ENDINGS
from hwgan.sampling.model import Model, Style
from hwgan.sampling.open import writes_strokes
from hwgan.sampling.page import add_margin
from hwgan.sampling.page_settings import PAGE_SIZES, PAPERS, PageSettings
from hwgan.sampling.style_files import with_style
from hwgan.sampling.word_sampler import WordSampler

_MARGIN = 8  # pixels of white around the image of a line
_STROKE_FLAGS = ("bias", "writer", "feed", "pen_up", "pen_down")
_PLOTTER_FLAGS = ("feed", "pen_up", "pen_down")
_SETTINGS = ("width", "page_size", "paper", "ink", "scale", "text_height", "line_spacing", "justify", "wander", "seed")


def write_text_file(sampler: WordSampler, lines: Mapping[int, str], directory: pathlib.Path, seed: int) -> None:
    """Writes one image per line, with the style of seed + its index, and labels.tsv with columns file and text.

    Args:
      sampler: the generator.
      lines: by index, which need not be consecutive.
      directory: to write to.
      seed: of the style of index 0.
    """
    sampler.check([word for line in lines.values() for word in line.split()])
    with writing(directory / "labels.tsv"):  # an earlier one would name other texts, if this is interrupted
        (directory / "labels.tsv").unlink(missing_ok=True)
    rows = ["file\ttext"]
    for number, line in with_progress(lines.items(), "writing", "images"):
        name = f"{number:06d}.png"
        _save(sampler.draw_text(line, sampler.style(seed + number)), directory / name)
        rows.append(f"{name}\t{' '.join(line.split())}")
    with writing(directory / "labels.tsv"):
        replace_text(directory / "labels.tsv", "\n".join(rows) + "\n")


def _fitted_text(sampler: WordSampler, text: str, replace: bool, leave_out: bool) -> str:
    """A text without characters outside the alphabet; a warning says what was replaced."""
    lines = dict(enumerate(text.splitlines(), 1))
    found = fit_lines(lines, sampler.charset, replace=replace, leave_out=leave_out)
    found.require_all(sampler.charset)
    if found.replaced:
        warn(describe_replaced(found.replaced))
    _warn_of(sampler, found.lines.values())
    return "\n".join(found.lines.get(number, "") for number in lines)


def _fitted_lines(sampler: WordSampler, path: str, replace: bool, leave_out: bool) -> dict[int, str]:
    """The lines of a file that can be written, by index; warnings name the others."""
    lines = read_lines(path)
    found = fit_lines(lines, sampler.charset, replace=replace, leave_out=leave_out, max_length=sampler.longest_word)
    for note in found.notes(path):
        warn(note)
    if not found.lines:
        raise UserError(f"{path!r} has no line of text that can be written")
    _warn_of(sampler, found.lines.values())
    return {index: found.lines[number] for index, number in enumerate(lines) if number in found.lines}


def _warn_of(sampler: WordSampler, lines: Iterable[str]) -> None:
    for caution in sampler.cautions([word for line in lines for word in line.split()]):
        warn(caution)


def _save(image: np.ndarray, path: pathlib.Path) -> None:
    """Writes an image with a margin, so that no stroke ends at its border."""
    with writing(path):
        replace_image(path, Image.fromarray(add_margin(image, _MARGIN)))


def _page_settings(args: flags.FlagValues) -> dict[str, Any]:
    """The fields of `PageSettings` that the flags give.

    Raises:
      UserError: one is out of range, or belongs to no text on pages.
    """
    given: dict[str, Any] = {name: args[name].value for name in _SETTINGS if args[name].present}
    of_text = [name for name in ("num_styles", "interpolate_to") if args[name].present]
    if args.text_file is not None and (wrong := sorted(given.keys() - {"seed"}) + of_text):
        raise UserError(f"--{wrong[0]} is for --text; --text_file writes one plain image per line")
    ending = pathlib.Path(args.output).suffix.lower()
    if ending == ".pdf" and not args.width:
        given.setdefault("page_size", next(iter(PAGE_SIZES)))
    PageSettings(**given)
    return given


def _styles(model: Model, prior: Model, args: flags.FlagValues) -> list[Style]:
    """The styles of --text: of seeds; that of a file and variations of it; or from one to another."""
    first = args.style or args.seed
    if args.interpolate_to is not None:
        return list(prior.interpolate(first, args.interpolate_to, args.num_styles))
    return [first, *(model.style(args.seed + i) for i in range(1, args.num_styles))]


def _check_flags(args: flags.FlagValues, of_strokes: bool) -> None:
    """Raises UserError for flags that belong to the other kind of run."""
    if of_strokes and args.interpolate_to is not None:
        raise UserError("--interpolate_to is for models of images; strokes have no styles between styles")
    given = [name for name in _STROKE_FLAGS if args[name].present]
    if given and not of_strokes:
        raise UserError(f"--{given[0]} is for strokes: give --checkpoint=strokes, or a run of strokes")
    if pathlib.Path(args.output).suffix.lower() != GCODE or args.text is None:
        refuse_flags(_PLOTTER_FLAGS, f"any output but {GCODE}")
    else:
        refuse_flags(("paper", "ink", "scale"), "G-code")


def _write_strokes(args: flags.FlagValues, settings: dict[str, Any], output: pathlib.Path) -> None:
    """Writes --text as strokes, or pictures of the lines of --text_file."""
    # Here, as words of the other networks need none of it, and it takes long to import.
    from hwgan.sampling.open_strokes import open_stroke_sampler, with_stroke_style
    from hwgan.sampling.stroke_document import Plotter, write_document

    plotter = Plotter(args.feed, args.pen_up, args.pen_down)
    sampler = open_stroke_sampler(args.checkpoint, args.step, bias=args.bias, temperature=args.temperature)
    sampler = with_stroke_style(dataclasses.replace(sampler, writer=args.writer), args.style)
    if args.style and sampler.writer:
        print(f"of {len(sampler.writer_names):,} writers, {sampler.writer} is closest to the strokes")
    if args.text is None:
        lines = _fitted_lines(sampler, args.text_file, args.replace, args.leave_out)
        write_text_file(sampler, lines, output, args.seed)
        print(f"wrote {output}")
        return
    text = _fitted_text(sampler, args.text, args.replace, args.leave_out)
    styles = [sampler.style(args.seed + i) for i in range(args.num_styles)]
    written = write_document(sampler, text, styles, PageSettings(**settings), plotter).save(output)
    print(f"wrote {', '.join(map(str, written))}")


def main(argv: list[str]) -> None:
    """Samples by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if (args.text is None) == (args.text_file is None):
        raise UserError("give either --text or --text_file")
    if not 1 <= args.num_styles <= MAX_SEED + 1 - args.seed:
        raise UserError(f"--num_styles={args.num_styles} must be at least 1, and all seeds at most {MAX_SEED}")
    if args.interpolate_to is not None and args.num_styles < 2:
        raise UserError("--interpolate_to needs --num_styles= of at least 2")
    settings = _page_settings(args)
    output = pathlib.Path(args.output)
    of_strokes = writes_strokes(args.checkpoint, args.step)
    _check_flags(args, of_strokes)
    if args.text is None:
        check_output_folder("output", args.output)
    else:
        if output.suffix.lower() == GCODE and not of_strokes:
            raise UserError(f"{GCODE} is written of strokes: give --checkpoint=strokes, or a run of strokes")
        endings = (*VECTOR_ENDINGS, GCODE) if of_strokes else VECTOR_ENDINGS
        check_output_file("output", args.output, image=output.suffix.lower() not in endings)
    if of_strokes:
        _write_strokes(args, settings, output)
        return
    prior = hwgan.load(args.checkpoint, step=args.step, temperature=args.temperature)
    model = dataclasses.replace(prior, sampler=with_style(prior.sampler, args.style))
    if args.text is not None:
        styles = _styles(model, prior, args)
        text = _fitted_text(model.sampler, args.text, args.replace, args.leave_out)
        written = model.document(text, styles, **settings).save(output)
        print(f"wrote {', '.join(map(str, written))}")
    else:
        lines = _fitted_lines(model.sampler, args.text_file, args.replace, args.leave_out)
        write_text_file(model.sampler, lines, output, args.seed)
        print(f"wrote {output}")


if __name__ == "__main__":
    flags.DEFINE_string("checkpoint", "", checkpoint_help(strokes=True))
    flags.DEFINE_integer("step", None, "step of the checkpoint; the newest by default")
    flags.DEFINE_float(
        "temperature",
        None,
        "variety: T of styles z ~ N(0, T² I), above 0 and at most 5, lower is more legible; of strokes the factor on "
        "the variances, 0.001 to 5; by default that of the checkpoint's config",
    )
    flags.DEFINE_string("text", None, "text to generate: a line, or with --width a paragraph")
    flags.DEFINE_string("text_file", None, "UTF-8 file of texts to generate; one image per line")
    flags.DEFINE_string("output", None, "image file to write, or with --text_file a folder", required=True)
    flags.DEFINE_integer("num_styles", 1, "number of styles in which --text is generated")
    flags.DEFINE_integer(
        "seed", 0, "seed of the first style; the next ones have seed + 1, ...", lower_bound=0, upper_bound=MAX_SEED
    )
    flags.DEFINE_string(
        "style",
        "",
        "a file of hwgan.style, or for a run of strokes a file or folder of strokes with texts: the style to write in; "
        "further styles and lines vary it",
    )
    flags.DEFINE_float(
        "bias",
        None,
        "neatness of strokes, 0 to 10: 0 as learned, 1 to 2 neat; by default that of the checkpoint's config",
    )
    flags.DEFINE_string("writer", "", "the training writer who writes strokes, where the run embeds writers")
    flags.DEFINE_float("feed", 1500.0, "speed of the pen on paper in G-code, mm per minute")
    flags.DEFINE_string("pen_up", "G0 Z5", "G-code that lifts the pen; several commands are separated by ;")
    flags.DEFINE_string("pen_down", "G1 Z0 F600", "G-code that lowers the pen")
    flags.DEFINE_string(
        "interpolate_to",
        None,
        "with --text: --num_styles styles interpolated from that of --style or --seed to that of this seed or file",
    )
    flags.DEFINE_bool(
        "replace", True, "write characters outside the alphabet as what looks the same, such as typographic quotes"
    )
    flags.DEFINE_bool("leave_out", False, "leave out other characters outside the alphabet, such as emoji")
    flags.DEFINE_integer("width", 0, "with --text: width of the page in pixels at scale 1; 0: no line breaks")
    flags.DEFINE_enum(
        "page_size",
        "",
        ("", *PAGE_SIZES),
        "write pages of this paper size, at 300 dpi; those of a PDF are a4 by default",
    )
    flags.DEFINE_enum("paper", "plain", PAPERS, "what is printed on the paper")
    flags.DEFINE_string("ink", "black", "colour of the ink: black, blue or #rrggbb")
    flags.DEFINE_float("scale", 1.0, "size of images: 2 for twice as many pixels each way")
    flags.DEFINE_float("text_height", 6.0, "height of a line of text in mm, from ascenders to descenders, in print")
    flags.DEFINE_float("line_spacing", 1.35, "distance of lines, in heights of a line of text")
    flags.DEFINE_bool("justify", False, "make full lines end at the right margin")
    flags.DEFINE_float("wander", 1.0, "how much baseline, slant and distances vary; 0: not at all, exact words")
    run_main(main)
