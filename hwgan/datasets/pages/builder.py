"""The pages dataset: scanned pages with transcriptions in ALTO or PAGE XML, such as the datasets of HTR-United."""

import functools
import posixpath
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow_datasets as tfds

from hwgan.data.transforms import decode_grey
from hwgan.datasets.builder import Example, WordImageBuilder
from hwgan.datasets.pages.cut import cut_polygon
from hwgan.datasets.pages.parser import Page, Region, parse_page
from hwgan.datasets.raw_files import RawFiles, plain_path
from hwgan.datasets.splits import SPLITS, deal_out
from hwgan.runtime.errors import UserError

_IMAGE_ENDINGS = ("png", "jpg", "jpeg", "tif", "tiff", "jp2", "bmp", "webp")


class Pages(WordImageBuilder, skip_registration=True):
    """A folder, zip or tar of page images with one ALTO or PAGE XML file each; its lines (or words) are the examples.

    The image of a line is the bounding box of its polygon, white outside the polygon. All lines of a page are in one
    split, chosen by the hash of the page's name, because writers are unknown.

    Options: `unit`, "line" or "word".
    """

    name = "pages"
    description = "Lines or words of pages transcribed in ALTO or PAGE XML."
    extra_features = {"page": tfds.features.Text()}

    def __init__(self, *, dataset_name: str, **kwargs):
        super().__init__(config=tfds.core.BuilderConfig(name=dataset_name), **kwargs)
        self.split_source = "by hash of page" if self.lists is None else self.split_source

    def _read_splits(self) -> dict[str, Iterator[Example]]:
        assert self.source is not None
        files = RawFiles(self.source)
        names = files.names()
        pages = [name for name in names if name.lower().endswith(".xml") and posixpath.basename(name)[0] != "."]
        if not pages:
            raise UserError(f"no .xml file among the {len(names)} files of {self.source}: give ALTO or PAGE pages")
        # Pages are parsed twice, here only to find the usable ones: all polygons together would fill the memory.
        splits = self._split_pages([name for name in pages if self._parse(files, name, count_bad=True)])
        return {
            split: self._examples(files, [name for name in splits if splits[name] == split], names) for split in SPLITS
        }

    def _parse(self, files: RawFiles, name: str, *, count_bad: bool = False) -> Page | None:
        """A parsed page with at least one region; None for other files, which `count_bad` records as skipped."""
        try:
            page = parse_page(files.read(name), self.options.get("unit", "line"))
        except (KeyError, OSError, ValueError) as error:
            return self.skip("unreadable page", name, str(error)) if count_bad else None
        if page is None:
            return self.skip("neither ALTO nor PAGE", name) if count_bad else None
        for bad in page.bad if count_bad else ():
            self.skip("region without text or polygon", f"{name} {bad}")
        return page if page.regions else None

    def _split_pages(self, pages: list[str]) -> dict[str, str]:
        """The split of each page, "" for none; lists and hash use the file name without folder and extension."""
        dealt = deal_out(map(_stem, pages))
        return {name: self.choose_split(_stem(name), otherwise=dealt[_stem(name)]) or "" for name in pages}

    def _examples(self, files: RawFiles, pages: list[str], names: list[str]) -> Iterator[Example]:
        images: dict[str, list[str]] = {}
        for name in names:
            images.setdefault(posixpath.basename(name), []).append(name)
        for name in pages:
            page = self._parse(files, name)
            assert page is not None
            image_name = _find_image(name, page, images)
            if image_name is None:
                self.skip("ambiguous image", f"{name}: several are called {posixpath.basename(page.image)}")
                continue
            # Each page is decoded once for all its lines, and released when the next page begins.
            pixels = functools.lru_cache(1)(lambda image_name=image_name: decode_grey(files.read(image_name)))
            for region in page.regions:
                region_id = f"{posixpath.splitext(name)[0]}/{region.id}"
                load = functools.partial(_cut, pixels, page, region)
                yield Example(region_id, region.text, "", load, {"page": _stem(name)}, name)


def _stem(name: str) -> str:
    return posixpath.splitext(posixpath.basename(name))[0]


def _find_image(name: str, page: Page, images: dict[str, list[str]]) -> str | None:
    """The image of a page: the one that its XML names, else one with the name of the XML file; None if ambiguous.

    Args:
      name: path of the XML file.
      page: the parsed page.
      images: paths of all files, by file name without folders.
    """
    folder, stated = posixpath.dirname(name), page.image.replace("\\", "/")
    candidates = [posixpath.basename(stated)] if stated else []
    candidates += [f"{_stem(name)}.{ending}" for ending in _IMAGE_ENDINGS]
    exact = plain_path(posixpath.join(folder, stated))
    for file_name in candidates:
        found = images.get(file_name, [])
        if exact in found:
            return exact
        # XML files and images are often in parallel folders, so the best match shares most trailing folders.
        ranked = sorted(found, key=lambda path: _shared_folders(path, name), reverse=True)
        if len(ranked) > 1 and _shared_folders(ranked[0], name) == _shared_folders(ranked[1], name):
            return None
        if ranked:
            return ranked[0]
    return exact if stated else posixpath.join(folder, candidates[0])


def _shared_folders(path: str, other: str) -> tuple[int, int]:
    """Number of trailing and of leading folders that two paths have in common."""
    a, b = posixpath.dirname(path).split("/"), posixpath.dirname(other).split("/")
    return _common_prefix(a[::-1], b[::-1]), _common_prefix(a, b)


def _common_prefix(a: list[str], b: list[str]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _cut(open_page: Callable[[], np.ndarray], page: Page, region: Region) -> np.ndarray:
    pixels = open_page()
    (width, height), (rows, columns) = page.size, pixels.shape
    # The coordinates of some files refer to a scan of another size, or are in tenths of a millimetre.
    scale_x, scale_y = (columns / width if width else 1.0), (rows / height if height else 1.0)
    return cut_polygon(pixels, tuple((x * scale_x, y * scale_y) for x, y in region.polygon))
