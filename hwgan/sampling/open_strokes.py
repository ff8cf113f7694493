"""Opens the sampler of a run of strokes, and the strokes that it is primed with."""

import dataclasses
import pathlib

from hwgan.checkpoints.stroke_run import load_stroke_run, read_stroke_weights, task_of_checkpoint
from hwgan.checkpoints.weights_file import PRETRAINED, locate_weights, names_weights
from hwgan.data.charset import normalize_text
from hwgan.data.ink import join_strokes
from hwgan.datasets.ink_builder import check_strokes
from hwgan.datasets.stroke_folder.parser import STROKE_ENDINGS, parse_stroke_file
from hwgan.runtime.config import STROKES
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import read_regular
from hwgan.runtime.untrusted import reading
from hwgan.sampling.stroke_sampler import Priming, StrokeSampler

_MAX_BYTES = 32 << 20


def writes_strokes(checkpoint: str, step: int | None = None) -> bool:
    """Whether a run or a file of weights writes strokes; False for one of word images.

    Raises:
      UserError: it is neither.
    """
    path = locate_weights(checkpoint or PRETRAINED)
    return path != PRETRAINED and task_of_checkpoint(path, step) == STROKES


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
    if names_weights(path) and step is not None:
        raise UserError("--step is for the checkpoint of a run; a file of weights holds but one")
    run = read_stroke_weights(path) if names_weights(path) else load_stroke_run(path, step)
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


def with_priming(sampler: StrokeSampler, path: str) -> StrokeSampler:
    """A sampler that writes in the style of the strokes of a file; "" changes nothing.

    Args:
      sampler: that writes.
      path: of a JSON or InkML file that has strokes and their text (hwgan/datasets/stroke_folder/README.md).

    Raises:
      UserError: it cannot be read, has no text, or one that is outside the alphabet.
    """
    if not path:
        return sampler
    what = f"the strokes {path!r}"
    if not path.lower().endswith(STROKE_ENDINGS):
        raise UserError(f"--style={path}: strokes come from files that end in {' or '.join(STROKE_ENDINGS)}")
    with reading(what):
        content = read_regular(pathlib.Path(path), _MAX_BYTES)
        try:
            found = parse_stroke_file(content, path)
            cleaning = sampler.spec.cleaning
            # Strokes of a file are in units of their own, whatever those of training were.
            cleaning = dataclasses.replace(cleaning, size=cleaning.size or "x_height")
            ink = cleaning(join_strokes(check_strokes(found.strokes)))
        except ValueError as error:
            raise UserError(f"cannot read {what}: {error}") from error
    text = normalize_text(found.text).strip()
    if not text:
        raise UserError(f'{what} have no text; put it in the file, as "text" of JSON or annotation "truth" of InkML')
    if " " in text and sampler.charset.unknown(" "):
        raise UserError(f"{what} have several words, but this model was trained on single ones: give one word")
    sampler.charset.require([text])
    if len(ink) > sampler.spec.max_points:
        raise UserError(
            f"{what} have {len(ink):,} points after cleaning, more than the {sampler.spec.max_points:,} of a training "
            "example: give fewer words"
        )
    return dataclasses.replace(sampler, priming=Priming(text, ink))
