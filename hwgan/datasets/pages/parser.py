"""Parses ALTO, PAGE and METS files of any version."""

from hwgan.datasets.pages.alto import parse_alto
from hwgan.datasets.pages.layout import Page
from hwgan.datasets.pages.page_xml import parse_page_xml
from hwgan.datasets.xml_tree import children, descendants, local_name, parse_xml

_HREF = "{http://www.w3.org/1999/xlink}href"


def parse_pages(text: bytes, unit: str = "line") -> list[Page] | None:
    """The pages of an ALTO or PAGE file; None for XML of another kind.

    Args:
      text: content of the XML file.
      unit: "line" or "word".

    Raises:
      ValueError: the file is not well-formed, or too large; see `parse_xml`.
    """
    root = parse_xml(text)
    kind = local_name(root).lower()
    if kind == "alto":
        return parse_alto(root, unit)
    if kind == "pcgts":
        return parse_page_xml(root, unit)
    return None


def parse_mets(text: bytes) -> dict[str, str] | None:
    """The page that each file of a METS workspace belongs to, by stated path; None for XML of another kind.

    Args:
      text: content of the XML file.

    Raises:
      ValueError: as `parse_pages`.
    """
    root = parse_xml(text)
    if local_name(root).lower() != "mets":
        return None
    paths = {
        file.get("ID", ""): location.get(_HREF, "")
        for file in descendants(root, "file")
        for location in children(file, "FLocat")
    }
    pages = {}
    for structure in descendants(root, "structMap"):
        if structure.get("TYPE", "").upper() != "PHYSICAL":
            continue
        for number, division in enumerate(descendants(structure, "div")):
            for pointer in children(division, "fptr"):
                path = paths.get(pointer.get("FILEID", ""))
                if path and division.get("TYPE", "").lower() == "page":
                    pages[path] = division.get("ID") or str(number)
    return pages
