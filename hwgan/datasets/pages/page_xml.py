"""PAGE XML: Page/TextRegion/.../TextLine with Coords@points, Baseline@points and TextEquiv/Unicode; Word inside.

References:
  https://github.com/PRImA-Research-Lab/PAGE-XML
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from hwgan.datasets.pages.layout import Page, RegionCollector, stated_size
from hwgan.datasets.xml_tree import children, descendants


def parse_page_xml(root: Element, unit: str) -> list[Page]:
    """The pages of a PAGE XML file: one by the format, though some files hold more.

    Args:
      root: its root element.
      unit: "line" or "word".
    """
    pages = []
    for element in descendants(root, "Page"):
        collector = _collect_words(element) if unit == "word" else _collect_lines(element)
        derived = (image.get("filename", "") for image in children(element, "AlternativeImage"))
        page = collector.page(
            kind="PAGE",
            image=(element.get("imageFilename") or "").strip(),
            size=stated_size(element, "imageWidth", "imageHeight"),
            units_per_inch=0.0,
            number=0,
            derived=tuple(filter(None, derived)),
        )
        pages.append(page)
    return pages


def _collect_lines(page: Element) -> RegionCollector:
    collector = RegionCollector("line")
    _add_lines(page, collector, descendants(page, "TextLine"))
    return collector


def _has_places(line: Element) -> bool:
    """Whether a word of a line has a place of its own."""
    return any(_points(word, "Coords") for word in children(line, "Word"))


def _add_lines(page: Element, collector: RegionCollector, lines: Iterable[Element]) -> None:
    of_regions = _texts_of_regions(page, collector)
    for number, line in enumerate(lines, start=1):
        collector.from_region += line in of_regions
        text = of_regions.get(line) or _line_text(line)
        collector.add(
            line.get("id") or str(number), text, _points(line, "Coords"), _points(line, "Baseline"), "TextLine"
        )


def _collect_words(page: Element) -> RegionCollector:
    collector = RegionCollector("word")
    lines = [line for line in descendants(page, "TextLine") if not _has_places(line)]
    uncut = {word for line in lines for word in children(line, "Word")}
    for number, word in enumerate(descendants(page, "Word"), start=1):
        if word in uncut:
            continue
        collector.add(word.get("id") or str(number), _word_text(word), _points(word, "Coords"), "", "Word")
    _add_lines(page, collector, lines)
    return collector


def _texts_of_regions(page: Element, collector: RegionCollector) -> dict[Element, str]:
    """Texts of lines that have none themselves, from regions whose text has as many lines; other regions are bad."""
    texts = {}
    for number, region in enumerate(descendants(page, "TextRegion"), start=1):
        rows = [row.strip() for row in _transcription(region).splitlines() if row.strip()]
        lines = list(descendants(region, "TextLine"))
        if not rows or any(_line_text(line) for line in lines):
            continue
        if len(rows) == len(lines):
            texts.update(zip(lines, rows, strict=True))
        else:
            detail = f"{region.get('id') or number}: {len(rows)} lines of text, {len(lines)} TextLine elements"
            collector.bad.append(("region with text that its lines do not have", detail))
    return texts


def _line_text(line: Element) -> str:
    """The transcription of a line, or those of its words, separated by spaces."""
    return _transcription(line) or " ".join(filter(None, map(_word_text, children(line, "Word"))))


def _word_text(word: Element) -> str:
    return _transcription(word) or "".join(map(_transcription, children(word, "Glyph")))


def _transcription(element: Element) -> str:
    """The best transcription that is not blank: by the format, that of the lowest index; "" if there is none."""
    for equivalent in sorted(children(element, "TextEquiv"), key=_index):
        for plain in children(equivalent, "Unicode"):
            if (plain.text or "").strip():
                return plain.text or ""
    return ""


def _index(transcription: Element) -> int:
    index = transcription.get("index", "")
    return int(index) if index.isdecimal() else 0


def _points(element: Element, name: str) -> str:
    """The points attribute of a child, or the Point elements of versions of the format before 2013."""
    return " ".join(
        child.get("points") or " ".join(f"{point.get('x')},{point.get('y')}" for point in children(child, "Point"))
        for child in children(element, name)[:1]
    )
