"""The benchmark of an accelerator: the training step of two configs in float32 and bfloat16, beside PyTorch's.

From the root of the repository, on a machine with a GPU or TPU; less than 8 minutes:

    python -m experiments.bench.accelerator --output=runs/accelerator

Step time, images/s, share of the measured ceiling of matrix products, and memory of configs/iam.py and
configs/copiste.py at a batch of 64; with PyTorch installed, the same step of configs/iam.py eager and compiled
(`torch.compile`), in turns with jax. Writes results-DTYPE.json and results-DTYPE.md after each dtype, so that a run
that is cut off leaves the first.
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

from experiments.bench import run, table
from experiments.commands import run_command

CONFIGS: dict[str, Sequence[str]] = {"training": ("iam", "copiste"), "torch": ("iam",)}
DTYPES = ("float32", "bfloat16")


def main(argv: list[str] | None = None) -> int:
    """Measures by the flags of the command line; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for the results")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each measurement")
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    failed = False
    for dtype in DTYPES:
        sizes = {name: args.batch_size for names in CONFIGS.values() for name in names}
        results = run.run(CONFIGS, sizes, args.seconds, dtype)
        (args.output / f"results-{dtype}.json").write_text(json.dumps(results, indent=1) + "\n")
        text = table.render(results)
        (args.output / f"results-{dtype}.md").write_text(text, encoding="utf-8")
        print(text, flush=True)
        failed |= any("failed" in row for row in results["rows"])
    return int(failed)


if __name__ == "__main__":
    run_command(main)
