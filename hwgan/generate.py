"""A training set of generated words: as many images as asked for, each in a hand of its own, with what they say.

  python -m hwgan.generate --count=100000 --dataset=word_folder/copiste --output=generated
  python -m hwgan.generate --checkpoint=runs/iam --count=100000 --words=words.txt --output=generated

What is in a shard depends on the flags and the number of the shard alone. So the same command again makes what is still
missing, and several processes (--num_processes, --process_id) share the work without speaking to one another. The
result is a folder that most recognizers read, and `hwgan.prepare` too:

    output/images/00000/000000000.png ...
    output/words.tsv       file, text, writer, split: once all shards are there
    output/.made/          what it was made with, and a table for each shard that is whole
"""

import dataclasses
import hashlib
import json
import pathlib
import sys
import uuid

import jax
import numpy as np
from absl import flags
from PIL import Image
from tqdm import tqdm

from hwgan.data import transforms
from hwgan.data.lexicon import read_lexicon_file
from hwgan.data.locking import only_writer
from hwgan.data.prepared import read_texts
from hwgan.errors import UserError, run_main
from hwgan.sample import open_sampler
from hwgan.sampler import Sampler
from hwgan.train_state import variables_digest

TABLE, TRANSCRIPTIONS, RECORD = "words.tsv", "transcriptions.json", "order.json"
LAYOUTS = ("words", "hwd")
_MADE = ".made"
_COLUMNS = ("file", "text", "writer", "split")
_CHUNK = 256  # words drawn at once
_WORDS_A_HAND = 20


@dataclasses.dataclass(frozen=True)
class Order:
    """What is to be generated.

    Attributes:
      count: images.
      words: to write, drawn with the frequency they are listed with.
      seed: of words and hands.
      shard_size: images a shard.
      crop: cut close around the ink, as scanned words often are.
      layout: "words", a folder with a table; or "hwd", a folder a hand and transcriptions.json, for `aimagelab/HWD`.
      once: each word of the list once, in its order, as for a test set that is written again.
    """

    count: int
    words: tuple[str, ...]
    seed: int
    shard_size: int
    crop: bool = True
    layout: str = "words"
    once: bool = False

    def shard(self, number: int) -> tuple[list[str], list[int]]:
        """Texts of a shard, and the seeds of their hands; each hand writes some twenty words."""
        first = number * self.shard_size
        places = np.arange(first, min(first + self.shard_size, self.count))
        rng = np.random.default_rng((self.seed, number))
        rows = places if self.once else rng.integers(len(self.words), size=len(places))
        texts = [self.words[i] for i in rows.tolist()]
        num_hands = -(-self.count // _WORDS_A_HAND)
        # A hand's words are spread over all shards, so that any part of them is of many hands.
        hands = (places % num_hands).tolist()
        return texts, hands

    @property
    def num_shards(self) -> int:
        return -(-self.count // self.shard_size)

    def record(self, checkpoint: str, sampler: Sampler) -> dict:
        """What decides the result."""
        fields = dataclasses.asdict(self) | {"words": hashlib.sha256("\n".join(self.words).encode()).hexdigest()[:16]}
        weights = variables_digest(sampler.variables)
        return fields | {"checkpoint": checkpoint, "weights": weights, "spread": sampler.spread}


def generate_words(
    sampler: Sampler,
    order: Order,
    output: pathlib.Path,
    *,
    checkpoint: str = "",
    process_id: int = 0,
    num_processes: int = 1,
) -> bool:
    """Makes this process's share of the shards that are not there yet.

    Args:
      sampler: what writes.
      order: what to write.
      output: a folder, new or of the same order.
      checkpoint: its name, for the record.
      process_id: of this process.
      num_processes: that share the work.

    Returns:
      Whether all shards of all processes are there, and the table with them.

    Raises:
      UserError: words that cannot be written, or the folder holds something else or cannot be written to.
    """
    sampler.check(list(dict.fromkeys(order.words)))
    try:
        _claim(output, order.record(checkpoint, sampler))
        missing = [n for n in range(process_id, order.num_shards, num_processes) if not _table_of(output, n).exists()]
        total = sum(len(order.shard(number)[0]) for number in missing)
        with tqdm(total=total, unit=" images", disable=not sys.stderr.isatty()) as progress:
            for number in missing:
                _write_shard(sampler, order, output, number, progress)
        return _join(output, order)
    except OSError as error:
        raise UserError(f"cannot write to {str(output)!r}: {error.strerror or error}") from error


def _claim(output: pathlib.Path, record: dict) -> None:
    """Makes the folder, or checks that it is of the same order."""
    path = output / _MADE / RECORD
    with only_writer(path.parent):
        if not path.exists():
            _write_whole(path, json.dumps(record, indent=1).encode())
    before = json.loads(path.read_text())
    # The weights decide, by whatever name they are called.
    changed = sorted(key for key in record if key != "checkpoint" and before.get(key) != record[key])
    if changed:
        raise UserError(
            f"{str(output)!r} holds words generated with {changed[0]}={before.get(changed[0])!r}, not "
            f"{record[changed[0]]!r}; choose another --output"
        )


def _table_of(output: pathlib.Path, number: int) -> pathlib.Path:
    return output / _MADE / f"{number:05d}.tsv"


def _write_shard(sampler: Sampler, order: Order, output: pathlib.Path, number: int, progress: tqdm) -> None:
    """Images first, then the table: a shard with a table is whole."""
    texts, hands = order.shard(number)
    rows = []
    for start in range(0, len(texts), _CHUNK):
        part, part_hands = texts[start : start + _CHUNK], hands[start : start + _CHUNK]
        for i, image in enumerate(sampler.draw(part, _hands(sampler, order.seed, part_hands))):
            hand, name = f"hand{part_hands[i]:06d}", f"{number * order.shard_size + start + i:09d}.png"
            file = f"{hand}/{name}" if order.layout == "hwd" else f"images/{number:05d}/{name}"
            (output / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(transforms.trim_box(image) if order.crop else image).save(output / file)
            rows.append((file, part[i], hand, "train"))
        progress.update(len(part))
    _write_whole(_table_of(output, number), "".join("\t".join(row) + "\n" for row in rows).encode())


def _hands(sampler: Sampler, seed: int, numbers: list[int]) -> jax.Array:
    """Noise of each hand of a seed, [hands, z_dim]; no two seeds share one."""
    key = jax.random.key(seed)
    draw = jax.vmap(lambda number: sampler.noise(jax.random.fold_in(key, number)))
    return draw(jax.numpy.asarray(numbers))


def _join(output: pathlib.Path, order: Order) -> bool:
    tables = [_table_of(output, number) for number in range(order.num_shards)]
    if not all(table.exists() for table in tables):
        return False
    content = b"".join(table.read_bytes() for table in tables)
    if order.layout == "hwd":
        rows = [line.split("\t") for line in content.decode().splitlines()]
        texts = {file: text for file, text, *_ in rows}
        _write_whole(output / TRANSCRIPTIONS, json.dumps(texts, indent=0, ensure_ascii=False).encode())
    else:
        _write_whole(output / TABLE, ("\t".join(_COLUMNS) + "\n").encode() + content)
    return True


def _write_whole(path: pathlib.Path, content: bytes) -> None:
    """Under another name first: who is killed, or two that write the same, leave a whole file or none."""
    making = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    making.write_bytes(content)
    making.replace(path)


def main(argv: list[str]) -> None:
    """Generates by the flags of the command line."""
    del argv
    args = flags.FLAGS
    if args.count < 0 or args.shard_size < 1:
        raise UserError(f"--count={args.count} must be at least 0 and --shard_size={args.shard_size} at least 1")
    if (args.process_id is None) != (args.num_processes is None) or not 0 <= (args.process_id or 0) < (
        args.num_processes or 1
    ):
        raise UserError("--process_id= and --num_processes= belong together, ids from 0")
    if bool(args.words) == bool(args.dataset):
        raise UserError("give either --words=FILE, or --dataset=NAME for the training words of a prepared dataset")
    sampler = open_sampler(args.checkpoint, args.step, args.spread)
    if args.words:
        words = read_lexicon_file(args.words)
    else:
        words = list(filter(sampler.knows, read_texts(args.data_dir, args.dataset, args.split)))
    if not words:
        raise UserError("there is no word to write")
    count = args.count or len(words)
    if args.once:
        count = min(count, len(words))
    order = Order(count, tuple(words), args.seed, args.shard_size, args.crop, args.layout, args.once)
    output = pathlib.Path(args.output)
    share = dict(process_id=args.process_id or 0, num_processes=args.num_processes or 1)
    whole = generate_words(sampler, order, output, checkpoint=args.checkpoint or "package", **share)
    table = TRANSCRIPTIONS if args.layout == "hwd" else TABLE
    print(f"wrote {output / table}" if whole else f"this process's share of {output} is there; others are not done")


if __name__ == "__main__":
    flags.DEFINE_string("checkpoint", "", "workdir of a trained run, or a file of weights; empty: the package's own")
    flags.DEFINE_integer("step", None, "which checkpoint; the newest by default")
    flags.DEFINE_float("spread", None, "how far from plain hands are; by default as the checkpoint's config has it")
    flags.DEFINE_integer("count", 0, "how many images; 0: as many as there are words")
    flags.DEFINE_string("output", None, "folder to write into, or to go on with", required=True)
    flags.DEFINE_string("words", "", "what to write: a UTF-8 file, one word a line, drawn as often as it is listed")
    flags.DEFINE_string("dataset", "", "or the training words of this prepared dataset")
    flags.DEFINE_string("split", "train", "of --dataset")
    flags.DEFINE_bool("once", False, "each word of the list once, in its order: a test set written again")
    flags.DEFINE_enum(
        "layout", "words", LAYOUTS, "a folder with a table, or a folder a hand, as aimagelab/HWD reads it"
    )
    flags.DEFINE_string("data_dir", "data", "where prepared datasets lie")
    flags.DEFINE_integer("seed", 0, "of words and hands")
    flags.DEFINE_integer("shard_size", 1000, "images a shard: what is made again at most when it is interrupted")
    flags.DEFINE_bool("crop", True, "cut close around the ink, as scanned words are; else in the frame of the networks")
    flags.DEFINE_integer("num_processes", None, "that share the work, each run with the same flags and its own id")
    flags.DEFINE_integer("process_id", None, "of this process, from 0")
    run_main(main)
