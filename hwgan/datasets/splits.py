"""Assigns examples to train, validation and test, by lists of ids or by hash."""

import hashlib
import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from hwgan.datasets.raw_files import RawFiles, text_lines
from hwgan.runtime.errors import UserError

SPLITS = ("train", "validation", "test")


def hash_fraction(key: str) -> float:
    """A pseudo-random number in [0, 1) that depends only on the string."""
    return int.from_bytes(hashlib.md5(key.encode()).digest()[:4], "big") / 2**32


def split_of(key: str, validation: float = 0.1, test: float = 0.1) -> str:
    """The split of a writer or id by its hash, so that it does not depend on the other writers or ids.

    Args:
      key: name of the writer, or id.
      validation: share of the keys that are assigned to validation.
      test: share of the keys that are assigned to test.
    """
    fraction = hash_fraction(key)
    return "test" if fraction < test else "validation" if fraction < test + validation else "train"


def deal_out(keys: Iterable[str]) -> dict[str, str]:
    """The split of each key by `split_of`; if that leaves a split empty, by the position of the key in sorted order.

    The positions repeat with period ten: train, validation, test, then seven times train. With at least three keys no
    split is empty.
    """
    ordered = sorted(set(keys))
    by_hash = {key: split_of(key) for key in ordered}
    if set(by_hash.values()) == set(SPLITS):
        return by_hash
    turns = (*SPLITS, *["train"] * 7)
    return {key: turns[i % len(turns)] for i, key in enumerate(ordered)}


class SplitLists:
    """Lists of ids, one for each split.

    An example belongs to the split that lists its id. With `nested` ids, as in IAM, a listed prefix counts too: the
    word `a01-000u-00-03` belongs to the split that lists its line `a01-000u-00` or its form `a01-000u`.

    Attributes:
      origin: description of the source of the lists, for messages.
    """

    def __init__(self, ids: Mapping[str, list[str]], origin: str, *, nested: bool):
        """Creates the lists from the ids of each split.

        Raises:
          UserError: an id is in two splits.
        """
        self.origin, self._nested = origin, nested
        self._split: dict[str, str] = {}
        self._used: set[str] = set()
        for split, listed in ids.items():
            for example_id in listed:
                if self._split.setdefault(example_id, split) != split:
                    raise UserError(f"{origin}: {example_id!r} is in both {self._split[example_id]} and {split}")

    def find(self, example_id: str) -> str | None:
        """The split of an example; None if neither its id nor, with nested ids, a prefix of it is listed."""
        parts = example_id.split("-") if self._nested else [example_id]
        for count in range(len(parts), 0, -1):
            prefix = "-".join(parts[:count])
            if prefix in self._split:
                self._used.add(prefix)
                return self._split[prefix]
        return None

    def unmatched(self) -> list[str]:
        """Listed ids that matched no example so far: their images are missing, or they are misspelled."""
        return sorted(set(self._split) - self._used)

    @property
    def fingerprint(self) -> str:
        """Number of ids of each split, and a checksum that identifies the lists."""
        counts = Counter(self._split.values())
        digest = hashlib.sha256(repr(sorted(self._split.items())).encode()).hexdigest()[:12]
        return f"{'/'.join(str(counts[split]) for split in SPLITS)} ids, {digest}"


def read_split_lists(directory: str, *, nested: bool) -> SplitLists:
    """Reads train.txt, validation.txt and test.txt of a folder, one id per line; see `parse_list` and `SplitLists`.

    Raises:
      UserError: one of the files is missing or empty, or an id is in two of them.
    """
    if not pathlib.Path(directory).expanduser().is_dir():
        raise UserError(f"--splits={directory} is no folder; it should hold {', '.join(f'{s}.txt' for s in SPLITS)}")
    files = RawFiles(directory)
    ids = {split: parse_list(files.read_text(f"{split}.txt")) for split in SPLITS}
    for split, listed in ids.items():
        if not listed:
            raise UserError(f"{directory}/{split}.txt lists nothing")
    return SplitLists(ids, f"lists in {pathlib.Path(directory).name}", nested=nested)


def parse_list(text: str) -> list[str]:
    """The ids of a list, one per line; "#" at the start of a line or after white space begins a comment."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text_lines(text))
    return [line for line in lines if line]
