"""Generates a dataset of word images with their texts, in many styles, for training recognizers.

  python -m hwgan.generate --num_images=100000 --dataset=word_folder/copiste --output=generated
  python -m hwgan.generate --checkpoint=runs/iam --num_images=100000 --words=words.txt --output=generated
  python -m hwgan.generate --dataset=iam/words --split=test --styles=writers --layout=hwd --output=written

The content of a shard depends only on the flags and the number of the shard. So the same command again continues an
interrupted one, and several processes (--num_processes, --process_id) share the work without communication. The result
is in the format of `hwgan.prepare --dataset=word_folder`:

    output/images/00000/000000000.png ...
    output/words.tsv       columns file, text, writer, split; written when all shards are complete
    output/.made/          the specification, and a table for each complete shard
"""

import dataclasses
import hashlib
import json
import pathlib

import jax
import numpy as np
from absl import flags
from PIL import Image

from hwgan.checkpoints.weights_file import checkpoint_help
from hwgan.data import transforms
from hwgan.data.prepared import read_texts
from hwgan.data.word_list import fit_lines, read_lines
from hwgan.runtime.command_line import run_main, warn
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_folder, read_regular, replace_image, replace_text
from hwgan.runtime.locking import exclusive_lock
from hwgan.runtime.progress import Progress
from hwgan.runtime.untrusted import MAX_SEED, read_json_object
from hwgan.sampling.open import open_sampler
from hwgan.sampling.open_strokes import is_stroke_run, open_stroke_sampler, with_priming
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.stroke_sampler import StrokeSampler
from hwgan.sampling.style_encoder import open_style_encoder
from hwgan.sampling.style_files import with_style
from hwgan.sampling.writer_styles import WriterStyles, encode_writers

TABLE, TRANSCRIPTIONS, RECORD = "words.tsv", "transcriptions.json", "spec.json"
LAYOUTS = ("words", "hwd")
_MADE = ".made"
AnySampler = Sampler | StrokeSampler
_COLUMNS = ("file", "text", "writer", "split")
_MAX_TABLE_BYTES = 10**9
_CHUNK = 256  # words generated at a time
_WORDS_PER_STYLE = 20


@dataclasses.dataclass(frozen=True)
class GenerationSpec:
    """The specification of a generated dataset.

    Attributes:
      count: number of images.
      words: texts to generate; one that is listed k times is drawn k times as often.
      seed: seed of texts and styles.
      shard_size: number of images per shard.
      crop: whether images are cropped to the ink, as scanned words often are.
      layout: "words", a folder with a table; or "hwd", a folder per style and transcriptions.json, for `aimagelab/HWD`.
      once: whether each of `words` is generated once, in order, as for the texts of a test set.
      writers: the styles of the words, which are generated once, in order; None for styles drawn from the prior.
    """

    count: int
    words: tuple[str, ...]
    seed: int
    shard_size: int
    crop: bool = True
    layout: str = "words"
    once: bool = False
    writers: WriterStyles | None = None

    def shard(self, number: int) -> tuple[list[str], list[int]]:
        """The texts of a shard, and the numbers of their styles; each style has about twenty words."""
        first = number * self.shard_size
        indices = np.arange(first, min(first + self.shard_size, self.count))
        if self.writers is not None:
            return [self.words[i] for i in indices.tolist()], [self.writers.owners[i] for i in indices.tolist()]
        rng = np.random.default_rng((self.seed, number))
        rows = indices if self.once else rng.integers(len(self.words), size=len(indices))
        texts = [self.words[i] for i in rows.tolist()]
        num_styles = -(-self.count // _WORDS_PER_STYLE)
        # The words of a style are spread over all shards, so that every shard has many styles.
        styles = (indices % num_styles).tolist()
        return texts, styles

    def style_and_file(self, row: int, style: int) -> tuple[str, str]:
        """The name of a style, and the path of the image of a row in it, relative to the folder of the dataset."""
        if self.writers is None:
            name, file = f"style{style:06d}", f"{row:09d}.png"
        else:
            name, file = self.writers.writers[style], f"{self.writers.ids[row]}.png"
        return name, f"{name}/{file}" if self.layout == "hwd" else f"images/{row // self.shard_size:05d}/{file}"

    @property
    def num_shards(self) -> int:
        return -(-self.count // self.shard_size)

    def record(self, checkpoint: str, sampler: AnySampler) -> dict:
        """Everything that determines the result, as JSON types."""
        fields: dict = dataclasses.asdict(dataclasses.replace(self, writers=None))
        fields["words"] = hashlib.sha256("\n".join(self.words).encode()).hexdigest()[:16]
        del fields["writers"]
        if self.writers is not None:
            names = "\n".join((*self.writers.ids, *self.writers.writers)).encode()
            fields["writers"] = hashlib.sha256(names + self.writers.z.tobytes()).hexdigest()[:16]
        return fields | {"checkpoint": checkpoint, **sampler.facts()}


def generate_words(
    sampler: AnySampler,
    spec: GenerationSpec,
    output: pathlib.Path,
    *,
    checkpoint: str = "",
    process_id: int = 0,
    num_processes: int = 1,
) -> bool:
    """Generates this process's share of the missing shards.

    Args:
      sampler: the generator.
      spec: the specification of the dataset.
      output: a folder that is new or of the same specification.
      checkpoint: name of the checkpoint, which is recorded.
      process_id: index of this process.
      num_processes: number of processes that share the work.

    Returns:
      Whether all shards of all processes, and so the table, are complete.

    Raises:
      UserError: a text cannot be generated, or the folder has another specification or cannot be written to.
    """
    sampler.check(list(dict.fromkeys(spec.words)))
    try:
        _write_or_check_record(output, spec.record(checkpoint, sampler))
        missing = [n for n in range(process_id, spec.num_shards, num_processes) if not _table_of(output, n).exists()]
        total = sum(len(spec.shard(number)[0]) for number in missing)
        with Progress("generating", total, "images") as progress:
            for number in missing:
                _write_shard(sampler, spec, output, number, progress)
        return _join_tables(output, spec)
    except OSError as error:
        raise UserError(f"cannot write to {str(output)!r}: {error.strerror or error}") from error


def _write_or_check_record(output: pathlib.Path, record: dict) -> None:
    """Writes the record of a new folder, or checks that an existing folder has the same one."""
    path = output / _MADE / RECORD
    if path.parent.is_symlink():
        raise UserError(f"{str(path.parent)!r} is a link, and what it leads to is not written to; remove it")
    with exclusive_lock(path.parent):
        if not path.exists():
            replace_text(path, json.dumps(record, indent=1))
    existing = read_json_object(path)
    # The name of the checkpoint may differ, because the record has a checksum of the weights.
    keys = {"style", "writers", *record} - {"checkpoint"}
    changed = sorted(key for key in keys if existing.get(key) != record.get(key))
    if changed:
        raise UserError(
            f"{str(output)!r} holds words generated with {changed[0]}={existing.get(changed[0])!r}, not "
            f"{record.get(changed[0])!r}; choose another --output"
        )


def _table_of(output: pathlib.Path, number: int) -> pathlib.Path:
    return output / _MADE / f"{number:05d}.tsv"


def _write_shard(
    sampler: AnySampler, spec: GenerationSpec, output: pathlib.Path, number: int, progress: Progress
) -> None:
    """Writes the images and then the table of a shard, so that a shard with a table is complete."""
    texts, styles = spec.shard(number)
    rows = []
    for start in range(0, len(texts), _CHUNK):
        part, part_styles = texts[start : start + _CHUNK], styles[start : start + _CHUNK]
        for i, image in enumerate(sampler.draw(part, _styles(sampler, spec, part_styles))):
            style, file = spec.style_and_file(number * spec.shard_size + start + i, part_styles[i])
            (output / file).parent.mkdir(parents=True, exist_ok=True)
            replace_image(output / file, Image.fromarray(transforms.trim_box(image) if spec.crop else image))
            rows.append((file, part[i], style, "train"))
        progress.update(len(part))
    replace_text(_table_of(output, number), "".join("\t".join(row) + "\n" for row in rows))


def _styles(sampler: AnySampler, spec: GenerationSpec, numbers: list[int]) -> jax.Array:
    """The styles z with the given numbers, [numbers, z_dim]; different seeds have different styles of the prior."""
    if spec.writers is not None:
        return jax.numpy.asarray(spec.writers.z[numbers])
    key = jax.random.key(spec.seed)
    draw = jax.vmap(lambda number: sampler.sample_styles(jax.random.fold_in(key, number)))
    return draw(jax.numpy.asarray(numbers))


def _join_tables(output: pathlib.Path, spec: GenerationSpec) -> bool:
    """Writes the table of all shards if every shard is complete; returns whether it is written."""
    tables = [_table_of(output, number) for number in range(spec.num_shards)]
    if not all(table.exists() for table in tables):
        return False
    content = "".join(read_regular(table, _MAX_TABLE_BYTES).decode() for table in tables)
    if spec.layout == "hwd":
        rows = [line.split("\t") for line in content.splitlines()]
        texts = {file: text for file, text, *_ in rows}
        replace_text(output / TRANSCRIPTIONS, json.dumps(texts, indent=0, ensure_ascii=False))
    else:
        replace_text(output / TABLE, "\t".join(_COLUMNS) + "\n" + content)
    return True


def _open(args: flags.FlagValues) -> AnySampler:
    """The sampler of the checkpoint, of images or of strokes."""
    if is_stroke_run(args.checkpoint, args.step):
        sampler = open_stroke_sampler(args.checkpoint, args.step, bias=args.bias, temperature=args.temperature)
        return with_priming(sampler, args.style)
    if args.bias is not None:
        raise UserError("--bias is for runs of strokes; --temperature is its like for images")
    return with_style(open_sampler(args.checkpoint, args.step, args.temperature), args.style)


def _words_to_generate(sampler: AnySampler, args: flags.FlagValues) -> list[str]:
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


def _specification(sampler: AnySampler, args: flags.FlagValues) -> GenerationSpec:
    """What the flags ask for."""
    writers = None
    if args.styles == "writers":
        if args.style or args.words or args.num_images:
            raise UserError(
                "--styles=writers writes the words of --dataset; it takes no --style, --words, --num_images"
            )
        if isinstance(sampler, StrokeSampler):
            raise UserError("--styles=writers is for models of images; strokes take the style of --style")
        encoder = open_style_encoder(args.checkpoint, sampler, args.step)
        writers, dropped = encode_writers(
            args.data_dir, args.dataset, args.split, sampler=sampler, encoder=encoder, min_length=args.min_length
        )
        words, count, once = writers.texts, len(writers.texts), True
        print(
            ", ".join(
                [f"{count:,} words by {len(writers.writers)} writers", *(f"{n:,} {why}" for why, n in dropped.items())]
            )
        )
    else:
        words = [word for word in _words_to_generate(sampler, args) if len(word) >= args.min_length]
        if not words:
            raise UserError(f"no word has at least --min_length={args.min_length} characters")
        count, once = args.num_images or len(words), args.once
        count = min(count, len(words)) if once else count
    return GenerationSpec(count, tuple(words), args.seed, args.shard_size, args.crop, args.layout, once, writers)


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
    if bool(args.words) == bool(args.dataset):
        raise UserError("give either --words=FILE, or --dataset=NAME for the training words of a prepared dataset")
    check_output_folder("output", args.output)
    sampler = _open(args)
    spec = _specification(sampler, args)
    output = pathlib.Path(args.output)
    share = dict(process_id=args.process_id or 0, num_processes=args.num_processes or 1)
    complete = generate_words(sampler, spec, output, checkpoint=args.checkpoint or "pretrained", **share)
    table = TRANSCRIPTIONS if args.layout == "hwd" else TABLE
    if complete:
        print(f"wrote {output / table}")
    else:
        print(f"wrote this process's share of {output}; those of other processes are incomplete")


if __name__ == "__main__":
    flags.DEFINE_string("checkpoint", "", checkpoint_help())
    flags.DEFINE_integer("step", None, "step of the checkpoint; the newest by default")
    flags.DEFINE_float("temperature", None, "T of styles z ~ N(0, T² I); by default that of the checkpoint's config")
    flags.DEFINE_float("bias", None, "of strokes: neatness, 0 or more; by default that of the checkpoint's config")
    flags.DEFINE_integer("num_images", 0, "number of images; 0: as many as there are words")
    flags.DEFINE_string("output", None, "folder to write to; an incomplete one is continued", required=True)
    flags.DEFINE_string("words", "", "texts to generate: a UTF-8 file, one per line, drawn as often as listed")
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
    flags.DEFINE_string("style", "", "a file of hwgan.style, of strokes one of strokes with their text: the style")
    flags.DEFINE_enum(
        "styles",
        "prior",
        ["prior", "writers"],
        "prior: random styles; writers: each word of --dataset once, in the style of its writer, made of 15 words of "
        "the split, as a file named after the word",
    )
    flags.DEFINE_integer("min_length", 1, "leave out texts of fewer characters", lower_bound=1)
    flags.DEFINE_bool("crop", True, "crop images to the ink, as scanned words are; else keep the full height")
    flags.DEFINE_integer("num_processes", None, "number of processes that share the work, with equal other flags")
    flags.DEFINE_integer("process_id", None, "id of this process, from 0")
    run_main(main)
