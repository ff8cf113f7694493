"""What networks learned from: checksums of prepared data, and which writers, by digests of their names."""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from hwgan.data.prepared import dataset_names
from hwgan.runtime.errors import UserError

WRITERS = "training_writers"  # field of the record of a checkpoint
_MAX_WRITERS = 10**6
_OF_USERS = ("word_folder", "pages", "stroke_folder")  # builders of any collection, which the second part names
_PART = re.compile(r"(_(words|lines|train|validation|val|test)|\.(zip|tar|tgz|gz|xz|bz2))$")


@dataclasses.dataclass(frozen=True)
class Learned:
    """What networks learned from.

    Attributes:
      contents: the checksum that each prepared dataset had, by its name; {} where it is unknown, as of older versions.
      writers: digests of the names of the training writers, by dataset; those of the networks that a run started from
        are among them. {} where they are unknown.
    """

    contents: Mapping[str, str] = dataclasses.field(default_factory=dict)
    writers: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Learned":
        """What the record of a run or of a file of weights says.

        Raises:
          UserError: its list of writers is malformed.
        """
        contents = contents_by_name(record["config"]["data"]["dataset"], record.get("content", ""))
        found = record.get(WRITERS, {})
        fine = isinstance(found, dict) and all(
            isinstance(names, list) and len(names) <= _MAX_WRITERS and all(isinstance(name, str) for name in names)
            for names in found.values()
        )
        if not fine:
            raise UserError(f"its {WRITERS} are no lists of writers by dataset")
        return cls(contents, {dataset: frozenset(names) for dataset, names in found.items()})

    @property
    def content(self) -> str:
        """The checksums of all datasets in one text, joined by "+"; "" where they are unknown."""
        return "+".join(self.contents.values())

    def writers_of(self, dataset: str) -> frozenset[str] | None:
        """The training writers of a dataset, prepared in any way; None if it is unknown whether there were any."""
        same = [names for other, names in self.writers.items() if _collection(other) == _collection(dataset)]
        return frozenset[str]().union(*same) if same else None


def contents_by_name(datasets: str, content: str) -> dict[str, str]:
    """The checksum of each dataset by its name, of their lists in one text each; {} without checksums."""
    return dict(zip(map(str.strip, datasets.split(",")), content.split("+"), strict=False)) if content else {}


def digests_of_writers(names: Iterable[str]) -> frozenset[str]:
    """Digests of the names of writers, for the names may be private; "" for unknown ones."""
    return frozenset(hashlib.sha256(name.encode()).hexdigest()[:12] if name else "" for name in names)


def writers_by_dataset(datasets: str, writers: Iterable[str]) -> dict[str, frozenset[str]]:
    """Digests of the writers of words of one or several prepared datasets.

    Args:
      datasets: names, separated by commas.
      writers: of each word, as `writer_among` names it; unknown ones count for all of several datasets.
    """
    names, found = dataset_names(datasets), set(writers)
    if len(names) == 1:
        return {names[0]: digests_of_writers(found)}
    return {
        name: digests_of_writers(
            writer.removeprefix(f"{name} ") for writer in found if not writer or writer.startswith(f"{name} ")
        )
        for name in names
    }


def merged(first: Mapping[str, frozenset[str]], second: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The writers of both, by dataset."""
    return {name: first.get(name, frozenset()) | second.get(name, frozenset()) for name in {*first, *second}}


def writers_for_record(writers: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """As JSON values."""
    return {name: sorted(digests) for name, digests in sorted(writers.items())}


def _collection(dataset: str) -> str:
    """What a dataset, or a folder or archive of this name, is a part of: iam of iam/words, copiste of pages/copiste."""
    builder, _, name = dataset.lower().partition("/")
    name = name if builder in _OF_USERS and name else builder
    while (shorter := _PART.sub("", name)) != name:
        name = shorter
    return name
