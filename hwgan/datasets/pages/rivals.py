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


def preference(page: Description) -> tuple[bool, int, bool, int, bool, str]:
    """A key that sorts the best description of a page first.

    One beside its image comes before others, then one nearer to it in the tree of folders, and ground truth of an OCR-D
    workspace before results of programs; then the most usable regions decide, then PAGE before ALTO, then the name.
    """
    ground_truth = _GROUND_TRUTH.search(page.file)
    return (
        not page.is_beside,
        -page.shared_folders,
        not ground_truth,
        -page.usable,
        page.kind != "PAGE",
        page.place,
    )
