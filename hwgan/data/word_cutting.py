"""Finds the lines and words of handwriting on a page, and leaves out blots, dirt and print."""

import dataclasses
import itertools

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage, signal

from hwgan.data.connected_components import (
    Components,
    find_components,
    keep,
    with_edges,
    without_blots,
    without_print,
)
from hwgan.data.page_photo import ink_threshold
from hwgan.data.transforms import WHITE

_MIN_SIZE, _MAX_SIZE = 0.35, 5.0  # height of a word in x-heights
_FAR = 2.5  # x-heights from the middle of a line, beyond which strokes belong to none
_MAX_LENGTH = 25.0  # width of a word in x-heights
_MIN_GAP, _MAX_GAP = 0.42, 1.2  # between words, in x-heights
_LEAST_DIFFERENCE = 0.5  # of the mean log gaps of the two classes
_BAND = 0.75  # of an x-height above and below the middle of a line, within which gaps between words are measured
_SIGN = 0.75  # height and width in x-heights below which strokes are a sign or dirt, and no letter
# Chosen so that styles of photographed pages are nearest to those of the crops that they were composed of.
_WHITE_SHARE, _BLACK = 0.5, 95  # of the threshold of ink; percentile of the darkness of ink
_MARGIN = 3  # pixels of paper around a cut word


@dataclasses.dataclass(frozen=True)
class CutWord:
    """A word on a page.

    Attributes:
      image: uint8 [height, width], dark ink on white, without what stands around it.
      line: number of its line, from the top.
      box: left, top, right, bottom in pixels of the page, or of the photo where the page was made of one.
    """

    image: UInt8[np.ndarray, "h w"]
    line: int
    box: tuple[int, int, int, int]


def cut_words(darkness: Float[np.ndarray, "h w"], *, right_to_left: bool = False) -> list[CutWord]:
    """The words of a page in reading order.

    Args:
      darkness: of level lines (`page_photo.even_ink`).
      right_to_left: the direction of its writing.
    """
    if right_to_left:  # the mirror image of a page from left to right
        width = darkness.shape[1]
        return [_mirrored(word, width) for word in cut_words(np.ascontiguousarray(darkness[:, ::-1]))]
    threshold = ink_threshold(darkness)
    ink = darkness > threshold
    components = without_print(without_blots(find_components(ink)))
    if not len(components.boxes):
        return []
    middles, x_height = _find_lines(components.labels > 0, components)
    components = find_components(_cut_between(components.labels > 0, components, middles, x_height))
    components = _near_lines(without_blots(components), middles, x_height)
    if not len(components.boxes):
        return []
    line_of = _assign(components, middles, x_height)
    spans = _band_spans(components, middles[line_of], x_height)
    gap = _gap_between_words(spans, line_of, x_height)
    image = as_word_image(darkness, threshold, components.labels > 0)
    words = []
    for line in range(len(middles)):
        members = np.flatnonzero(line_of == line)
        for group in _with_signs(_group(spans[members], gap), spans[members], components.heights[members], x_height):
            own = members[group]
            if _is_word(components.boxes[own], x_height):
                words.append(_cut(image, components, own, line))
    return _renumbered(words)


def _mirrored(word: CutWord, width: int) -> CutWord:
    """A word of the mirror image of a page that is `width` pixels wide."""
    left, top, right, bottom = word.box
    return CutWord(np.ascontiguousarray(word.image[:, ::-1]), word.line, (width - right, top, width - left, bottom))


def _find_lines(ink: Bool[np.ndarray, "h w"], components: Components) -> tuple[Float[np.ndarray, " lines"], float]:
    """The middle row of the x-height of each line, and the x-height, in pixels."""
    heights = components.heights
    size = float(np.median(heights[heights >= np.percentile(heights, 40)]))  # without dots and accents
    profile = np.pad(ink.sum(axis=1).astype(float), round(2 * size))
    smooth = ndimage.gaussian_filter1d(profile, 0.25 * size)
    pitch = _pitch(smooth, size)
    smooth = ndimage.gaussian_filter1d(profile, max(0.12 * pitch, 0.15 * size))
    tall = np.percentile(smooth[smooth > 0.05 * smooth.max()], 80)
    peaks, found = signal.find_peaks(
        smooth, distance=max(0.55 * pitch, 1), prominence=0.12 * tall, height=0.12 * tall, width=1, rel_height=0.5
    )
    if not len(peaks):
        peaks, widths = np.array([int(smooth.argmax())]), np.array([size])
    else:
        widths = found["widths"]
    x_height = float(np.clip(np.median(widths), 0.25 * size, 1.2 * size))
    return peaks - float(round(2 * size)), x_height


def _pitch(profile: Float[np.ndarray, " h"], size: float) -> float:
    """Rows from one line to the next, by autocorrelation; twice the size of letters if there is but one line."""
    centred = profile - profile.mean()
    correlation = signal.correlate(centred, centred, method="fft")[len(centred) - 1 :]
    low, high = round(0.8 * size), min(round(7 * size), len(correlation) - 1)
    peaks, _ = signal.find_peaks(correlation[low:high], prominence=0.05 * correlation[0])
    return float(peaks[0] + low) if len(peaks) else 2.0 * size


def _cut_between(
    ink: Bool[np.ndarray, "h w"], components: Components, middles: Float[np.ndarray, " lines"], x_height: float
) -> Bool[np.ndarray, "h w"]:
    """The ink, in which strokes that reach through two lines are cut where they have the least ink between these."""
    ink = ink.copy()
    for number, (left, top, right, bottom) in enumerate(components.boxes.tolist(), 1):
        inside = middles[(middles > top + 0.2 * x_height) & (middles < bottom - 0.2 * x_height)]
        for upper, lower in itertools.pairwise(inside):
            first, last = round(upper + 0.5 * x_height), round(lower - 0.5 * x_height)
            if last - first < 2:
                first, last = round(upper), round(lower)
            own = components.labels[first:last, left:right] == number
            if own.size:
                row = first + int(own.sum(axis=1).argmin())
                ink[row : row + 1, left:right] &= components.labels[row : row + 1, left:right] != number
    return ink


def _near_lines(components: Components, middles: Float[np.ndarray, " lines"], x_height: float) -> Components:
    """Without dirt and remains of print that no line is near."""
    distances = np.abs(components.centres[:, None] - middles[None]).min(axis=1)
    return keep(components, distances <= _FAR * x_height)


def _assign(components: Components, middles: Float[np.ndarray, " lines"], x_height: float) -> Int[np.ndarray, " n"]:
    """The line of each component: the nearest; small ones, as dots and accents, belong to the line below rather."""
    small = components.heights < 0.6 * x_height
    rows = components.centres + np.where(small, 0.3 * x_height, 0.0)
    # A tall one has its letters where it crosses the middle of a line.
    crosses = (components.boxes[:, 1, None] <= middles) & (components.boxes[:, 3, None] >= middles)
    distances = np.abs(rows[:, None] - middles[None]) - 1e4 * (crosses & (crosses.sum(axis=1) == 1)[:, None])
    return distances.argmin(axis=1)


def _band_spans(components: Components, middles: Float[np.ndarray, " n"], x_height: float) -> Float[np.ndarray, "n 2"]:
    """Left and right ends of each component among the small letters of its line; of others those of its box.

    Slanted ascenders and tails reach over the gap between two words.
    """
    spans = components.boxes[:, [0, 2]].astype(float)
    for number, middle in enumerate(middles.tolist()):
        left, top, right, bottom = components.boxes[number].tolist()
        first = max(top, round(middle - _BAND * x_height))
        last = min(bottom, round(middle + _BAND * x_height))
        if last > first:
            columns = np.flatnonzero((components.labels[first:last, left:right] == number + 1).any(axis=0))
            if columns.size:
                spans[number] = left + columns[0], left + columns[-1] + 1
    return spans


def _group(spans: Float[np.ndarray, "n 2"], gap: float) -> list[np.ndarray]:
    """Groups the components of a line, by index, into words with at least `gap` pixels between them."""
    groups: list[list[int]] = []
    reach = -np.inf
    for index in np.argsort(spans[:, 0]).tolist():
        if spans[index, 0] - reach >= gap or not groups:
            groups.append([])
        groups[-1].append(index)
        reach = max(reach, spans[index, 1])
    return [np.array(group) for group in groups]


def _with_signs(
    groups: list[np.ndarray], spans: Float[np.ndarray, "n 2"], heights: Int[np.ndarray, " n"], x_height: float
) -> list[np.ndarray]:
    """The groups, with those of low strokes alone, such as a full stop, joined to the word on their left."""
    joined: list[np.ndarray] = []
    for group in groups:
        low = heights[group].max() < _SIGN * x_height and np.ptp(spans[group]) < _SIGN * x_height
        if low and joined and spans[group].min() - spans[joined[-1], 1].max() < x_height:
            joined[-1] = np.concatenate([joined[-1], group])
        else:
            joined.append(group)
    return joined


def _gap_between_words(spans: Float[np.ndarray, "n 2"], line_of: Int[np.ndarray, " n"], x_height: float) -> float:
    """The pixels that separate gaps within words from gaps between words, of two classes on a log scale."""
    gaps = []
    for line in np.unique(line_of):
        own = spans[line_of == line]
        own = own[np.argsort(own[:, 0])]
        reach = np.maximum.accumulate(own[:, 1])
        gaps += (own[1:, 0] - reach[:-1]).tolist()
    low, high = _MIN_GAP * x_height, _MAX_GAP * x_height
    # Gaps within letters are all alike, however small: on a log scale they would outweigh the others.
    wide = np.array([max(gap, low / 2) for gap in gaps if 1.0 < gap < 6 * x_height])
    if len(wide) < 4:
        return (low + high) / 2
    logs = np.sort(np.log(wide))
    sums, counts = np.cumsum(logs)[:-1], np.arange(1, len(logs))
    difference = sums / counts - (logs.sum() - sums) / (len(logs) - counts)
    between = counts * (len(logs) - counts) * np.square(difference)
    split = int(between.argmax())
    if difference[split] > -_LEAST_DIFFERENCE:  # one class: letters all joined, or a line of single letters
        return low if logs.mean() > np.log(low) else high
    return float(np.clip(np.exp((logs[split] + logs[split + 1]) / 2), low, high))


def as_word_image(
    darkness: Float[np.ndarray, "h w"], threshold: float, ink: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w"]:
    """The grey levels of word images of the training data: black strokes with grey edges, on white.

    Args:
      darkness: of a page.
      threshold: of ink; what has less than half of it becomes white.
      ink: the pixels of the writing.
    """
    white = _WHITE_SHARE * threshold
    black = max(float(np.percentile(darkness[ink], _BLACK)), threshold + 1.0) if ink.any() else float(WHITE)
    return np.rint(WHITE * (1.0 - ((darkness - white) / (black - white)).clip(0.0, 1.0))).astype(np.uint8)


def _cut(image: UInt8[np.ndarray, "h w"], components: Components, members: Int[np.ndarray, " m"], line: int) -> CutWord:
    """The image of the components of a word, with the grey edges of their strokes."""
    boxes = components.boxes[members]
    left, top = np.maximum(boxes[:, :2].min(axis=0) - _MARGIN, 0).tolist()
    right, bottom = np.minimum(boxes[:, 2:].max(axis=0) + _MARGIN, image.shape[::-1]).tolist()
    own = with_edges(components.labels[top:bottom, left:right], members)
    cut = np.where(own, image[top:bottom, left:right], WHITE).astype(np.uint8)
    return CutWord(cut, line, (left, top, right, bottom))


def _is_word(boxes: Int[np.ndarray, "n 4"], x_height: float) -> bool:
    """Whether components with these boxes have the size of a word: not of dirt, of a dash, or of several lines."""
    width, height = (boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)).tolist()
    return (
        _MIN_SIZE * x_height <= height <= _MAX_SIZE * x_height
        and width <= _MAX_LENGTH * x_height
        and max(height, width) >= _SIGN * x_height
    )


def _renumbered(words: list[CutWord]) -> list[CutWord]:
    """The words with their lines numbered without gaps."""
    lines = sorted({word.line for word in words})
    return [dataclasses.replace(word, line=lines.index(word.line)) for word in words]
