"""Results as JSON types, with their provenance."""

from collections.abc import Iterable, Sequence
from typing import Any

from hwgan.data.preprocessing import REVISION
from hwgan.evaluation.intervals import Estimate
from hwgan.evaluation.provenance import provenance
from hwgan.evaluation.set_metrics import SetMetrics

READING_COLUMNS = ("case", "side", "writer", "text", "reading")


def reading_table(rows: Iterable[Sequence[str]]) -> str:
    """Tab-separated values of `READING_COLUMNS`, a line for each word; blanks stand for tabs and line breaks."""
    lines = ["\t".join(" ".join(value.split()) for value in row) for row in rows]
    return "\n".join(["\t".join(READING_COLUMNS), *lines]) + "\n"


def as_results(cases: dict[str, dict[str, dict[str, Estimate]]], set_metrics: SetMetrics) -> dict[str, Any]:
    """Metrics by case and side as JSON types, with what determines them: seed, evaluator, preprocessing, features."""
    evaluator = set_metrics.evaluator
    return {
        "metrics": {
            case: {
                side: {name: estimate.to_json() for name, estimate in metrics.items()}
                for side, metrics in sides.items()
            }
            for case, sides in cases.items()
        },
        "seed": set_metrics.seed,
        "evaluator": {
            "name": evaluator.name,
            "checksum": evaluator.checksum,
            "max_length": evaluator.spec.max_length,
            "trained_on": evaluator.trained_on,
        },
        "preprocessing": vars(evaluator.spec.preprocessing) | {"revision": REVISION},
        "features": {n.name: {"checksum": n.checksum, "preprocessing": n.preprocessing} for n in set_metrics.networks},
        **provenance(),
    }
