"""Evaluates several generators, of images and of strokes, on the same words with one evaluator.

  python -m experiments.comparison.run --run alonso=runs/alonso --run scrabblegan=runs/scrabblegan \\
      --run char_width=runs/char_width --run "pretrained=" --output=experiments/comparison
  python -m experiments.comparison.run --run "pretrained=" --run "strokes, b = 1=strokes@1" \\
      --dataset=iam/words --evaluator=iam_evaluator --output=experiments/strokes

Writes results.json and a picture of the first words of each generator and of real words (samples.png); prints a table.
"""

import argparse
import dataclasses
import json
import pathlib
import time
from collections import Counter
from typing import Any

import jax
import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

from experiments.commands import run_command
from hwgan.data import transforms
from hwgan.data.word_store import WordStore, load_words
from hwgan.evaluation.compare import evaluate_words
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.table import format_estimate
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler, writes_strokes
from hwgan.sampling.open_strokes import open_stroke_sampler
from hwgan.sampling.page import join_words, stack_lines
from hwgan.sampling.word_sampler import WordSampler

METRICS = (
    "cer",
    "frechet/recognizer/whole",
    "kernel/recognizer/whole",
    "frechet/identifier/whole",
    "precision/recognizer",
    "recall/recognizer",
    "coverage/recognizer",
    "geometry/recognizer",
    "copies/recognizer",
    "style_distance",
    "style_retrieval",
    "inserted",
    "deleted",
    "words_per_second",
)
_COLUMNS = 9  # words of each generator in the picture
_WORDS_PER_STYLE = 20
_REAL = "real test words"


@dataclasses.dataclass(frozen=True)
class Words:
    """Images of words, dark ink on white, their texts, and the number of each one's style."""

    images: list[np.ndarray]
    texts: list[str]
    styles: list[str]
    words_per_second: float = 0.0


def parse_runs(given: list[str]) -> dict[str, str]:
    """["a=runs/a"] → {"a": "runs/a"}.

    Raises:
      UserError: one is of another form, or a name comes twice.
    """
    runs = dict[str, str]()
    for text in given:
        name, equals, path = text.rpartition("=")
        if not equals or not name or name in runs:
            raise UserError(f"--run {text!r}: give NAME=CHECKPOINT, each with a name of its own")
        runs[name] = path
    return runs


def open_generator(path: str) -> WordSampler:
    """The sampler of a checkpoint; of strokes, "CHECKPOINT@BIAS", too."""
    name, at, bias = path.rpartition("@")
    if at and bias.replace(".", "", 1).isdigit():
        return open_stroke_sampler(name, bias=float(bias))
    return open_stroke_sampler(path) if writes_strokes(path) else open_sampler(path)


def generate(sampler: WordSampler, texts: list[str]) -> Words:
    """Images of texts, about twenty in each style; drawn twice, so that compiling does not count as writing."""
    count = -(-len(texts) // _WORDS_PER_STYLE)
    numbers = np.arange(len(texts)) % count
    styles = sampler.sample_styles(jax.random.key(0), count)[numbers]
    sampler.draw(texts, styles)
    start = time.monotonic()
    images = sampler.draw(texts, styles)
    return Words(images, texts, list(map(str, numbers.tolist())), len(texts) / (time.monotonic() - start))


def stores(sets: dict[str, Words], evaluator: Evaluator) -> tuple[dict[str, WordStore], list[int]]:
    """Those words of each set that the evaluator can judge in all sets, and their rows; prints what is left out.

    Args:
      sets: of the same texts.
      evaluator: whose preprocessing they get.
    """
    found, kept = {}, set(range(len(next(iter(sets.values())).texts)))
    for name, words in sets.items():
        # The rows stand in for the styles, to tell which were kept.
        found[name], dropped = evaluator.store(words.images, words.texts, list(map(str, range(len(words.texts)))))
        kept &= set(map(int, found[name].writers))
        for reason, count in dropped.items():
            print(f"{name}: {count} words {reason}; no generator is judged by these texts")
    if not kept:
        raise UserError("no word can be evaluated in the writing of all generators")
    for name, store in found.items():
        store = store.take([place for place, row in enumerate(store.writers) if int(row) in kept])
        found[name] = dataclasses.replace(store, writers=[sets[name].styles[int(row)] for row in store.writers])
    return found, sorted(kept)


def evaluate(
    words: WordStore, words_per_second: float, real: WordStore, train: WordStore, evaluator: Evaluator
) -> dict[str, Any]:
    """Results of `evaluate_words`, with the edits of the words of both sides."""
    results = evaluate_words(words, real, train, evaluator, seed=0, geometry_rounds=100)
    readings, metrics = results.pop("readings"), results["metrics"]["words"]
    for side in ("generated", "real"):
        metrics[side] |= edits([(text, read) for _, of, _, text, read in readings if of == side])
    metrics["generated"]["words_per_second"] = {"value": words_per_second}
    return results


def edits(pairs: list[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """Characters that the evaluator reads though they are not in the text, and that it misses, a character.

    Args:
      pairs: text and reading of each word.
    """
    found = Counter(edit.tag for text, reading in pairs for edit in Levenshtein.editops(text, reading))
    total = sum(len(text) for text, _ in pairs)
    return {"inserted": {"value": found["insert"] / total}, "deleted": {"value": found["delete"] / total}}


def table(results: dict[str, dict]) -> str:
    """A Markdown table with a row for each generator and a column for each metric."""
    lines = ["| | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 1) + "|"]
    # The CER of real words is that of test words, other metrics are those of training words.
    rows = {"real words": _flat(next(iter(results.values())), "real")}
    rows |= {name: _flat(result, "generated") for name, result in results.items()}
    for name, metrics in rows.items():
        values = [_format(metric, _without_interval(metrics.get(metric))) for metric in METRICS]
        lines.append(f"| {name} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def _flat(result: dict, which: str) -> dict:
    """The metrics of words and of styles."""
    metrics = result["metrics"]
    return metrics["words"][which] | metrics.get("styles", {}).get(which, {})


def _format(metric: str, estimate: dict | None) -> str:
    if metric in ("inserted", "deleted") and estimate:
        return f"{estimate['value']:.1%}"
    if metric == "words_per_second" and estimate:
        return f"{estimate['value']:.0f}"
    return format_estimate(metric, estimate)


def _without_interval(estimate: dict | None) -> dict | None:
    return estimate and {"value": estimate["value"]}


def picture(sets: dict[str, Words], height: int = 40) -> np.ndarray:
    """The first words of each set, one line for each set."""
    lines = []
    for words in sets.values():
        resized = [transforms.resize_to_height(image, height) for image in words.images[:_COLUMNS]]
        lines.append(join_words(resized, 12))
    return stack_lines(lines, 8)


def parse_arguments(description: str | None) -> argparse.Namespace:
    """The flags of the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--run",
        action="append",
        required=True,
        metavar="NAME=CHECKPOINT",
        help="workdir or weights of a generator, of strokes also CHECKPOINT@BIAS; NAME= for the pretrained weights",
    )
    parser.add_argument("--data_dir", default="data", help="directory of prepared datasets")
    parser.add_argument("--dataset", default="word_folder/copiste", help="prepared dataset of the real words")
    parser.add_argument("--evaluator", default="", help="as of hwgan.evaluate")
    parser.add_argument("--words", type=int, default=2000, help="maximum number of words of each generator")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for results.json and samples.png")
    return parser.parse_args()


def open_words(args: argparse.Namespace) -> tuple[Evaluator, WordStore, WordStore]:
    """The evaluator, and the test and training words with its preprocessing."""
    evaluator = open_evaluator(args.evaluator).for_scans()
    test, train = (
        load_words(args.data_dir, args.dataset, split, evaluator.charset, evaluator.spec) for split in ("test", "train")
    )
    return evaluator, test, train


def write_results(results: dict[str, dict], sets: dict[str, Words], output: pathlib.Path) -> None:
    """Writes results.json and samples.png."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, ensure_ascii=False) + "\n")
    Image.fromarray(picture(sets)).save(output / "samples.png")


def main() -> None:
    """Evaluates all generators."""
    args = parse_arguments(__doc__)
    runs = parse_runs(args.run)
    evaluator, real, train = open_words(args)
    samplers = {name: open_generator(path) for name, path in runs.items()}
    # Only texts that all generators can write, so that all write the same ones.
    rows = [i for i, text in enumerate(real.texts) if all(sampler.can_write(text) for sampler in samplers.values())]
    if not rows:
        raise UserError("no test word can be written by all generators")
    real = real.take(rows[: args.words])
    sets = {name: generate(sampler, real.texts) for name, sampler in samplers.items()}
    judged, kept = stores(sets, evaluator)
    real = real.take(kept)
    results = {
        name: evaluate(words, sets[name].words_per_second, real, train, evaluator) for name, words in judged.items()
    }
    sets[_REAL] = Words([real.image(row) for row in range(len(real))], real.texts, real.writers)
    write_results(results, sets, args.output)
    print(table(results))


if __name__ == "__main__":
    run_command(main)
