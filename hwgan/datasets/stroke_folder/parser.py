"""Parses files of strokes: JSON and InkML."""

import dataclasses
import json
import math
import re
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from hwgan.data.ink import Stroke
from hwgan.datasets.xml_tree import descendants, local_name, parse_xml

STROKE_ENDINGS = (".json", ".inkml")
_MAX_BYTES = 32 << 20
_TEXT_TYPES = ("truth", "transcription", "label", "text")
_CHANNELS = ("X", "Y")
_MAX_CHANNELS, _MAX_NUMBERS = 4, 8  # lists of a stroke, such as x, y, time, pressure; numbers of a point


@dataclasses.dataclass(frozen=True)
class StrokeFile:
    """The content of a file.

    Attributes:
      strokes: in the order of writing.
      text: "" where the file does not say.
      writer: likewise.
      split: likewise.
    """

    strokes: list[Stroke]
    text: str = ""
    writer: str = ""
    split: str = ""


def parse_stroke_file(content: bytes, name: str) -> StrokeFile:
    """Reads a JSON or InkML file, as its ending says.

    Raises:
      ValueError: it is damaged, or has no strokes.
    """
    if len(content) > _MAX_BYTES:
        raise ValueError(f"it has {len(content) / 1e6:.0f} MB, more than {_MAX_BYTES / 1e6:.0f}")
    return parse_inkml(content) if name.lower().endswith(".inkml") else parse_json(content)


def parse_json(content: bytes) -> StrokeFile:
    """Reads {"strokes": [[[x, y], ...], ...], "text": ..., "writer": ..., "split": ...}, or the list of strokes alone.

    Further numbers of a point, such as its time, are ignored; all but the strokes may be missing.

    Raises:
      ValueError: it is damaged, or has no strokes.
    """
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    fields = value if isinstance(value, dict) else {"strokes": value}
    strokes = fields.get("strokes")
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise ValueError('it has no list "strokes" of lists of points')
    if _are_columns(strokes):
        raise ValueError("its strokes are lists of x and of y; write each as a list of points [x, y]")
    named = {name: "" if fields.get(name) is None else fields[name] for name in ("text", "writer", "split")}
    odd = [name for name, text in named.items() if not isinstance(text, str | int | float) or isinstance(text, bool)]
    if odd:
        raise ValueError(f"its {' and '.join(odd)} is neither text nor number")
    return StrokeFile([_points(stroke) for stroke in strokes], **{name: _text(value) for name, value in named.items()})


def _are_columns(strokes: list[Any]) -> bool:
    """Whether each stroke is a few lists of equal length, x, y and perhaps time, and not a list of points.

    Strokes of few points with many numbers look so too, but not with different numbers or with very many.
    """
    lengths = [[len(point) for point in stroke if isinstance(point, list)] for stroke in strokes]
    alike = all(2 <= len(own) <= _MAX_CHANNELS and len(set(own)) == 1 for own in lengths)
    sizes = {own[0] for own in lengths if own}
    return bool(strokes) and alike and (len(sizes) > 1 or max(sizes) > _MAX_NUMBERS)


def _text(value: str | int | float) -> str:
    """A field as text; "" for NaN, and 3 for 3.0, as tables of numbers with gaps have it."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.0f}" if value.is_integer() else str(value)
    return str(value)


def _points(stroke: list[Any]) -> Stroke:
    plain = [point[:2] for point in stroke if isinstance(point, list) and len(point) >= 2]
    numbers = all(type(number) in (int, float) for point in plain for number in point)
    if len(plain) < len(stroke) or not numbers:
        raise ValueError("a point is no list of two numbers or more")
    try:
        return np.array(plain, np.float64).reshape(-1, 2)
    except OverflowError as error:  # JSON has integers of any length
        raise ValueError("a coordinate is too large") from error


def parse_inkml(content: bytes) -> StrokeFile:
    """Reads the traces of an InkML file, and its annotations of type truth (or transcription, text) and writer.

    Traces of a pen above the paper are left out.

    Raises:
      ValueError: it is damaged, has no traces, or writes them as differences, which is not supported.

    References:
      Ink Markup Language (InkML), W3C Recommendation, 2011, https://www.w3.org/TR/InkML/
    """
    root = parse_xml(content)
    columns = _columns(root)
    traces = (trace for trace in descendants(root, "trace") if trace.get("type", "").lower() != "penup")
    strokes = [_trace(trace.text or "", columns) for trace in traces]
    if not strokes:
        raise ValueError("it has no trace")
    notes = {a.get("type", "").lower(): (a.text or "").strip() for a in root if local_name(a) == "annotation"}
    text = next((notes[kind] for kind in _TEXT_TYPES if notes.get(kind)), "")
    return StrokeFile(strokes, text, notes.get("writer", ""), notes.get("split", ""))


def _columns(root: Element) -> list[int]:
    """Which numbers of a point are x and y, by the first trace format; the first two without one."""
    for form in descendants(root, "traceFormat"):
        names = [channel.get("name", "").upper() for channel in descendants(form, "channel")]
        if not set(_CHANNELS) <= set(names):
            raise ValueError("its traceFormat has no channels X and Y")
        return [names.index(channel) for channel in _CHANNELS]
    return [0, 1]


def _trace(text: str, columns: list[int]) -> Stroke:
    if re.search("[!'\"*?]", text):
        raise ValueError("its traces are written as differences; only plain numbers are read")
    points = [point.split() for point in text.split(",") if point.strip()]
    if any(len(point) <= max(columns) for point in points):
        raise ValueError("a point of a trace has too few numbers")
    return np.array([[float(point[column]) for column in columns] for point in points]).reshape(-1, 2)
