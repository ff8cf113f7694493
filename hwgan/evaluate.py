"""Scores what a generator writes, or how a recognizer reads, by a written protocol.

A run, by its config, and a file of weights:
  python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste --mode=evaluate
  python -m hwgan.evaluate --checkpoint=weights.npz --real=word_folder/copiste --output=results.json

Images that any other method made, a folder or archive with a table as `hwgan.prepare` reads it:
  python -m hwgan.evaluate --generated=DIR --real=word_folder/copiste --output=results.json
  python -m hwgan.evaluate --generated=DIR --real=DIR --train=DIR --output=results.json

Beside the JSON lies a table of the same name, *.md. What each figure means: hwgan/evaluation/README.md.
"""

import datetime
import functools
import json
import pathlib
from typing import Any

import numpy as np
from absl import flags

from hwgan.data.prepared import read_summary
from hwgan.data.word_store import WordStore, load_words
from hwgan.errors import UserError, run_main
from hwgan.evaluation.compare import evaluate_recognizer, evaluate_sampler, evaluate_words
from hwgan.evaluation.folder import is_folder_of_words, read_folder
from hwgan.evaluation.table import as_table
from hwgan.judge import Judge
from hwgan.release import PACKAGED_JUDGE, read_judge
from hwgan.run import Config, Run, load_run, trains_generator
from hwgan.sample import open_sampler
from hwgan.sampler import create_sampler

RESULTS_FILE = "results.json"


def open_judge(name: str, run: Run | None = None) -> Judge:
    """The judge of that name.

    Args:
      name: "" for the one in the package; "own" for `run` itself; the workdir of a run; a file made by `hwgan.release`.
      run: that is judged.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    if name == "own" and run is not None:
        return Judge.of_state(run.networks, run.state, run.charset, run.spec)
    if not name or pathlib.Path(name).is_file():
        return read_judge(name or PACKAGED_JUDGE)
    other = load_run(name)
    judge = Judge.of_state(other.networks, other.state, other.charset, other.spec, pathlib.Path(name).name)
    return judge if "identifier" in other.config.train.updated_networks else judge.without_writers()


def evaluate(config: Config, workdir: str) -> dict[str, Any]:
    """Scores the newest checkpoint of `workdir` and writes results.json and results.md there.

    Args:
      config: `evaluate`, `seed` and where the data lies are taken from it; all else, the preprocessing too, from the
        checkpoint.
      workdir: of a trained run.

    Returns:
      What was written.

    Raises:
      UserError: no checkpoint, no data, no judge, or one that can read none of the words.
    """
    run = load_run(workdir)
    settings, data = config.evaluate, run.config.data
    dataset = data.dataset
    judge = open_judge(settings.judge if trains_generator(run.config) else "own", run)
    if trains_generator(run.config):  # a recognizer is to read words as it learned them
        judge = judge.looking_at_paper()
    load = functools.partial(
        load_words,
        config.data.data_dir,
        dataset,
        charset=judge.charset,
        spec=judge.spec,
        cache_dir=config.data.cache_dir,
    )
    split, train = load(split=settings.split), load(split="train")
    about = {
        "step": int(run.state.step),
        "dataset": dataset,
        "content": read_summary(config.data.data_dir, dataset)["content"],
        "split": settings.split,
        "config": run.config.to_dict(),
    }
    if trains_generator(run.config):
        results = evaluate_sampler(
            create_sampler(run),
            split,
            train,
            judge,
            protocol=settings.protocol,
            limit=settings.words,
            seed=config.seed,
            inception=settings.inception,
            geometry_rounds=settings.geometry_rounds,
        )
    else:
        share = data.get("real_share", 1.0)
        known = train.take(range(round(share * len(train))))  # the part that training took
        results = evaluate_recognizer(judge, split, known, use_lexicon=settings.lexicon, seed=config.seed)
    return write_results(results | about, pathlib.Path(workdir) / RESULTS_FILE)


def write_results(results: dict[str, Any], path: pathlib.Path) -> dict[str, Any]:
    """Writes the JSON and, beside it, the table; returns the results with the time."""
    results = results | {"time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(as_table(results), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    print(as_table(results) + f"\nwrote {path}")
    return results


def _open_words(name: str, split: str, judge: Judge, data_dir: str) -> tuple[WordStore, dict[str, int]]:
    """Words of a folder or archive, or of a split of a prepared dataset; and how many cannot be judged, by reason."""
    if not is_folder_of_words(name):
        return load_words(data_dir, name, split, judge.charset, judge.spec), {}
    words, dropped = judge.store(*read_folder(name, split))
    order = np.random.default_rng(0).permutation(len(words))  # tables are sorted by writer
    return words.take(order.tolist()), dropped


def main(argv: list[str]) -> None:
    """Evaluates by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if args.generated and not is_folder_of_words(args.generated):
        raise UserError(f"--generated={args.generated!r} must be a folder or an archive of words with a table")
    judge = open_judge(args.judge).looking_at_paper()
    real, dropped = _open_words(args.real, args.split, judge, args.data_dir)
    from_folder = is_folder_of_words(args.real)
    if from_folder and args.train == args.real:
        raise UserError("--train= must be other words than --real=, or none: they show whether words are copies")
    train_name = args.train or ("" if from_folder else args.real)
    train = _open_words(train_name, "train", judge, args.data_dir)[0] if train_name else None
    how = dict(seed=args.seed, inception=args.inception, geometry_rounds=args.geometry_rounds)
    about = {"real": pathlib.Path(args.real).name if from_folder else args.real, "split": args.split}
    if dropped:
        about["dropped_real"] = dropped
    if args.generated:
        if args.spread is not None:
            raise UserError("--spread is for the hands of --checkpoint; the images of --generated are as they are")
        words, dropped = _open_words(args.generated, "", judge, args.data_dir)
        real = real.take(range(min(len(real), args.words)))
        results = evaluate_words(words, real, train, judge, **how)
        about |= {"generated": pathlib.Path(args.generated).name, "dropped_generated": dropped}
    elif train is None:
        raise UserError("to score a checkpoint give --train= too, or a prepared dataset for --real=")
    else:
        sampler = open_sampler(args.checkpoint, spread=args.spread)
        results = evaluate_sampler(sampler, real, train, judge, protocol=args.protocol, limit=args.words, **how)
    write_results(results | about, pathlib.Path(args.output))


if __name__ == "__main__":
    flags.DEFINE_string("generated", "", "folder or archive of generated words with a table; else --checkpoint writes")
    flags.DEFINE_string("checkpoint", "", "workdir of a run, or a file of weights; empty: the package's own")
    flags.DEFINE_float("spread", None, "of the hands of --checkpoint; by default as its config has it")
    flags.DEFINE_string(
        "real", None, "folder or archive of real words, or the name of a prepared dataset", required=True
    )
    flags.DEFINE_string("train", "", "the same of training words, to find copies; by default those of --real's dataset")
    flags.DEFINE_string("split", "test", "of a prepared dataset, or of a table that has splits")
    flags.DEFINE_string("data_dir", "data", "where prepared datasets lie")
    flags.DEFINE_string(
        "judge", "", "workdir of a recognizer trained apart, or a file of its weights; empty: the package's"
    )
    flags.DEFINE_string("inception", "", "weights of Inception-v3, see hwgan/evaluation/inception.py; empty: not used")
    flags.DEFINE_string("protocol", "standard", "which words are written; see hwgan/evaluation/protocols.py")
    flags.DEFINE_integer("words", 2000, "on either side, at most")
    flags.DEFINE_integer("geometry_rounds", 100, "of the geometry score; 0 leaves it out")
    flags.DEFINE_integer("seed", 0, "of texts, hands and intervals")
    flags.DEFINE_string("output", "results.json", "where to write")
    run_main(main)
