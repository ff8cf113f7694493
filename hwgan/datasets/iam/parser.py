"""Parses the text files of the IAM Handwriting Database.

A row of words.txt:  a01-000u-00-00 ok 154 408 768 27 51 AT A        (id, ok|err, grey, x, y, w, h, tag, text)
A row of lines.txt:  a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to (id, ok|err, grey, components, x, y, w, h, text)
A row of forms.txt:  a01-000u 000 2 prt 7 5 52 36                    (id, writer, ...)

Both of the former have nine fields, whatever their headers say, and the text is all that follows the eighth.
"""

import dataclasses

from hwgan.errors import UserError

_NUM_FIELDS = 9


@dataclasses.dataclass(frozen=True)
class IamRow:
    """A word or a line.

    Attributes:
      id: such as a01-000u-00-00; for a line, without the last part.
      segmentation_ok: whether the database vouches for the box.
      grey_level: threshold between ink and paper.
      tag: grammatical tag of a word; "" for a line.
      text: for a line, words separated by spaces.
    """

    id: str
    segmentation_ok: bool
    grey_level: int
    tag: str
    text: str

    @property
    def form(self) -> str:
        """The page it stands on."""
        return "-".join(self.id.split("-")[:2])

    @property
    def image_name(self) -> str:
        """Name of its image file, without the folders."""
        return f"{self.id}.png"


def parse_rows(text: str, name: str) -> list[IamRow]:
    """The rows of words.txt or lines.txt.

    Args:
      text: of the file.
      name: of the file, "words.txt" or "lines.txt".

    Raises:
      UserError: a row has too few fields or a field that cannot be.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(" ", _NUM_FIELDS - 1)
        if len(fields) < _NUM_FIELDS or fields[1] not in ("ok", "err") or not fields[2].lstrip("-").isdigit():
            raise UserError(f"{name} line {number} is not a row of IAM's {name}: {line[:80]!r}")
        is_word = name == "words.txt"
        written = fields[8] if is_word else fields[8].replace("|", " ")
        rows.append(IamRow(fields[0], fields[1] == "ok", int(fields[2]), fields[7] if is_word else "", written.strip()))
    return rows


def parse_forms(text: str) -> dict[str, str]:
    """Writer of each form, from forms.txt.

    Raises:
      UserError: a row has no writer.
    """
    writers = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) < 2:
            raise UserError(f"forms.txt line {number} names no writer: {line!r}")
        writers[fields[0]] = fields[1]
    return writers
