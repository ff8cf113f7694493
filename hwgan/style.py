"""Images of someone's handwriting → a style file, for hwgan to write in that style.

Use your own handwriting, or that of someone who has agreed. Nothing is uploaded, and the file holds no picture.

Of images of words, of lines, or of a page, such as a photograph by a phone; no transcription is needed:
  python -m hwgan.style --images=page.jpg --output=mine.npz --preview=cut.png
  python -m hwgan.style --images=page.jpg --output=mine.npz --leave_out=3,17    # without the words of these numbers
  python -m hwgan.style --images=words/ --output=mine.npz

Of a sheet that is printed, filled in and photographed, whose words have known texts:
  python -m hwgan.style --sheet=sheet.pdf
  python -m hwgan.style --images=photo.jpg --filled_sheet --output=mine.npz --preview=cut.png

Closer to the writer's style, in some minutes, from words with known texts: a filled-in sheet, or a folder with a table
words.tsv (columns file and text), or with a text beside each image, as hwgan.prepare --dataset=word_folder reads it:
  python -m hwgan.style --images=photo.jpg --filled_sheet --finetune --output=mine.npz
  python -m hwgan.style --images=words/ --finetune --output=mine.npz

Then:
  python -m hwgan.sample --style=mine.npz --text="Bonjour from hwgan, 1976" --output=hello.png
"""

import pathlib
from collections.abc import Collection, Sequence

import numpy as np
from absl import flags

from hwgan.checkpoints.names import checkpoint_help
from hwgan.data.charset import Charset, normalize_text
from hwgan.data.word_cutting import CutWord
from hwgan.evaluation.folder import is_folder_of_words, read_folder
from hwgan.runtime.command_line import refuse_flags, run_main, warn
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, replace_image, writing
from hwgan.sampling.copy_sheet import read_sheet, sheet_page, write_sheet
from hwgan.sampling.open import open_sampler, open_sampler_and_step
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_checks import caution_of_groups, cautions, check_handwriting, check_texts
from hwgan.sampling.style_encoder import StyleEncoder, open_style_encoder
from hwgan.sampling.style_files import ENDING, Style, write_style
from hwgan.sampling.style_images import LAYOUTS, check_preview, list_images, preview, words_of_images
from hwgan.training.fine_tuning import fine_tune

_CONSENT = "use your own handwriting, or that of someone who agreed"
_NAMED = 10
_MAX_KNOWN = 2000  # words
_SHOWN = 10  # steps of fine-tuning over which the objective is averaged
_KNOWN_TEXTS = (
    "--finetune needs words whose texts are known: give --filled_sheet with a photographed sheet, or --images= a "
    "folder with word images and a table words.tsv (columns file and text)"
)


def choose_words(words: Sequence[CutWord], left_out: Collection[int]) -> list[CutWord]:
    """The words without those of these numbers, from 1.

    Raises:
      UserError: there is no word, no word of such a number, or none is left.
    """
    if not words:
        raise UserError(
            "no handwriting is found in the images: they need dark ink on lighter paper, or the reverse, in lines that "
            "are level to within 12 degrees; print and blots do not count"
        )
    wrong = sorted(number for number in left_out if not 1 <= number <= len(words))
    if wrong:
        raise UserError(f"--leave_out={wrong[0]}: the words have the numbers 1 to {len(words)}; see --preview=cut.png")
    kept = [word for number, word in enumerate(words, 1) if number not in left_out]
    if not kept:
        raise UserError(f"--leave_out leaves none of the {len(words)} words")
    return kept


def make_style(
    encoder: StyleEncoder,
    images: Sequence[np.ndarray],
    texts: Sequence[str] | None = None,
    *,
    finetune: bool = False,
    numbers: Sequence[int] | None = None,
) -> Style:
    """The style of word images, after a check that they are handwriting.

    Args:
      encoder: of styles.
      images: of one word each.
      texts: of the words, if they are known.
      finetune: whether the generator is adapted to the words, whose texts must be known.
      numbers: of the images in messages, as the preview shows them; from 1 by default.

    Raises:
      UserError: no image is a word, or they cannot be read as handwriting, or are read unlike their texts.
    """
    if texts is not None:
        check_texts(encoder.read(images), texts)
    words = encoder.encode_words(images, texts)
    for row, reason in list(words.left_out.items())[:_NAMED]:
        warn(f"word {row + 1 if numbers is None else numbers[row]} is left out: {reason}")
    if (more := len(words.left_out) - _NAMED) > 0:
        warn(f"{more} more words are left out")
    if not len(words.z):
        raise UserError(f"no style can be made, for none of the {len(images)} images is a word")
    check_handwriting(words)
    if groups := caution_of_groups(words, numbers):
        warn(groups)
    style = encoder.fit(words)
    if not finetune:
        return style
    style, values = fine_tune(encoder, words, style)
    show = f"{np.mean(values[:_SHOWN]):.2f} to {np.mean(values[-_SHOWN:]):.2f}"
    print(f"fine-tuned: the distance of generated words from the writer's falls from {show}")
    return style


def known_words(source: str, charset: Charset, max_length: int) -> tuple[list[np.ndarray], list[str]]:
    """Word images of one writer with their texts, from a folder or archive as `hwgan.prepare` reads it.

    Words with characters outside the alphabet, or longer than those of training, are left out with a warning.

    Args:
      source: the folder or archive.
      charset: the alphabet.
      max_length: number of characters of the longest word of training.

    Raises:
      UserError: there are no texts, several writers, too many words, or no word that can be written.
    """
    if not is_folder_of_words(source):
        raise UserError(f"{_KNOWN_TEXTS}; there is no {source!r}")
    try:
        images, texts, writers = read_folder(source)
    except UserError as error:
        raise UserError(f"{_KNOWN_TEXTS}; {error}") from error
    if len(names := set(filter(None, writers))) > 1:
        raise UserError(f"{source!r} has words of {len(names)} writers; a style is of the words of one")
    if len(images) > _MAX_KNOWN:
        raise UserError(
            f"{source!r} has {len(images):,} words; fine-tuning needs some dozens, and takes {_MAX_KNOWN:,}"
        )
    rows, texts = [], list(map(normalize_text, texts))
    for row, text in enumerate(texts):
        if unknown := charset.unknown(text):
            outside = "".join(dict.fromkeys(character for _, character in unknown))
            warn(f"{text[:40]!r} is left out: {outside[:20]!r} is outside the alphabet of the model")
        elif not 0 < len(text) <= max_length:
            warn(f"{text[:40]!r} is left out: it has {len(text)} characters, not 1 to {max_length}")
        else:
            rows.append(row)
    if not rows:
        raise UserError(f"{source!r} has no word that the model can write")
    return [images[row] for row in rows], [texts[row] for row in rows]


def _numbers(values: Sequence[str]) -> set[int]:
    try:
        return {int(value) for value in values}
    except ValueError as error:
        raise UserError(f"--leave_out={','.join(values)} must be numbers with commas between, such as 3,17") from error


def main(argv: list[str]) -> None:
    """Makes a style, or the sheet to copy, by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if bool(args.sheet) == bool(args.images):
        raise UserError("give --images= to make a style, or --sheet=sheet.pdf to print a page to copy")
    if args.sheet:
        refuse_flags(("output", "preview", "leave_out", "layout", "filled_sheet", "finetune"), "--sheet")
        check_output_file("sheet", args.sheet, endings=(".pdf", ".png"))
        write_sheet(sheet_page(open_sampler(args.checkpoint, args.step).charset), args.sheet)
        print(f"wrote {args.sheet}; print it at A4, fill it in, photograph it, and give --images= --filled_sheet")
        return
    if args.finetune and not args.output:
        raise UserError("--finetune needs --output=mine.npz for the style")
    if not args.output and not args.preview:
        raise UserError("give --output=mine.npz for the style, --preview=cut.png to see the words, or both")
    if args.output:
        check_output_file("output", args.output, endings=(ENDING,))
    if args.preview:
        check_output_file("preview", args.preview, image=True)
        check_preview(args.preview, args.images)
    if args.filled_sheet or args.finetune:
        refuse_flags(("layout",), "--filled_sheet and --finetune, whose words are not looked for")
    _make(args)


def _read_words(args: flags.FlagValues, sampler: Sampler) -> tuple[list[CutWord], list[str] | None]:
    """The words of --images, and their texts where they are known."""
    if args.finetune and not args.filled_sheet:
        known, texts = known_words(args.images, sampler.charset, sampler.spec.max_length)
        return words_of_images(known, "words"), texts
    images = ((image.name, image.read()) for image in list_images(args.images))  # photos are large: one at a time
    if not args.filled_sheet:
        direction = dict(right_to_left=sampler.charset.right_to_left)
        return words_of_images((image for _, image in images), args.layout, **direction), None
    texts_of = read_sheet(images, sheet_page(sampler.charset))
    return [word for word, _ in texts_of], [text for _, text in texts_of]


def _make(args: flags.FlagValues) -> None:
    left_out = _numbers(args.leave_out)
    sampler, step = open_sampler_and_step(args.checkpoint, args.step)
    words, texts = _read_words(args, sampler)
    kept = choose_words(words, left_out)
    numbers = [number for number in range(1, len(words) + 1) if number not in left_out]
    if args.preview:
        with writing(args.preview):
            replace_image(pathlib.Path(args.preview), preview(words, left_out))
        print(
            f"wrote {args.preview}: {len(words)} words are cut; leave out what is not a word with --leave_out=NUMBERS"
        )
    if not args.output:
        return
    chosen = None if texts is None else [texts[number - 1] for number in numbers]
    encoder = open_style_encoder(args.checkpoint, sampler, step)
    style = make_style(encoder, [word.image for word in kept], chosen, finetune=args.finetune, numbers=numbers)
    for caution in cautions(style):
        warn(caution)
    write_style(style, args.output)
    agree = "" if style.agreement is None else f", which agree by {style.agreement:.2f}"
    count = "one word" if style.num_words == 1 else f"{style.num_words} words"
    print(f"wrote {args.output}: a style of {count}{agree}; {_CONSENT}")


if __name__ == "__main__":
    flags.DEFINE_string("images", "", "a folder of images, or files with commas between: of words, lines or pages")
    flags.DEFINE_enum("layout", "auto", LAYOUTS, "what --images show; auto: told by the size of each")
    flags.DEFINE_string("output", "", "the style file to write, *.npz")
    flags.DEFINE_string("preview", "", "picture to write of all words that are cut, with their numbers")
    flags.DEFINE_list("leave_out", [], "numbers of words, as --preview shows them, that are not used")
    flags.DEFINE_string("sheet", "", "writes a page to print and copy by hand, *.pdf or *.png, and nothing else")
    flags.DEFINE_bool("filled_sheet", False, "--images show the page of --sheet, filled in")
    flags.DEFINE_bool(
        "finetune",
        False,
        "adapt the generator to the writer, in some minutes on two cores, by words whose texts are known: of "
        "--filled_sheet, or of a folder or archive --images= with a table words.tsv (columns file and text) or a text "
        "beside each image; the change is stored in the style file",
    )
    flags.DEFINE_string("checkpoint", "", checkpoint_help())
    flags.DEFINE_integer("step", None, "step of the checkpoint; the newest by default")
    run_main(main)
