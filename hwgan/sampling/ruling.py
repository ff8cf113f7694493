"""The printed lines of a paper."""

import dataclasses

import numpy as np

from hwgan.sampling.page_layout import Page
from hwgan.sampling.page_settings import Color

RULE_WIDTH = 0.025  # em
_BLUE, _RED = (190, 208, 230), (235, 170, 170)
_ABOVE_BASELINE = 0.03  # em: letters stand on the line, not over it
_BOTTOM = 1.0  # em at the bottom of a page without lines
_MARGIN_LINE = 0.5  # em left of the writing, where the margin has room for it


@dataclasses.dataclass(frozen=True)
class Rule:
    """A straight line from (x0, y0) to (x1, y1), in em; horizontal or vertical."""

    x0: float
    y0: float
    x1: float
    y1: float
    color: Color


def rules(page: Page, paper: str) -> list[Rule]:
    """The lines of "lined" or "squared" paper, on one of which each baseline lies; none of "plain" paper."""
    first = page.baselines[0] - _ABOVE_BASELINE
    spacing = page.baselines[1] - page.baselines[0] if len(page.baselines) > 1 else 1.0
    if paper == "lined":
        rows = np.arange(first, max(page.height - _BOTTOM, page.baselines[-1] + spacing / 2), spacing).tolist()
        drawn = [Rule(0.0, y, page.width, y, _BLUE) for y in rows]
        if page.margin > 2 * _MARGIN_LINE:
            x = page.margin - _MARGIN_LINE
            drawn.append(Rule(x, 0.0, x, page.height, _RED))
        return drawn
    if paper == "squared":
        side = spacing / 2
        rows = np.arange(first % side, page.height, side).tolist()
        columns = np.arange(page.margin % side, page.width, side).tolist()
        return [Rule(0.0, y, page.width, y, _BLUE) for y in rows] + [
            Rule(x, 0.0, x, page.height, _BLUE) for x in columns
        ]
    return []
