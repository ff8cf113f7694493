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
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from hwgan.checkpoints.learned import contents_by_name, digests_of_writers, writers_by_dataset
from hwgan.checkpoints.names import PRETRAINED, checkpoint_help, locate_weights, shipped_names
from hwgan.checkpoints.record import learned_of_checkpoint
from hwgan.data.prepared import combined_summary
from hwgan.data.word_store import WordStore, load_words
from hwgan.evaluation.cautions import warn_of_default, warn_of_left_out, warn_of_training_words
from hwgan.evaluation.compare import evaluate_sampler, evaluate_words
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.folder import folder_has_split, is_folder_of_words, read_dataset_images, read_folder
from hwgan.evaluation.open import open_evaluator
from hwgan.evaluation.protocols import check_split
from hwgan.evaluation.results import write_results
from hwgan.evaluation.style_protocol import PROTOCOL as STYLE_PROTOCOL
from hwgan.evaluation.style_protocol import deal, evaluate_styles
from hwgan.runtime.command_line import refuse_flags, run_main
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, user_path
from hwgan.runtime.untrusted import MAX_SEED
from hwgan.sampling.open import open_sampler, open_sampler_and_step, writes_strokes
from hwgan.sampling.style_encoder import open_style_encoder
from hwgan.sampling.style_files import with_style


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
    read = (
        read_folder(args.real, args.split) if from_folder else read_dataset_images(args.data_dir, args.real, args.split)
    )
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
    return user_path(words).resolve().name if is_folder_of_words(words) else words


def _origin(args: flags.FlagValues) -> dict[str, Any]:
    """What the real words are: name, split, and of a prepared dataset its checksum."""
    if is_folder_of_words(args.real):
        split = args.split if folder_has_split(args.real, args.split) else "all rows"
        return {"real": _name_of(args.real), "split": split}
    content = combined_summary(args.data_dir, args.real)["content"]
    return {"real": args.real, "split": args.split, "content": content}


def _same_words(args: flags.FlagValues) -> bool:
    """Whether --train= and --real= are the same rows of a folder."""
    if not is_folder_of_words(args.train) or not is_folder_of_words(args.real):
        return False
    real, train = (user_path(name).resolve() for name in (args.real, args.train))
    return real == train and not (args.split != "train" and folder_has_split(args.real, args.split))


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
        check_split("--split", args.split)
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
    warn_of_left_out(f"the words of --real={args.real}", real.left_out, len(real))
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
        warn_of_left_out("the generated words", words.left_out, len(words))
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
    flags.DEFINE_integer("geometry_rounds", 0, "rounds of the geometry score, such as 100; 0: no score", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "seed of texts, styles and intervals", lower_bound=0, upper_bound=MAX_SEED)
    flags.DEFINE_string("output", "results.json", "JSON file to write; the table is written next to it")
    run_main(main)
