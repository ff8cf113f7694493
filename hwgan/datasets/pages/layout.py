"""What a page description holds: regions with their texts and polygons, and the frame of their coordinates."""

import dataclasses
import re
from typing import Any
from xml.etree.ElementTree import Element

from hwgan.data.line_cutting import WORD_BREAK
from hwgan.datasets.pages.baselines import Points, around_baseline, line_spacing

_MAX_COORDINATE = 1e6  # pixels
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNUSABLE = "region without text or polygon"


@dataclasses.dataclass(frozen=True)
class Region:
    """A line or a word on a page.

    Attributes:
      id: id of its XML element, or its number on the page.
      text: transcription.
      polygon: (x, y) corners, in the unit of the page.
      is_uncut: whether it is a line whose words have no places of their own, and words are asked for.
    """

    id: str
    text: str
    polygon: Points
    is_uncut: bool = False


@dataclasses.dataclass(frozen=True)
class Page:
    """One page of an XML file.

    Attributes:
      kind: "PAGE" or "ALTO".
      image: stated name of the image file; "" if there is none.
      size: stated width and height of the page, in the unit of its coordinates; (0, 0) if there are none.
      units_per_inch: unit of the coordinates, such as 254 for tenths of a millimetre; 0 for pixels.
      number: stated number of the page in its image file, from 1; 0 if there is none.
      derived: stated names of images that were made from the image of the page (PAGE AlternativeImage).
      regions: usable lines or words, in document order.
      bad: (reason, id and detail) of unusable regions.
      around_baseline: number of regions whose polygon is made from their baseline.
      from_region: number of lines whose text is a line of their region's text.
    """

    kind: str
    image: str
    size: tuple[float, float]
    units_per_inch: float
    number: int
    derived: tuple[str, ...]
    regions: list[Region]
    bad: list[tuple[str, str]]
    around_baseline: int
    from_region: int


class RegionCollector:
    """Collects the regions of a page; those with a baseline alone get a polygon once all baselines are known."""

    def __init__(self, unit: str):
        self._unit = unit
        self._found: list[tuple[Region, Points]] = []
        self._baselines: list[Points] = []
        self.bad: list[tuple[str, str]] = []
        self.around_baseline = 0
        self.from_region = 0

    def add(self, region_id: str, text: str, polygon: str, baseline: str, element: str) -> None:
        """Adds a region; with words as the unit, a TextLine is one that is to be cut.

        Args:
          region_id: its id.
          text: its transcription.
          polygon: numbers of its polygon, separated by anything, for ALTO separates them by commas or by spaces.
          baseline: numbers of its baseline.
          element: name of its XML element, for messages.
        """
        corners, line = _points(polygon), _points(baseline)
        self._baselines += [line] if line and len(line) > 1 else []
        if corners is None or line is None:
            self.bad.append((_UNUSABLE, f"{region_id}: its polygon is beyond any page"))
        elif not text.strip():
            self.bad.append((_UNUSABLE, f"{region_id}: it has no text"))
        elif self._unit == "word" and element != "TextLine" and WORD_BREAK.search(text.strip()):
            reason = f"{element} that holds several words, on a line of others (--unit=line reads lines)"
            self.bad.append((reason, f"{region_id}: {text.strip()!r}"))
        else:
            is_uncut = self._unit == "word" and element == "TextLine"
            self._found.append((Region(region_id, text, corners, is_uncut), line))

    def page(self, **stated: Any) -> Page:
        """The page with what was collected, and the other fields of `Page` as its file states them."""
        regions = self._regions()  # first, for it adds to the other fields
        return Page(
            **stated,
            regions=regions,
            bad=self.bad,
            around_baseline=self.around_baseline,
            from_region=self.from_region,
        )

    def _regions(self) -> list[Region]:
        """The usable regions; the others are added to `bad`."""
        without = any(not _has_area(region.polygon) for region, _ in self._found)
        spacing = line_spacing(self._baselines) if without else 0.0
        regions = []
        for region, line in self._found:
            if not _has_area(region.polygon):
                region = dataclasses.replace(region, polygon=around_baseline(line, spacing))
                self.around_baseline += bool(region.polygon)
            if region.polygon:
                regions.append(region)
            elif len(line) > 1:
                self.bad.append(("baseline without polygon, and no other line that tells its height", region.id))
            else:
                self.bad.append((_UNUSABLE, f"{region.id}: it has no polygon"))
        return regions


def stated_size(page: Element, width: str, height: str) -> tuple[float, float]:
    """Width and height in these attributes; (0, 0) if they are missing or absurd."""
    try:
        size = float(page.get(width) or 0), float(page.get(height) or 0)
    except ValueError:
        return 0.0, 0.0
    return size if all(1.0 <= number <= _MAX_COORDINATE for number in size) else (0.0, 0.0)


def _points(numbers: str) -> Points | None:
    """(x, y) pairs; none if a number is left over, None if one is absurd."""
    found = [float(number) for number in _NUMBER.findall(numbers)]
    if any(abs(number) > _MAX_COORDINATE for number in found):
        return None
    return () if len(found) % 2 else tuple(zip(found[::2], found[1::2], strict=True))


def _has_area(polygon: Points) -> bool:
    return len(polygon) >= 3 and all(max(numbers) > min(numbers) for numbers in zip(*polygon, strict=True))
