"""What is done to a word image before a network sees it: the one list of steps, and the one place that applies them."""

import dataclasses
import hashlib
import json

import numpy as np
from jaxtyping import UInt8

from hwgan.data import transforms
from hwgan.errors import UserError

TRIMS = {"sides": transforms.trim_sides, "box": transforms.trim_box}
_REVISION = 1  # to be raised with any change of what a step does: caches made before are then made anew
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
        ink fills the height and the size of letters no longer tells ascenders from none.
      height: pixels, to which every image is scaled.
      pixels_per_character: 0 scales the width with the height (isometric); else a word of n characters becomes n times
        this wide (after Fogel et al. 2020), so that width follows the text.
    """

    contrast: bool = False
    deslant: bool = False
    trim: str = ""
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

    def steps(self, image: UInt8[np.ndarray, "h w"], num_characters: int) -> list[tuple[str, np.ndarray]]:
        """The image after each step that is switched on, by the name of its field; the last one is the result.

        Args:
          image: uint8, dark ink on white.
          num_characters: of its text; unused where width is isometric.

        Raises:
          TooWide: it would be more than 100 times as wide as high.
        """
        _check_width(image)
        done = []
        if self.contrast:
            done.append(("contrast", image := transforms.stretch_contrast(image)))
        if self.deslant:
            done.append(("deslant", image := transforms.deslant(image)))
        if self.trim:
            done.append(("trim", image := TRIMS[self.trim](image)))
            _check_width(image)
        name = "pixels_per_character" if self.pixels_per_character else "height"
        return [*done, (name, self.resize(image, num_characters))]

    def __call__(self, image: UInt8[np.ndarray, "h w"], num_characters: int) -> UInt8[np.ndarray, "h2 w2"]:
        """All steps; see `steps`."""
        return self.steps(image, num_characters)[-1][1]

    def resize(self, image: UInt8[np.ndarray, "h w"], num_characters: int) -> UInt8[np.ndarray, "h2 w2"]:
        """The last step alone, for images that a generator made at the end of the others."""
        width = self.pixels_per_character * num_characters or None
        return transforms.resize_to_height(image, self.height, width)

    def key(self, content: str) -> str:
        """A name for "these steps on this content", 16 hexadecimal digits."""
        fields = json.dumps([_REVISION, content, dataclasses.asdict(self)], sort_keys=True)
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

    @property
    def pixels_per_character(self) -> int:
        return self.preprocessing.pixels_per_character
