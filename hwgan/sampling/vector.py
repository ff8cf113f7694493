"""Pages as SVG and PDF, with real sizes."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from hwgan.runtime.files import SOFTWARE
from hwgan.sampling.outlines import TINTS, word_outlines
from hwgan.sampling.page_layout import Page
from hwgan.sampling.page_settings import MM_PER_INCH, Color
from hwgan.sampling.pdf import PdfPage, write_pdf
from hwgan.sampling.ruling import RULE_WIDTH, rules

UNITS = 100  # per mm: coordinates are whole hundredths of a mm, 2540 dpi
_POINTS_PER_INCH = 72

WholeCurves = Int[np.ndarray, "_ 4 2"]


def page_as_svg(page: Page, mm_per_em: int | float, ink: Color, paper: str) -> str:
    """An SVG document with the outlines of the words, of the size of the page in mm."""
    unit = mm_per_em * UNITS
    rows = []
    for tint, layer in _layers(page, ink, unit):
        rows.append(f'<g fill="{color_code(tint)}" fill-rule="evenodd">')
        rows += [f'<path d="{_svg_path(word)}"/>' for word in layer]
        rows.append("</g>")
    return svg_document(page, mm_per_em, paper, ['<rect width="100%" height="100%" fill="#ffffff"/>'], rows)


def svg_document(
    page: Page, mm_per_em: int | float, paper: str, background: Sequence[str], drawing: Sequence[str]
) -> str:
    """An SVG document of the size of the page in mm, with its rulings.

    Args:
      page: of which the size and the place of lines is used.
      mm_per_em: height of a line.
      paper: "plain", "lined" or "squared".
      background: elements under the rulings.
      drawing: elements over them, in units of 1 / `UNITS` mm.
    """
    unit = mm_per_em * UNITS
    width, height = page.width * mm_per_em, page.height * mm_per_em
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.2f}mm" height="{height:.2f}mm" '
        f'viewBox="0 0 {width * UNITS:.0f} {height * UNITS:.0f}">',
        f"<metadata>Software: {SOFTWARE}</metadata>",
        *background,
    ]
    for line in rules(page, paper):
        x0, y0, x1, y1 = (round(value * unit) for value in (line.x0, line.y0, line.x1, line.y1))
        rows.append(
            f'<path d="M{x0} {y0}L{x1} {y1}" stroke="{color_code(line.color)}" stroke-width="{RULE_WIDTH * unit:.0f}"/>'
        )
    return "\n".join([*rows, *drawing, "</svg>", ""])


def pages_as_pdf(pages: Sequence[Page], mm_per_em: int | float, ink: Color, paper: str) -> bytes:
    """A PDF document with the outlines of the words; equal pages give equal bytes."""
    written = []
    for page in pages:
        rows = []
        for tint, layer in _layers(page, ink, mm_per_em * UNITS):
            rows.append(f"{color_channels(tint)} rg")
            rows += [f"{_pdf_path(word)} f*" for word in layer]  # filled by the even-odd rule
        written.append(pdf_page(page, mm_per_em, paper, rows))
    return write_pdf(written, SOFTWARE)


def pdf_page(page: Page, mm_per_em: int | float, paper: str, drawing: Sequence[str]) -> PdfPage:
    """A page of a PDF document with its rulings and operators that draw on it; see `svg_document`."""
    unit = mm_per_em * UNITS
    points = _POINTS_PER_INCH / MM_PER_INCH / UNITS
    width, height = page.width * unit * points, page.height * unit * points
    rows = [f"{points:.6f} 0 0 {-points:.6f} 0 {height:.3f} cm {RULE_WIDTH * unit:.0f} w"]  # y as in SVG
    for line in rules(page, paper):
        x0, y0, x1, y1 = (round(value * unit) for value in (line.x0, line.y0, line.x1, line.y1))
        rows.append(f"{color_channels(line.color)} RG {x0} {y0} m {x1} {y1} l S")
    return PdfPage(width, height, "\n".join([*rows, *drawing]))


def color_channels(color: Color) -> str:
    """Red, green and blue from 0 to 1, as PDF has them."""
    return " ".join(f"{channel / 255:.3f}" for channel in color)


def color_code(color: Color) -> str:
    """#rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def _layers(page: Page, ink: Color, unit: int | float) -> Iterator[tuple[Color, list[list[WholeCurves]]]]:
    """Each tint from light to dark with the closed chains of all words, in whole units."""
    words = [word_outlines(word) for word in page.words]
    for i, (_, shade) in enumerate(TINTS):
        red, green, blue = (round(255 + shade * (channel - 255)) for channel in ink)
        layer = []
        for outlines in words:
            curves = np.rint(outlines[i].curves * unit).astype(int)
            if len(curves):
                layer.append(np.split(curves, outlines[i].ends[:-1]))
        yield (red, green, blue), layer


def _svg_path(word: list[WholeCurves]) -> str:
    """Relative curves, which are short."""
    parts = []
    for curves in word:
        x, y = curves[0, 0].tolist()
        steps = (curves[:, 1:] - curves[:, :1]).reshape(-1).tolist()
        parts.append(f"M{x} {y}c{' '.join(map(str, steps))}z")
    return "".join(parts).replace(" -", "-")


def _pdf_path(word: list[WholeCurves]) -> str:
    """Operators that build a path."""
    parts = []
    for curves in word:
        x, y = curves[0, 0].tolist()
        numbers = curves[:, 1:].reshape(-1).tolist()
        parts.append(f"{x} {y} m {'%d %d %d %d %d %d c ' * len(curves) % tuple(numbers)}h")
    return "\n".join(parts)
