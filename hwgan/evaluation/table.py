"""Formats results as Markdown tables."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

_RATES = (
    "cer",
    "wer",
    "missed",
    "precision",
    "recall",
    "coverage",
    "copies",
    "style_retrieval",
    "lexicon",
    "beam",
    "top1",
    "top5",
)


def as_table(results: Mapping[str, Any]) -> str:
    """One Markdown table per case, with the metrics of generated and real words, their numbers and 95 % intervals."""
    parts = []
    for case, sides in results["metrics"].items():
        names = list(dict.fromkeys(name for metrics in sides.values() for name in metrics))
        parts += [
            f"### {case}",
            "",
            f"| | {' | '.join(side + words_counted(results, case, side) for side in sides)} |",
            "|---" * (len(sides) + 1) + "|",
        ]
        for name in names:
            cells = [format_estimate(name, metrics.get(name)) for metrics in sides.values()]
            parts.append(f"| {name} | {' | '.join(cells)} |")
        parts.append("")
    evaluator = results.get("evaluator")
    provenance = [f"evaluator {evaluator['name']} {evaluator['checksum']}"] if evaluator else []
    provenance.append(f"seed {results['seed']}")
    provenance += [
        f"{name} {results[name]}"
        for name in ("protocol", "split", "step", "commit")
        if results.get(name) not in (None, "")
    ]
    if evaluator:
        provenance.append(preprocessing_revision(results))
    for name, network in results.get("features", {}).items():
        provenance.append(f"features {name} {network['checksum']}")
    return "\n".join([*parts, "; ".join(provenance) + ".", ""])


def words_counted(results: Mapping[str, Any], case: str, side: str) -> str:
    """The number of words of one side of a case, to stand behind its name; "" if it is unknown."""
    count = results.get("counts", {}).get(case, {}).get(side)
    return "" if count is None else f" ({count:,} words)"


def preprocessing_revision(results: Mapping[str, Any]) -> str:
    """The preprocessing revision of results; metrics of different revisions are not comparable."""
    return f"preprocessing revision {results.get('preprocessing', {}).get('revision', 'before 3')}"


def format_estimate(name: str, estimate: Mapping[str, float] | None) -> str:
    """An estimate with its interval; rates are in per cent."""
    if estimate is None:
        return ""
    interval = ""
    if "low" in estimate:
        interval = f" ({_format_number(name, estimate['low'])} to {_format_number(name, estimate['high'])})"
    return _format_number(name, estimate["value"]) + _unit(name) + interval


def format_mean(name: str, values: Sequence[float]) -> str:
    """Mean and sample standard deviation of at least two values of a metric; rates are in per cent."""
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    return f"{_format_number(name, mean)} ± {_format_number(name, deviation)}{_unit(name)}"


def _format_number(name: str, value: float) -> str:
    return f"{100 * value:.1f}" if name.startswith(_RATES) else f"{value:.4g}"


def _unit(name: str) -> str:
    return " %" if name.startswith(_RATES) else ""
