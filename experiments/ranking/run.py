"""Do the figures rank generators as a person would? Trained ones, and ones broken on purpose, against the same words.

  python -m experiments.ranking.run --run fogel=runs/copiste_fogel --run founding=runs/copiste_founding \\
      --output=experiments/ranking

Writes results.json, a table (table.md), and a sheet of each one's first words (sheet.png).
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from PIL import Image

from hwgan.data import transforms
from hwgan.data.word_store import WordStore, load_words
from hwgan.evaluate import open_judge
from hwgan.evaluation.compare import evaluate_words
from hwgan.evaluation.reading import random_hands
from hwgan.evaluation.table import format_figure
from hwgan.judge import Judge
from hwgan.page import side_by_side, stack_lines
from hwgan.sample import open_sampler
from hwgan.sampler import Sampler

FIGURES = (
    "cer",
    "frechet/reader/whole",
    "kernel/reader/whole",
    "frechet/writer/whole",
    "precision/reader",
    "recall/reader",
    "coverage/reader",
    "geometry/reader",
    "copies/reader",
)
ON_SHEET = 9


@dataclasses.dataclass(frozen=True)
class Words:
    """What a generator made: images as on paper, and what they should say."""

    images: list[np.ndarray]
    texts: list[str]


def trained(sampler: Sampler, texts: list[str], *, one_hand: bool = False) -> Words:
    """The texts, each in a hand of its own or all in one."""
    fitting = list(filter(sampler.knows, texts))
    hands = random_hands(sampler, len(fitting), 0)
    return Words(sampler.draw(fitting, hands[:1].repeat(len(fitting), axis=0) if one_hand else hands), fitting)


def sets_of_words(runs: dict[str, str], real: WordStore, train: WordStore) -> dict[str, Callable[[], Words]]:
    """What makes each set, by name, best first as a person would say."""
    rows = np.random.default_rng(0).permutation(len(train))[: len(real)].tolist()
    ours = open_sampler("")
    blank = np.full((40, 80), transforms.WHITE, np.uint8)
    one = ours.draw([real.texts[0]], random_hands(ours, 1, 0))[0]
    others = {name: lambda path=path: trained(open_sampler(path), real.texts) for name, path in runs.items()}
    return {
        "copies of training words": lambda: Words(
            [train.image(row) for row in rows], [train.texts[row] for row in rows]
        ),
        "ours": lambda: trained(ours, real.texts),
        "ours, one hand": lambda: trained(ours, real.texts, one_hand=True),
        **others,
        "one image for all": lambda: Words([one] * len(real), real.texts),
        "blank pages": lambda: Words([blank] * len(real), real.texts),
    }


def evaluate(words: Words, real: WordStore, train: WordStore, judge: Judge) -> dict:
    """See `evaluate_words`."""
    store, _ = judge.store(words.images, words.texts, [""] * len(words.texts))
    return evaluate_words(store, real, train, judge, seed=0, geometry_rounds=100)


def table(results: dict[str, dict]) -> str:
    """A row a generator, a column a figure."""
    lines = ["| | " + " | ".join(FIGURES) + " |", "|---" * (len(FIGURES) + 1) + "|"]
    first = next(iter(results.values()))["figures"]["words"]["real"]
    # Their reading is that of the real test words.
    rows = {"real words": first}
    rows |= {name: result["figures"]["words"]["generated"] for name, result in results.items()}
    for name, figures in rows.items():
        cells = [format_figure(figure, _without_interval(figures.get(figure))) for figure in FIGURES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _without_interval(figure: dict | None) -> dict | None:
    return figure and {"value": figure["value"]}


def sheet(sets: dict[str, Words], height: int = 40) -> np.ndarray:
    """The first words of each set, a line each."""
    lines = []
    for words in sets.values():
        shown = [transforms.resize_to_height(image, height) for image in words.images[:ON_SHEET]]
        lines.append(side_by_side(shown, 12))
    return stack_lines(lines, 8)


def parse_arguments(description: str | None, **run: Any) -> argparse.Namespace:
    """The flags of an experiment that holds generators against the same words; `run` is about `--run`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", help="NAME=WORKDIR, or weights, of a generator", **run)
    parser.add_argument("--data_dir", default="data")
    parser.add_argument("--dataset", default="word_folder/copiste")
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    return parser.parse_args()


def open_judged_words(args: argparse.Namespace) -> tuple[Judge, WordStore, WordStore]:
    """The package's judge, and the test and training words as it looks at them."""
    jax.config.update("jax_platforms", "cpu")
    judge = open_judge("").looking_at_paper()
    real, train = (
        load_words(args.data_dir, args.dataset, split, judge.charset, judge.spec) for split in ("test", "train")
    )
    return judge, real, train


def write_results(results: dict[str, dict], sets: dict[str, Words], output: pathlib.Path) -> None:
    """results.json, table.md and sheet.png."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, ensure_ascii=False) + "\n")
    (output / "table.md").write_text(table(results))
    Image.fromarray(sheet(sets)).save(output / "sheet.png")


def main() -> None:
    """Makes and evaluates all of them."""
    args = parse_arguments(__doc__, default=[])
    judge, real, train = open_judged_words(args)
    real = real.take(range(min(args.words, len(real))))
    sets, results = {}, {}
    for name, make in sets_of_words(dict(run.split("=", 1) for run in args.run), real, train).items():
        sets[name] = make()
        results[name] = evaluate(sets[name], real, train, judge)
        print(name, results[name]["figures"]["words"]["generated"]["cer"], flush=True)
    write_results(results, sets, args.output)


if __name__ == "__main__":
    main()
