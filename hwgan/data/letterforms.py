"""Average vertical extents and widths of Latin characters in handwriting, in units of the x-height.

A tight crop of a word contains neither the baseline nor the scale of the writing: "on" and "plough" both fill their
crops. The text determines both: its characters give the vertical extent of the ink relative to baseline and x-height,
by which `preprocessing.pad_to_line` pads a crop to its place on the line.

The values were measured on the Copiste words (CC BY 4.0). Extents are ratios between the crop heights of one writer's
words and those of the same writer's words without ascenders and descenders. Widths, rounded to 0.05, are a least
squares fit to the logarithms of the widths of 20,815 training words; the widths of rare characters are tied to those
of similar ones.

Combining marks take no width. Those above and below their base extend it as accents and cedillas do.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from hwgan.data.graphemes import takes_no_width

TOP, BOTTOM = 1.65, -0.6  # vertical extent of a padded line above the baseline, in x-heights
_ASCENDER, _X_HEIGHT, _DOTTED, _ACCENTED, _DESCENDER = 1.6, 1.0, 1.3, 1.5, -0.5

_EXTENTS = {
    **dict.fromkeys("acemnorsuvwxzæœøı", (_X_HEIGHT, 0.0)),
    **dict.fromkeys("gpqy", (_X_HEIGHT, _DESCENDER)),
    **dict.fromkeys("i:", (_DOTTED, 0.0)),
    "j": (_DOTTED, _DESCENDER),
    "t": (_ACCENTED, 0.0),
    "f": (_ASCENDER, -0.25),
    "Q": (_ASCENDER, -0.2),
    **dict.fromkeys(",;", (0.2, -0.3)),
    **dict.fromkeys("._…", (0.25, 0.0)),
    **dict.fromkeys("-\u2010\u2011\u2212–—~=+¬⸗·", (0.65, 0.35)),  # hyphens, that which is not to be broken, minus
    **dict.fromkeys("«»‹›", (0.85, 0.1)),
    **dict.fromkeys("'’\"“”°*^", (_ASCENDER, 1.0)),
    **dict.fromkeys("()[]{}/|", (_ASCENDER, -0.3)),
}
_OTHER_EXTENT = (_ASCENDER, 0.0)  # capitals, digits and ascenders
_NO_EXTENT = (-np.inf, np.inf)

_WIDTHS = {
    **dict.fromkeys("l'’.,:;!|", 0.5),
    **dict.fromkeys("fîï", 0.55),
    **dict.fromkeys("gis)", 0.6),
    **dict.fromkeys("qrz1", 0.65),
    **dict.fromkeys("jktxêJ(-", 0.7),
    **dict.fromkeys("çL", 0.75),
    **dict.fromkeys("bcehoIP", 0.8),
    **dict.fromkeys("py", 0.85),
    **dict.fromkeys("véèRVFÉ89", 0.9),
    **dict.fromkeys("dnABCDYZ05", 1.0),
    "u": 1.05,
    **dict.fromkeys("àE2", 1.1),
    **dict.fromkeys("wKQTWXœæ—", 1.3),
    **dict.fromkeys("MNOU", 1.4),
    "m": 1.5,
}
_OTHER_WIDTH = 0.95
_REFERENCE_WIDTH = 3.5  # x-heights

# Canonical combining classes (Unicode Standard, section 4.3) by the place of the mark. Class 0 and those inside the
# base, such as dagesh, change nothing.
_ATTACHED_BELOW = (200, 202, 204)  # cedilla, ogonek
_BELOW = (218, 220, 222, 233, 240, *range(10, 19), 20, 22, 29, 32)  # 10 to 22: Hebrew points; 29, 32: kasra
_ABOVE = (214, 216, 228, 230, 232, 234, 19, 23, 24, 25, 26, 27, 28, 30, 31, 33, 34, 35)  # 27 to 35: Arabic marks
_MARK_BELOW = -0.4  # bottom of a mark below the baseline


def _base(character: str) -> str:
    """The base character without its accent."""
    return unicodedata.normalize("NFD", character)[0]


def character_extent(character: str) -> tuple[float, float]:
    """(top, bottom) of a character with its accents; of blanks, and marks that change nothing, (-inf, inf)."""
    if character in _EXTENTS:
        return _EXTENTS[character]
    if character.isspace():  # lines and words of some languages have blanks
        return _NO_EXTENT
    base, *marks = unicodedata.normalize("NFD", character)
    if takes_no_width(base):
        marks, (top, bottom) = [base, *marks], _NO_EXTENT
    else:
        top, bottom = _EXTENTS.get(base, _OTHER_EXTENT)
    places = [unicodedata.combining(mark) for mark in marks]
    if any(place in _ABOVE for place in places):
        top = max(top, _ACCENTED)
    if any(place in _ATTACHED_BELOW for place in places):
        bottom = min(bottom, _DESCENDER)
    if any(place in _BELOW for place in places):
        bottom = min(bottom, _MARK_BELOW)
    return top, bottom


def vertical_extent(text: str) -> tuple[float, float]:
    """(top, bottom) of the ink of a text, in x-heights above the baseline; other scripts are treated as capitals.

    Args:
      text: a text in NFC, not empty.
    """
    tops, bottoms = zip(*map(character_extent, text), strict=True)
    top, bottom = max(tops), min(bottoms)
    return (top, bottom) if bottom < top else _OTHER_EXTENT  # of a mark or a blank alone


def char_widths_of(characters: str, height: int) -> Float[np.ndarray, " n"]:
    """Average widths of characters in pixels, for lines that extend from `BOTTOM` to `TOP` in `height` pixels.

    Combining marks have width 0: they stand over, under or inside the character before them.
    """
    x_height = height / (TOP - BOTTOM)
    return np.array([x_height * _width(c) for c in characters], np.float32)


def _width(character: str) -> float:
    """Average width of a character in x-heights."""
    if takes_no_width(character):
        return 0.0
    return _WIDTHS.get(character, _WIDTHS.get(_base(character), _OTHER_WIDTH))


def reference_width(height: int) -> float:
    """The sum of character widths, in pixels, that width compression leaves unchanged.

    Characters are narrower in wider words, and wider in narrower words (`layout.compress_widths`).
    """
    return _REFERENCE_WIDTH * height / (TOP - BOTTOM)


def text_widths(texts: Sequence[str], height: int) -> Float[np.ndarray, " n"]:
    """Width of each text in pixels: the sum of its characters' widths (`char_widths_of`)."""
    characters = "".join(sorted(set("".join(texts))))
    widths = dict(zip(characters, char_widths_of(characters, height).tolist(), strict=True))
    return np.array([sum(widths[c] for c in text) for text in texts], np.float32)
