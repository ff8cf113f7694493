"""Formats results as Markdown tables."""

from typing import Any

from experiments.bench.entries import Row

# Columns of each part: the field of a row, and the heading.
_COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "training": (
        ("seconds", "seconds (quartiles)"),
        ("images_per_s", "images/s"),
        ("compile_seconds", "compiling, s"),
        ("peak_MB", "peak MB"),
        ("gflop", "GFLOP"),
        ("gbytes", "GB"),
        ("gflop_per_s", "GFLOP/s"),
        ("of_matmul", "of matmul"),
        ("gb_per_s", "GB/s"),
        ("of_copy", "of copy"),
    ),
    "breakdown": (("seconds", "seconds (quartiles)"), ("core_seconds", "core-seconds per step"), ("share", "share")),
    "input": (("seconds", "seconds per batch (quartiles)"), ("words_per_s", "words/s")),
    "sampling": (("seconds", "seconds (quartiles)"), ("p95", "95th percentile, s"), ("words_per_s", "words/s")),
    "torch": (
        ("seconds", "seconds (quartiles)"),
        ("ratio", "time / jax"),
        ("first_call_seconds", "first call, s"),
    ),
}
_PERCENT = {"share", "of_matmul", "of_copy"}


def render(results: dict[str, Any]) -> str:
    """All results as Markdown.

    Args:
      results: as `run.run` returns them, with `machine`, `ceilings`, `settings` and `rows`.
    """
    lines = ["# Measured", "", *_machine_lines(results)]
    parts = list(dict.fromkeys(row["part"] for row in results["rows"]))
    for part in parts:
        rows = [row for row in results["rows"] if row["part"] == part]
        lines += ["", f"## {part}", "", *_table(part, rows)]
    return "\n".join(lines) + "\n"


def _machine_lines(results: dict[str, Any]) -> list[str]:
    machine, ceilings = results["machine"], results["ceilings"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    rates = ", ".join(
        f"{name} {value:.0f} {'GB/s' if name == 'copy' else 'GFLOP/s'}" for name, value in ceilings.items()
    )
    device = f"{machine['device']} ({machine['processor']}, {machine['cpus']} cores, {machine['memory_GB']} GB)"
    return [
        f"{device}, load {machine['load']} at the start, {versions}, commit {machine['commit']}.",
        "",
        f"Ceilings measured in the same run: {rates}.",
    ]


def _table(part: str, rows: list[Row]) -> list[str]:
    columns = [(field, title) for field, title in _COLUMNS[part] if any(field in row for row in rows)]
    has_notes = any("note" in row or "failed" in row for row in rows)
    titles = ["config", "batch", "what", *(title for _, title in columns), *(["note"] if has_notes else [])]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        entries = [row["config"], str(row.get("batch_size", "")), row["name"]]
        entries += [_format_field(field, row) for field, _ in columns]
        if has_notes:
            entries.append(f"failed: {row['failed']}" if "failed" in row else row.get("note", ""))
        lines.append("| " + " | ".join(entry.replace("|", "/") for entry in entries) + " |")
    return lines


def _format_field(field: str, row: Row) -> str:
    if field not in row:
        return ""
    value = row[field]
    if field == "seconds" and "low" in row:
        return f"{_number(value)} ({_number(row['low'])}–{_number(row['high'])})"
    if field == "ratio":
        return f"{value:.2f} ({row['ratio_low']:.2f}–{row['ratio_high']:.2f})"
    return f"{100 * value:.0f} %" if field in _PERCENT else _number(value)


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{float(f'{value:.3g}'):g}"
