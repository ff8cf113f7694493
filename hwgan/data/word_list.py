"""Lists of texts to write, one a line: which of their lines a model can write, and why not the others."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping

from hwgan.data.charset import Charset, character_name, name_characters, normalize_text
from hwgan.data.replacements import describe_replaced, replace_unwritable
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path
from hwgan.runtime.wording import some

_NAMED_LINES = 10


def read_lines(path: str) -> dict[int, str]:
    """The lines of a UTF-8 file by number from 1, in NFC and stripped of white space; blank lines are skipped.

    Raises:
      UserError: the file cannot be read or is not UTF-8.
    """
    try:
        lines = user_path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the texts of {path!r}: {getattr(error, 'strerror', None) or error}") from error
    return {number: normalize_text(line.strip()) for number, line in enumerate(lines, 1) if line.strip()}


@dataclasses.dataclass(frozen=True)
class FittedLines:
    """Lines after replacement, split into those that can be written and those that cannot.

    Attributes:
      lines: lines that can be written, by number.
      left_out: the other lines, by number.
      reasons: why each of these cannot be written.
      unwritable: for each character outside the alphabet, "line N" for each of its occurrences; "" of a single line.
      replaced: how often each pair of (character, replacement) was replaced; the replacement of one left out is "".
    """

    lines: dict[int, str]
    left_out: dict[int, str]
    reasons: dict[int, str]
    unwritable: dict[str, list[str]]
    replaced: Counter[tuple[str, str]]

    def notes(self, name: str) -> Iterator[str]:
        """Sentences on what was replaced and which lines were left out; `name` is that of the list."""
        if self.replaced:
            yield f"{name}: {describe_replaced(self.replaced)}"
        if self.left_out:
            lines = [f"line {n} {self.left_out[n][:40]!r} ({self.reasons[n]})" for n in self.left_out]
            yield (
                f"{name}: left out {len(lines):,} of {len(lines) + len(self.lines):,} lines: "
                f"{some(lines, _NAMED_LINES)}"
            )
        if len(self.left_out) > _NAMED_LINES and self.unwritable:
            yield f"{name}: characters outside the alphabet: {name_characters(self.unwritable)}"

    def require_all(self, charset: Charset) -> None:
        """Raises UserError, which names all characters outside the alphabet, if there are any."""
        if self.unwritable:
            raise charset.unwritable_error(self.unwritable, "--leave_out leaves them out; ")


def fit_lines(
    lines: Mapping[int, str],
    charset: Charset,
    *,
    replace: bool = True,
    leave_out: bool = False,
    words: bool = False,
    max_length: int | None = None,
) -> FittedLines:
    """Finds the lines that can be written with an alphabet.

    Args:
      lines: texts by number.
      charset: the alphabet.
      replace: whether characters outside it are replaced by what looks the same (`replacements.replacement`).
      leave_out: whether other characters outside it are left out of their lines.
      words: whether a line is one word, in which white space is a character as any other; else words are drawn apart.
      max_length: of a word, in characters; None for any.
    """
    found = FittedLines({}, {}, {}, {}, Counter())
    alphabet = frozenset(charset.characters)
    for number, line in lines.items():
        text, replaced = replace_unwritable(line, alphabet) if replace else (normalize_text(line), Counter())
        found.replaced.update(replaced)
        unknown = [c for _, c in charset.unknown(text) if words or not c.isspace()]
        if leave_out:
            omitted = {c for c in unknown if not c.isspace()}
            found.replaced.update((c, "") for c in unknown if c in omitted)
            text = " ".join("".join(c for c in text if c not in omitted).split())
            unknown = [c for c in unknown if c.isspace()]
        for character in unknown:
            found.unwritable.setdefault(character, []).append(f"line {number}" if len(lines) > 1 else "")
        parts = [text] if words else text.split()
        if reason := _why_not(parts, unknown, max_length):
            found.left_out[number], found.reasons[number] = line, reason
        else:
            found.lines[number] = text
    return found


def _shown(character: str) -> str:
    """A character, or its name where it has no shape of its own."""
    name = character_name(character)
    return name if name.startswith("U+") else character


def _why_not(words: list[str], unknown: list[str], max_length: int | None) -> str:
    """Why a line of these words cannot be written; "" if it can be."""
    if unknown:
        return "more than one word" if unknown[0].isspace() else " ".join(map(_shown, dict.fromkeys(unknown)))
    if not any(words):
        return "nothing that can be written"
    if max_length is not None and max(map(len, words)) > max_length:
        return f"a word of {max(map(len, words))} characters; the model writes up to {max_length}"
    return ""
