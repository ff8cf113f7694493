"""Which rows of a decoded split a run uses, and in which order; the same for word images and for ink."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hwgan.data.charset import Charset
from hwgan.runtime.errors import UserError

logger = logging.getLogger(__name__)

# The field of the config that decides, by the reason for which rows are dropped.
_FIELDS = {
    "outside the alphabet": "alphabet",
    "too long": "max_length",
    "too short": "min_length",
    "too wide": "max_width",
    "of too many points": "max_points",
}


class Selection(NamedTuple):
    """The rows of a split that are used.

    Attributes:
      rows: their indices, sorted by the hash of their ids: in a random but fixed order, so that any first k are by many
        writers.
      dropped: the number of the other rows, by reason.
    """

    rows: list[int]
    dropped: dict[str, int]


def select_rows(
    ids: Sequence[str], reasons: Iterable[str], unreadable: Mapping[str, int], *, kind: str, name: str
) -> Selection:
    """The rows that are used; logs how many are dropped, by reason.

    Args:
      ids: of the rows.
      reasons: for each row why it cannot be used; "" if it can be used.
      unreadable: number of rows of the split that are not among these, by reason.
      kind: what the rows are, "word" or "ink", for messages.
      name: dataset and split, for messages.

    Raises:
      UserError: no row can be used.
    """
    dropped = Counter(unreadable)
    rows: list[int] = []
    for row, reason in enumerate(reasons):
        if reason:
            dropped[reason] += 1
        else:
            rows.append(row)
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "none"
    logger.info("%s: %d examples, dropped: %s", name, len(rows), listed)
    if not rows:
        fields = [f"--config.data.{field}=" for reason, field in _FIELDS.items() if dropped[reason]]
        advice = f"; give {' '.join(fields)}" if fields else ""
        raise UserError(f"no {kind} of {name} fits this config; dropped: {listed}{advice}")
    rows.sort(key=lambda row: hashlib.md5(ids[row].encode()).digest())
    return Selection(rows, dict(sorted(dropped.items())))


def reason_to_drop_text(text: str, charset: Charset, lengths: tuple[int, int]) -> str:
    """Why a text cannot be used; "" if it can be used.

    Args:
      text: in NFC.
      charset: the alphabet of the run.
      lengths: smallest and largest number of characters.
    """
    if charset.unknown(text):
        return "outside the alphabet"
    if not lengths[0] <= len(text) <= lengths[1]:
        return "too long" if len(text) > lengths[1] else "too short"
    return ""
