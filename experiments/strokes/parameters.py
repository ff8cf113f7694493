"""What neatness and temperature change: legibility, and how far styles lie apart, for a grid of both.

python -m experiments.strokes.parameters --checkpoint=strokes --output=experiments/strokes

Each cell writes the same words in the same styles, each of which is one of the embedded writers. Writes parameters.json
and a picture of a sentence for each cell (parameters.png); prints a table.

References:
  Kumar et al., Handwriting synthesis with tunable hyper-parameters, 2018, for the claim that these give many hands
"""

import argparse
import dataclasses
import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from experiments.commands import run_command
from hwgan.evaluation.error_rates import character_error_rate
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.open import open_evaluator
from hwgan.sampling.open_strokes import open_stroke_sampler
from hwgan.sampling.page import stack_lines
from hwgan.sampling.stroke_sampler import StrokeSampler

BIASES, TEMPERATURES = (0.0, 0.5, 1.0, 2.0), (0.5, 1.0, 1.5)
WORDS = ("the", "people", "from", "which", "would", "again", "station", "hand", "quick", "brown")
_SENTENCE = "people would write"
_NUM_STYLES = 12


def measure(sampler: StrokeSampler, evaluator: Evaluator) -> dict[str, float]:
    """CER, and distances of words to the mean of their style, and of those means to one another."""
    styles = sampler.sample_styles(jax.random.key(0), _NUM_STYLES)
    owners = np.repeat(np.arange(_NUM_STYLES), len(WORDS))
    # The words of a style are written one after another, for the place of a word in a call varies it.
    images = [image for style in styles for image in sampler.draw(WORDS, jnp.stack([style] * len(WORDS)))]
    store, dropped = evaluator.store(images, list(WORDS) * _NUM_STYLES, list(map(str, owners.tolist())))
    if dropped:
        print(f"left out: {dropped}", file=sys.stderr)
    features = evaluator.style_features(store)
    means = np.stack([features[[owner == str(n) for owner in store.writers]].mean(axis=0) for n in range(_NUM_STYLES)])
    apart = np.linalg.norm(means[:, None] - means[None], axis=-1)
    return {
        "cer": character_error_rate(*evaluator.read(store)),
        "within": float(np.mean(np.linalg.norm(features - means[list(map(int, store.writers))], axis=1))),
        "between": float(apart.sum() / (_NUM_STYLES * (_NUM_STYLES - 1))),
    }


def main() -> None:
    """Measures and draws the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="workdir, file or name of weights of strokes")
    parser.add_argument("--evaluator", default="iam_evaluator", help="as of hwgan.evaluate")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for parameters.json and .png")
    args = parser.parse_args()
    evaluator, sampler = open_evaluator(args.evaluator).for_scans(), open_stroke_sampler(args.checkpoint)
    results, lines = [], []
    print("| bias | temperature | CER | distance within | between styles |\n|---|---|---|---|---|")
    for bias in BIASES:
        row = []
        for temperature in TEMPERATURES:
            cell = dataclasses.replace(sampler, bias=bias, temperature=temperature)
            found = measure(cell, evaluator)
            results.append({"bias": bias, "temperature": temperature, **found})
            print(f"| {bias} | {temperature} | {found['cer']:.1%} | {found['within']:.2f} | {found['between']:.2f} |")
            row.append(cell.draw_text(_SENTENCE, sampler.style(3)))
        lines.append(np.concatenate([_widened(image, 760) for image in row], axis=1))
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "parameters.json").write_text(json.dumps(results, indent=1) + "\n")
    Image.fromarray(stack_lines(lines, 12)).save(args.output / "parameters.png")


def _widened(image: np.ndarray, width: int) -> np.ndarray:
    """The picture, cut or with white on its right."""
    return np.pad(image[:, :width], ((0, 0), (0, max(0, width - image.shape[1]))), constant_values=255)


if __name__ == "__main__":
    run_command(main)
