"""A model of strokes as programs use it: texts in, the ways of a pen out, and pictures and documents of them."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import is_there
from hwgan.runtime.untrusted import MAX_SEED, check_number
from hwgan.sampling.base_model import BaseModel, Grey, page_settings, plain_style
from hwgan.sampling.open_strokes import with_stroke_style
from hwgan.sampling.stroke_document import Plotter, StrokeDocument, write_document
from hwgan.sampling.stroke_sampler import StrokeSampler, Writing

StrokeStyle = int | np.integer | str | os.PathLike  # a seed, one of `StrokeModel.writers`, or the path of strokes


@dataclasses.dataclass(frozen=True)
class StrokeModel(BaseModel):
    """Writes words, lines and pages as strokes of a pen; `hwgan.load_strokes` opens one.

    A style is a seed; the name of one of `writers`, if the network embeds writers; or the path of a JSON or InkML file
    of strokes with their text, or of a folder of such files: then the embedded writer to whose writing they are closest
    writes, who is looked for in each call. The same texts in the same style give the same strokes; in `words` each is
    written anew, so that equal ones differ.
    Characters outside the alphabet are written as what looks the same, such as typographic quotes; where nothing does,
    a `UserError` names them.

    Attributes:
      sampler: the network behind it.

    >>> import hwgan
    >>> model = hwgan.load_strokes()
    >>> strokes = model.strokes("fox", style=3)
    >>> strokes[0].shape[1], len(model.writers) > 1000
    (2, True)
    >>> model.page("the quick fox", style=3, width=400).shape[1]
    400
    """

    sampler: StrokeSampler

    @property
    def height(self) -> int:
        """Height of pictures of words and lines in pixels."""
        return self.sampler.height

    @property
    def writers(self) -> tuple[str, ...]:
        """Names of the training writers whose styles it can write in; none where the network embeds no writers."""
        return self.sampler.writer_names

    def strokes(self, text: str, style: StrokeStyle = 0) -> list[Float[np.ndarray, "points 2"]]:
        """One word as strokes, in the order of writing.

        Args:
          text: without spaces.
          style: see `StrokeModel`.

        Returns:
          (x, y) of the points of each stroke in x-heights; y grows downwards and is 0 at the baseline.

        Raises:
          UserError: the text is empty, too long, or has characters that cannot be written.
        """
        return self._write([text], style)[0].strokes

    def words(self, texts: Sequence[str], style: StrokeStyle = 0) -> list[Grey]:
        """Pictures of many words in one style, which are written together, and so much faster than one by one.

        >>> import hwgan
        >>> model = hwgan.load_strokes()
        >>> [image.shape[0] == model.height for image in model.words(["one", "two"], style=5)]
        [True, True]
        """
        return [self.sampler.draw_ink(writing.ink) for writing in self._write(texts, style)]

    def line(self, text: str, style: StrokeStyle = 0) -> Grey:
        """A picture of words side by side on a straight line, uint8 [height, width], dark ink on white (255)."""
        sampler, bits = self._resolved(style)
        return sampler.draw_text(self._fitted(text), bits)

    def document(
        self, text: str, style: StrokeStyle = 0, *, plotter: Plotter | None = None, **settings: Any
    ) -> StrokeDocument:
        """A text on as many pages as it needs, which can be saved as single lines in SVG, PDF and G-code, or as images.

        Args:
          text: line breaks and blank lines are kept.
          style: see `StrokeModel`.
          plotter: for G-code; None for the default commands.
          **settings: fields of `hwgan.sampling.page_settings.PageSettings`, such as page_size="a4", ink, paper.

        Raises:
          UserError: see `strokes`; or a setting is out of range.

        >>> import hwgan
        >>> letter = hwgan.load_strokes().document("Dear reader,", page_size="a4")
        >>> letter.svgs()[0].count("<path") > 2, letter.gcodes()[0].startswith("; hwgan: 210.0 x 297.0 mm")
        (True, True)
        """
        checked = page_settings(settings)
        sampler, bits = self._resolved(style)
        return write_document(sampler, self._fitted(text), [bits], checked, plotter)

    def _write(self, texts: Sequence[str], style: StrokeStyle) -> list[Writing]:
        fitted = self._fitted_words(texts)
        sampler, bits = self._resolved(style)
        return sampler.write(fitted, jnp.stack([bits] * len(fitted))) if fitted else []

    def _resolved(self, style: StrokeStyle) -> tuple[StrokeSampler, UInt32[Array, "2"]]:
        """The sampler that writes in a style, and the random bits to give it."""
        plain = plain_style(style)
        if not isinstance(plain, str):
            check_number("style", plain, 0, MAX_SEED, whole=True)
            return self.sampler, self.sampler.style(plain)
        if plain in self.writers:
            return dataclasses.replace(self.sampler, writer=plain), self.sampler.style(0)
        if not plain or not is_there(plain):
            raise UserError(
                f"{plain[:200]!r} is neither one of the {len(self.writers):,} writers (StrokeModel.writers) nor a file "
                "or folder of strokes"
            )
        return with_stroke_style(self.sampler, plain), self.sampler.style(0)
