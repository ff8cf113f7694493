"""How a page looks: size, margins, paper, ink, and how steady the writing on it is."""

import dataclasses
import math
import re

from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import MAX_SEED, check_number

PAGE_SIZES = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}  # width and height in mm
PAPERS = ("plain", "lined", "squared")
INKS = {"black": "#000000", "blue": "#1d3a8f"}
MM_PER_INCH = 25.4
DPI = 300  # of a page of a paper size at scale 1
_MAX_PIXELS = 200_000  # width of a page
_PAGE_MARGIN = 20.0  # mm, of a page of a paper size
_LINE_MARGIN, _RULED_MARGIN, _MAX_MARGIN = 0.2, 0.4, 1.0  # heights of a line, of pictures
_MARGIN_SHARE = 0.05  # of the width of a picture

Color = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class PageSettings:
    """How a page looks.

    Attributes:
      width: of the page in pixels at scale 1, to which lines are broken; 0 for as wide as the longest line.
      page_size: "a4" or "letter", for as many pages as the text needs; "" for one picture as high as the text.
      paper: "plain", "lined" or "squared".
      ink: "black", "blue" or "#rrggbb".
      scale: size in pixels: at 1 the words of a picture are as high as the model draws them, and a page of a paper size
        has 300 dpi.
      text_height: in mm, from the ascenders of a line to its descenders, for all that has a size in mm.
      line_spacing: distance of baselines, in heights of a line.
      word_spacing: mean distance of words, relative to the usual third of the height of a line.
      justify: whether full lines end at the right margin.
      wander: how much baseline, slant, size and distance of words vary: 0 for not at all, 1 as in careful handwriting.
      seed: of these variations.
    """

    width: int = 0
    page_size: str = ""
    paper: str = "plain"
    ink: str = "black"
    scale: int | float = 1.0
    text_height: int | float = 6.0
    line_spacing: int | float = 1.35
    word_spacing: int | float = 1.0
    justify: bool = False
    wander: int | float = 1.0
    seed: int = 0

    def __post_init__(self):
        check_number("width", self.width, 0, _MAX_PIXELS, whole=True)
        check_number("scale", self.scale, 0.1, 10)
        check_number("text_height", self.text_height, 2, 40)
        check_number("line_spacing", self.line_spacing, 1, 5)
        check_number("word_spacing", self.word_spacing, 0.2, 5)
        check_number("wander", self.wander, 0, 2)
        check_number("seed", self.seed, 0, MAX_SEED, whole=True)
        _check_choice("page_size", self.page_size, ("", *PAGE_SIZES))
        _check_choice("paper", self.paper, PAPERS)
        if self.width and self.page_size:
            raise UserError("give either a width or a page_size; a page of a paper size has the width of the paper")
        _ = self.ink_color

    @property
    def ink_color(self) -> Color:
        """Red, green and blue in [0, 255].

        Raises:
          UserError: `ink` is no colour.
        """
        code = INKS.get(self.ink, self.ink) if isinstance(self.ink, str) else ""
        if not re.fullmatch("#[0-9a-fA-F]{6}", code):
            raise UserError(f"ink={str(self.ink)[:50]!r} must be {', '.join(INKS)} or a colour such as #1d3a8f")
        return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)

    def pixels_per_em(self, height: int) -> int | float:
        """Pixels of the output in the height of a line.

        Args:
          height: of the model's images in pixels.
        """
        return self.scale * (self.text_height * DPI / MM_PER_INCH if self.page_size else height)

    def page_extent(self, height: int) -> tuple[float, float]:
        """(width, height) of a page in heights of a line; infinite where it follows from the text."""
        if self.page_size:
            width, length = PAGE_SIZES[self.page_size]
            return width / self.text_height, length / self.text_height
        return (self.width / height if self.width else math.inf), math.inf

    def margin(self, height: int) -> float:
        """Width of the margin at each side, in heights of a line."""
        if self.page_size:
            return _PAGE_MARGIN / self.text_height
        narrowest = _LINE_MARGIN if self.paper == "plain" else _RULED_MARGIN
        return max(narrowest, min(_MAX_MARGIN, _MARGIN_SHARE * self.width / height))


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        named = ", ".join(filter(None, choices))
        raise UserError(f"{name}={str(value)[:50]!r} must be one of {named}")
