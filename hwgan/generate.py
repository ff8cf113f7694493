"""Generates a dataset of word images with their texts, in many styles, for training recognizers.

  python -m hwgan.generate --num_images=100000 --dataset=word_folder/copiste --output=generated
  python -m hwgan.generate --checkpoint=runs/iam --num_images=100000 --words=words.txt --output=generated
  python -m hwgan.generate --dataset=iam/words --split=test --styles=writers --layout=hwd --output=written
  python -m hwgan.generate --dataset=iam/words --split=test --styles=writers --words=oov.txt --output=imitated

The content of a shard depends only on the flags and the number of the shard. So the same command again continues an
interrupted one, and several processes (--num_processes, --process_id) share the work without communication. The result
is in the format of `hwgan.prepare --dataset=word_folder`:

    output/images/00000/000000000.png ...
    output/words.tsv       columns file, text, writer, split; written when all shards are complete
    output/.made/          the specification, and a table for each complete shard
"""

import pathlib

from absl import flags

from hwgan.checkpoints.names import checkpoint_help
from hwgan.data.prepared import read_texts
from hwgan.data.word_list import fit_lines, read_lines
from hwgan.runtime.command_line import refuse_flags, run_main, warn
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_folder
from hwgan.runtime.untrusted import MAX_SEED
from hwgan.sampling.generated_dataset import LAYOUTS, GenerationSpec, generate_words
from hwgan.sampling.open import open_sampler_and_step, writes_strokes
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_encoder import open_style_encoder
from hwgan.sampling.style_files import with_style
from hwgan.sampling.word_sampler import WordSampler
from hwgan.sampling.writer_styles import REFERENCES, encode_writers

_BELONGS_TO = {"split": "dataset", "replace": "words", "leave_out": "words"}  # flags that need another flag


def _open(args: flags.FlagValues) -> tuple[WordSampler, int | None]:
    """The sampler of the checkpoint, of images or of strokes, and the step of a run of images."""
    if writes_strokes(args.checkpoint, args.step):
        # Here, as images need none of it, and it takes long to import.
        from hwgan.sampling.open_strokes import open_stroke_sampler, with_stroke_style

        sampler = open_stroke_sampler(args.checkpoint, args.step, bias=args.bias, temperature=args.temperature)
        return with_stroke_style(sampler, args.style), None
    if args.bias is not None:
        raise UserError("--bias is for strokes; for images a lower --temperature makes the writing more regular")
    sampler, step = open_sampler_and_step(args.checkpoint, args.step, args.temperature)
    return with_style(sampler, args.style), step


def _words_to_generate(sampler: WordSampler, args: flags.FlagValues) -> list[str]:
    """The words that --words or --dataset name and the model can write; warnings count and name the others."""
    if args.words:
        options = dict(replace=args.replace, leave_out=args.leave_out)
        found = fit_lines(
            read_lines(args.words), sampler.charset, words=True, max_length=sampler.longest_word, **options
        )
        for note in found.notes(args.words):
            warn(note)
        words = list(found.lines.values())
    else:
        texts = read_texts(args.data_dir, args.dataset, args.split)
        words = list(filter(sampler.can_write, texts))
        if len(words) < len(texts):
            warn(f"{args.dataset}: left out {len(texts) - len(words):,} of {len(texts):,} words that cannot be written")
    if not words:
        raise UserError("there is no text to generate")
    for caution in sampler.cautions(words):
        warn(caution)
    return words


def _specification(sampler: WordSampler, step: int | None, args: flags.FlagValues) -> GenerationSpec:
    """What the flags ask for, with the checkpoint of this step."""
    writers = None
    if args.styles == "writers":
        if args.style or args.num_images:
            raise UserError(
                "--styles=writers writes the words of --dataset, or those of --words in the style of each of its "
                "writers; it takes no --style and no --num_images"
            )
        refuse_flags(("seed", "temperature", "once"), "--styles=writers, where words and their styles are given")
        if not isinstance(sampler, Sampler):
            raise UserError("--styles=writers is for models of images; strokes take the style of --style")
        encoder = open_style_encoder(args.checkpoint, sampler, step)
        texts = _long_enough(_words_to_generate(sampler, args), args.min_length) if args.words else []
        writers, dropped = encode_writers(
            args.data_dir,
            args.dataset,
            args.split,
            sampler=sampler,
            encoder=encoder,
            min_length=args.min_length,
            references=args.references,
            texts=texts,
        )
        words, count, once = writers.texts, len(writers.texts), True
        facts = [f"{count:,} words in the styles of {len(writers.writers)} writers"]
        print(", ".join([*facts, *(f"{number:,} {why}" for why, number in dropped.items())]))
    else:
        words = _long_enough(_words_to_generate(sampler, args), args.min_length)
        count, once = args.num_images or len(words), args.once
    return GenerationSpec(count, tuple(words), args.seed, args.shard_size, args.crop, args.layout, once, writers)


def _long_enough(words: list[str], min_length: int) -> list[str]:
    """The words of at least `min_length` characters.

    Raises:
      UserError: there are none.
    """
    long = [word for word in words if len(word) >= min_length]
    if not long:
        raise UserError(f"no word has at least --min_length={min_length} characters")
    return long


def main(argv: list[str]) -> None:
    """Generates by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if args.num_images < 0 or args.shard_size < 1:
        raise UserError(
            f"--num_images={args.num_images} must be at least 0 and --shard_size={args.shard_size} at least 1"
        )
    if (args.process_id is None) != (args.num_processes is None) or not 0 <= (args.process_id or 0) < (
        args.num_processes or 1
    ):
        raise UserError("--process_id= and --num_processes= belong together; ids are from 0 to num_processes - 1")
    if args.styles == "writers" and not args.dataset:
        raise UserError("--styles=writers takes the writers of --dataset=NAME; give it beside --words")
    if bool(args.words) == bool(args.dataset) and args.styles != "writers":
        raise UserError("give either --words=FILE, or --dataset=NAME for the training words of a prepared dataset")
    if args["references"].present and args.styles != "writers":
        raise UserError("--references is for --styles=writers")
    for flag, needs in _BELONGS_TO.items():
        if args[flag].present and not args[needs].value:
            raise UserError(f"--{flag} is for --{needs}")
    if args.once and args.num_images:
        raise UserError("--once writes each text once: it takes no --num_images")
    check_output_folder("output", args.output)
    sampler, step = _open(args)
    spec = _specification(sampler, step, args)
    output = pathlib.Path(args.output)
    share = dict(process_id=args.process_id or 0, num_processes=args.num_processes or 1)
    complete = generate_words(sampler, spec, output, checkpoint=args.checkpoint or "pretrained", **share)
    if complete:
        print(f"wrote {output / spec.table}")
    else:
        print(f"wrote this process's share of {output}; those of other processes are incomplete")


if __name__ == "__main__":
    flags.DEFINE_string("checkpoint", "", checkpoint_help(strokes=True))
    flags.DEFINE_integer("step", None, "step of the checkpoint; the newest by default")
    flags.DEFINE_float(
        "temperature",
        None,
        "variety: T of styles z ~ N(0, T² I), above 0 and at most 5, lower is more legible; of strokes the factor on "
        "the variances, 0.001 to 5; by default that of the checkpoint's config",
    )
    flags.DEFINE_float(
        "bias",
        None,
        "neatness of strokes, 0 to 10: 0 as learned, 1 to 2 neat; by default that of the checkpoint's config",
    )
    flags.DEFINE_integer("num_images", 0, "number of images; 0: one of each word that is listed")
    flags.DEFINE_string("output", None, "folder to write to; an incomplete one is continued", required=True)
    flags.DEFINE_string(
        "words",
        "",
        "texts to generate: a UTF-8 file, one per line; they are written in shuffled passes through the list",
    )
    flags.DEFINE_bool("replace", True, "with --words: write characters outside the alphabet as what looks the same")
    flags.DEFINE_bool("leave_out", False, "with --words: leave out other characters outside the alphabet")
    flags.DEFINE_string("dataset", "", "texts to generate: those of a split of this prepared dataset")
    flags.DEFINE_string("split", "train", "split of --dataset")
    flags.DEFINE_bool("once", False, "generate each text once, in order, as for the texts of a test set")
    flags.DEFINE_enum(
        "layout", "words", LAYOUTS, "words: a folder with a table; hwd: a folder per style, for aimagelab/HWD"
    )
    flags.DEFINE_string("data_dir", "data", "directory of prepared datasets")
    flags.DEFINE_integer("seed", 0, "seed of texts and styles", lower_bound=0, upper_bound=MAX_SEED)
    flags.DEFINE_integer("shard_size", 1000, "images per shard; an interrupted shard is generated again")
    flags.DEFINE_string(
        "style", "", "a file of hwgan.style, of strokes a file or folder of strokes with texts: the style"
    )
    flags.DEFINE_enum(
        "styles",
        "prior",
        ["prior", "writers"],
        "prior: styles drawn from N(0, T² I); writers: the style of each writer of --split, made of --references of "
        "the writer's words: each word of the split is generated once in the style of its own writer, to a file named "
        "by its id, or, with --words=FILE, each word of the file in the style of every writer",
    )
    flags.DEFINE_integer("references", REFERENCES, "words from which --styles=writers makes a style", lower_bound=1)
    flags.DEFINE_integer("min_length", 1, "leave out texts of fewer characters", lower_bound=1)
    flags.DEFINE_bool("crop", True, "crop images to the ink, as scanned words are; else keep the full height")
    flags.DEFINE_integer("num_processes", None, "number of processes that share the work, with equal other flags")
    flags.DEFINE_integer("process_id", None, "id of this process, from 0")
    run_main(main)
