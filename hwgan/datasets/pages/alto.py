"""ALTO: Page/PrintSpace/.../TextLine with Shape/Polygon@POINTS or HPOS, VPOS, WIDTH, HEIGHT, and String@CONTENT inside.

References:
  https://www.loc.gov/standards/alto/
"""

from xml.etree.ElementTree import Element

from hwgan.data.line_cutting import WORD_BREAK
from hwgan.datasets.pages.layout import Page, RegionCollector, stated_size
from hwgan.datasets.xml_tree import children, descendants, local_name

_SOFT_HYPHEN = "\xad"  # in a text it has no ink, but as HYP it stands on the page

_UNITS_PER_INCH = {"mm10": 254.0, "inch1200": 1200.0}  # others are pixels


def parse_alto(root: Element, unit: str) -> list[Page]:
    """The pages of an ALTO file; a file without Page elements is one page.

    Args:
      root: its root element.
      unit: "line" or "word".
    """
    measures = [(element.text or "").strip().lower() for element in descendants(root, "MeasurementUnit")]
    images = [(element.text or "").strip() for element in descendants(root, "fileName")] or [""]
    elements = list(descendants(root, "Page")) or [root]
    pages = []
    for i, element in enumerate(elements):
        collector = _collect(element, unit)
        number = element.get("PHYSICAL_IMG_NR", "")
        page = collector.page(
            kind="ALTO",
            image=images[i] if len(images) == len(elements) else images[0],
            size=stated_size(element, "WIDTH", "HEIGHT"),
            units_per_inch=_UNITS_PER_INCH.get(measures[0], 0.0) if measures else 0.0,
            number=int(number) if number.isdecimal() else 0,
            derived=(),
        )
        pages.append(page)
    return pages


def _collect(page: Element, unit: str) -> RegionCollector:
    collector = RegionCollector(unit)
    lines = list(descendants(page, "TextLine"))
    has_words = any(len(children(line, "String")) > 1 and _has_places(line) for line in lines)
    for number, line in enumerate(lines, start=1):
        if unit == "line" or not (_has_places(line) and (has_words or _is_word(line))):
            baseline = line.get("BASELINE", "")
            collector.add(line.get("ID") or f"{number}", _line_text(line), _polygon(line), baseline, "TextLine")
            continue
        for place, word in enumerate(children(line, "String"), start=1):
            collector.add(word.get("ID") or f"{number}.{place}", word.get("CONTENT", ""), _polygon(word), "", "String")
    return collector


def _has_places(line: Element) -> bool:
    """Whether its words have places of their own; a single String of several words is a line without them."""
    words = children(line, "String")
    if len(words) == 1 and WORD_BREAK.search(words[0].get("CONTENT", "").strip()):
        return False
    return any(_polygon(word) for word in words)


def _is_word(line: Element) -> bool:
    """Whether its single String has another box than the line, or there are several; else the line was not cut."""
    words = children(line, "String")
    sides = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
    return len(words) > 1 or any(words[0].get(side) != line.get(side) for side in sides)


def _line_text(line: Element) -> str:
    """The strings of a line, with spaces at SP elements, or between all strings if the line has none."""
    parts, marked = [], bool(children(line, "SP"))
    for child in line:
        if local_name(child) == "String":
            if parts and not marked:
                parts.append(" ")
            parts.append(child.get("CONTENT", ""))
        elif local_name(child) == "SP":
            parts.append(" ")
        elif local_name(child) == "HYP":
            content = child.get("CONTENT", "")
            parts.append("-" if content == _SOFT_HYPHEN else content)
    return "".join(parts)


def _polygon(element: Element) -> str:
    shapes = [polygon for shape in children(element, "Shape") for polygon in children(shape, "Polygon")]
    if shapes and shapes[0].get("POINTS", "").strip():
        return shapes[0].get("POINTS", "")
    try:
        x, y, width, height = (float(element.get(name) or "") for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    except ValueError:
        return ""
    # A box of width w covers the pixels x to x + w - 1, and the corners of a polygon are pixels inside it.
    right, bottom = x + width - 1, y + height - 1
    return f"{x},{y} {right},{y} {right},{bottom} {x},{bottom}"
