"""The founding system, Fogel's generator and ours, by the same judge on the same words.

  python -m experiments.side_by_side.run --run founding=runs/founding --run fogel=runs/fogel --run ours=runs/ours \\
      --output=experiments/side_by_side

Writes results.json, a table (table.md), and a sheet of the first words of each (sheet.png), real ones last.
"""

from experiments.ranking.run import Words, evaluate, open_judged_words, parse_arguments, table, trained, write_results
from hwgan.sample import open_sampler

_REAL = "real test words"


def main() -> None:
    """Evaluates all of them."""
    args = parse_arguments(__doc__, required=True)
    judge, real, train = open_judged_words(args)
    samplers = {name: open_sampler(path) for name, _, path in (run.partition("=") for run in args.run)}
    # What all of them can write, so that all write the same.
    known = [i for i, text in enumerate(real.texts) if all(sampler.knows(text) for sampler in samplers.values())]
    real = real.take(known[: args.words])
    sets = {name: trained(sampler, real.texts) for name, sampler in samplers.items()}
    results = {name: evaluate(words, real, train, judge) for name, words in sets.items()}
    sets[_REAL] = Words([real.image(row) for row in range(len(real))], real.texts)
    write_results(results, sets, args.output)
    print(table(results))


if __name__ == "__main__":
    main()
