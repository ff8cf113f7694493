"""Progress of long work on stderr, with rate and time left: a bar in a terminal, elsewhere a line every ten seconds."""

import datetime
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

from tqdm import tqdm

_DELAY, _INTERVAL = 3.0, 10.0  # seconds before anything is shown, and between two lines
_begun: list["Progress"] = []  # work in progress, of which each is a part of the one before

T = TypeVar("T")


class Progress:
    """Shows how far some work is; a context manager. Of work within other work the innermost alone is shown.

    Attributes:
      count: what is done so far.
    """

    def __init__(self, what: str, total: int | None, unit: str):
        """Begins the work.

        Args:
          what: what is done, such as "decoding words".
          total: how many there are; None if unknown.
          unit: what is counted, in the plural.
        """
        self._what, self._total, self._unit = what, total, unit
        self.count = 0
        self._start = self._shown = time.monotonic()
        self._first = 0  # what the first update added: it may wait for a compilation, so the rate leaves it out
        in_terminal = sys.stderr.isatty()
        self._bar = tqdm(total=total, desc=what, unit=f" {unit}", delay=_DELAY, leave=False) if in_terminal else None

    def update(self, count: int = 1) -> None:
        """Adds to what is done."""
        self.count += count
        if not self._first:
            self._first, self._start = count, time.monotonic()
        if _begun and _begun[-1] is not self:
            return
        if self._bar is not None:
            self._bar.update(self.count - self._bar.n)
        elif self.count > self._first and time.monotonic() - self._shown >= _INTERVAL:
            self._shown = time.monotonic()
            print(self.line(self._shown - self._start), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """A line such as "decoding words: 3,000 of 9,000 words, 1,000/s, 0:00:06 left".

        Args:
          seconds: since the first update.
        """
        rate = (self.count - self._first) / max(seconds, 1e-9)
        speed = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"
        if self._total is None:
            return f"{self._what}: {self.count:,} {self._unit}, {speed}"
        left = datetime.timedelta(seconds=round((self._total - self.count) / max(rate, 1e-9)))
        return f"{self._what}: {self.count:,} of {self._total:,} {self._unit}, {speed}, {left} left"

    def __enter__(self) -> "Progress":
        _begun.append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _begun.remove(self)
        if self._bar is not None:
            self._bar.close()


def with_progress(items: Iterable[T], what: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yields the items, and shows how many are done."""
    total = len(items) if total is None and isinstance(items, Sized) else total
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.update()
