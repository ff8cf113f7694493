"""How fast is everything, and what would make it faster?

One command on a quiet machine, from the root of the repository:

    python -m experiments.bench.run --output=experiments/bench
    python -m experiments.bench.run --output=DIR --only=torch --configs=cells
    python -m experiments.bench.run --output=DIR --batch_size iam=64 --seconds=5

Writes results.json and results.md. No dataset is needed: batches are noise of the right shapes. The comparison with
PyTorch (--only=torch) needs torch beside requirements.txt, and for torch.compile a C++ compiler; without them its rows
say so, and the rest is measured. Exit code 1 if anything failed.
"""

import argparse
import json
import pathlib
import sys
import time

import jax

from experiments.bench import breakdown, machine, pipeline, table, training, variants, versus_torch
from experiments.bench.entries import Entry, Settings, run_entries
from experiments.bench.workload import load_config
from hwgan.errors import UserError

PARTS = ("training", "input", "sampling", "variants", "breakdown", "torch")
# By default: which configs a part measures.
CONFIGS = {
    "training": ("cells", "copiste", "iam"),
    "sampling": ("cells", "copiste", "iam"),
    "variants": ("copiste", "iam"),
    "breakdown": ("copiste", "iam"),
    "torch": ("cells", "iam"),
}
_CPU_BATCH_SIZES = {"iam": 4}  # of 64, which would take some 40 s a step on two cores, and 30 GB

_QUIET = 0.5  # processes that run or wait, on average over the last minute
_BUSY = (
    "load {:.1f}: other programs are running. Times will be wrong, those of PyTorch most of all; wait, or stop them."
)


def plan(parts: list[str], configs: list[str], settings: Settings) -> list[Entry]:
    """What to measure, one config after the other, so that each is built and compiled once.

    Args:
      parts: of `PARTS`.
      configs: names; empty for each part's own.
      settings: of all entries.
    """
    chosen = {part: configs or CONFIGS.get(part, ()) for part in parts}
    names = list(dict.fromkeys(name for part in PARTS if part in parts for name in chosen[part]))
    entries = pipeline.input_entries(settings) if "input" in parts else []
    makers = (
        ("training", training.entries),
        ("sampling", pipeline.sampling_entries),
        ("breakdown", breakdown.entries),
        ("torch", versus_torch.entries),
        ("variants", variants.entries),
        ("variants", variants.shape_entries),
    )
    for name in names:
        for part, make in makers:
            if name in chosen.get(part, ()):
                entries += make(name, settings)
    return entries


def parse_batch_sizes(given: list[str]) -> dict[str, int]:
    """["iam=8"] → {"iam": 8}; raises UserError where it says something else."""
    sizes = dict(_CPU_BATCH_SIZES) if jax.default_backend() == "cpu" else {}
    for text in given:
        name, _, size = text.partition("=")
        if not name or not size.isdigit() or int(size) < 1:
            raise UserError(f"--batch_size {text}: give a config and a number, as in --batch_size iam=8")
        sizes[name] = int(size)
    return sizes


def run(parts: list[str], configs: list[str], batch_sizes: dict[str, int], seconds: float) -> dict:
    """Measures; returns everything that `results.json` holds."""
    jax.config.update("jax_enable_compilation_cache", False)  # compile times are part of what is measured
    began, description = time.perf_counter(), machine.describe()
    if description["load"] > _QUIET:
        print(_BUSY.format(description["load"]), file=sys.stderr)
    ceilings = machine.measure_ceilings(seconds)
    settings = Settings(seconds, batch_sizes, ceilings)
    rows = run_entries(plan(parts, configs, settings))
    rows.sort(key=lambda row: PARTS.index(row["part"]))  # stable: configs stay in their order
    return {
        "machine": description,
        "ceilings": ceilings,
        "settings": {"seconds": seconds, "batch_sizes": batch_sizes, "took_seconds": time.perf_counter() - began},
        "rows": rows,
    }


def main(argv: list[str] | None = None) -> int:
    """Measures by the flags of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for results.json and results.md")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, of {','.join(PARTS)}")
    parser.add_argument("--configs", default="", help="names of files in configs/, for all parts")
    parser.add_argument("--batch_size", action="append", default=[], metavar="CONFIG=N")
    parser.add_argument("--seconds", type=float, default=1.5, help="to spend on each thing that is timed")
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
    results = run(parts, configs, batch_sizes, args.seconds)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = table.render(results)
    (args.output / "results.md").write_text(text, encoding="utf-8")
    print(text)
    return 1 if any("failed" in row for row in results["rows"]) else 0


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    sys.exit(main())
