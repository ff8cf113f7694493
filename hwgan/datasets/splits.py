"""Who belongs to train, validation and test: by plain lists, or else by hash."""

import hashlib
import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from hwgan.datasets.raw_files import RawFiles, text_lines
from hwgan.errors import UserError

SPLITS = ("train", "validation", "test")


def hash_fraction(key: str) -> float:
    """A stable pseudo-random number in [0, 1) for a string."""
    return int.from_bytes(hashlib.md5(key.encode()).digest()[:4], "big") / 2**32


def split_of(key: str, validation: float = 0.1, test: float = 0.1) -> str:
    """The split of a writer (or id): by hash, so that it never moves when others come or go."""
    fraction = hash_fraction(key)
    return "test" if fraction < test else "validation" if fraction < test + validation else "train"


def deal_out(keys: Iterable[str]) -> dict[str, str]:
    """The split of each key by `split_of`; where keys are so few that this leaves a split empty, in turn.

    Of ten keys one is for validation and one for test; of three or more, each split has at least one.
    """
    ordered = sorted(set(keys))
    by_hash = {key: split_of(key) for key in ordered}
    if set(by_hash.values()) == set(SPLITS):
        return by_hash
    turns = (*SPLITS, *["train"] * 7)
    return {key: turns[i % len(turns)] for i, key in enumerate(ordered)}


class SplitLists:
    """Ids by split, as plain lists give them.

    An example belongs where its own id is listed. With `nested` ids, as IAM's are, also where that is listed which it
    is part of: a word `a01-000u-00-03` where its line `a01-000u-00` is, or its form `a01-000u`.

    Attributes:
      origin: where the lists come from, in words.
    """

    def __init__(self, ids: Mapping[str, list[str]], origin: str, *, nested: bool):
        """Takes lists by split; `origin` names them in messages.

        Raises:
          UserError: an id is in two lists.
        """
        self.origin, self._nested = origin, nested
        self._split: dict[str, str] = {}
        self._used: set[str] = set()
        for split, listed in ids.items():
            for example_id in listed:
                if self._split.setdefault(example_id, split) != split:
                    raise UserError(f"{origin}: {example_id!r} is in both {self._split[example_id]} and {split}")

    def find(self, example_id: str) -> str | None:
        """The split of an example; None if neither it nor what it is part of is listed."""
        parts = example_id.split("-") if self._nested else [example_id]
        for count in range(len(parts), 0, -1):
            prefix = "-".join(parts[:count])
            if prefix in self._split:
                self._used.add(prefix)
                return self._split[prefix]
        return None

    def unmatched(self) -> list[str]:
        """Listed ids that nothing asked for so far: of missing images, or mistyped."""
        return sorted(set(self._split) - self._used)

    @property
    def fingerprint(self) -> str:
        """Counts and a checksum, to tell one set of lists from another."""
        counts = Counter(self._split.values())
        digest = hashlib.sha256(repr(sorted(self._split.items())).encode()).hexdigest()[:12]
        return f"{'/'.join(str(counts[split]) for split in SPLITS)} ids, {digest}"


def read_split_lists(directory: str, *, nested: bool) -> SplitLists:
    """train.txt, validation.txt and test.txt of a folder: an id a line; see `parse_list` and `SplitLists`.

    Raises:
      UserError: one of them is missing or empty, or an id is in two.
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
    """The ids of a list, one a line; a "#" at the start or after a space begins a comment."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text_lines(text))
    return [line for line in lines if line]
