"""A model of strokes as programs use it: texts in, the ways of a pen out, and pictures and documents of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8, UInt32

from hwgan.data.replacements import replace_unwritable
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import MAX_SEED, check_number
from hwgan.sampling.model import Grey, fit_words
from hwgan.sampling.open_strokes import with_stroke_style
from hwgan.sampling.page_settings import PageSettings
from hwgan.sampling.stroke_document import Plotter, StrokeDocument, write_document
from hwgan.sampling.stroke_sampler import StrokeSampler, Writing

Hand = int | np.integer | str  # a seed, one of `StrokeModel.writers`, or the path of strokes


@dataclasses.dataclass(frozen=True)
class StrokeModel:
    """Writes words, lines and pages as strokes of a pen; `hwgan.load_strokes` opens one.

    A hand is a seed; the name of one of `writers`, if the network embeds writers; or the path of a JSON or InkML file
    of strokes with their text, or of a folder of such files: then the embedded writer whose hand is most like them
    writes, who is looked for in each call. The same text in the same hand gives the same strokes.
    Characters outside the alphabet are written as what looks the same, such as typographic quotes; where nothing does,
    a `UserError` names them.

    Attributes:
      sampler: the network behind it.

    >>> import hwgan
    >>> model = hwgan.load_strokes()
    >>> strokes = model.strokes("fox", hand=3)
    >>> strokes[0].shape[1], len(model.writers) > 1000
    (2, True)
    """

    sampler: StrokeSampler

    @property
    def alphabet(self) -> str:
        """The characters that it writes, beside spaces."""
        return self.sampler.charset.characters

    @property
    def height(self) -> int:
        """Height of pictures of words and lines in pixels."""
        return self.sampler.height

    @property
    def writers(self) -> tuple[str, ...]:
        """Names of the training writers in whose hands it writes; none where the network embeds no writers."""
        return self.sampler.writer_names

    def strokes(self, text: str, hand: Hand = 0) -> list[Float[np.ndarray, "points 2"]]:
        """One word as strokes, in the order of writing.

        Args:
          text: without spaces.
          hand: see `StrokeModel`.

        Returns:
          (x, y) of the points of each stroke in x-heights; y grows downwards and is 0 at the baseline.

        Raises:
          UserError: the text is empty, too long, or has characters that cannot be written.
        """
        return self._write([text], hand)[0].strokes

    def word(self, text: str, hand: Hand = 0) -> Grey:
        """A picture of `strokes`, uint8 [height, width], dark ink on white (255), as wide as the word."""
        return self.words([text], hand)[0]

    def words(self, texts: Sequence[str], hand: Hand = 0) -> list[Grey]:
        """Pictures of many words in one hand, which are written together, and so much faster than one by one.

        >>> import hwgan
        >>> model = hwgan.load_strokes()
        >>> [image.shape[0] == model.height for image in model.words(["one", "two"], hand=5)]
        [True, True]
        """
        return [self.sampler.draw_ink(writing.ink) for writing in self._write(texts, hand)]

    def line(self, text: str, hand: Hand = 0) -> Grey:
        """A picture of words side by side on a straight line, uint8 [height, width], dark ink on white (255)."""
        sampler, style = self._resolved(hand)
        return sampler.draw_text(self._fitted(text), style)

    def page(self, text: str, hand: Hand = 0, *, width: int = 800, **settings: Any) -> UInt8[np.ndarray, "h w *rgb"]:
        """A text on one page, as high as the text needs; see `Model.page`.

        >>> import hwgan
        >>> model = hwgan.load_strokes()
        >>> model.page("the quick fox", hand=3, width=400).shape[1]
        400
        """
        if settings.get("page_size"):
            raise UserError("page() writes one page as high as its text; document() has pages of a paper size")
        return self.document(text, hand, width=width, **settings).images()[0]

    def document(self, text: str, hand: Hand = 0, *, plotter: Plotter | None = None, **settings: Any) -> StrokeDocument:
        """A text on as many pages as it needs, which can be saved as single lines in SVG, PDF and G-code, or as images.

        Args:
          text: line breaks and blank lines are kept.
          hand: see `StrokeModel`.
          plotter: for G-code; None for the default commands.
          **settings: fields of `hwgan.sampling.page_settings.PageSettings`, such as page_size="a4", ink, paper.

        Raises:
          UserError: see `strokes`; or a setting is out of range.

        >>> import hwgan
        >>> letter = hwgan.load_strokes().document("Dear reader,", page_size="a4")
        >>> letter.svgs()[0].count("<path") > 2, letter.gcodes()[0].startswith("; hwgan: 210.0 x 297.0 mm")
        (True, True)
        """
        checked = PageSettings(**settings)
        sampler, style = self._resolved(hand)
        return write_document(sampler, self._fitted(text), [style], checked, plotter)

    def _write(self, texts: Sequence[str], hand: Hand) -> list[Writing]:
        fitted = fit_words(texts, self.alphabet)
        sampler, style = self._resolved(hand)
        return sampler.write(fitted, jnp.stack([style] * len(fitted))) if fitted else []

    def _fitted(self, text: str) -> str:
        return replace_unwritable(text, self.alphabet)[0]

    def _resolved(self, hand: Hand) -> tuple[StrokeSampler, UInt32[Array, "2"]]:
        """The sampler that writes in a hand, and the style to give it."""
        if isinstance(hand, str):
            if hand in self.writers:
                return dataclasses.replace(self.sampler, writer=hand), self.sampler.style(0)
            return with_stroke_style(self.sampler, hand), self.sampler.style(0)
        seed = int(hand) if isinstance(hand, np.integer) else hand
        check_number("hand", seed, 0, MAX_SEED, whole=True)
        return self.sampler, self.sampler.style(seed)
