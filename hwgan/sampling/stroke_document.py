"""Pages of strokes: single lines as SVG, PDF and G-code, and pictures drawn with a pen."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Array, UInt8, UInt32
from PIL import Image, ImageDraw

from hwgan.data.ink import Stroke, pixel_origin, smooth
from hwgan.runtime.files import SOFTWARE
from hwgan.runtime.untrusted import check_number
from hwgan.sampling.document import GCODE, Document
from hwgan.sampling.page_layout import Page, PlacedWord, lay_out
from hwgan.sampling.page_settings import PageSettings
from hwgan.sampling.pdf import write_pdf
from hwgan.sampling.raster import on_paper
from hwgan.sampling.stroke_sampler import EXTENT, THICKNESS, StrokeSampler
from hwgan.sampling.vector import UNITS, color_channels, color_code, pdf_page, svg_document
from hwgan.sampling.word_sampler import words_by_line

_SUPERSAMPLE = 3
_PEN_WIDTH = THICKNESS / sum(EXTENT)  # em


@dataclasses.dataclass(frozen=True)
class Plotter:
    """How a pen plotter is told to write.

    Attributes:
      feed: speed of the pen on paper, mm per minute.
      pen_up: G-code that lifts the pen; several commands are separated by ";".
      pen_down: G-code that lowers it.
    """

    feed: int | float = 1500.0
    pen_up: str = "G0 Z5"
    pen_down: str = "G1 Z0 F600"

    def __post_init__(self):
        check_number("feed", self.feed, 1, 1e6)


@dataclasses.dataclass(frozen=True)
class StrokeDocument(Document):
    """Written pages as strokes.

    Attributes:
      strokes: of each page, in the order of writing, in em from its top left corner.
      plotter: for G-code.
    """

    strokes: list[list[Stroke]] = dataclasses.field(default_factory=list)
    plotter: Plotter = dataclasses.field(default_factory=Plotter)

    def _image(self, number: int) -> UInt8[np.ndarray, "h w *rgb"]:
        page, settings, size = self.pages[number], self.settings, self.settings.pixels_per_em(self.height)
        return on_paper(_draw(page, self.strokes[number], size), page, size, settings.ink_color, settings.paper)

    def _svg(self, number: int) -> str:
        """A page as an SVG document of its size in mm, with one path for each stroke."""
        settings = self.settings
        unit = settings.text_height * UNITS
        style = (
            f'<g fill="none" stroke="{color_code(settings.ink_color)}" stroke-width="{_PEN_WIDTH * unit:.0f}" '
            'stroke-linecap="round" stroke-linejoin="round">'
        )
        paths = [f'<path d="{_svg_path(points)}"/>' for points in _whole(self.strokes[number], unit)]
        # No background: a plotter would draw its outline.
        return svg_document(self.pages[number], settings.text_height, settings.paper, [], [style, *paths, "</g>"])

    def pdf(self) -> bytes:
        """All pages as one PDF document with one path for each stroke."""
        settings = self.settings
        unit = settings.text_height * UNITS
        pages = []
        for page, strokes in zip(self.pages, self.strokes, strict=True):
            rows = [f"{color_channels(settings.ink_color)} RG {_PEN_WIDTH * unit:.0f} w 1 J 1 j"]
            rows += [f"{_pdf_path(points)} S" for points in _whole(strokes, unit)]
            pages.append(pdf_page(page, settings.text_height, settings.paper, rows))
        return write_pdf(pages, SOFTWARE)

    def gcodes(self) -> list[str]:
        """Each page as G-code in mm, with (0, 0) at its lower left corner."""
        return [self._gcode(number) for number in range(len(self.pages))]

    def _gcode(self, number: int) -> str:
        page, mm, plotter = self.pages[number], self.settings.text_height, self.plotter
        up, down = (
            [part.strip() for part in command.split(";") if part.strip()]
            for command in (plotter.pen_up, plotter.pen_down)
        )
        feed = f"{plotter.feed:.3f}".rstrip("0").rstrip(".")  # G-code has no exponents
        rows = [f"; {SOFTWARE}: {page.width * mm:.1f} x {page.height * mm:.1f} mm", "G21", "G90", *up]
        for points in _whole(self.strokes[number], mm * UNITS):
            places = [f"X{x / UNITS:.2f} Y{page.height * mm - y / UNITS:.2f}" for x, y in points]
            rows += [f"G0 {places[0]}", *down]
            # The feed is told again, for lowering the pen may have another.
            rows += [f"G1 {place}" + (f" F{feed}" if i == 0 else "") for i, place in enumerate(places[1:])]
            rows += up
        return "\n".join([*rows, "G0 X0 Y0", "M2", ""])

    def _page_texts(self) -> dict[str, Callable[[int], str]]:
        return {**super()._page_texts(), GCODE: self._gcode}


def write_document(
    sampler: StrokeSampler,
    text: str,
    styles: Sequence[UInt32[Array, "2"]],
    settings: PageSettings,
    plotter: Plotter | None = None,
) -> StrokeDocument:
    """A text on as many pages as it needs, once in each style.

    Args:
      sampler: writes the words.
      text: line breaks and blank lines are kept; its characters are in the sampler's alphabet.
      styles: one at least.
      settings: how the pages look.
      plotter: for G-code.

    Raises:
      UserError: there is no word, one cannot be written, or the page is too narrow.
    """
    blocks = [sampler.write_lines(text, style) for style in styles]
    written = [[[writing.strokes for writing in line] for line in block] for block in blocks]
    pictures = [[[sampler.picture(strokes) for strokes in line] for line in block] for block in written]
    pages = lay_out(pictures, settings, sampler.height, texts=words_by_line(text))
    in_order = iter([strokes for block in written for line in block for strokes in line])
    placed = [
        [stroke for word in page.words for stroke in _place(next(in_order), word, sampler.x_height)] for page in pages
    ]
    return StrokeDocument(pages, settings, sampler.height, placed, plotter or Plotter())


def _place(strokes: Sequence[Stroke], word: PlacedWord, x_height: int | float) -> list[Stroke]:
    """Strokes in x-heights as smooth curves in em, where the picture of their word is placed."""
    curves = [smooth(stroke) for stroke in strokes]
    origin = np.array(pixel_origin(curves, x_height, THICKNESS, EXTENT[0]))
    linear, shift = word.matrix[:, :2], word.matrix[:, 2]
    return [(x_height * curve + origin) @ linear.T + shift for curve in curves]


def _draw(page: Page, strokes: Sequence[Stroke], pixels_per_em: int | float) -> Image.Image:
    """The darkness of a page, 255 for ink."""
    scale = pixels_per_em * _SUPERSAMPLE
    pen = max(1, round(_PEN_WIDTH * scale))
    size = round(page.width * pixels_per_em), round(page.height * pixels_per_em)
    canvas = Image.new("L", (size[0] * _SUPERSAMPLE, size[1] * _SUPERSAMPLE))
    draw = ImageDraw.Draw(canvas)
    for stroke in strokes:
        points = stroke * scale
        draw.line(points.ravel().tolist(), fill=255, width=pen, joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return canvas.reduce(_SUPERSAMPLE)


def _whole(strokes: Sequence[Stroke], unit: int | float) -> list[list[list[int]]]:
    """Points in whole units, without repeats; a dot has two, for a line of length 0 is drawn as its caps."""
    rounded = []
    for stroke in strokes:
        points = np.rint(stroke * unit).astype(int)
        moved = np.append(True, (np.diff(points, axis=0) != 0).any(axis=1))
        points = points[moved].tolist()
        rounded.append(points if len(points) > 1 else points * 2)
    return rounded


def _svg_path(points: list[list[int]]) -> str:
    (x, y), *rest = points
    return f"M{x} {y}L" + " ".join(f"{x} {y}" for x, y in rest)


def _pdf_path(points: list[list[int]]) -> str:
    (x, y), *rest = points
    return f"{x} {y} m " + " ".join(f"{x} {y} l" for x, y in rest)
