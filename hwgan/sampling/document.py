"""Written pages, and the files that they are written to."""

import dataclasses
import logging
import pathlib
import re
from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from hwgan.runtime.files import image_format, replace_image, replace_text, replacing, writing
from hwgan.sampling.page_layout import Page
from hwgan.sampling.page_settings import MM_PER_INCH, PageSettings
from hwgan.sampling.raster import draw_page
from hwgan.sampling.vector import page_as_svg, pages_as_pdf

logger = logging.getLogger(__name__)

_NAMED = 5
_PDF, _SVG = VECTOR_ENDINGS = ".pdf", ".svg"
GCODE = ".gcode"  # for strokes alone


@dataclasses.dataclass(frozen=True)
class Document:
    """Written pages.

    Attributes:
      pages: the words and their places, without size.
      settings: how the pages look.
      height: of the model's images in pixels, which are drawn as high at scale 1.
    """

    pages: list[Page]
    settings: PageSettings
    height: int

    def images(self) -> list[UInt8[np.ndarray, "h w *rgb"]]:
        """Each page as grey levels, or as red, green and blue where ink or paper is coloured."""
        return [self._image(number) for number in range(len(self.pages))]

    def svgs(self) -> list[str]:
        """Each page as an SVG document of its size in mm: outlines, or of strokes one path each."""
        return [self._svg(number) for number in range(len(self.pages))]

    def pdf(self) -> bytes:
        """All pages as one PDF document with outlines."""
        settings = self.settings
        return pages_as_pdf(self.pages, settings.text_height, settings.ink_color, settings.paper)

    def save(self, path: str | pathlib.Path) -> list[pathlib.Path]:
        """Writes the pages in the format that the ending of the path names: .pdf, .svg, or an image format.

        Args:
          path: of the file. Several pages that are no PDF go to files of their own: page.png to page-1.png, page-2.png.

        Returns:
          The files.

        Raises:
          UserError: there is no such format, or the file cannot be written.
        """
        path = pathlib.Path(path)
        with writing(path):
            written = self._save(path)
        if older := _other_pages(path, written):
            names = ", ".join(page.name for page in older[:_NAMED])
            logger.warning("beside %s there are what may be pages of an earlier text: %s", path, names)
        return written

    def _image(self, number: int) -> UInt8[np.ndarray, "h w *rgb"]:
        settings = self.settings
        size = settings.pixels_per_em(self.height)
        return draw_page(self.pages[number], size, settings.ink_color, settings.paper)

    def _svg(self, number: int) -> str:
        settings = self.settings
        return page_as_svg(self.pages[number], settings.text_height, settings.ink_color, settings.paper)

    def _page_texts(self) -> dict[str, Callable[[int], str]]:
        """What makes the page of a number in each format that is text, by its ending."""
        return {_SVG: self._svg}

    def _save(self, path: pathlib.Path) -> list[pathlib.Path]:
        kind = path.suffix.lower()
        if kind == _PDF:
            with replacing(path) as file:
                file.write(self.pdf())
            return [path]
        paths = [path]
        if len(self.pages) > 1:
            digits = len(str(len(self.pages)))
            paths = [path.with_name(f"{path.stem}-{i + 1:0{digits}}{path.suffix}") for i in range(len(self.pages))]
        make_text = self._page_texts().get(kind)
        if make_text is None:
            image_format(path)  # before the pages are drawn
        dpi = self.settings.pixels_per_em(self.height) / self.settings.text_height * MM_PER_INCH
        for number, page in enumerate(paths):  # one at a time: a book of images fills the memory
            if make_text is None:
                replace_image(page, Image.fromarray(self._image(number)), dpi=dpi)
            else:
                replace_text(page, make_text(number))
        return paths


def _other_pages(path: pathlib.Path, written: list[pathlib.Path]) -> list[pathlib.Path]:
    """The files beside `path` that look like pages of it and were not written now."""
    page = re.compile(re.escape(path.stem) + r"(-\d+)?" + re.escape(path.suffix))
    try:
        return sorted(file for file in path.parent.iterdir() if page.fullmatch(file.name) and file not in written)
    except OSError:  # a folder that can be written to, and not listed
        return []
