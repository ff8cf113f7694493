"""Parts of messages that several modules word alike."""

from collections.abc import Sequence


def some(names: Sequence[str], count: int = 3) -> str:
    """The first `count` of the names, such as "a, b, c and 97 more"."""
    more = f" and {len(names) - count:,} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
