"""Replaces characters that a model cannot write by characters of its alphabet that look the same.

Word processors set typographic quotation marks, dashes, no-break spaces and ligatures, which few alphabets have.
A replacement is used only for a character outside the alphabet, and only if all of its own characters are inside.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection

from hwgan.data.charset import character_name, normalize_text

# Characters and what looks like them, in order of preference.
_LOOKALIKES = (
    ("“”„‟″〃＂", ('"', "''", "’’")),
    ("«»", ('"', "''", "’’")),
    ('"', ("”", "“", "''", "’’")),
    ("‘’‚‛′ʹʻʼʽˈ´`＇", ("'", "’")),
    ("‹›", ("'", "’")),
    ("'", ("’", "ʼ")),
    ("‐‑‒–−⁃", ("-", "–")),
    ("—―", ("–", "-")),
    ("-", ("‐", "–", "−")),
    ("⁄∕", ("/",)),
    ("×✕", ("x",)),
    ("º˚", ("°", "o")),
    ("·•∙⋅", ("·", "•")),
    ("ː∶", (":",)),
)
_CANDIDATES = {character: others for characters, others in _LOOKALIKES for character in characters}
# Compatibility decompositions that keep the look: of ligatures and "…", full and half width, presentation forms.
_KEPT_LOOKS = ("<compat>", "<wide>", "<narrow>", "<noBreak>", "<initial>", "<medial>", "<final>", "<isolated>")
_VISIBLE_FORMATS = "\u200c\u200d"  # they join or part the letters beside them, so leaving them out changes the look

_USUAL_SPACE = " \t\n\r"
_SHOWN = 12


def replacement(character: str, alphabet: Collection[str]) -> str | None:
    """What looks like `character` and can be written with `alphabet`; None if nothing does.

    Args:
      character: one character outside the alphabet.
      alphabet: the characters that can be written. White space needs not be among them.

    Returns:
      Characters of the alphabet, " " for white space, or "" for a character that is invisible.
    """
    if character.isspace():
        return " "
    if (
        unicodedata.category(character) == "Cf" and character not in _VISIBLE_FORMATS
    ) or "\ufe00" <= character <= "\ufe0f":
        return ""
    for candidate in (*_CANDIDATES.get(character, ()), *_decomposition(character)):
        if all(part in alphabet or part == " " for part in candidate):
            return candidate
    return None


def replace_unwritable(text: str, alphabet: Collection[str]) -> tuple[str, Counter[tuple[str, str]]]:
    """Replaces each character outside the alphabet for which there is a `replacement`.

    Args:
      text: any text.
      alphabet: the characters that can be written.

    Returns:
      The text in NFC, in which other characters outside the alphabet are as they were; and how often each pair of
      (character, replacement) was replaced. Spaces, tabs and line breaks stay.
    """
    replaced = Counter[tuple[str, str]]()
    parts = []
    for character in normalize_text(text):
        other = None if character in alphabet or character in _USUAL_SPACE else replacement(character, alphabet)
        if other is not None:
            replaced[character, other] += 1
        parts.append(character if other is None else other)
    return normalize_text("".join(parts)), replaced


def describe_replaced(replaced: Counter[tuple[str, str]]) -> str:
    """A short sentence on what was replaced by what, with counts; "" if nothing was."""
    shown = []
    for (character, other), count in replaced.most_common(_SHOWN):
        by = "nothing" if not other else "a space" if other.isspace() else other
        name = character_name(character)
        times = f" ({count:,} times)" if count > 1 else ""
        shown.append(f"{character if character in name else name} by {by}{times}")
    more = f" and {len(replaced) - _SHOWN} other characters" if len(replaced) > _SHOWN else ""
    return f"replaced {', '.join(shown)}{more}" if shown else ""


def _decomposition(character: str) -> tuple[str, ...]:
    """The compatibility decomposition of a character if it keeps the look."""
    kind, _, _ = unicodedata.decomposition(character).partition(" ")
    decomposed = unicodedata.normalize("NFKC", character)
    # Of a spacing accent it is a space with a combining accent.
    return (decomposed,) if kind in _KEPT_LOOKS and not decomposed.startswith(" ") else ()
