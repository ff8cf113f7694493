"""Pages as SVG and PDF, with real sizes."""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from reportlab.pdfgen.canvas import FILL_EVEN_ODD, Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from hwgan.runtime.files import SOFTWARE
from hwgan.sampling.outlines import word_outlines
from hwgan.sampling.page_layout import Page, PlacedWord
from hwgan.sampling.page_settings import MM_PER_INCH, Color
from hwgan.sampling.ruling import RULE_WIDTH, rules

_UNITS = 100  # per mm: coordinates are whole hundredths of a mm, 2540 dpi
_POINTS_PER_INCH = 72


def page_as_svg(page: Page, mm_per_em: float, ink: Color, paper: str) -> str:
    """An SVG document with the outlines of the words, of the size of the page in mm."""
    unit = mm_per_em * _UNITS
    width, height = page.width * mm_per_em, page.height * mm_per_em
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.2f}mm" height="{height:.2f}mm" '
        f'viewBox="0 0 {width * _UNITS:.0f} {height * _UNITS:.0f}">',
        f"<metadata>Software: {SOFTWARE}</metadata>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for line in rules(page, paper):
        x0, y0, x1, y1 = (round(value * unit) for value in (line.x0, line.y0, line.x1, line.y1))
        rows.append(
            f'<path d="M{x0} {y0}L{x1} {y1}" stroke="{_code(line.color)}" stroke-width="{RULE_WIDTH * unit:.0f}"/>'
        )
    rows.append(f'<g fill="{_code(ink)}" fill-rule="evenodd">')
    rows += [f'<path d="{_svg_path(word, unit)}"/>' for word in page.words]
    return "\n".join([*rows, "</g>", "</svg>", ""])


def pages_as_pdf(pages: Sequence[Page], mm_per_em: float, ink: Color, paper: str) -> bytes:
    """A PDF document with the outlines of the words; equal pages give equal bytes."""
    file = io.BytesIO()
    canvas = Canvas(file, pageCompression=1, invariant=1)
    canvas.setCreator(SOFTWARE)
    canvas.setTitle("")
    unit = mm_per_em * _UNITS
    points = _POINTS_PER_INCH / MM_PER_INCH / _UNITS
    for page in pages:
        width, height = page.width * unit, page.height * unit
        canvas.setPageSize((width * points, height * points))
        canvas.transform(points, 0, 0, -points, 0, height * points)  # from here on as in SVG
        canvas.setLineWidth(RULE_WIDTH * unit)
        for line in rules(page, paper):
            canvas.setStrokeColorRGB(*(channel / 255 for channel in line.color))
            canvas.line(line.x0 * unit, line.y0 * unit, line.x1 * unit, line.y1 * unit)
        canvas.setFillColorRGB(*(channel / 255 for channel in ink))
        for word in page.words:
            path = PDFPathObject(_pdf_path(word, unit))
            canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_EVEN_ODD)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _code(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _whole_outlines(word: PlacedWord, unit: float) -> list[Int[np.ndarray, "n 4 2"]]:
    return [np.rint(curves * unit).astype(int) for curves in word_outlines(word)]


def _svg_path(word: PlacedWord, unit: float) -> str:
    """Relative curves, which are short."""
    parts = []
    for curves in _whole_outlines(word, unit):
        x, y = curves[0, 0].tolist()
        steps = (curves[:, 1:] - curves[:, :1]).reshape(-1).tolist()
        parts.append(f"M{x} {y}c{' '.join(map(str, steps))}z")
    return "".join(parts).replace(" -", "-")


def _pdf_path(word: PlacedWord, unit: float) -> list[str]:
    """Operators of the content stream."""
    parts = []
    for curves in _whole_outlines(word, unit):
        x, y = curves[0, 0].tolist()
        numbers = curves[:, 1:].reshape(-1).tolist()
        parts.append(f"{x} {y} m\n{'%d %d %d %d %d %d c ' * len(curves) % tuple(numbers)}h")
    return parts
