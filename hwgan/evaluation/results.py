"""Results as JSON types, with their provenance."""

import datetime
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from hwgan.data.preprocessing import REVISION
from hwgan.data.word_store import WordStore
from hwgan.evaluation.intervals import Estimate
from hwgan.evaluation.provenance import provenance
from hwgan.evaluation.set_metrics import SetMetrics
from hwgan.evaluation.table import as_table
from hwgan.runtime.files import replace_text, writing

READING_COLUMNS = ("case", "side", "writer", "text", "reading")


def reading_table(rows: Iterable[Sequence[str]]) -> str:
    """Tab-separated values of `READING_COLUMNS`, a line for each word; blanks stand for tabs and line breaks."""
    lines = ["\t".join(" ".join(value.split()) for value in row) for row in rows]
    return "\n".join(["\t".join(READING_COLUMNS), *lines]) + "\n"


def reading_rows(case: str, side: str, words: WordStore, readings: Sequence[str]) -> list[list[str]]:
    """A row of `READING_COLUMNS` for each word."""
    return [
        [case, side, writer, text, read]
        for writer, text, read in zip(words.writers, words.texts, readings, strict=True)
    ]


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


def write_results(results: dict[str, Any], path: pathlib.Path) -> dict[str, Any]:
    """Adds the time to results, and writes them: as JSON to `path`, next to it as a Markdown table, and what was read.

    Args:
      results: of an evaluation; "readings" in them go to `PATH.readings.tsv`, a line for each word.
      path: of the JSON file.

    Returns:
      What the JSON file holds.
    """
    results = results | {"time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    readings = results.pop("readings", None)
    with writing(path):
        if readings is not None:
            replace_text(path.with_suffix(".readings.tsv"), reading_table(readings))
        replace_text(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        replace_text(path.with_suffix(".md"), as_table(results))
    print(as_table(results) + f"\nwrote {path}")
    return results
