"""Styles as files: the latent of a writer, its delta if it is fine-tuned, and what it was made of; never a picture."""

import dataclasses
import pathlib

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from hwgan.models.state import variables_digest
from hwgan.runtime.errors import UserError
from hwgan.runtime.npz import NpzKind, read_npz, write_npz
from hwgan.runtime.untrusted import MAX_SEED, check_number, reading
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_delta import NO_DELTA, Delta, TunedStyle, check_delta

ENDING = ".npz"
_FORMAT, _DELTA = "hwgan style 1", "delta/"
_STYLE = NpzKind("style", "hwgan.style", max_bytes=10**6, max_record_bytes=4 * 10**4, max_members=100)
_MAX_WORDS = 10**6
_FEW_WORDS = 3


@dataclasses.dataclass(frozen=True)
class Style:
    """The style of a writer.

    Attributes:
      z: float32 [z_dim], the latent.
      num_words: how many words it was made of.
      agreement: how much the words agree (`style_encoder.agreement`), in [-1, 1]; None for a single word.
      weights: checksum of the generator and language model whose latent z is (`variables_digest`).
      delta: float16 changes of their parameters, of a style that is fine-tuned; see `style_delta`.
    """

    z: Float[np.ndarray, " z"]
    num_words: int
    agreement: float | None
    weights: str
    delta: Delta = dataclasses.field(default_factory=lambda: NO_DELTA)

    def cautions(self) -> list[str]:
        """Sentences on why the style may not be that of the writer."""
        if self.num_words < _FEW_WORDS:
            words = "one word" if self.num_words == 1 else f"{self.num_words} words"
            return [f"the style is made of {words}; with fewer than {_FEW_WORDS} it is unreliable, with 15 it is good"]
        return []


def write_style(style: Style, path: str) -> None:
    """Writes a style to a file.

    Args:
      style: of one writer.
      path: of the file, which ends in .npz.

    Raises:
      UserError: it cannot be written.
    """
    fields = {name: value for name, value in dataclasses.asdict(style).items() if name not in ("z", "delta")}
    delta = {_DELTA + name: np.asarray(change) for name, change in style.delta.items()}
    write_npz({"format": _FORMAT, **fields}, {"z": style.z.astype(np.float32), **delta}, path)


def read_style(path: str, sampler: Sampler) -> Style:
    """Reads the style of a file, which may be of unknown origin.

    Args:
      path: of the file.
      sampler: the generator that is to write in this style.

    Raises:
      UserError: there is no such file, it is damaged or holds something else, its latent is not finite or of another
        size, its delta does not fit the generator, or it is of other weights.
    """
    what = f"the style {path!r}"
    with reading(what):
        if pathlib.Path(path).suffix.lower() != ENDING:
            raise UserError(
                f"{path!r} is no style for images, whose files end in {ENDING}: hwgan.style makes one of images of "
                "words; strokes are a style with --checkpoint=strokes, or a run of strokes"
            )
        record, arrays = read_npz(path, _STYLE)
        z = arrays.get("z")
        if record.get("format") != _FORMAT or z is None:
            raise UserError(f"{path!r} holds no style; hwgan.style writes one")
        weights = record.get("weights")
        if weights != variables_digest(sampler.variables):
            raise UserError(
                f"{what} belongs to other weights ({str(weights)[:16]}): make it again with hwgan.style from the "
                "images, or give the --checkpoint= that it was made with"
            )
        if z.dtype != np.float32:
            raise UserError(f"{what} has a latent {z.dtype}, not float32")
        sampler.check_style(z, what)
        check_number("num_words", record.get("num_words"), 1, _MAX_WORDS, whole=True)
        agreement = record.get("agreement")
        if agreement is not None:
            check_number("agreement", agreement, -1.0, 1.0)
        delta = {name.removeprefix(_DELTA): array for name, array in arrays.items() if name != "z"}
        check_delta(delta, sampler.variables, what)
        return Style(z, record["num_words"], agreement, str(weights), delta)


def style_of(source: str | int, sampler: Sampler) -> TunedStyle:
    """The style of a seed, or of a style file.

    Args:
      source: a seed, as a number or its digits, or the path of a file.
      sampler: the generator.

    Raises:
      UserError: it is neither a seed nor a style of this generator.
    """
    if isinstance(source, str) and not source.strip().isdecimal():
        style = read_style(source, sampler)
        return TunedStyle(style.z, style.delta or NO_DELTA)
    seed = int(source)
    check_number("the seed of a style", seed, 0, MAX_SEED, whole=True)
    return TunedStyle(np.asarray(sampler.style(seed)), sampler.delta)


def with_style(sampler: Sampler, path: str) -> Sampler:
    """A sampler all of whose styles are variations of that of a style file; "" changes nothing.

    Raises:
      UserError: see `read_style`.
    """
    if not path:
        return sampler
    style = read_style(path, sampler)
    return dataclasses.replace(sampler, center=jnp.asarray(style.z), delta=style.delta)
