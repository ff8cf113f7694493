"""Cleaning of raw ink: outliers, late strokes, slope, slant, size and the distance of points put right.

All steps are fields of a config. Each takes and returns strokes, float [points, 2], y down.

References:
  Graves, Generating Sequences With Recurrent Neural Networks, https://arxiv.org/abs/1308.0850
  Jaeger et al., Online handwriting recognition: the NPen++ recognizer, IJDAR 2001, for slope and slant
"""

import dataclasses

import numpy as np

from hwgan.data.ink import Ink, Stroke, join_strokes, split_at_corners, split_strokes, to_offsets
from hwgan.data.late_strokes import place_late_strokes

LATE_STROKES = ("", "between", "within")
SIZES = ("", "x_height", "deviation")
_DEVIATION = 0.6  # x-heights in a standard deviation of y over points at even distances: the median over real lines
_TURN = 0.35  # standard deviations of y; smaller turns are tremor or noise
_MIN_EXTREMA = 3  # bottoms of letters that a baseline needs; with fewer the extent of the ink decides
_DOT = 1e-6
_MAX_POINTS = 100_000  # after resampling; far more than any network reads
_STEEP = 1.0  # |dy| / |dx| from which on a segment tells the slant


class UnusableInk(ValueError):
    """Ink that no cleaning makes usable; the message is the reason, a few words."""


@dataclasses.dataclass(frozen=True)
class Cleaning:
    """The steps, in this order; a step with its neutral value changes nothing.

    Attributes:
      outliers: points farther from both neighbours than so many median distances of the example are removed; 0: none.
      slope: rotate, so that the line through all points is level.
      size: what is 1 afterwards: "x_height", the median distance from tops to bottoms of letters, with the baseline at
        y = 0; or "deviation", a multiple of the standard deviation of y; "": neither size nor place changes.
      slant: shear, so that steep segments are upright.
      late_strokes: strokes drawn later, such as dots and bars, come "between" the strokes where their letter is, or
        "within" the stroke that draws it, which is cut there; "": as written. For ink in x-heights.
      step: distance of points along the pen's way, in x-heights; corners are kept. 0: points as they are.
      max_jump: examples whose pen jumps farther, in x-heights, are left out: their text is that of another line; 0: no
        limit.
    """

    outliers: int | float = 0.0
    slope: bool = False
    size: str = ""
    slant: bool = False
    late_strokes: str = ""
    step: int | float = 0.0
    max_jump: int | float = 0.0

    def __post_init__(self):
        if self.late_strokes not in LATE_STROKES or self.size not in SIZES:
            raise ValueError(f"late_strokes must be one of {LATE_STROKES} and size one of {SIZES}")
        if min(self.outliers, self.step, self.max_jump) < 0:
            raise ValueError("outliers, step and max_jump must be at least 0")

    def __call__(self, ink: Ink) -> Ink:
        """Offset ink (`hwgan.data.ink`) of stored ink.

        Raises:
          UnusableInk: nothing is left, or the pen jumps too far.
        """
        strokes = self.clean(split_strokes(ink))
        offsets = to_offsets(join_strokes(strokes))
        if not np.isfinite(offsets).all():
            raise UnusableInk("not finite")
        if self.max_jump and np.abs(offsets[1:, :2]).max(initial=0.0) > self.max_jump:
            raise UnusableInk("pen jumps too far")
        return offsets

    def clean(self, strokes: list[Stroke]) -> list[Stroke]:
        """The strokes after all steps but `max_jump`.

        Raises:
          UnusableInk: nothing is left.
        """
        strokes = [stroke for stroke in map(without_repeats, strokes) if len(stroke)]
        if self.outliers and strokes:
            strokes = remove_outliers(strokes, self.outliers)
        if not strokes:
            raise UnusableInk("no points")
        if self.slope:
            strokes = level(strokes)
        if self.size:
            strokes = resize(strokes, self.size)
        if self.slant:
            strokes = upright(strokes)
        if self.late_strokes:
            strokes = place_late_strokes(strokes, cut=self.late_strokes == "within")
        if not self.step:
            return strokes
        return resample_all(strokes, self.step)


@dataclasses.dataclass(frozen=True)
class InkSpec:
    """What is done to ink, and which of it is used.

    Attributes:
      cleaning: the steps.
      max_points: examples with more points are left out.
      max_length: examples with more characters are left out.
      min_length: examples with fewer characters are left out.
    """

    cleaning: Cleaning
    max_points: int
    max_length: int
    min_length: int = 1


def without_repeats(stroke: Stroke) -> Stroke:
    """The stroke without points that are where the one before is."""
    moved = np.ones(len(stroke), bool)
    moved[1:] = (np.diff(stroke, axis=0) != 0).any(axis=1)
    return stroke[moved]


def remove_outliers(strokes: list[Stroke], limit: int | float) -> list[Stroke]:
    """Removes points that are farther from both neighbours in their stroke than `limit` median distances."""
    distances = [np.linalg.norm(np.diff(stroke, axis=0), axis=1) for stroke in strokes]
    every = np.concatenate(distances)
    if not every.size:
        return strokes
    threshold = limit * max(float(np.median(every)), _DOT)
    kept = []
    for stroke, steps in zip(strokes, distances, strict=True):
        # A point at an end has one neighbour, which decides; a dot has none and stays.
        before, after = np.append(np.inf, steps), np.append(steps, np.inf)
        kept.append(stroke[np.minimum(before, after) <= threshold] if len(stroke) > 1 else stroke)
    return [stroke for stroke in kept if len(stroke)]


def level(strokes: list[Stroke]) -> list[Stroke]:
    """Rotates the strokes so that the least squares line through their evenly spaced points is level."""
    points = _even_points(strokes)
    x, y = (points - points.mean(axis=0)).T
    slope = (x * y).sum() / max((x * x).sum(), 1e-9)
    slope = np.clip(slope, -1.0, 1.0)
    cosine, sine = 1 / np.hypot(1, slope), slope / np.hypot(1, slope)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    return [stroke @ rotation for stroke in strokes]


def upright(strokes: list[Stroke]) -> list[Stroke]:
    """Shears the strokes so that their slant is upright."""
    shear = np.array([[1.0, 0.0], [-slant_of(strokes), 1.0]])
    return [stroke @ shear for stroke in strokes]


def slant_of(strokes: list[Stroke]) -> float:
    """Way in x on a way of 1 in y: the median over steep segments, weighted by length; 0 where there are none."""
    steps = np.concatenate([np.zeros((0, 2)), *(np.diff(stroke, axis=0) for stroke in strokes)])
    steep = steps[np.abs(steps[:, 1]) > _STEEP * np.abs(steps[:, 0])]
    if not len(steep):
        return 0.0
    slopes, lengths = steep[:, 0] / steep[:, 1], np.abs(steep[:, 1])
    return float(np.quantile(slopes, 0.5, weights=lengths, method="inverted_cdf"))


def resize(strokes: list[Stroke], size: str) -> list[Stroke]:
    """Scales the strokes to x-heights and moves them so that the baseline is y = 0 and the left end is x = 0."""
    points = _even_points(strokes)
    baseline, x_height = _baseline_and_x_height(strokes, points)
    if size == "deviation":
        x_height = points[:, 1].std() / _DEVIATION
    if x_height <= _DOT:
        raise UnusableInk("no height")
    origin = np.array([points[:, 0].min(), baseline])
    return [(stroke - origin) / x_height for stroke in strokes]


def _baseline_and_x_height(strokes: list[Stroke], points: Stroke) -> tuple[float, float]:
    """Y of the baseline, and the x-height, by the medians of the bottoms and tops of the pen's way."""
    bottoms, tops = [], []
    smallest = _TURN * float(points[:, 1].std())
    for stroke in strokes:
        found = _turns(stroke[:, 1].tolist(), smallest)
        bottoms += found[0]
        tops += found[1]
    if min(len(bottoms), len(tops)) >= _MIN_EXTREMA:
        baseline, top = float(np.median(bottoms)), float(np.median(tops))
        if baseline > top:
            return baseline, baseline - top
    low, high = float(points[:, 1].max()), float(points[:, 1].min())
    return low, low - high


def _turns(y: list[float], smallest: float) -> tuple[list[float], list[float]]:
    """The bottoms and tops, in this order, between which y moves by more than `smallest`; without the ends."""
    bottoms, tops = [], []
    low = high = y[0]  # since the last turn; y points down, so the bottom is the high value
    direction = 0
    for value in y[1:]:
        low, high = min(low, value), max(high, value)
        if direction >= 0 and value < high - smallest:
            if direction > 0:
                bottoms.append(high)
            direction, low = -1, value
        elif direction <= 0 and value > low + smallest:
            if direction < 0:
                tops.append(low)
            direction, high = 1, value
    return bottoms, tops


def resample_all(strokes: list[Stroke], step: int | float) -> list[Stroke]:
    """`resample` of each stroke.

    Raises:
      UnusableInk: that would be far more points than any writing has, as of a damaged file.
    """
    if sum(map(_length, strokes)) > _MAX_POINTS * step:
        raise UnusableInk("of too many points")
    return [resample(stroke, step) for stroke in strokes]


def resample(stroke: Stroke, step: int | float) -> Stroke:
    """Points at even distances of about `step` along each part of a stroke between its corners."""
    if len(stroke) < 2:
        return stroke
    parts = [_resample_part(part, step) for part in split_at_corners(stroke)]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def _resample_part(part: Stroke, step: int | float) -> Stroke:
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(part, axis=0), axis=1)))
    count = max(1, round(along[-1] / step))
    at = np.linspace(0.0, along[-1], count + 1)
    return np.column_stack([np.interp(at, along, part[:, axis]) for axis in (0, 1)])


def _length(stroke: Stroke) -> float:
    return float(np.linalg.norm(np.diff(stroke, axis=0), axis=1).sum())


def _even_points(strokes: list[Stroke], count: int = 500) -> Stroke:
    """About `count` points at even distances along all strokes, so that slow writing does not weigh more."""
    step = max(sum(map(_length, strokes)) / count, _DOT)
    return np.concatenate([_resample_part(s, step) if len(s) > 1 else s for s in strokes])


def preview_steps(cleaning: Cleaning) -> list[tuple[str, Cleaning]]:
    """The settings of a picture of the steps: none, then each that is switched on added to those before it."""
    settings = [("as stored", Cleaning())]
    names = [field.name for field in dataclasses.fields(Cleaning)]
    for name in names:
        value = getattr(cleaning, name)
        if value != getattr(Cleaning(), name):
            settings.append((f"{name}={value!r}", dataclasses.replace(settings[-1][1], **{name: value})))
    return settings
