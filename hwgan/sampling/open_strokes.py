"""Opens the sampler of a run of strokes, and strokes whose style it writes in."""

import dataclasses
import logging
import pathlib

from hwgan.checkpoints.names import check_step, locate_weights
from hwgan.checkpoints.stroke_run import open_stroke_run
from hwgan.data.charset import normalize_text
from hwgan.data.ink import join_strokes
from hwgan.data.ink_cleaning import Cleaning, InkSpec, UnusableInk
from hwgan.data.ink_words import InkWord, cut_ink_lines
from hwgan.data.page_handwriting import DOUBTFUL_ENDS, DOUBTFUL_LINE
from hwgan.datasets.ink_builder import check_strokes
from hwgan.datasets.stroke_folder.parser import STROKE_ENDINGS, parse_stroke_file
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import read_regular
from hwgan.runtime.untrusted import reading
from hwgan.sampling.closest_writer import closest_writer
from hwgan.sampling.stroke_sampler import StrokeSampler, WrittenText

logger = logging.getLogger(__name__)

_MAX_BYTES = 32 << 20
_FEW_TEXTS = 5


def open_stroke_sampler(
    checkpoint: str, step: int | None = None, *, bias: int | float | None = None, temperature: int | float | None = None
) -> StrokeSampler:
    """The sampler of a run of strokes, or of a file of its weights.

    Args:
      checkpoint: workdir of the run, a file that `hwgan.export` wrote, or the name of weights in the package.
      step: which checkpoint of a run; the newest by default.
      bias: neatness; None for that of the config.
      temperature: T of the Gaussians; None for that of the config.

    Raises:
      UserError: there is no such run, or a number is out of range.
    """
    path = locate_weights(checkpoint)
    check_step(path, step)
    run = open_stroke_run(path, step)
    with reading(f"the run {checkpoint!r}"):
        sample = run.config.sample
        return StrokeSampler(
            run.network,
            run.variables,
            run.charset,
            run.spec,
            run.offset_scale,
            tuple(run.writer_names),
            sample.bias if bias is None else bias,
            sample.temperature if temperature is None else temperature,
            run.rare_characters,
        )


def with_stroke_style(sampler: StrokeSampler, path: str) -> StrokeSampler:
    """A sampler that writes in the style of given strokes; "" changes nothing.

    Where the run embeds writers, the one under whom the strokes are likeliest writes (`closest_writer`); else the
    network is driven through the strokes before it writes (Graves' primed sampling).

    Args:
      sampler: that writes.
      path: a JSON or InkML file that has strokes and their text (hwgan/datasets/stroke_folder/README.md), or a folder
        of such files, all by one writer.

    Raises:
      UserError: a file cannot be read, has no text, or one that is outside the alphabet; or there are several although
        the run embeds no writers.
    """
    if not path:
        return sampler
    if sampler.writer:
        raise UserError("give either --writer or --style: both name the writer")
    written = [example for file in _stroke_files(path) for example in _read_written(sampler, file)]
    if not written:
        raise UserError(f"no word of the strokes {path!r} can be used; the warnings say why")
    if sampler.writer_names:
        if len(written) < _FEW_TEXTS:
            logger.warning("few strokes tell little of a writer: give %d words or more", _FEW_TEXTS)
        return dataclasses.replace(sampler, writer=closest_writer(sampler, written))
    if len(written) > 1:
        one = "word" if sampler.charset.unknown(" ") else "line"
        raise UserError(f"{path!r}: this model embeds no writers; it takes the strokes of one {one}, in one file")
    return dataclasses.replace(sampler, priming=written[0])


def _stroke_files(path: str) -> list[pathlib.Path]:
    """The file, or those of the folder.

    Raises:
      UserError: there is none.
    """
    endings, place = " or ".join(STROKE_ENDINGS), pathlib.Path(path)
    if not place.is_dir():
        if place.suffix.lower() not in STROKE_ENDINGS:
            raise UserError(f"{path!r}: strokes come from files that end in {endings}, or a folder of them")
        return [place]
    with reading(f"the folder {path!r}"):
        files = sorted(
            file
            for file in place.iterdir()
            if file.suffix.lower() in STROKE_ENDINGS and file.is_file() and not file.name.startswith(".")
        )
    if not files:
        raise UserError(f"{path!r}: no file in this folder ends in {endings}")
    return files


def _read_written(sampler: StrokeSampler, path: pathlib.Path) -> list[WrittenText]:
    """The strokes of a file, cleaned as those of training were; for models of words a line is cut into its words.

    Words of a line that cannot be used are left out with a warning.

    Raises:
      UserError: see `with_stroke_style`.
    """
    what = f"the strokes {str(path)!r}"
    with reading(what):
        content = read_regular(path, _MAX_BYTES)
        try:
            found = parse_stroke_file(content, path.name)
            strokes, text = check_strokes(found.strokes), " ".join(normalize_text(found.text).split())
        except ValueError as error:
            raise UserError(f"cannot read {what}: {error}") from error
    if not text:
        raise UserError(f'{what} have no text; put it in the file, as "text" of JSON or annotation "truth" of InkML')
    sampler.charset.require(text.split())
    cleaning = sampler.spec.cleaning
    if " " in text and sampler.charset.unknown(" "):
        (parts,) = cut_ink_lines([strokes], [text])
    else:
        # Strokes of a file are in units of their own, whatever those of training were.
        cleaning = dataclasses.replace(cleaning, size=cleaning.size or "x_height")
        parts = [InkWord(text, strokes)]
    written = []
    left_out: dict[str, list[str]] = {}  # words by the reason
    for part in parts:
        try:
            written.append(_cleaned_text(sampler.spec, cleaning, part))
        except UnusableInk as error:
            left_out.setdefault(str(error), []).append(part.text)
    for reason, words in left_out.items():
        logger.warning("%s: left out %s: %s", what, ", ".join(map(repr, words)), _ADVICE.get(reason, reason))
    return written


# What to do, for words of a line that could not be told apart (`data.page_handwriting`).
_ADVICE = {
    DOUBTFUL_LINE: "the words of this line cannot be told apart; is the text that of the strokes? Leave wider gaps, "
    "or put each word into a file of its own",
    DOUBTFUL_ENDS: "where they begin and end is not certain; leave wider gaps, or put each word into a file of its own",
}


def _cleaned_text(spec: InkSpec, cleaning: Cleaning, word: InkWord) -> WrittenText:
    """A text that is like an example of training.

    Raises:
      UnusableInk: it is not.
    """
    if word.strokes is None:
        raise UnusableInk(word.doubt)
    if len(word.text) > spec.max_length:
        raise UnusableInk(f"{len(word.text)} characters, more than the {spec.max_length} of a training example")
    ink = cleaning(join_strokes(word.strokes))
    if len(ink) > spec.max_points:
        raise UnusableInk(
            f"{len(ink):,} points after cleaning, more than the {spec.max_points:,} of a training example"
        )
    return WrittenText(word.text, ink)
