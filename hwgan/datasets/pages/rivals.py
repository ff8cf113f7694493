"""Finds which page descriptions are of the same page, and chooses one of them."""

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from hwgan.datasets.pages.reader import Description

Item = TypeVar("Item")
_GROUND_TRUTH = re.compile(r"(^|[^a-z])gt([^a-z]|$)", re.IGNORECASE)  # in folders of OCR-D such as OCR-D-GT-SEG-LINE


def group_same(items: Sequence[Item], marks: Callable[[Item], Iterable[Hashable]]) -> list[list[Item]]:
    """Groups items of which any two that share a mark are the same thing, directly or through others.

    Args:
      items: the items.
      marks: returns the marks of an item.
    """
    groups: dict[int, list[Item]] = {}
    group_of: dict[Hashable, int] = {}
    for number, item in enumerate(items):
        own = list(marks(item))
        merged = [item]
        for old in sorted({group_of[mark] for mark in own if mark in group_of}, reverse=True):
            merged = groups.pop(old) + merged
        groups[number] = merged
        for member in merged:
            group_of.update(dict.fromkeys(own if member is item else marks(member), number))
    return list(groups.values())


def preference(page: Description) -> tuple[bool, bool, int, int, bool, str]:
    """A key that sorts the best description of a page first.

    One beside its image comes before others, and ground truth of an OCR-D workspace before results of programs; then
    the nearest in the tree of folders, then the one with the most usable regions, then PAGE before ALTO, then the name.
    """
    ground_truth = _GROUND_TRUTH.search(page.file)
    return (
        not page.is_beside,
        not ground_truth,
        -page.shared_folders,
        -page.usable,
        page.kind != "PAGE",
        page.place,
    )
