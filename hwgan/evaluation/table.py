"""Results as a table that can be read."""

from collections.abc import Mapping
from typing import Any

_RATES = ("cer", "wer", "missed", "precision", "recall", "coverage", "copies", "hand_retrieval", "lexicon")


def as_table(results: Mapping[str, Any]) -> str:
    """Markdown, a table a case: figures of generated and of real words, with their 95 % intervals."""
    parts = []
    for case, sides in results["figures"].items():
        names = list(dict.fromkeys(name for figures in sides.values() for name in figures))
        parts += [f"### {case}", "", f"| | {' | '.join(sides)} |", "|---" * (len(sides) + 1) + "|"]
        for name in names:
            cells = [format_figure(name, figures.get(name)) for figures in sides.values()]
            parts.append(f"| {name} | {' | '.join(cells)} |")
        parts.append("")
    judge = results["judge"]
    made_with = [f"judge {judge['name']} {judge['checksum']}", f"seed {results['seed']}"]
    made_with += [
        f"{name} {results[name]}"
        for name in ("protocol", "split", "step", "commit")
        if results.get(name) not in (None, "")
    ]
    made_with.append(preprocessing_revision(results))
    for name, network in results["features"].items():
        made_with.append(f"features {name} {network['checksum']}")
    return "\n".join([*parts, "; ".join(made_with) + ".", ""])


def preprocessing_revision(results: Mapping[str, Any]) -> str:
    """Figures of one judge are alike only where it was shown words alike."""
    return f"preprocessing revision {results.get('preprocessing', {}).get('revision', 'before 3')}"


def format_figure(name: str, figure: Mapping[str, float] | None) -> str:
    """A figure with its interval: rates in per cent."""
    if figure is None:
        return ""
    is_rate = name.startswith(_RATES)
    scale, unit, digits = (100.0, " %", 1) if is_rate else (1.0, "", 4)

    def number(value: float) -> str:
        return f"{scale * value:.{digits}f}" if is_rate else f"{value:.{digits}g}"

    interval = f" ({number(figure['low'])} to {number(figure['high'])})" if "low" in figure else ""
    return number(figure["value"]) + unit + interval
