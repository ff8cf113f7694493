"""How many steps of each system make the same number of floating point operations?

  python -m experiments.side_by_side.compute copiste_fogel=6000 copiste copiste_founding

The first config is given its steps; the others are told theirs. Operations are those of the program that XLA is given,
for the shapes of batches that the schedule takes, forward and backward; the body of a loop (the recurrence of an LSTM)
counts once.
"""

import argparse
import tempfile
from collections import Counter
from typing import Any

import jax

from experiments.bench.workload import load_config
from hwgan.trainer import Trainer

_BATCHES = 200


def operations(trainer: Trainer) -> tuple[float, float]:
    """GFLOP of a step of the readers alone and of all networks, means over the shapes of batches."""
    stream = trainer.batches()
    some = [next(stream) for _ in range(_BATCHES)]
    shapes = Counter(batch["image"].shape for batch in some)
    examples = {batch["image"].shape: batch for batch in some}

    def mean(phase: str) -> float:
        counts = {shape: _flops(trainer, phase, batch) for shape, batch in examples.items()}
        return sum(counts[shape] * share for shape, share in shapes.items()) / _BATCHES

    return mean("recognizer"), mean("all")


def _flops(trainer: Trainer, phase: str, batch: dict[str, jax.Array]) -> float:
    return trainer.lower(phase, batch).cost_analysis()["flops"] / 1e9


def total(config: Any, per_step: tuple[float, float], steps: int) -> float:
    """TFLOP of so many steps."""
    alone = min(config.train.recognizer_first_steps, steps)
    return (alone * per_step[0] + (steps - alone) * per_step[1]) / 1e3


def steps_for(config: Any, per_step: tuple[float, float], budget: float) -> int:
    """As many steps as a budget in TFLOP allows."""
    alone = config.train.recognizer_first_steps
    spent = total(config, per_step, alone)
    if budget < spent:
        return int(budget * 1e3 / per_step[0])
    return alone + int((budget - spent) * 1e3 / per_step[1])


def main() -> None:
    """Counts, and prints a row a config."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", metavar="CONFIG[=STEPS]")
    args = parser.parse_args()
    budget = 0.0
    for entry in args.configs:
        name, _, steps = entry.partition("=")
        config = load_config(name)
        per_step = operations(Trainer(config, tempfile.mkdtemp()))
        count = int(steps) if steps else steps_for(config, per_step, budget)
        budget = budget or total(config, per_step, count)
        print(
            f"{name}: {per_step[0]:.2f} GFLOP a step of the readers alone, {per_step[1]:.2f} of all; {count:,} steps "
            f"of {config.train.batch_size} words are {total(config, per_step, count):,.1f} TFLOP",
            flush=True,
        )


if __name__ == "__main__":
    main()
