"""Parses the files of the IAM On-Line Handwriting Database."""

import re

import numpy as np

from hwgan.data.ink import Stroke
from hwgan.datasets.raw_files import text_lines
from hwgan.datasets.xml_tree import children, descendants, parse_xml

LINE_ID = re.compile(r"([a-z]\d\d-\d{3}[a-z]*)-(\d\d)$")  # a01-000u-01: form, number of the line


def parse_strokes(content: bytes) -> list[Stroke]:
    """The strokes of a line's XML, x and y of all points; y points down.

    Raises:
      ValueError: it is damaged, or a point has no coordinates.
    """
    strokes = []
    for element in descendants(parse_xml(content), "Stroke"):
        points = [(point.get("x", ""), point.get("y", "")) for point in children(element, "Point")]
        strokes.append(np.array([[float(x), float(y)] for x, y in points]).reshape(-1, 2))
    if not strokes:
        raise ValueError("it has no Stroke")
    return strokes


def parse_transcription(text: str) -> list[str]:
    """The lines of a form as they were written: those under "CSR:" that are not blank."""
    lines = [line.strip() for line in text_lines(text)]
    if "CSR:" not in lines:
        return []
    return [line for line in lines[lines.index("CSR:") + 1 :] if line]


def parse_writer(content: bytes) -> str:
    """The writer of a form, by its original XML; "" where it does not say.

    Raises:
      ValueError: it is damaged.
    """
    for element in parse_xml(content).iter():
        for attribute in ("writerID", "writer"):
            if element.get(attribute):
                return element.get(attribute, "").strip()
    return ""
