"""What models of images and of strokes have in common for programs that use them."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hwgan.data.replacements import replace_unwritable
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import plain_number
from hwgan.sampling.page_settings import PageSettings

Grey = UInt8[np.ndarray, "h w"]


class BaseModel:
    """Texts in, pictures and documents out. Subclasses have `sampler`, `words` and `document`."""

    sampler: Any

    @property
    def alphabet(self) -> str:
        """The characters that it writes, beside spaces."""
        return self.sampler.charset.characters

    def words(self, texts: Sequence[str], styles: Any = 0) -> list[Grey]:
        """Many words, which are drawn together, and so much faster than one by one."""
        raise NotImplementedError

    def document(self, text: str, styles: Any = 0, **settings: Any) -> Any:
        """A text on as many pages as it needs."""
        raise NotImplementedError

    def word(self, text: str, style: Any = 0) -> Grey:
        """One word.

        Args:
          text: without spaces.
          style: see the class.

        Returns:
          uint8 [height, width], dark ink on white (255), as wide as the word.

        Raises:
          UserError: the text is empty, too long, or has characters that cannot be written.
        """
        return self.words([text], style)[0]

    def page(
        self, text: str, style: Any = 0, *, width: int | np.integer = 800, **settings: Any
    ) -> UInt8[np.ndarray, "h w *rgb"]:
        """A text on one page, as high as the text needs.

        Args:
          text: line breaks and blank lines are kept.
          style: see the class.
          width: of the page in pixels at scale 1; 0 for as wide as the longest line.
          **settings: other fields of `hwgan.sampling.page_settings.PageSettings`, such as ink, paper, scale, justify.

        Returns:
          uint8 [height, width], dark ink on white (255); with coloured ink or ruled paper [height, width, 3].

        Raises:
          UserError: see `word`; or a setting is out of range.
        """
        if settings.get("page_size"):
            raise UserError("page() writes one page as high as its text; document() has pages of a paper size")
        return self.document(text, style, width=width, **settings).images()[0]

    def _fitted(self, text: str) -> str:
        """The text in NFC, with what looks the same for characters outside the alphabet."""
        lines = "\n".join(text.splitlines())  # for there are other line breaks than this one
        return replace_unwritable(lines, self.alphabet)[0]

    def _fitted_words(self, texts: Sequence[str]) -> list[str]:
        """Words in NFC, with what looks the same for characters outside the alphabet.

        Raises:
          UserError: they are one text, or one of them has a space that is not in the alphabet.
        """
        if isinstance(texts, str):
            raise UserError("words() takes a list of words; word() takes one, line() and page() take texts")
        fitted = [self._fitted(text) for text in texts]
        for text in fitted:
            if not set(filter(str.isspace, text)) <= set(self.alphabet):
                raise UserError(f"{text[:40]!r} has a space, so it is no word; line() and page() take texts")
        return fitted


def page_settings(settings: dict[str, Any]) -> PageSettings:
    """Settings of a page by their names.

    Raises:
      UserError: there is no setting of a name, or a value is out of range.
    """
    known = [field.name for field in dataclasses.fields(PageSettings)]
    if unknown := sorted(settings.keys() - set(known)):
        raise UserError(f"pages have no setting {unknown[0]!r}; there are {', '.join(known)}")
    return PageSettings(**{name: plain_number(value) for name, value in settings.items()})


def plain_style(style: Any) -> Any:
    """A style with paths as texts, and whole numbers of NumPy and jax, also as arrays of no dimension, as Python's."""
    if isinstance(style, os.PathLike):
        return os.fspath(style)
    dtype = getattr(style, "dtype", None)
    is_number = isinstance(dtype, np.dtype) and np.issubdtype(dtype, np.integer) and style.shape == ()
    return int(style) if is_number else style
