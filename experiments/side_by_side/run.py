"""The founding system, Fogel's generator and ours, by the same judge on the same words.

  python -m experiments.side_by_side.run --run founding=runs/founding --run fogel=runs/fogel --run ours=runs/ours \\
      --output=experiments/side_by_side

Writes results.json, a table (table.md), and a sheet of the first words of each (sheet.png), real ones last.
"""

import argparse
import json
import pathlib

import jax
from PIL import Image

from experiments.ranking.run import Words, evaluate, sheet, table, trained
from hwgan.data.word_store import load_words
from hwgan.evaluate import open_judge
from hwgan.sample import open_sampler

_REAL = "real test words"


def main() -> None:
    """Evaluates all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", required=True, help="NAME=WORKDIR or weights of a generator")
    parser.add_argument("--data_dir", default="data")
    parser.add_argument("--dataset", default="word_folder/copiste")
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    args = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    judge = open_judge("").looking_at_paper()
    real, train = (
        load_words(args.data_dir, args.dataset, split, judge.charset, judge.spec) for split in ("test", "train")
    )
    samplers = {name: open_sampler(path) for name, _, path in (run.partition("=") for run in args.run)}
    # What all of them can write, so that all write the same.
    known = [i for i, text in enumerate(real.texts) if all(sampler.knows(text) for sampler in samplers.values())]
    real = real.take(known[: args.words])
    sets = {name: trained(sampler, real.texts) for name, sampler in samplers.items()}
    results = {name: evaluate(words, real, train, judge) for name, words in sets.items()}
    sets[_REAL] = Words([real.image(row) for row in range(len(real))], real.texts)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "results.json").write_text(json.dumps(results, ensure_ascii=False) + "\n")
    (args.output / "table.md").write_text(table(results))
    Image.fromarray(sheet(sets)).save(args.output / "sheet.png")
    print(table(results))


if __name__ == "__main__":
    main()
