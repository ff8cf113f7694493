"""A page of words by penman, of which the place of each word is known."""

import dataclasses

import numpy as np

from hwgan.datasets.penman.pen import Writer, write_word
from hwgan.datasets.penman.words import vocabulary

X_HEIGHT = 22  # pixels
PITCH, BASELINE = 96, 44  # rows from line to line; row of the baseline in an image of a word, which penman fixes
LEFT, TOP = 60, 40


@dataclasses.dataclass
class PageOfWords:
    """A page.

    Attributes:
      image: grey.
      texts: words of each line.
      boxes: left, top, right, bottom of the ink of each word of each line.
      outlines: box of each line as a polygon.
    """

    image: np.ndarray
    texts: list[list[str]]
    boxes: list[list[tuple[int, int, int, int]]]
    outlines: list[list[tuple[float, float]]]


def ink_box(image, left=0, top=0):
    """The box of the dark pixels of an image that stands at a place."""
    rows, columns = np.nonzero(image < 200)
    return left + int(columns.min()), top + int(rows.min()), left + int(columns.max()) + 1, top + int(rows.max()) + 1


def page_of_words(seed, lines=6, words=6, gap=(16, 30), ruling=None, slope=0.0):
    """Draws a page.

    Args:
      seed: of the writer and the words.
      lines: number of lines.
      words: words of a line.
      gap: smallest and largest gap between two words, in pixels.
      ruling: grey level of the printed line under each line; None for plain paper.
      slope: rows by which printed lines descend per column.
    """
    rng = np.random.default_rng(seed)
    writer, known = Writer((seed,)), vocabulary()
    page = np.full((TOP * 2 + lines * PITCH, 1500), 255, np.uint8)
    texts, boxes, outlines = [], [], []
    for line in range(lines):
        left, top = LEFT, TOP + line * PITCH
        own, places = [], []
        for _ in range(words):
            text = known[rng.integers(len(known))]
            image = write_word(writer, text, rng)
            if left + image.shape[1] > page.shape[1] - LEFT:
                break
            part = page[top : top + image.shape[0], left : left + image.shape[1]]
            np.minimum(part, image, out=part)
            own.append(text)
            places.append(ink_box(image, left, top))
            left += image.shape[1] + int(rng.integers(*gap))
        texts.append(own)
        boxes.append(places)
        ends = float(LEFT - 5), float(top), float(left), float(top + 70)
        outlines.append([(ends[0], ends[1]), (ends[2], ends[1]), (ends[2], ends[3]), (ends[0], ends[3])])
    if ruling is not None:
        columns = np.arange(20, page.shape[1] - 20)
        for line in range(lines):
            rows = np.rint(TOP + line * PITCH + BASELINE + 3 + slope * columns).astype(int)
            for row in (rows, rows + 1):
                page[row, columns] = np.minimum(page[row, columns], ruling)
    return PageOfWords(page, texts, boxes, outlines)


def overlap(a, b):
    """Intersection over union of two boxes."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / area
