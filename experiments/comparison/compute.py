"""Computes numbers of steps of equal compute for several configs.

  python -m experiments.comparison.compute copiste_scrabblegan=6000 copiste copiste_alonso

The first config has a given number of steps; the command prints how many steps of the other configs take as many
floating-point operations. They are counted by XLA in the program before optimization, forward and backward, for the
shapes of batches of the schedule. The body of a loop (the recurrence of an LSTM) counts once.
"""

import argparse
import tempfile
from collections import Counter

from experiments.bench.workload import load_config
from experiments.commands import run_command
from hwgan.models.batch import Batch
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.training.trainer import Trainer

_BATCHES = 200


def operations(trainer: Trainer) -> tuple[float, float]:
    """GFLOP of a step of pretraining and of a step of all networks, means over the shapes of batches."""
    stream = trainer.batches()
    some = [next(stream) for _ in range(_BATCHES)]
    shapes = Counter(batch.real.image.shape for batch in some)
    examples = {batch.real.image.shape: batch for batch in some}

    def mean(phase: str) -> float:
        counts = {shape: _flops(trainer, phase, batch) for shape, batch in examples.items()}
        return sum(counts[shape] * share for shape, share in shapes.items()) / _BATCHES

    return mean("recognizer"), mean("all")


def _flops(trainer: Trainer, phase: str, batch: Batch) -> float:
    return trainer.lower_step(phase, batch).cost_analysis()["flops"] / 1e9


def total(config: Config, per_step: tuple[float, float], steps: int) -> float:
    """TFLOP of a number of steps."""
    pretraining = min(config.train.recognizer_pretrain_steps, steps)
    return (pretraining * per_step[0] + (steps - pretraining) * per_step[1]) / 1e3


def steps_for(config: Config, per_step: tuple[float, float], budget: float) -> int:
    """The number of steps that a budget in TFLOP allows.

    Raises:
      UserError: it does not go beyond the pretraining.
    """
    pretraining = config.train.recognizer_pretrain_steps
    spent = total(config, per_step, pretraining)
    if budget <= spent:
        raise UserError(
            f"{budget:,.1f} TFLOP end in the pretraining, which takes {spent:,.1f}: give the first config more steps"
        )
    return pretraining + int((budget - spent) * 1e3 / per_step[1])


def main() -> None:
    """Prints a line for each config."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", metavar="CONFIG[=STEPS]")
    args = parser.parse_args()
    _, _, first = args.configs[0].partition("=")
    if not first.isdigit() or not int(first):
        raise UserError(f"{args.configs[0]}: give the first config a number of steps, as in {args.configs[0]}=6000")
    budget = 0.0
    for entry in args.configs:
        name, _, steps = entry.partition("=")
        config = load_config(name)
        per_step = operations(Trainer(config, tempfile.mkdtemp()))
        count = int(steps) if steps else steps_for(config, per_step, budget)
        budget = budget or total(config, per_step, count)
        print(
            f"{name}: {per_step[0]:.2f} GFLOP per step of pretraining, {per_step[1]:.2f} of all networks; "
            f"{count:,} steps of {config.train.batch_size} words are {total(config, per_step, count):,.1f} TFLOP",
            flush=True,
        )


if __name__ == "__main__":
    run_command(main)
