"""Evaluates a checkpoint of a run by its config, on its own data."""

import functools
import logging
import math
import pathlib
from collections.abc import Collection
from typing import Any

from hwgan.checkpoints.learned import contents_by_name, digests_of_writers, writers_by_dataset
from hwgan.checkpoints.run import Run, load_run, trains_generator
from hwgan.checkpoints.stroke_run import load_stroke_run
from hwgan.data.ink_store import load_ink
from hwgan.data.prepared import combined_summary, dataset_names, read_summary
from hwgan.data.word_store import WordStore, load_words
from hwgan.evaluation.cautions import warn_of_default, warn_of_left_out, warn_of_training_words
from hwgan.evaluation.compare import evaluate_sampler
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.likelihood import likelihoods
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.protocols import check_split
from hwgan.evaluation.provenance import provenance
from hwgan.evaluation.recognition import evaluate_recognizer
from hwgan.evaluation.results import write_results
from hwgan.runtime.config import Config
from hwgan.runtime.config_file import flat_fields
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import check_number
from hwgan.sampling.open import sampler_from_run

logger = logging.getLogger(__name__)

RESULTS_FILE = "results.json"
_OF_EVALUATION = ("seed", "data.data_dir", "data.cache_dir")  # fields that are not the checkpoint's
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
    check_split("evaluate.split", settings.split)
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
    warn_of_left_out(f"the {settings.split} words of {dataset}", split.left_out, len(split))
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
        if given != used and not (name == "data.alphabet" and not given):  # "" stands for that of the data
            raise UserError(
                f"--config.{name}={given}: a run is evaluated with the {name} of its checkpoint, {used}; leave the "
                "flag out, or evaluate the checkpoint with hwgan.evaluate"
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
