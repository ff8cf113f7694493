"""Lines of strokes, written by penman, whose words are known."""

import numpy as np

from hwgan.data.ink_cleaning import resample
from hwgan.datasets.penman.pen import Writer, word_strokes
from hwgan.datasets.penman.strokes_builder import connect

TEXTS = ["they had been found", "in the quiet garden", "before any of them", "could take another", "road home again"]
UNIT = 37.0  # of the device, in an x-height


def written_lines(seed=0, gap=2.2, slope=0.0):
    """Lines as a device has them, and the strokes of each of their words, in x-heights."""
    writer, rng = Writer((0, seed)), np.random.default_rng(seed)
    lines, words = [], []
    for text in TEXTS:
        line, own, x = [], [], 4.0
        for word in text.split():
            strokes = [resample(stroke, 0.1) for stroke in connect(word_strokes(writer, word, rng))]
            left = min(stroke[:, 0].min() for stroke in strokes)
            own.append([stroke - [left, 0.0] for stroke in strokes])
            line += [stroke - [left - x, 0.0] for stroke in strokes]
            x = max(stroke[:, 0].max() for stroke in line) + gap
        rotation = np.array([[np.cos(slope), np.sin(slope)], [-np.sin(slope), np.cos(slope)]])
        lines.append([UNIT * stroke @ rotation + [500.0, 900.0] for stroke in line])
        words.append(own)
    return lines, words
