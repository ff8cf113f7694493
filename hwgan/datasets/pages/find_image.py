"""Finds the image of a page among the raw files."""

import posixpath
import re
import urllib.parse
from collections import defaultdict
from collections.abc import Iterable, Iterator

from hwgan.data.transforms import IMAGE_ENDINGS
from hwgan.datasets.raw_files import common_prefix, plain_path

_XML_ENDINGS = (".xml", ".alto", ".page")  # of "p1.xml", "p1.alto.xml", "p1.page.xml"


class NoImage(Exception):
    """There is no image for a page, or several, between which nothing decides.

    Attributes:
      reason: "missing image" or "ambiguous image".
    """

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


class ImageFinder:
    """The image files of a source.

    XML files name their image by a path of another machine, by a URL, in other case, with another ending, or not at
    all, and often lie in a folder parallel to that of the images.
    """

    def __init__(self, names: Iterable[str]):
        self._names = set(names)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._names):
            if not name.lower().endswith(".xml"):
                self._by_name[posixpath.basename(name).lower()].append(name)

    def find(self, xml: str, stated: str) -> str:
        """The image of a page: the one that its XML names, else one with the stem of that, else of the XML file.

        Args:
          xml: path of the XML file.
          stated: image that the XML names; "" for none.

        Raises:
          NoImage: none or several files can be the image.
        """
        stated = stated.replace("\\", "/")
        exact = plain_path(posixpath.join(posixpath.dirname(xml), stated))
        if stated and exact in self._names:
            return exact
        for name in _candidates(xml, stated):
            if found := self._best(name, stated, xml):
                return found
        looked_for = posixpath.basename(stated) or f"{page_stem(xml)} with the ending of an image"
        raise NoImage("missing image", f"no {looked_for}")

    def find_stated(self, xml: str, stated: str) -> str:
        """The image of exactly the stated name.

        Raises:
          NoImage: there is none, or several.
        """
        found = self._best(posixpath.basename(stated), stated, xml)
        if not found:
            raise NoImage("missing image", f"no {stated}")
        return found

    def _best(self, name: str, stated: str, xml: str) -> str:
        """The file of this name that has the stated folders, else agrees in case, else is nearest to the XML file."""
        ranked = sorted(
            ((_rank(path, name, stated, xml), path) for path in self._by_name.get(name.lower(), [])), reverse=True
        )
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            raise NoImage("ambiguous image", f"several are called {name}")
        return ranked[0][1] if ranked else ""


def page_stem(xml: str) -> str:
    """The name of a page: that of its XML file without folder and without the endings of XML and images."""
    return _stems(xml)[-1]


def _stems(xml: str) -> list[str]:
    """The name of an XML file without its ending, and, for names like p1.jpg.xml, without the one before it, too."""
    stem = re.sub(r"\.xml$", "", posixpath.basename(xml), flags=re.IGNORECASE)
    shorter, ending = posixpath.splitext(stem)
    return [stem, shorter] if ending.lower() in (*IMAGE_ENDINGS, *_XML_ENDINGS) else [stem]


def _candidates(xml: str, stated: str) -> Iterator[str]:
    """Names that the image may have, best first."""
    stems = _stems(xml)
    if stated:
        written = [stated, urllib.parse.unquote(urllib.parse.urlsplit(stated).path if "://" in stated else stated)]
        names = [plain_path(posixpath.basename(name)) for name in written]
        yield from names
        stems = [*(posixpath.splitext(name)[0] for name in names), *stems]
    yield stems[0]
    for stem in stems:
        yield from (stem + ending for ending in IMAGE_ENDINGS)


def _rank(path: str, name: str, stated: str, xml: str) -> tuple[int, ...]:
    stated_folders = posixpath.dirname(urllib.parse.unquote(stated)).split("/")
    folders, own = posixpath.dirname(path).split("/"), posixpath.dirname(xml).split("/")
    return (
        common_prefix(folders[::-1], stated_folders[::-1]),
        posixpath.basename(path) == name,
        common_prefix(folders[::-1], own[::-1]),
        common_prefix(folders, own),
    )
