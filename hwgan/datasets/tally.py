"""What a builder writes and skips: counts of splits, writers and characters, a checksum, and reasons by id."""

import hashlib
import json
from collections import Counter, defaultdict
from typing import Any

import numpy as np

from hwgan.data.direction import is_right_to_left
from hwgan.datasets.splits import SPLITS

_MAX_LISTED = 20  # skipped ids that the summary lists for each reason


class Tally:
    """Counts of the rows of a dataset, in any order.

    Attributes:
      ids: of the rows.
      counts: number of rows of each split.
      skipped: ids of skipped examples, with details, by reason.
    """

    def __init__(self):
        self.ids: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.skipped: dict[str, list[str]] = defaultdict(list)
        self._writers: dict[str, set[str]] = defaultdict(set)
        self._characters: Counter[str] = Counter()
        self._content = 0

    def add(self, split: str, row: dict[str, Any], array: np.ndarray) -> None:
        """Counts a row.

        Args:
          split: of the row.
          row: its values but the handwriting.
          array: the decoded handwriting.
        """
        self.ids.add(row["id"])
        self.counts[split] += 1
        self._writers[split].add(row["writer"])
        self._characters.update(row["text"])
        plain = [(name, np.asarray(value).tolist()) for name, value in sorted(row.items())]
        digest = hashlib.sha256(json.dumps([split, plain, array.shape]).encode())
        digest.update(np.ascontiguousarray(array).data)
        self._content += int.from_bytes(digest.digest(), "big")  # a sum does not depend on the order of rows

    def skip(self, reason: str, name: str, detail: str = "") -> None:
        """Records the example of this name as skipped."""
        self.skipped[reason].append(printable(f"{name}: {detail}" if detail else name))

    def skipped_text(self) -> str:
        """How many examples were skipped and why, each reason with its first example; "" if none were."""
        return "; ".join(f"{len(ids)} skipped for {reason} (first: {ids[0]})" for reason, ids in self.skipped.items())

    def summary(self) -> dict[str, Any]:
        """The counts as JSON values; `content` is the sum of the SHA-256 of all rows, of decoded handwriting."""
        characters = sorted(self._characters)
        return {
            "content": f"{self._content % 2**256:064x}",
            "examples": {split: self.counts[split] for split in SPLITS if self.counts[split]},
            "writers": {split: len(self._writers[split] - {""}) for split in SPLITS if self.counts[split]},
            "alphabet": "".join(characters),
            "right_to_left": is_right_to_left(self._characters),
            "character_counts": {c: self._characters[c] for c in characters},
            "skipped": {
                reason: {"count": len(ids), "first": ids[:_MAX_LISTED]} for reason, ids in sorted(self.skipped.items())
            },
        }


def printable(text: str) -> str:
    """A text with names of files, of which some systems allow any bytes, as it can be stored and printed."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
