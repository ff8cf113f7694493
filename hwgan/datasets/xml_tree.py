"""Parses XML of unknown origin in bounded memory, and finds elements whatever their namespace."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

_MAX_BYTES, _MAX_ELEMENTS = 64 << 20, 10**6  # a newspaper page with a box for each character has a tenth of that


class _CountingBuilder(TreeBuilder):
    """Builds the tree, and stops where it grows out of bounds: an element takes ten times its space in the file."""

    _count = 0

    def start(self, tag: Any, attrs: Any, /) -> Element:
        self._count += 1
        if self._count > _MAX_ELEMENTS:
            raise ValueError(f"it has more than {_MAX_ELEMENTS} elements")
        return super().start(tag, attrs)


def parse_xml(text: bytes) -> Element:
    """The root element of an XML file.

    Raises:
      ValueError: it is not well-formed, declares entities, or has more than 64 MB or a million elements.
    """
    if len(text) > _MAX_BYTES:
        raise ValueError(f"it has {len(text) / 1e6:.0f} MB, more than {_MAX_BYTES / 1e6:.0f}")
    parser = defusedxml.ElementTree.XMLParser(target=_CountingBuilder(), forbid_dtd=False)
    try:
        parser.feed(text)
        return parser.close()
    except (ParseError, DefusedXmlException, LookupError, RecursionError) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def local_name(element: Element) -> str:
    """The name of an element without its namespace, which differs between versions of a format."""
    return str(element.tag).rpartition("}")[2]


def descendants(element: Element, name: str) -> Iterator[Element]:
    """The element itself and those below it that have this local name."""
    return (child for child in element.iter() if local_name(child) == name)


def children(element: Element, name: str) -> list[Element]:
    """The direct children that have this local name."""
    return [child for child in element if local_name(child) == name]
