"""Evaluates a generator, a recognizer, or generated images of any method, by a fixed protocol.

A run, by its config, or a weights file:
  python -m hwgan.main --config=configs/copiste.py --workdir=runs/copiste --mode=evaluate
  python -m hwgan.evaluate --checkpoint=weights.npz --real=word_folder/copiste --output=results.json

Images of any method, in a folder or archive in the format of `hwgan.prepare --dataset=word_folder`:
  python -m hwgan.evaluate --generated=DIR --real=word_folder/copiste --output=results.json
  python -m hwgan.evaluate --generated=DIR --real=DIR --train=DIR --output=results.json

Results are written as JSON, with a Markdown table of the same name, *.md, and what was read of each word,
*.readings.tsv. docs/evaluation.md explains each metric.
"""

import dataclasses
import datetime
import functools
import json
import logging
import math
import pathlib
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from absl import flags

from hwgan.checkpoints.learned import contents_by_name, digests_of_writers, writers_by_dataset
from hwgan.checkpoints.names import PRETRAINED, checkpoint_help, locate_weights, shipped_names
from hwgan.checkpoints.record import learned_of_checkpoint
from hwgan.checkpoints.run import Run, load_run, trains_generator
from hwgan.checkpoints.stroke_run import load_stroke_run
from hwgan.data.ink_store import load_ink
from hwgan.data.prepared import combined_summary, dataset_names, read_summary
from hwgan.data.word_store import WordStore, load_words
from hwgan.evaluation.cautions import warn_of_default, warn_of_left_out, warn_of_training_words
from hwgan.evaluation.compare import evaluate_recognizer, evaluate_sampler, evaluate_words
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.folder import has_split, is_folder_of_words, read_folder, read_images
from hwgan.evaluation.likelihood import likelihoods
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.provenance import provenance
from hwgan.evaluation.results import reading_table
from hwgan.evaluation.style_protocol import PROTOCOL as STYLE_PROTOCOL
from hwgan.evaluation.style_protocol import deal, evaluate_styles
from hwgan.evaluation.table import as_table
from hwgan.runtime.command_line import refuse_flags, run_main
from hwgan.runtime.config import Config
from hwgan.runtime.config_file import flat_fields
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, replace_text, writing
from hwgan.runtime.untrusted import MAX_SEED, check_number
from hwgan.sampling.open import open_sampler, open_sampler_and_step, sampler_from_run
from hwgan.sampling.open_strokes import writes_strokes
from hwgan.sampling.style_encoder import open_style_encoder
from hwgan.sampling.style_files import with_style

logger = logging.getLogger("hwgan")

_OF_EVALUATION = ("seed", "data.data_dir", "data.cache_dir")  # fields that are not the checkpoint's
RESULTS_FILE = "results.json"
_MAX_BEAM_WIDTH = 1000
# Fields of `evaluate` for runs that train a generator, and for those that train a recognizer alone.
_OF_GENERATORS = ("evaluator", "protocol", "words", "geometry_rounds", "inception")
_OF_RECOGNIZERS = ("lexicon", "beam_width")


def evaluate(config: Config, workdir: str, overridden: Collection[str] = ()) -> dict[str, Any]:
    """Evaluates a checkpoint of a run, the newest by default, and writes results.json and results.md to its workdir.

    Args:
      config: the fields `evaluate`, `seed`, `data.data_dir` and `data.cache_dir` are used; everything else, including
        the preprocessing, is the config of the checkpoint.
      workdir: workdir of the run.
      overridden: names of the fields that were set on the command line, such as "data.dataset".

    Returns:
      The results as JSON types.

    Raises:
      UserError: there is no checkpoint, dataset or evaluator, no word fits the evaluator's alphabet, or a field was set
        that has no effect and is not as in the checkpoint.
    """
    check_number("evaluate.step", config.evaluate.step, 0, math.inf, whole=True)
    run = load_run(workdir, config.evaluate.step or None)
    draws = trains_generator(run.config)
    _refuse_ignored(config, run.config, overridden)
    _refuse_fields(overridden, draws)
    evaluate_run = _evaluate_generator if draws else _evaluate_recognizer
    results = evaluate_run(config, run) | {
        "doubtful_words": config.evaluate.doubtful_words,
        "step": int(run.state.step),
        "dataset": run.config.data.dataset,
        "content": combined_summary(config.data.data_dir, run.config.data.dataset)["content"],
        "content_at_training": run.learned.content,
        "other_content_at_training": run.other_content,
        "split": config.evaluate.split,
        "config": run.config.to_dict(),
    }
    return write_results(results, pathlib.Path(workdir) / RESULTS_FILE)


def _evaluate_generator(config: Config, run: Run) -> dict[str, Any]:
    """The results of a run with a generator, by the evaluator of the config."""
    settings, dataset = config.evaluate, run.config.data.dataset
    check_number("evaluate.words", settings.words, 1, math.inf, whole=True)
    check_number("evaluate.geometry_rounds", settings.geometry_rounds, 0, math.inf, whole=True)
    _check_split("evaluate.split", settings.split)
    if len(dataset_names(dataset)) > 1:
        logger.warning(
            "one evaluator reads all words of %s, whatever their language; to evaluate one dataset by an evaluator of "
            "its language: python -m hwgan.evaluate --checkpoint=WORKDIR --real=NAME/CONFIG --evaluator=NAME",
            dataset,
        )
    evaluator = open_evaluator(settings.evaluator, run).for_scans()
    warn_of_default(settings.evaluator, evaluator, dataset)
    split, train, found = _load_splits(config, run, evaluator)
    results = evaluate_sampler(
        sampler_from_run(run),
        split,
        train.first(run.config.data.real_fraction),
        evaluator,
        protocol=settings.protocol,
        limit=settings.words,
        seed=config.seed,
        inception=settings.inception,
        geometry_rounds=settings.geometry_rounds,
    )
    return results | found


def _evaluate_recognizer(config: Config, run: Run) -> dict[str, Any]:
    """The results of a run without a generator: of its recognizer, with the preprocessing of its training."""
    settings, evaluator = config.evaluate, open_evaluator("own", run)
    check_number("evaluate.beam_width", settings.beam_width, 0, _MAX_BEAM_WIDTH, whole=True)
    if settings.beam_width and not evaluator.has_transducer:
        raise UserError(
            f"evaluate.beam_width={settings.beam_width} is for transducers; this recognizer is trained by CTC: give 0"
        )
    split, train, found = _load_splits(config, run, evaluator)
    train = train.first(run.config.data.real_fraction)  # the training words of the run
    if settings.lexicon and not len(train):
        raise UserError("evaluate.lexicon=True takes the real training words, and the run has none; give False")
    results = evaluate_recognizer(
        evaluator, split, train, use_lexicon=settings.lexicon, beam_width=settings.beam_width, seed=config.seed
    )
    return results | found


def _load_splits(config: Config, run: Run, evaluator: Evaluator) -> tuple[WordStore, WordStore, dict[str, Any]]:
    """The words of the split to evaluate and of training, and what a user must know of them; warns of that too."""
    settings, data_dir, dataset = config.evaluate, config.data.data_dir, run.config.data.dataset
    load = functools.partial(
        load_words, data_dir, dataset, charset=evaluator.charset, spec=evaluator.spec, cache_dir=config.data.cache_dir
    )
    split, train = load(split=settings.split, doubtful=settings.doubtful_words), load(split="train")
    learners = {"the run": run.learned}
    if evaluator.learned is not run.learned:
        learners["the evaluator"] = evaluator.learned
    contents = contents_by_name(dataset, combined_summary(data_dir, dataset)["content"])
    shared = {}
    if settings.split != "train":
        shared = warn_of_training_words(learners, contents, writers_by_dataset(dataset, split.writers))
    warn_of_left_out(f"the {settings.split} words of {dataset}", split)
    return split, train, {"dropped_real": dict(split.left_out), "training_writers": shared}


def _refuse_fields(overridden: Collection[str], draws: bool) -> None:
    """Raises UserError for a field `evaluate` of the command line that is for the other kind of run."""
    names = _OF_RECOGNIZERS if draws else _OF_GENERATORS
    if wrong := sorted(set(overridden) & {f"evaluate.{name}" for name in names}):
        kind = "a run without a generator" if draws else "a run with a generator"
        raise UserError(f"--config.{wrong[0]} is for {kind}, and has no effect on this one; leave the flag out")


def _refuse_ignored(config: Config, of_run: Config, overridden: Collection[str]) -> None:
    """Raises UserError for a field of the command line that has no effect and is not as in the checkpoint."""
    fields, fields_of_run = flat_fields(config.to_dict()), flat_fields(of_run.to_dict())
    for name in overridden:
        if name.startswith("evaluate.") or name in _OF_EVALUATION:
            continue
        if name not in fields or name not in fields_of_run:
            continue  # an entry of a list, or a field of a network that the run does not have
        given, used = (
            list(value) if isinstance(value, tuple) else value for value in (fields[name], fields_of_run[name])
        )
        if given and given != used:
            raise UserError(
                f"--config.{name}={given}: a run is evaluated with the {name} of its checkpoint, {used}; leave the "
                "flag out, or evaluate the checkpoint with hwgan.evaluate"
            )


def _check_split(name: str, split: str) -> None:
    if split == "train":
        raise UserError(
            f"{name}=train compares with the training words themselves: copies of them would seem new, and real words "
            "perfect; give validation or test"
        )


def evaluate_strokes(config: Config, workdir: str, overridden: Collection[str] = ()) -> dict[str, Any]:
    """Evaluates the newest checkpoint of a run of strokes by the likelihood of a split; writes as `evaluate` does.

    How its words are read is evaluated as for words of any other origin: hwgan.generate, then --generated=.

    Args:
      config: the fields `evaluate`, `seed`, `data.data_dir` and `data.cache_dir` are used; everything else is
        that of the checkpoint.
      workdir: of the run.
      overridden: as of `evaluate`.

    Raises:
      UserError: the run or its data cannot be read.
    """
    run, settings = load_stroke_run(workdir), config.evaluate
    _refuse_ignored(config, run.config, overridden)
    check_number("evaluate.examples", settings.examples, 1, math.inf, whole=True)
    data = config.data
    store = load_ink(data.data_dir, run.config.data.dataset, settings.split, run.charset, run.spec, data.cache_dir)
    content = read_summary(data.data_dir, run.config.data.dataset)["content"]
    writers = {run.config.data.dataset: digests_of_writers(store.writers)}
    shared = {}
    if settings.split != "train":
        shared = warn_of_training_words({"the run": run.learned}, {run.config.data.dataset: content}, writers)
    params, limit = run.variables["params"], settings.examples
    found = likelihoods(run.network, params, store, run.writer_names, run.offset_scale, limit=limit, seed=config.seed)
    results = {
        "metrics": {"likelihood": {"real": {name: estimate.to_json() for name, estimate in found.items()}}},
        "counts": {"likelihood": {"real": min(len(store), limit)}},
        "seed": config.seed,
        "step": run.step,
        "dataset": run.config.data.dataset,
        "content": content,
        "content_at_training": run.learned.content,
        "training_writers": shared,
        "split": settings.split,
        "offset_scale": run.offset_scale,
        "config": run.config.to_dict(),
        **provenance(),
    }
    return write_results(results, pathlib.Path(workdir) / RESULTS_FILE)


def write_results(results: dict[str, Any], path: pathlib.Path) -> dict[str, Any]:
    """Adds the time to results, and writes them: as JSON to `path`, next to it as a Markdown table, and what was read.

    Args:
      results: of an evaluation; "readings" in them go to `PATH.readings.tsv`, a line for each word.
      path: of the JSON file.

    Returns:
      What the JSON file holds.
    """
    results = results | {"time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    readings = results.pop("readings", None)
    with writing(path):
        if readings is not None:
            replace_text(path.with_suffix(".readings.tsv"), reading_table(readings))
        replace_text(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        replace_text(path.with_suffix(".md"), as_table(results))
    print(as_table(results) + f"\nwrote {path}")
    return results


def _open_words(name: str, split: str, evaluator: Evaluator, data_dir: str, *, doubtful: bool = False) -> WordStore:
    """Words of a folder or archive, or of a prepared dataset."""
    if not is_folder_of_words(name):
        return load_words(data_dir, name, split, evaluator.charset, evaluator.spec, doubtful=doubtful)
    words, left_out = evaluator.store(*read_folder(name, split))
    order = np.random.default_rng(0).permutation(len(words))  # tables are often sorted by writer
    return dataclasses.replace(words.take(order.tolist()), left_out=left_out)


def _evaluate_styles(args: flags.FlagValues, evaluator: Evaluator) -> dict[str, Any]:
    """The results of the protocol `style`."""
    refuse_flags(
        ("generated", "style", "train", "words", "inception", "geometry_rounds", "doubtful_words"),
        f"--protocol={STYLE_PROTOCOL}, which makes styles of --real=",
    )
    from_folder = is_folder_of_words(args.real)
    read = read_folder(args.real, args.split) if from_folder else read_images(args.data_dir, args.real, args.split)
    sampler, step = open_sampler_and_step(args.checkpoint, args.step, args.temperature)
    encoder = open_style_encoder(args.checkpoint, sampler, step)
    task = deal(*read, evaluator=evaluator, sampler=sampler, seed=args.seed)
    origin = _origin(args)
    shared = _warn_of_training_words(args, evaluator, origin, read[2])
    return evaluate_styles(sampler, encoder, evaluator, task, args.seed) | origin | {"training_writers": shared}


def _warn_of_training_words(
    args: flags.FlagValues, evaluator: Evaluator, origin: dict[str, Any], writers: Sequence[str]
) -> dict[str, int]:
    """See `warn_of_training_words`: of the evaluator and, where it is one, the checkpoint.

    Args:
      args: the flags.
      evaluator: that of the flags.
      origin: of the real words.
      writers: of each of them.
    """
    learners = {"the evaluator": evaluator.learned}
    if not args.generated:
        learners["the checkpoint"] = learned_of_checkpoint(locate_weights(args.checkpoint or PRETRAINED), args.step)
    name = origin["real"]
    own = {name: digests_of_writers(writers)} if is_folder_of_words(args.real) else writers_by_dataset(name, writers)
    return warn_of_training_words(learners, contents_by_name(name, origin.get("content", "")), own)


def _name_of(words: str) -> str:
    """The name of a prepared dataset, or of a folder without its parents, which may be private."""
    return pathlib.Path(words).expanduser().resolve().name if is_folder_of_words(words) else words


def _origin(args: flags.FlagValues) -> dict[str, Any]:
    """What the real words are: name, split, and of a prepared dataset its checksum."""
    if is_folder_of_words(args.real):
        split = args.split if has_split(args.real, args.split) else "all rows"
        return {"real": _name_of(args.real), "split": split}
    content = combined_summary(args.data_dir, args.real)["content"]
    return {"real": args.real, "split": args.split, "content": content}


def _same_words(args: flags.FlagValues) -> bool:
    """Whether --train= and --real= are the same rows of a folder."""
    if not is_folder_of_words(args.train) or not is_folder_of_words(args.real):
        return False
    real, train = (pathlib.Path(name).expanduser().resolve() for name in (args.real, args.train))
    return real == train and not (args.split != "train" and has_split(args.real, args.split))


def main(argv: list[str]) -> None:
    """Evaluates by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if args.generated and not is_folder_of_words(args.generated):
        raise UserError(f"--generated={args.generated!r} must be a folder or an archive of words with a table")
    check_output_file("output", args.output, endings=(".json",))
    if not args.generated and writes_strokes(args.checkpoint):
        raise UserError(
            f"--checkpoint={args.checkpoint} writes strokes: let hwgan.generate write words with it, then evaluate "
            "those with --generated="
        )
    from_folder = is_folder_of_words(args.real)
    if not from_folder:
        _check_split("--split", args.split)
    if args.generated:
        refuse_flags(("checkpoint", "step", "temperature", "style", "protocol"), "the images of --generated=")
    if from_folder:
        refuse_flags(("doubtful_words",), "a folder as --real=, of which all words are used")
    evaluator = open_evaluator(args.evaluator).for_scans()
    warn_of_default(args.evaluator, evaluator, args.real)
    if args.protocol == STYLE_PROTOCOL:
        write_results(_evaluate_styles(args, evaluator), pathlib.Path(args.output))
        return
    if args.train and _same_words(args):
        raise UserError("--train= must be other words than --real=, or none: it is for finding copies")
    real = _open_words(args.real, args.split, evaluator, args.data_dir, doubtful=args.doubtful_words)
    warn_of_left_out(f"the words of --real={args.real}", real)
    train_name = args.train or ("" if from_folder else args.real)
    train = _open_words(train_name, "train", evaluator, args.data_dir) if train_name else None
    options = dict(seed=args.seed, inception=args.inception, geometry_rounds=args.geometry_rounds)
    metadata = _origin(args)
    if train_name:
        metadata["train"] = _name_of(train_name)
    shared = _warn_of_training_words(args, evaluator, metadata, real.writers)
    metadata |= {"dropped_real": dict(real.left_out), "doubtful_words": args.doubtful_words, "training_writers": shared}
    if args.generated:
        words = _open_words(args.generated, "", evaluator, args.data_dir)
        warn_of_left_out("the generated words", words)
        real = real.take(range(min(len(real), args.words)))
        results = evaluate_words(words, real, train, evaluator, **options)
        metadata |= {"generated": _name_of(args.generated), "dropped_generated": dict(words.left_out)}
    elif train is None:
        raise UserError("to evaluate a checkpoint give --train= too, or a prepared dataset for --real=")
    else:
        sampler = with_style(open_sampler(args.checkpoint, args.step, args.temperature), args.style)
        results = evaluate_sampler(sampler, real, train, evaluator, protocol=args.protocol, limit=args.words, **options)
    write_results(results | metadata, pathlib.Path(args.output))


if __name__ == "__main__":
    flags.DEFINE_string("generated", "", "folder or archive of generated words; empty: --checkpoint generates them")
    flags.DEFINE_string("checkpoint", "", checkpoint_help())
    flags.DEFINE_integer("step", None, "which checkpoint of a run; the newest by default", lower_bound=0)
    flags.DEFINE_float("temperature", None, "T of styles z ~ N(0, T² I); by default that of the checkpoint's config")
    flags.DEFINE_string("real", None, "folder or archive of real words, or name of a prepared dataset", required=True)
    flags.DEFINE_string("train", "", "training words, given like --real, to find copies; by default those of --real")
    flags.DEFINE_string("split", "test", "split of --real, if it is a prepared dataset or a table with splits")
    flags.DEFINE_string("data_dir", "data", "directory of prepared datasets")
    flags.DEFINE_string(
        "evaluator",
        "",
        "workdir or weights file of a recognizer from a separate run, or the name of an evaluator in the package "
        f"({', '.join(shipped_names('evaluator'))}); empty: copiste_evaluator",
    )
    flags.DEFINE_string("inception", "", "weights of Inception-v3 (hwgan/evaluation/inception.py); empty: not used")
    flags.DEFINE_string(
        "protocol",
        "standard",
        "name of the protocol: style, for styles made of 1, 5 and 15 words of each writer, or one of "
        "hwgan/evaluation/protocols.py",
    )
    flags.DEFINE_string("style", "", "a file of hwgan.style: --checkpoint generates all words in variations of it")
    flags.DEFINE_integer("words", 2000, "maximum number of generated and of real words in a case", lower_bound=1)
    flags.DEFINE_bool(
        "doubtful_words",
        False,
        "keep words of a prepared dataset that it calls badly segmented, or whose width is implausible for their text",
    )
    flags.DEFINE_integer("geometry_rounds", 100, "rounds of the geometry score; 0 leaves it out", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "seed of texts, styles and intervals", lower_bound=0, upper_bound=MAX_SEED)
    flags.DEFINE_string("output", "results.json", "JSON file to write; the table is written next to it")
    run_main(main)
