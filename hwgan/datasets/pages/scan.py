"""Which pixels of an image file the coordinates of a page refer to: the frame, its scale and its orientation."""

import dataclasses
import io

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image

from hwgan.data.transforms import IMAGE_FORMATS
from hwgan.datasets.pages.baselines import Points
from hwgan.datasets.pages.layout import Page, Region

_ASPECT_TOLERANCE, _ROUNDING = 0.01, 2.0  # of a side, and in pixels; scaled copies are rounded
_BEYOND = 0.02  # of a side that polygons may reach over the edge of a page whose size is not stated
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_UNKNOWN_DPI = 96  # at most; programs write 72 or 96 where they do not know the resolution of a scan
# The transposition that undoes each EXIF orientation on the shown image.
_UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class Misplaced(ValueError):
    """The coordinates of a page cannot be those of its image, or nothing says to which pixels they refer."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """One image of an image file, by its header.

    Attributes:
      size: width and height as stored.
      orientation: EXIF orientation, 1 to 8.
      dpi: horizontal and vertical resolution as stored, in pixels per inch; (0, 0) if unknown.
    """

    size: tuple[int, int]
    orientation: int
    dpi: tuple[float, float]

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height when shown as its orientation says."""
        return (self.size[1], self.size[0]) if self.orientation in _SIDEWAYS else self.size


@dataclasses.dataclass(frozen=True)
class Placement:
    """The way from the coordinates of a page to pixels of its image as `decode_grey` returns it.

    Attributes:
      frame: number of the frame in the image file, from 0.
      scale: pixels per unit, horizontal and vertical.
      size: width and height of the stored image, in pixels.
      orientation: EXIF orientation that the coordinates do not take into account; 1 if they do.
      stale: whether that orientation is wrong, so that cut regions are turned back.
    """

    frame: int = 0
    scale: tuple[float, float] = (1.0, 1.0)
    size: tuple[int, int] = (0, 0)
    orientation: int = 1
    stale: bool = False

    def to_pixels(self, polygon: Points) -> Points:
        """The polygon in pixels of the shown image."""
        right, bottom = self.size[0] - 1, self.size[1] - 1
        scaled = [(x * self.scale[0], y * self.scale[1]) for x, y in polygon]
        if self.orientation in (2, 3, 7, 8):
            scaled = [(right - x, y) for x, y in scaled]
        if self.orientation in (3, 4, 6, 7):
            scaled = [(x, bottom - y) for x, y in scaled]
        return tuple((y, x) if self.orientation in _SIDEWAYS else (x, y) for x, y in scaled)

    def turn_back(self, cut: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
        """A cut region, turned back if the orientation of the image is wrong."""
        return np.asarray(Image.fromarray(cut).transpose(_UNDO[self.orientation])) if self.stale else cut


def read_frames(encoded: bytes) -> list[Frame]:
    """The frames of an image file, without decoding them; one unless it is a TIFF.

    Raises:
      OSError: the bytes are not an image.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=IMAGE_FORMATS) as image:
            # Further frames of other formats are previews, depth maps of cameras, or animations.
            count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            return [_read_frame(image, number) for number in range(count)]
    except OSError:
        raise
    except Exception as error:  # Pillow raises several other exceptions for damaged files
        raise OSError(str(error)) from error


def _read_frame(image: Image.Image, number: int) -> Frame:
    if number:
        image.seek(number)
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    orientation = orientation if orientation in _UNDO else 1
    width, height = image.size
    if image.format == "TIFF" and orientation in _SIDEWAYS:  # Pillow states the shown size of a TIFF
        width, height = height, width
    try:
        across, down = (float(value) for value in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        across = down = 0.0
    return Frame((width, height), orientation, (across, down) if across > 0 and down > 0 else (0.0, 0.0))


def place(page: Page, frames: list[Frame], index: int, count: int) -> Placement:
    """Finds the pixels to which the coordinates of a page refer.

    Args:
      page: the page.
      frames: frames of its image file.
      index: position of the page among the pages of its XML file that name this image file.
      count: number of these pages.

    Raises:
      Misplaced: no frame or several fit, or none has the stated proportions or contains the coordinates.
    """
    number = _choose_frame(page, frames, index, count)
    frame = frames[number]
    # Coordinates refer to the image as it is shown, or as it is stored, which many programs show.
    across, down = frame.dpi
    scales = {1: _scale(page, frame.shown, (down, across) if frame.orientation in _SIDEWAYS else frame.dpi)}
    if frame.orientation != 1:
        scales[frame.orientation] = _scale(page, frame.size, frame.dpi)
    found = {orientation: scale for orientation, scale in scales.items() if scale is not None}
    exact = {orientation: scale for orientation, scale in found.items() if scale == (1.0, 1.0)}
    found = exact or found
    if not found:
        raise Misplaced(_disagreement(page, frame))
    if len(found) > 1:
        raise Misplaced(
            f"its image has the EXIF orientation {frame.orientation}, and nothing tells whether the coordinates are "
            "those of the image as stored or as shown; save the image turned upright, without that tag"
        )
    orientation, scale = found.popitem()
    stale = orientation in _SIDEWAYS and _lines_are_level(page)
    return Placement(number, scale, frame.size, orientation, stale)


def _choose_frame(page: Page, frames: list[Frame], index: int, count: int) -> int:
    if len(frames) == 1 and count == 1:
        return 0
    if len(frames) == 1:
        raise Misplaced(f"its file has {count} pages of one image, which has one frame")
    if count == len(frames):
        return index
    same_size = [number for number, frame in enumerate(frames) if page.size in (frame.size, frame.shown)]
    if len(same_size) == 1 and count == 1:
        return same_size[0]
    if 1 <= page.number <= len(frames):
        return page.number - 1
    raise Misplaced(f"its image has {len(frames)} frames, and nothing tells which of them it is")


def _scale(page: Page, size: tuple[int, int], dpi: tuple[float, float]) -> tuple[float, float] | None:
    """Pixels per unit if the coordinates refer to an image of this size; None if they cannot."""
    (width, height), (columns, rows) = page.size, size
    if width and height:
        scale = columns / width, rows / height
        tolerance = max(_ROUNDING, _ASPECT_TOLERANCE * rows)
        return scale if abs(height * scale[0] - rows) <= tolerance and _contains(page, scale, size) else None
    if page.units_per_inch:
        scale = dpi[0] / page.units_per_inch, dpi[1] / page.units_per_inch
        return scale if min(dpi) > _UNKNOWN_DPI and _contains(page, scale, size) else None
    return (1.0, 1.0) if _contains(page, (1.0, 1.0), size) else None


def _contains(page: Page, scale: tuple[float, float], size: tuple[int, int]) -> bool:
    """Whether an image has the regions of a page: most of them if the page's size is stated, else all."""
    margin = _BEYOND * max(size) + _ROUNDING
    inside = 0
    for right, bottom in map(_corner, page.regions):
        inside += right * scale[0] < size[0] + margin and bottom * scale[1] < size[1] + margin
    return 2 * inside > len(page.regions) if page.size[0] else inside == len(page.regions)


def _disagreement(page: Page, frame: Frame) -> str:
    image = f"its image has {frame.shown[0]}x{frame.shown[1]} pixels"
    if page.size[0]:
        return f"it states a size of {page.size[0]:g}x{page.size[1]:g}, {image}"
    right, bottom = (max(region_max) for region_max in zip(*map(_corner, page.regions), strict=True))
    if not page.units_per_inch:
        return f"it states no size, its coordinates go to {right:g}x{bottom:g}, {image}"
    dpi = f"{frame.dpi[0]:g} dpi" if frame.dpi[0] else "no resolution"
    unit = "tenths of a millimetre" if page.units_per_inch == 254 else f"1/{page.units_per_inch:g} inch"
    return f"its coordinates are in {unit}, go to {right:g}x{bottom:g}, and it states no size; {image} and {dpi}"


def _corner(region: Region) -> tuple[float, float]:
    """The largest x and y of a polygon."""
    xs, ys = zip(*region.polygon, strict=True)
    return max(xs), max(ys)


def _lines_are_level(page: Page) -> bool:
    """Whether most regions are wider than high, as lines of an upright image are."""
    wide = [np.ptp([x for x, _ in region.polygon]) > np.ptp([y for _, y in region.polygon]) for region in page.regions]
    return bool(2 * sum(wide) > len(wide))
