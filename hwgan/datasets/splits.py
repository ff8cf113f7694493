"""Assigns examples to train, validation and test, by lists of ids or by hash."""

import hashlib
import pathlib
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hwgan.data.transforms import IMAGE_ENDINGS
from hwgan.datasets.raw_files import RawFiles, plain_path, text_lines
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path

SPLITS = ("train", "validation", "test")
_HELD_OUT = 0.1  # share of the examples that is dealt to validation, and to test
# Least and largest share of a held-out split. By hash it varies, but does not change when a set grows.
_MIN_HELD_OUT, _MAX_IN_TURN, _MAX_BY_HASH = 0.02, 0.15, 0.2
_IMAGE_ENDING = re.compile(rf"({'|'.join(map(re.escape, IMAGE_ENDINGS))})$", re.IGNORECASE)


def hash_fraction(key: str) -> float:
    """A pseudo-random number in [0, 1) that depends only on the string."""
    try:
        encoded = key.encode(errors="surrogateescape")  # a name of a file that is not UTF-8
    except UnicodeEncodeError:  # half a character, as a table may have it
        encoded = key.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.md5(encoded).digest()[:4], "big") / 2**32


def split_of(key: str) -> str:
    """The split of a writer or id by its hash, so that it does not depend on the other writers or ids.

    Validation and test get a tenth of the keys each.
    """
    fraction = hash_fraction(key)
    return "test" if fraction < _HELD_OUT else "validation" if fraction < 2 * _HELD_OUT else "train"


def deal_groups(
    groupings: Sequence[tuple[str, Sequence[str]]], held_out: tuple[str, ...] = SPLITS[1:]
) -> tuple[list[str], str]:
    """The split of each example, so that no group is in two splits, by the coarsest grouping that serves.

    Groups are dealt by hash (`split_of`), so that their splits do not depend on other groups. Where that would give a
    held-out split less than a fiftieth or more than a fifth of the examples, as with few groups, they are dealt in
    turn: about a tenth of the examples each for validation and for test. Where even the smallest groups are too large
    for that, as with four writers, the next grouping decides. The last one always serves; with fewer than three groups,
    test and then validation stay empty.

    Args:
      groupings: name of each grouping, such as "writer", and the group of each example; the coarsest first.
      held_out: the splits besides train.

    Returns:
      The split of each example, and how it was chosen, such as "by hash of writer".
    """
    for name, keys in groupings:
        sizes = Counter(keys)
        hashed = {key: split_of(key) for key in sizes}
        by_hash = {key: split if split in held_out else "train" for key, split in hashed.items()}
        if _are_fair(by_hash, sizes, held_out, _MAX_BY_HASH):
            return [by_hash[key] for key in keys], f"by hash of {name}"
        in_turn = _deal_in_turn(sizes, held_out)
        if _are_fair(in_turn, sizes, held_out, _MAX_IN_TURN):
            break
    return [in_turn[key] for key in keys], f"by {name}, dealt in turn"


def _deal_in_turn(sizes: Mapping[str, int], held_out: Iterable[str]) -> dict[str, str]:
    """Deals groups, in the order of their hashes, to each held-out split until it has a tenth of the examples."""
    left = sorted(sizes, key=hash_fraction)
    target = max(1.0, _HELD_OUT * sum(sizes.values()))
    splits = dict.fromkeys(left, "train")
    for split in held_out:
        size, dealt = 0, []
        for key in left[:-1]:  # one is always left for training
            if size + sizes[key] <= target:
                dealt.append(key)
                size += sizes[key]
        dealt = dealt or sorted(left, key=lambda key: sizes[key])[: len(left) > 1]
        splits.update(dict.fromkeys(dealt, split))
        left = [key for key in left if splits[key] == "train"]
    return splits


def _are_fair(splits: Mapping[str, str], sizes: Mapping[str, int], held_out: Iterable[str], largest: float) -> bool:
    """Whether each held-out split has some of the examples, but at most a share `largest`."""
    counts = Counter[str]()
    for key, split in splits.items():
        counts[split] += sizes[key]
    total = max(1, counts.total())
    return all(_MIN_HELD_OUT <= counts[split] / total <= largest for split in held_out)


class SplitLists:
    """Lists of ids, one for each split.

    An example belongs to the split that lists its id, with or without the ending of an image. With `nested` ids, as in
    IAM, a listed prefix counts too: the word `a01-000u-00-03` belongs to the split that lists its line `a01-000u-00` or
    its form `a01-000u`; folders before an id are ignored.

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
        self._listed: dict[str, str] = {}  # each listed id, by its plain form
        self._used: set[str] = set()
        for split, listed in ids.items():
            for example_id in map(_normalized, listed):
                if self._split.setdefault(example_id, split) != split:
                    raise UserError(f"{origin}: {example_id!r} is in both {self._split[example_id]} and {split}")
                self._listed.setdefault(self._plain(example_id), example_id)

    def find(self, example_id: str) -> str | None:
        """The split of an example; None if neither its id nor, with nested ids, a prefix of it is listed."""
        example_id = _normalized(example_id)
        parts = example_id.split("-") if self._nested else [example_id]
        for count in range(len(parts), 0, -1):
            prefix = "-".join(parts[:count])
            listed = prefix if prefix in self._split else self._listed.get(self._plain(prefix))
            if listed is not None:
                self._used.add(listed)
                return self._split[listed]
        return None

    def _plain(self, example_id: str) -> str:
        return _IMAGE_ENDING.sub("", posixpath.basename(example_id) if self._nested else example_id)

    def unmatched(self) -> list[str]:
        """Listed ids that matched no example so far: their images are missing, or they are misspelled."""
        return sorted(set(self._split) - self._used)

    @property
    def fingerprint(self) -> str:
        """Number of ids of each split, and a checksum that identifies the lists."""
        counts = Counter(self._split.values())
        digest = hashlib.sha256(repr(sorted(self._split.items())).encode()).hexdigest()[:12]
        return f"{'/'.join(str(counts[split]) for split in SPLITS)} ids, {digest}"


def _normalized(example_id: str) -> str:
    """An id as a plain path in NFC, however a program wrote it: ./img/7.png, img\\7.png, decomposed accents."""
    return plain_path(example_id.replace("\\", "/"))


def read_split_lists(directory: str, *, nested: bool) -> SplitLists:
    """Reads train.txt, validation.txt and test.txt of a folder, one id per line; see `parse_list` and `SplitLists`.

    Raises:
      UserError: one of the files is missing or empty, or an id is in two of them.
    """
    if not user_path(directory).is_dir():
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
