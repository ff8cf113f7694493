"""Preprocessing of word images: the steps from a decoded image to a network's input, and the limits of image sizes."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from hwgan.data import transforms
from hwgan.data.graphemes import num_columns
from hwgan.data.letterforms import BOTTOM, TOP, text_widths, vertical_extent
from hwgan.runtime.errors import UserError

TRIMS = {"sides": transforms.trim_sides, "box": transforms.trim_box, "ink": transforms.trim_ink}
REVISION = 5  # must be raised when a step changes its result; it is part of the cache key, so caches are rewritten
_MAX_WIDTH_RATIO = 2.0  # of actual and expected width, either way
_FINE_SCAN = 1.5  # times the output height, above which an image is preprocessed twice
_MAX_ASPECT = 100  # width / height; wider images cannot be words, and would fill the memory when scaled up


class TooWide(ValueError):
    """The image is more than 100 times as wide as high, and so cannot be a word or a line."""


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The preprocessing steps in their order; every checkpoint stores them.

    Attributes:
      contrast: whether grey levels are stretched so that ink is black and paper white (`transforms.stretch_contrast`).
      trim: which white margins are cut: "" none; "sides" left and right; "box" all four, so that the ink fills the
        height, whether or not the word has ascenders; "ink" all four, leaving a margin of 6 % of the ink's height.
        With "ink", an image that is more than 1.5 times `height` high before it is scaled passes through all steps
        twice. Otherwise thin strokes of fine scans would turn grey when scaled down, while those of generated images,
        which have the output height already, would be stretched to black.
      pad_to_line: whether a tight crop is padded above and below to its place on the line, which follows from its text
        (`letterforms.vertical_extent`); all words then have one baseline and one x-height.
      height: height in pixels to which every image is scaled.
      pixels_per_character: 0 scales the width with the height (isometric); otherwise the width of a word is this many
        pixels times its number of characters; combining marks share the pixels of their base.

    References:
      Fogel et al., ScrabbleGAN, CVPR 2020, https://arxiv.org/abs/2003.10557, for `pixels_per_character`
    """

    contrast: bool = False
    trim: str = ""
    pad_to_line: bool = False
    height: int = 32
    pixels_per_character: int = 0

    def __post_init__(self):
        if self.trim and self.trim not in TRIMS:
            raise UserError(f'preprocessing.trim={self.trim!r} does not exist; there are "" and {sorted(TRIMS)}')
        if self.height < 1 or self.pixels_per_character < 0:
            raise UserError(
                f"preprocessing.height={self.height} must be at least 1 pixel and "
                f"preprocessing.pixels_per_character={self.pixels_per_character} at least 0"
            )

    def steps(self, image: UInt8[np.ndarray, "h w"], text: str) -> list[tuple[str, np.ndarray]]:
        """(field name, image) after each active step; the last image is the result.

        Args:
          image: dark ink on white.
          text: its transcription in NFC.

        Raises:
          TooWide: the image is more than 100 times as wide as high, before or after trimming.
        """
        results = self._apply_once(image, text)
        if self.trim == "ink" and results[-2][1].shape[0] > _FINE_SCAN * self.height:
            results += self._apply_once(results[-1][1], text)
        return results

    def _apply_once(self, image: np.ndarray, text: str) -> list[tuple[str, np.ndarray]]:
        _check_width(image)
        results = []
        if self.contrast:
            results.append(("contrast", image := transforms.stretch_contrast(image)))
        if self.trim:
            results.append(("trim", image := TRIMS[self.trim](image)))
            _check_width(image)
        if self.pad_to_line:
            image = transforms.pad_to_extent(image, vertical_extent(text), (TOP, BOTTOM))
            results.append(("pad_to_line", image))
        name = "pixels_per_character" if self.pixels_per_character else "height"
        return [*results, (name, self.resize(image, num_columns(text)))]

    def __call__(self, image: UInt8[np.ndarray, "h w"], text: str) -> UInt8[np.ndarray, "h2 w2"]:
        """The image after all steps; see `steps`."""
        return self.steps(image, text)[-1][1]

    def resize(self, image: UInt8[np.ndarray, "h w"], columns: int) -> UInt8[np.ndarray, "h2 w2"]:
        """Only the last step, for generated images, which need none of the others; `columns` are those of the text."""
        width = self.pixels_per_character * columns or None
        return transforms.resize_to_height(image, self.height, width)

    def key(self, content: str) -> str:
        """A hash of `content` and all steps, 16 hexadecimal digits: the key of a cache."""
        fields = json.dumps([REVISION, content, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()[:16]


def _check_width(image: np.ndarray) -> None:
    if image.shape[1] > _MAX_ASPECT * image.shape[0]:
        raise TooWide(f"{image.shape[1]} pixels wide and {image.shape[0]} high")


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """Preprocessing of a run's images, and the limits beyond which words are dropped.

    Attributes:
      preprocessing: the steps.
      max_width: maximum width of a preprocessed image in pixels.
      max_length: maximum length of a text in characters.
      min_length: minimum length of a text in characters.
    """

    preprocessing: Preprocessing
    max_width: int
    max_length: int
    min_length: int = 1

    def __post_init__(self):
        if self.pixels_per_character * self.max_length > self.max_width:
            raise UserError(
                f"data.max_width={self.max_width} is too small for data.max_length={self.max_length} characters of "
                f"preprocessing.pixels_per_character={self.pixels_per_character} pixels"
            )

    @property
    def height(self) -> int:
        return self.preprocessing.height

    def expected_widths(self, texts: Sequence[str]) -> Float[np.ndarray, " n"]:
        """Expected widths of texts in pixels; 0 where all generated images have the same width."""
        if self.preprocessing.pad_to_line:
            return text_widths(texts, self.height)
        return np.array([self.pixels_per_character * num_columns(text) for text in texts], np.float32)

    def is_plausible(self, text: str, width: int) -> bool:
        """Whether width / expected width is in [1/2, 2]; most words outside this range are segmented wrongly.

        True where words are not padded to their line: widths are then as they come, or follow from the text.
        """
        if not self.preprocessing.pad_to_line:
            return True
        expected = float(self.expected_widths([text])[0])
        return expected / _MAX_WIDTH_RATIO <= width <= expected * _MAX_WIDTH_RATIO

    @property
    def pixels_per_character(self) -> int:
        return self.preprocessing.pixels_per_character
