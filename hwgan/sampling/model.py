"""A model as programs use it: texts in, arrays and documents out."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped, UInt8

from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import MAX_SEED, check_number, plain_number
from hwgan.sampling.base_model import BaseModel, Grey, page_settings, plain_style
from hwgan.sampling.document import Document
from hwgan.sampling.interpolation import slerp
from hwgan.sampling.page_layout import lay_out
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_delta import TunedStyle, check_delta, mix_deltas
from hwgan.sampling.style_encoder import StyleEncoder, open_style_encoder
from hwgan.sampling.style_files import style_of
from hwgan.sampling.word_sampler import words_by_line

# A seed, a style file, z, or what `Model.interpolate` makes of a fine-tuned style.
Style = int | np.integer | str | os.PathLike | Shaped[np.ndarray, " z"] | Shaped[jax.Array, " z"] | TunedStyle
Styles = Style | Sequence[Style]


@dataclasses.dataclass(frozen=True)
class Model(BaseModel):
    """Writes words, lines and pages; `hwgan.load` opens one.

    A style is a seed, an array [z_dim] as `style` and `style_from` return it, or the path of a file that `hwgan.style`
    wrote; several are a list of them, or an array of seeds. The same text in the same style gives the same pixels.
    Characters outside the alphabet are written as what looks the same, such as typographic quotes; where nothing does,
    a `UserError` names them.

    Attributes:
      sampler: the networks behind it.
      checkpoint: where they are from; see `hwgan.load`.
      step: likewise.

    >>> import hwgan
    >>> model = hwgan.load()
    >>> line = model.line("Bonjour from hwgan, 1976", style=3)
    >>> line.shape[0] == model.height, line.dtype
    (True, dtype('uint8'))
    >>> model.page("Ma chère Claire", style=3, width=400).shape[1]
    400
    >>> model.page("Bonjour", paper="lined", ink="blue", scale=2).shape[1:]
    (1600, 3)
    """

    sampler: Sampler
    checkpoint: str = ""
    step: int | None = None

    @property
    def height(self) -> int:
        """Height of words and lines in pixels."""
        return self.sampler.spec.height

    def style(
        self, seed: int | np.integer, temperature: int | float | np.number | None = None
    ) -> Float[np.ndarray, " z"]:
        """The style of a seed.

        Args:
          seed: from 0 to 2³² - 1.
          temperature: T of z ~ N(0, T² I), above 0 and at most 5: lower is more regular and more legible; None for that
            of the model.

        Returns:
          z, [z_dim] float32.

        >>> import hwgan
        >>> model = hwgan.load()
        >>> calm = model.style(3, temperature=0.5)
        >>> bool((model.word("ami", style=3) == model.word("ami", style=model.style(3))).all())
        True
        """
        check_number("seed", seed, 0, MAX_SEED, whole=True)
        sampler = self.sampler
        if temperature is not None:
            sampler = dataclasses.replace(sampler, temperature=plain_number(temperature))
        return np.asarray(sampler.style(int(seed)))

    def style_from(
        self, images: Sequence[UInt8[np.ndarray, "_ _"]], texts: Sequence[str] | None = None
    ) -> Float[np.ndarray, " z"]:
        """The style of a writer, from images of words.

        Args:
          images: uint8 [height, width] of one word each, cropped, of any size, dark ink on light paper or the reverse;
            five are usable, 15 give a good style.
          texts: their transcriptions, in the alphabet; None: the recognizer reads the words.

        Returns:
          z, [z_dim] float32, fitted so that words in this style have the mean style of these: see `StyleEncoder`.

        Raises:
          UserError: an image is no such array, none is a word, the numbers of images and texts differ, or the model has
            no identifier.

        >>> import hwgan
        >>> model = hwgan.load()
        >>> mine = model.style_from(model.words(["bonjour", "maison", "jardin"], styles=5))
        >>> model.word("merci", style=mine).shape[0] == model.height
        True
        """
        if texts is not None and len(texts) != len(images):
            raise UserError(f"there are {len(images)} images and {len(texts)} texts")
        return self._encoder.encode(images, texts).z

    @functools.cached_property
    def _encoder(self) -> StyleEncoder:
        return open_style_encoder(self.checkpoint, self.sampler, self.step)

    def interpolate(
        self, first: Style, last: Style, count: int | np.integer
    ) -> list[Float[np.ndarray, " z"] | TunedStyle]:
        """Spherical interpolation between two styles.

        Args:
          first: a style, see `Model`.
          last: likewise.
          count: number of styles, at least 2; `first` and `last` are among them.

        Returns:
          `count` styles at even angles, z [z_dim] float32 each; where one of the two is the file of a fine-tuned style,
          with changes of parameters, which are interpolated linearly.

        Raises:
          UserError: `count` is below 2, or one of them is no style of these weights.

        >>> import hwgan
        >>> model = hwgan.load()
        >>> words = model.words(["ami"] * 5, styles=model.interpolate(4, 9, count=5))
        >>> len(words)
        5
        """
        check_number("count", count, 2, 10**6, whole=True)
        start, end = self._resolved(first), self._resolved(last)
        shares = np.linspace(0.0, 1.0, count).tolist()
        first_z, last_z = jnp.asarray(start.z), jnp.asarray(end.z)
        z: list[Any] = [np.asarray(slerp(first_z, last_z, share)) for share in shares]
        if not start.delta and not end.delta:
            return z
        deltas = [mix_deltas(start.delta, end.delta, share) for share in shares]
        return [TunedStyle(latent, delta) for latent, delta in zip(z, deltas, strict=True)]

    def words(self, texts: Sequence[str], styles: Styles = 0) -> list[Grey]:
        """Many words, which are drawn together, and so much faster than one by one.

        Args:
          texts: see `word`.
          styles: one for all, or one for each.

        Returns:
          An image for each text; see `word`.

        Raises:
          UserError: see `word`; or the numbers of texts and styles differ.

        >>> import hwgan
        >>> model = hwgan.load()
        >>> images = model.words(["un", "deux", "trois"], styles=[1, 2, 3])
        >>> [image.shape[0] == model.height for image in images]
        [True, True, True]
        """
        fitted = self._fitted_words(texts)
        if not fitted:
            return []
        found = self._styles_of(styles, len(fitted))
        rows_of: dict[int, list[int]] = {}  # words of one delta are drawn together
        for row, style in enumerate(found):
            rows_of.setdefault(id(style.delta), []).append(row)
        images: dict[int, Grey] = {}
        for rows in rows_of.values():
            z = jnp.asarray(np.stack([found[row].z for row in rows]))
            drawn = self._sampler_of(found[rows[0]]).draw([fitted[row] for row in rows], z)
            images.update(zip(rows, drawn, strict=True))
        return [images[row] for row in range(len(fitted))]

    def line(self, text: str, style: Style = 0) -> Grey:
        """Words side by side, on a straight line and at even distances.

        Args:
          text: words with spaces between. A word that comes again is varied a little.
          style: see `Model`.

        Returns:
          uint8 [height, width], dark ink on white (255).

        Raises:
          UserError: see `word`.
        """
        found = self._resolved(style)
        return self._sampler_of(found).draw_text(self._fitted(text), jnp.asarray(found.z))

    def document(self, text: str, styles: Styles = 0, **settings: Any) -> Document:
        """A text on as many pages as it needs, which can be saved as PDF, SVG or images.

        Args:
          text: line breaks and blank lines are kept.
          styles: one; or several, for the text in each of them.
          **settings: fields of `hwgan.sampling.page_settings.PageSettings`, such as page_size="a4", ink, paper.

        Returns:
          The pages.

        Raises:
          UserError: see `page`.

        >>> import hwgan
        >>> model = hwgan.load()
        >>> letter = model.document("Ma chère Claire,", 3, page_size="a4", ink="blue")
        >>> [image.shape for image in letter.images()]
        [(3508, 2480, 3)]
        >>> letter.pdf()[:5]
        b'%PDF-'
        """
        checked = page_settings(settings)
        fitted = self._fitted(text)
        blocks = [
            self._sampler_of(style).draw_lines(fitted, jnp.asarray(style.z)) for style in self._list_of_styles(styles)
        ]
        pages = lay_out(blocks, checked, self.height, self.sampler.charset.right_to_left, words_by_line(fitted))
        return Document(pages, checked, self.height)

    def _sampler_of(self, style: TunedStyle) -> Sampler:
        """The sampler that writes in a style."""
        return (
            self.sampler if style.delta is self.sampler.delta else dataclasses.replace(self.sampler, delta=style.delta)
        )

    def _resolved(self, style: Style) -> TunedStyle:
        """The array of a style, and its delta."""
        style = plain_style(style)
        if isinstance(style, str):
            return style_of(style, self.sampler)
        if isinstance(style, int) and not isinstance(style, bool):
            return TunedStyle(self.style(style), self.sampler.delta)
        delta = self.sampler.delta
        if isinstance(style, TunedStyle):
            check_delta(style.delta, self.sampler.variables, "the style")
            style, delta = style.z, style.delta
        dimension = self.sampler.networks.z_dim
        is_array = isinstance(style, np.ndarray | jax.Array)
        z = np.asarray(style, np.float32) if is_array else np.zeros(())
        if z.shape != (dimension,):
            got = f"shape {z.shape}" if is_array else repr(style)[:100]
            raise UserError(f"a style is a seed, a style file, or an array of {dimension} finite numbers; got {got}")
        self.sampler.check_style(z, "a style as an array")
        return TunedStyle(z, delta)

    def _list_of_styles(self, styles: Any) -> list[TunedStyle]:
        """One or several styles."""
        if _is_one(styles):
            return [self._resolved(styles)]
        files: dict[str, TunedStyle] = {}  # each is read once, so that its words are drawn together
        found = []
        for style in map(plain_style, styles):
            if isinstance(style, str) and style not in files:
                files[style] = self._resolved(style)
            found.append(files[style] if isinstance(style, str) else self._resolved(style))
        if not found:
            raise UserError("there is no style; give at least one")
        return found

    def _styles_of(self, styles: Styles, count: int) -> list[TunedStyle]:
        """A style for each of `count` texts."""
        found = self._list_of_styles(styles)
        if len(found) not in (1, count):
            raise UserError(f"there are {count} texts and {len(found)} styles; give one style, or one for each")
        return found * (count if len(found) == 1 else 1)


def _is_one(styles: Any) -> bool:
    """Whether this is one style; an array of whole numbers is of seeds, one of others is z or has a z in each row."""
    if isinstance(styles, np.ndarray | jax.Array):
        return styles.ndim < 2 and not (styles.ndim == 1 and np.issubdtype(styles.dtype, np.integer))
    return isinstance(styles, str | os.PathLike | TunedStyle) or not isinstance(styles, Iterable)
