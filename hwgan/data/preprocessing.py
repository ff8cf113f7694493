"""What is done to a word image before a network sees it: the one list of steps, and the one place that applies them."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from hwgan.data import transforms
from hwgan.data.letterforms import BOTTOM, TOP, text_widths, vertical_extent
from hwgan.errors import UserError

TRIMS = {"sides": transforms.trim_sides, "box": transforms.trim_box, "ink": transforms.trim_ink}
REVISION = 3  # to be raised with any change of what a step does: caches made before are then made anew
_PLAUSIBLE = 2.0  # times wider or narrower than expected
_FINE = 1.5  # times as high as it will be
_MAX_ASPECT = 100  # an image wider than this many times its height is no word, and scaled up would fill the memory


class TooWide(ValueError):
    """The image is far too wide for its height to be a word or a line."""


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The steps from a decoded image to what networks see, in this order; saved with every checkpoint.

    Attributes:
      contrast: stretches grey levels so that ink is black and paper white (`transforms.stretch_contrast`).
      deslant: shears the word upright (`transforms.deslant`).
      trim: "" leaves the white around the ink; "sides" cuts it left and right; "box" on all four sides, so that the
        ink fills the height and the size of letters no longer tells ascenders from none; "ink" does so with a margin
        that grows with the image; and where the image is more than 1.5 times as high as `height` before it is scaled,
        all steps are done again on what they made, so that a word scanned finely is seen as one drawn that high is.
      frame: pads a crop that is cut close around its ink above and below, to where it stood between the lines, as its
        text tells (`letterforms.vertical_extent`): all words are then written in one size, on one baseline.
      height: pixels, to which every image is scaled.
      pixels_per_character: 0 scales the width with the height (isometric); else a word of n characters becomes n times
        this wide (after Fogel et al. 2020), so that width follows the text.
    """

    contrast: bool = False
    deslant: bool = False
    trim: str = ""
    frame: bool = False
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
        """The image after each step that is switched on, by the name of its field; the last one is the result.

        Args:
          image: uint8, dark ink on white.
          text: what it says, in NFC.

        Raises:
          TooWide: it would be more than 100 times as wide as high.
        """
        done = self._once(image, text)
        if self.trim == "ink" and done[-2][1].shape[0] > _FINE * self.height:
            done += self._once(done[-1][1], text)
        return done

    def _once(self, image: np.ndarray, text: str) -> list[tuple[str, np.ndarray]]:
        _check_width(image)
        done = []
        if self.contrast:
            done.append(("contrast", image := transforms.stretch_contrast(image)))
        if self.deslant:
            done.append(("deslant", image := transforms.deslant(image)))
        if self.trim:
            done.append(("trim", image := TRIMS[self.trim](image)))
            _check_width(image)
        if self.frame:
            done.append(("frame", image := transforms.pad_to_extent(image, vertical_extent(text), (TOP, BOTTOM))))
        name = "pixels_per_character" if self.pixels_per_character else "height"
        return [*done, (name, self.resize(image, len(text)))]

    def __call__(self, image: UInt8[np.ndarray, "h w"], text: str) -> UInt8[np.ndarray, "h2 w2"]:
        """All steps; see `steps`."""
        return self.steps(image, text)[-1][1]

    def resize(self, image: UInt8[np.ndarray, "h w"], num_characters: int) -> UInt8[np.ndarray, "h2 w2"]:
        """The last step alone, for images that a generator made at the end of the others."""
        width = self.pixels_per_character * num_characters or None
        return transforms.resize_to_height(image, self.height, width)

    def key(self, content: str) -> str:
        """A name for "these steps on this content", 16 hexadecimal digits."""
        fields = json.dumps([REVISION, content, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()[:16]


def _check_width(image: np.ndarray) -> None:
    if image.shape[1] > _MAX_ASPECT * image.shape[0]:
        raise TooWide(f"{image.shape[1]} pixels wide and {image.shape[0]} high")


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """The images of a run: their preprocessing, and which of them fit.

    Attributes:
      preprocessing: every step and its setting.
      max_width: pixels; wider images are dropped.
      max_length: longest text, in characters; longer ones are dropped.
      min_length: shortest text.
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
        """Pixels that texts will take when they are written; 0 where the canvas is the same for all."""
        if self.preprocessing.frame:
            return text_widths(texts, self.height)
        return np.array([self.pixels_per_character * len(text) for text in texts], np.float32)

    def is_plausible(self, text: str, width: int) -> bool:
        """Whether a word is within half and twice the expected width; of those beyond, most are cut wrongly."""
        expected = float(self.expected_widths([text])[0])
        return expected / _PLAUSIBLE <= width <= expected * _PLAUSIBLE

    @property
    def pixels_per_character(self) -> int:
        return self.preprocessing.pixels_per_character
