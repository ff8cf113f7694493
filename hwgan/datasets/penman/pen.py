"""Procedural handwriting: text → strokes in the style of a writer → image.

A `Writer` holds the parameters that all words of one style share: letterforms, slant, width, pen thickness, ink,
spacing, and a distortion of each glyph. `write_word` adds random variation to each word. Glyphs come from two
single-stroke fonts of the Hershey-Fonts package: `scripts` (cursive; its letters connect) and `futural` (print).
"Joined" writers use print letters with a connecting stroke between neighbours. Strokes are in units of the x-height,
with the baseline at y = 0 and y pointing down.
"""

import dataclasses
import functools
import string
import unicodedata

import numpy as np
from HersheyFonts import HersheyFonts
from jaxtyping import UInt8

from hwgan.data.ink import Stroke, draw_strokes, smooth

ALPHABET = string.ascii_letters + string.digits + ".,;:!?'\"-()&"
# Characters beyond those of penman's words, for `words.draw_signs`: of the fonts, and composed of their glyphs.
_FONT_SIGNS = "#*+/[]"
_MARKS = {  # polylines above a letter, or below it, in x-heights, around the middle of the letter and its top or bottom
    "\u0300": (((-0.22, -0.38), (0.08, -0.12)),),
    "\u0301": (((0.22, -0.38), (-0.08, -0.12)),),
    "\u0302": (((-0.22, -0.12), (0.0, -0.36), (0.22, -0.12)),),
    "\u0303": (((-0.25, -0.16), (-0.12, -0.28), (0.1, -0.16), (0.24, -0.28)),),
    "\u0308": (((-0.17, -0.22), (-0.15, -0.2)), ((0.15, -0.22), (0.17, -0.2))),
    "\u0327": (((0.02, 0.0), (0.1, 0.16), (-0.12, 0.3)),),
}
_CEDILLA = "\u0327"
_LIGATURES = {"æ": "ae", "œ": "oe", "Œ": "OE", "Æ": "AE"}
_LIGATURE_OVERLAP = 0.55  # x-heights
SIGNS = _FONT_SIGNS + "ÀÂÇÈÉÊËÎÏÔÙÛàáâäçèéêëíîïñóôöùûüæœŒ’"
KINDS = ("cursive", "joined", "print")  # kinds of handwriting

_BASELINE = 9  # in font units
_X_HEIGHT = {"scripts": 9.0, "futural": 14.0}  # in font units
_FONT = {"cursive": "scripts", "joined": "futural", "print": "futural"}
# Scale of ascenders and descenders: those of `scripts` are far longer, relative to the x-height, than in handwriting.
_EXTENDER_SCALE = {"scripts": 0.6, "futural": 0.95}
_EXTENT = 2.0, 1.05  # vertical extent of an image above and below the baseline, in x-heights


@dataclasses.dataclass(frozen=True)
class Glyph:
    """A character: strokes around x = 0, and its horizontal extent from `left` to `right`, in x-heights."""

    strokes: tuple[Stroke, ...]
    left: float
    right: float


@functools.cache
def _font_glyphs(font: str) -> dict[str, Glyph]:
    hershey = HersheyFonts()
    hershey.load_default_font(font)
    glyphs: dict[str, Glyph] = {}
    for character in ALPHABET + _FONT_SIGNS:
        source = hershey.all_glyphs[character]
        # Digits and punctuation are equally tall in both fonts, so both use the x-height of the print font.
        scale = 1.0 / _X_HEIGHT[font if character.isalpha() else "futural"]
        strokes = []
        for points in source.strokes:
            stroke = (np.asarray(points, np.float64) - (0, _BASELINE)) * scale
            y = stroke[:, 1]
            extender = _EXTENDER_SCALE[font]
            y = np.where(y < -1, -1 + (y + 1) * extender, np.where(y > 0, y * extender, y))
            strokes.append(np.stack([stroke[:, 0], y], axis=1))
        left = source.left_offset * scale
        glyphs[character] = Glyph(tuple(strokes), left, left + source.char_width * scale)
    for character in SIGNS:
        if character not in glyphs:
            glyphs[character] = _composed(character, glyphs)
    return glyphs


def _composed(character: str, glyphs: dict[str, Glyph]) -> Glyph:
    """A ligature, or a letter with a mark, of the glyphs of a font."""
    if character == "’":
        return glyphs["'"]
    if character in _LIGATURES:
        first, second = (glyphs[letter] for letter in _LIGATURES[character])
        shift = np.array([first.right - second.left - _LIGATURE_OVERLAP, 0.0])
        return Glyph((*first.strokes, *(s + shift for s in second.strokes)), first.left, second.right + shift[0])
    letter, mark = unicodedata.normalize("NFD", character)
    base = glyphs[letter]
    # The dot of an i gives way to its mark.
    strokes = tuple(s for s in base.strokes if letter != "i" or s[:, 1].max() > -1.1) or base.strokes
    y = np.concatenate([s[:, 1] for s in strokes])
    anchor = np.array([(base.left + base.right) / 2, 0.0 if mark == _CEDILLA else y.min()])
    return Glyph((*strokes, *(np.array(line) + anchor for line in _MARKS[mark])), base.left, base.right)


class Writer:
    """A writer: style parameters drawn from `seed`.

    Attributes:
      kind: kind of handwriting, one of `KINDS`.
      slant: shear, in columns per row; 0.4 is about 22 degrees.
      width: horizontal scale of glyphs.
      extenders: scale of ascenders and descenders.
      thickness: pen width in x-heights.
      ink: grey level of a stroke, 0 is black.
      spacing: gap between characters in x-heights.
      unsteadiness: scale of the random variation of each word.
      warp: standard deviation of the distortion of each glyph.
    """

    def __init__(self, seed: tuple[int, ...]):
        self._seed = seed
        rng = np.random.default_rng(seed)
        self.kind = KINDS[rng.integers(len(KINDS))]
        self.slant = rng.uniform(-0.12, 0.40)
        self.width = rng.uniform(0.8, 1.2)
        self.extenders = rng.uniform(0.85, 1.1)
        self.thickness = rng.uniform(0.09, 0.24)
        self.ink = rng.uniform(0, 95)
        self.spacing = rng.uniform(0.0, 0.3) if self.kind == "print" else rng.uniform(-0.02, 0.08)
        self.unsteadiness = rng.uniform(0.3, 1.0)
        self.warp = rng.uniform(0.03, 0.08)
        self._glyphs: dict[str, Glyph] = {}

    def glyph(self, character: str) -> Glyph:
        """The glyph of a character in this writer's style."""
        if character not in self._glyphs:
            self._glyphs[character] = self._make_glyph(character)
        return self._glyphs[character]

    def _make_glyph(self, character: str) -> Glyph:
        rng = np.random.default_rng((*self._seed, ord(character)))
        base = _font_glyphs(_FONT[self.kind])[character]
        affine = np.eye(2) + rng.normal(0, self.warp, (2, 2))
        waves = rng.normal(0, self.warp, (2, 2))  # amplitudes of sine waves along both axes, which bend the glyph
        phase = rng.uniform(0, 2 * np.pi, (2, 2))
        strokes = []
        for stroke in base.strokes:
            x, y = stroke.T
            y = np.where(y < -1, -1 + (y + 1) * self.extenders, np.where(y > 0, y * self.extenders, y))
            bent = np.stack([x, y], axis=1)
            for axis in (0, 1):
                bent[:, axis] += waves[axis] @ np.sin(2.5 * np.stack([x, y]) + phase[axis][:, None])
            strokes.append(smooth(bent @ affine.T) * (self.width, 1.0))
        return Glyph(tuple(strokes), base.left * self.width, base.right * self.width)


def _link(end: np.ndarray, start: np.ndarray) -> Stroke:
    """A quadratic Bézier curve that sags below both ends: the connection from one letter to the next."""
    t = np.linspace(0, 1, 9)[:, None]
    dip = np.array([(end[0] + start[0]) / 2, max(end[1], start[1]) + 0.12])
    return (1 - t) ** 2 * end + 2 * t * (1 - t) * dip + t**2 * start


def _in_x_height(point: np.ndarray) -> bool:
    return bool(-1.15 <= point[1] <= 0.2)


def word_strokes(writer: Writer, text: str, rng: np.random.Generator) -> list[Stroke]:
    """The strokes of `text` from left to right, in x-heights, with random variation from `rng`."""
    jitter = writer.unsteadiness
    strokes: list[Stroke] = []
    pen_x, previous_end = 0.0, None
    for character in text:
        glyph = writer.glyph(character)
        pen_x -= glyph.left
        scale = 1 + rng.normal(0, 0.03 * jitter, 2)
        offset = np.array([pen_x, 0.0]) + rng.normal(0, 0.03 * jitter, 2)
        placed = [stroke * scale + offset for stroke in glyph.strokes]
        if writer.kind == "joined" and previous_end is not None and character.islower():
            start = placed[0][0]
            if _in_x_height(start) and abs(start[0] - previous_end[0]) < 1.4:
                strokes.append(_link(previous_end, start))
        strokes += placed
        end = placed[-1][-1]
        ends_right = end[0] > pen_x + 0.1  # only a letter that ends on its right side connects to the next
        joins = character.islower() and character not in "ijtx" and ends_right and _in_x_height(end)
        previous_end = end if joins else None
        pen_x += glyph.right + writer.spacing + rng.normal(0, 0.02 * jitter)
    tilt = rng.normal(0, 0.012 * jitter)
    shear = writer.slant + rng.normal(0, 0.03 * jitter)
    transform = np.array([[1.0, -shear], [tilt, 1.0]])
    return [stroke @ transform.T for stroke in strokes]


def write_word(writer: Writer, text: str, rng: np.random.Generator) -> UInt8[np.ndarray, "h w"]:
    """Draws `text` in the style of the writer, with random variation from `rng`; the x-height is about 22 pixels.

    Raises:
      KeyError: a character is in neither `ALPHABET` nor `SIGNS`.
    """
    x_height = 22.0 * (1 + rng.normal(0, 0.03))
    thickness = writer.thickness * (1 + rng.normal(0, 0.06))
    ink = np.clip(writer.ink + rng.normal(0, 8), 0, 140)
    return draw_strokes(word_strokes(writer, text, rng), x_height, thickness=thickness, ink=ink, extent=_EXTENT)
