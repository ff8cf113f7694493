"""Parses ALTO and PAGE XML of any version: polygons of a page image and their transcriptions.

ALTO: Page/PrintSpace/.../TextLine with Shape/Polygon@POINTS or HPOS, VPOS, WIDTH, HEIGHT, and String@CONTENT inside.
PAGE: Page/TextRegion/.../TextLine with Coords@points and TextEquiv/Unicode; Word inside.

References:
  ALTO, https://www.loc.gov/standards/alto/; PAGE, https://github.com/PRImA-Research-Lab/PAGE-XML
"""

import dataclasses
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from hwgan.datasets.xml_tree import parse_xml

_MAX_COORDINATE = 1e6  # pixels
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclasses.dataclass(frozen=True)
class Region:
    """A line or a word on a page.

    Attributes:
      id: id of its XML element, or its number on the page.
      text: transcription.
      polygon: (x, y) corners, in pixels of a page of the stated size.
    """

    id: str
    text: str
    polygon: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class Page:
    """The content of an XML file.

    Attributes:
      image: stated name of the image file; "" if there is none.
      size: stated width and height of the page; (0, 0) if there are none.
      regions: lines or words, in document order.
      bad: ids of unusable regions, with the reason.
    """

    image: str
    size: tuple[float, float]
    regions: list[Region]
    bad: list[str]


def parse_page(text: bytes, unit: str = "line") -> Page | None:
    """Parses an ALTO or PAGE file; returns None for XML of another kind.

    Args:
      text: content of the XML file.
      unit: "line" or "word".

    Raises:
      ValueError: the file is not well-formed, or too large; see `parse_xml`.
    """
    root = parse_xml(text)
    kind = _name(root).lower()
    if kind == "alto":
        return _parse_alto(root, unit)
    if kind == "pcgts":
        return _parse_page_xml(root, unit)
    return None


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]  # without the namespace, which differs between versions


def _all(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element.iter() if _name(child) == name)


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if _name(child) == name), None)


def _parse_alto(root: Element, unit: str) -> Page:
    page = next(_all(root, "Page"), None)
    file_name = next(_all(root, "fileName"), None)
    image = (file_name.text or "").strip() if file_name is not None else ""
    regions, bad = [], []
    for number, line in enumerate(_all(root, "TextLine"), start=1):
        elements = [line] if unit == "line" else [child for child in line if _name(child) == "String"]
        for place, element in enumerate(elements, start=1):
            region_id = element.get("ID") or (f"{number}" if unit == "line" else f"{number}.{place}")
            content = _alto_line_text(element) if unit == "line" else element.get("CONTENT", "")
            _add(regions, bad, region_id, content, _alto_points(element))
    return Page(image, _size(page, "WIDTH", "HEIGHT"), regions, bad)


def _alto_line_text(line: Element) -> str:
    """The strings of a line, with spaces at SP elements, or between all strings if the line has none."""
    parts, marked = [], any(_name(child) == "SP" for child in line)
    for child in line:
        if _name(child) == "String":
            if parts and not marked:
                parts.append(" ")
            parts.append(child.get("CONTENT", ""))
        elif _name(child) == "SP":
            parts.append(" ")
        elif _name(child) == "HYP":
            parts.append(child.get("CONTENT", ""))
    return "".join(parts)


def _alto_points(element: Element) -> str:
    polygon = next(_all(element, "Polygon"), None) if _child(element, "Shape") is not None else None
    if polygon is not None:
        return polygon.get("POINTS", "")
    box = [element.get(name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    if None in box:
        return ""
    try:
        x, y, width, height = (float(value or "") for value in box)
    except ValueError:
        return ""
    # A box of width w covers the pixels x to x + w - 1, and the corners of a polygon are pixels inside it.
    right, bottom = x + width - 1, y + height - 1
    return f"{x},{y} {right},{y} {right},{bottom} {x},{bottom}"


def _parse_page_xml(root: Element, unit: str) -> Page:
    page = next(_all(root, "Page"), None)
    regions, bad = [], []
    for number, element in enumerate(_all(root, "TextLine" if unit == "line" else "Word"), start=1):
        coords = _child(element, "Coords")
        # A line may have several transcriptions; by the format, the one with the lowest index is the best.
        transcriptions = sorted((child for child in element if _name(child) == "TextEquiv"), key=_index)
        plain = _child(transcriptions[0], "Unicode") if transcriptions else None
        content = (plain.text or "") if plain is not None else ""
        points = _page_points(coords) if coords is not None else ""
        _add(regions, bad, element.get("id") or str(number), content, points)
    image = (page.get("imageFilename") or "") if page is not None else ""
    return Page(image, _size(page, "imageWidth", "imageHeight"), regions, bad)


def _index(transcription: Element) -> int:
    index = transcription.get("index", "")
    return int(index) if index.isdecimal() else 0


def _page_points(coords: Element) -> str:
    """The points attribute, or the Point elements of versions of the format before 2013."""
    return coords.get("points") or " ".join(f"{point.get('x')},{point.get('y')}" for point in _all(coords, "Point"))


def _size(page: Element | None, width: str, height: str) -> tuple[float, float]:
    try:
        size = (float(page.get(width) or 0), float(page.get(height) or 0)) if page is not None else (0.0, 0.0)
    except ValueError:
        return 0.0, 0.0
    return size if all(1.0 <= number <= _MAX_COORDINATE for number in size) else (0.0, 0.0)


def _add(regions: list[Region], bad: list[str], region_id: str, text: str, points: str) -> None:
    # ALTO separates numbers by commas or spaces, so only their order is used.
    numbers = [float(number) for number in _NUMBER.findall(points)]
    if any(abs(number) > _MAX_COORDINATE for number in numbers):
        bad.append(f"{region_id}: its polygon is beyond any page")
        return
    if not text.strip():
        bad.append(f"{region_id}: it has no text")
    elif len(numbers) < 6 or len(numbers) % 2:
        bad.append(f"{region_id}: it has no polygon")
    else:
        regions.append(Region(region_id, text, tuple(zip(numbers[::2], numbers[1::2], strict=True))))
