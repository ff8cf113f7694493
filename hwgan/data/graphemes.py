"""Graphemes: a base character with its combining marks, such as "ש" with shin dot and qamats, or "о" with an acute.

A text has one label for each code point, but on paper a mark stands over, under or inside its base and takes no width.
Graphemes are the unit of width and of random texts.
"""

import unicodedata

_JOINERS = "\u200c\u200d"  # zero width non-joiner and joiner: they decide the shapes of the letters beside them


def is_mark(character: str) -> bool:
    """Whether a character belongs to the grapheme of the character before it."""
    return unicodedata.category(character).startswith("M") or character in _JOINERS


def takes_no_width(character: str) -> bool:
    """Whether a mark takes no width; the spacing marks of Indic scripts (category Mc) do."""
    return unicodedata.category(character) in ("Mn", "Me") or character in _JOINERS


def split_graphemes(text: str) -> list[str]:
    """The graphemes of a text in their order; marks at its start are graphemes of their own."""
    graphemes: list[str] = []
    for character in text:
        if graphemes and is_mark(character):
            graphemes[-1] += character
        else:
            graphemes.append(character)
    return graphemes


def num_columns(text: str) -> int:
    """Number of characters that stand beside one another: all but the marks that take no width.

    A text that begins with such a mark has a column for it.
    """
    return sum(number == 0 or not takes_no_width(character) for number, character in enumerate(text))
