"""Measures training steps, networks, input and sampling, and compares the training step with PyTorch.

One command on an idle machine, from the root of the repository:

    python -m experiments.bench.run --output=experiments/bench
    python -m experiments.bench.run --output=DIR --only=torch --configs=char_grid
    python -m experiments.bench.run --output=DIR --batch_size iam=64 --seconds=5

Writes results.json and results.md. No dataset is needed: batches are noise of the right shapes. The comparison with
PyTorch (--only=torch) needs torch in addition to requirements.txt, and for torch.compile a C++ compiler; without them
its rows contain a note or the error instead of times, and the rest is measured. The exit code is 1 if anything failed.
"""

import argparse
import json
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax

from experiments.bench import breakdown, machine, pipeline, table, training, versus_torch
from experiments.bench.entries import Entry, Settings, run_entries
from experiments.bench.workload import load_config
from experiments.commands import run_command
from hwgan.runtime.errors import UserError

PARTS = ("training", "input", "sampling", "breakdown", "torch")
# Configs that each part measures by default.
CONFIGS = {
    "training": ("char_grid", "copiste", "iam"),
    "sampling": ("char_grid", "copiste", "iam"),
    "breakdown": ("copiste", "iam"),
    "torch": ("char_grid", "iam"),
}
_CPU_BATCH_SIZES = {"iam": 4}  # the config's own is 64: about 40 s a step on two cores, and 30 GB

_IDLE_LOAD = 0.5  # processes that run or wait, on average over the last minute
_LOAD_WARNING = "load {:.1f}: other programs are running, which makes times longer, those of PyTorch most of all"


def plan(configs: dict[str, Sequence[str]], settings: Settings) -> list[Entry]:
    """The entries to measure, grouped by config, so that each config is built and compiled once.

    Args:
      configs: names of configs for each part, some of `PARTS`.
      settings: settings of all entries.
    """
    names = list(dict.fromkeys(name for part in PARTS for name in configs.get(part, ())))
    entries = pipeline.input_entries(settings) if "input" in configs else []
    makers = (
        ("training", training.entries),
        ("sampling", pipeline.sampling_entries),
        ("breakdown", breakdown.entries),
        ("torch", versus_torch.entries),
    )
    for name in names:
        for part, make in makers:
            if name in configs.get(part, ()):
                entries += make(name, settings)
    return entries


def parse_batch_sizes(given: list[str]) -> dict[str, int]:
    """["iam=8"] → {"iam": 8}; raises UserError for other formats."""
    sizes = dict(_CPU_BATCH_SIZES) if jax.default_backend() == "cpu" else {}
    for text in given:
        name, _, size = text.partition("=")
        if not name or not size.isdigit() or int(size) < 1:
            raise UserError(f"--batch_size {text}: give a config and a number, as in --batch_size iam=8")
        sizes[name] = int(size)
    return sizes


def run(
    configs: dict[str, Sequence[str]], batch_sizes: dict[str, int], seconds: float, dtype: str = ""
) -> dict[str, Any]:
    """Measures everything and returns the content of `results.json`; arguments as of `plan` and `Settings`."""
    jax.config.update("jax_enable_compilation_cache", False)  # compile times are measured, too
    began, description = time.perf_counter(), machine.describe()
    if description["load"] > _IDLE_LOAD:
        print(_LOAD_WARNING.format(description["load"]), file=sys.stderr)
    ceilings = machine.measure_ceilings(seconds)
    settings = Settings(seconds, batch_sizes, ceilings, dtype)
    rows = run_entries(plan(configs, settings))
    rows.sort(key=lambda row: PARTS.index(row["part"]))  # stable: configs stay in their order
    return {
        "machine": description,
        "ceilings": ceilings,
        "settings": {
            "seconds": seconds,
            "batch_sizes": batch_sizes,
            "dtype": dtype,
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
            "took_seconds": time.perf_counter() - began,
        },
        "rows": rows,
    }


def main(argv: list[str] | None = None) -> int:
    """Measures by the flags of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for results.json and results.md")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, some of {','.join(PARTS)}")
    parser.add_argument("--configs", default="", help="names of files in configs/; by default those of each part")
    parser.add_argument("--batch_size", action="append", default=[], metavar="CONFIG=N")
    parser.add_argument("--seconds", type=float, default=1.5, help="time for each measurement")
    parser.add_argument("--dtype", default="", choices=["", "float32", "bfloat16"], help="that of each config if empty")
    args = parser.parse_args(argv)
    parts, configs = _names(args.only), _names(args.configs)
    try:
        if wrong := set(parts) - set(PARTS):
            raise UserError(f"--only={args.only}: {sorted(wrong)} do not exist; there are {','.join(PARTS)}")
        for name in configs:
            load_config(name)
        batch_sizes = parse_batch_sizes(args.batch_size)
    except UserError as error:
        parser.error(str(error))
    by_part = {part: configs or CONFIGS.get(part, ()) for part in parts}
    results = run(by_part, batch_sizes, args.seconds, args.dtype)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = table.render(results)
    (args.output / "results.md").write_text(text, encoding="utf-8")
    print(text)
    return 1 if any("failed" in row for row in results["rows"]) else 0


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    run_command(main)
