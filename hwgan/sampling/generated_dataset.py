"""A generated dataset: its specification, and the files that hold it, written shard by shard.

The content of a shard depends only on the specification and the number of the shard, and a shard that has its table is
complete. So processes share the work, and continue what was interrupted, without communication.
"""

import dataclasses
import hashlib
import json
import pathlib

import jax
import numpy as np
from jaxtyping import Int
from PIL import Image

from hwgan.data import transforms
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import read_regular, replace_image, replace_text
from hwgan.runtime.locking import exclusive_lock
from hwgan.runtime.progress import Progress
from hwgan.runtime.untrusted import read_json_object
from hwgan.sampling.word_sampler import WordSampler
from hwgan.sampling.writer_styles import WriterStyles

LAYOUTS = ("words", "hwd")
_TABLE, _TRANSCRIPTIONS, _RECORD, _MADE = "words.tsv", "transcriptions.json", "spec.json", ".made"
_FLAGS = {"count": "num_images"}  # by the fields of a record that are called otherwise
_DIGESTS = {"words": "another list of words", "weights": "other weights", "writers": "other styles of writers"}
_COLUMNS = ("file", "text", "writer", "split")
_MAX_TABLE_BYTES = 10**9
_CHUNK = 256  # words generated at a time
_WORDS_PER_STYLE = 20


@dataclasses.dataclass(frozen=True)
class GenerationSpec:
    """The specification of a generated dataset.

    Attributes:
      count: number of images.
      words: texts to generate, in passes through all of them; one that is listed k times is written k times as often.
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
        indices = number * self.shard_size + np.arange(self.shard_length(number))
        if self.writers is not None:
            return [self.words[i] for i in indices.tolist()], [self.writers.owners[i] for i in indices.tolist()]
        texts = [self.words[i] for i in (indices if self.once else self._shuffled(indices)).tolist()]
        num_styles = -(-self.count // _WORDS_PER_STYLE)
        # The words of a style are spread over all shards, so that every shard has many styles.
        styles = (indices % num_styles).tolist()
        return texts, styles

    def shard_length(self, number: int) -> int:
        """Number of images of a shard."""
        return min(self.shard_size, self.count - number * self.shard_size)

    def _shuffled(self, indices: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Rows of words for the images of these indices: passes through all words, each in an order of its own."""
        size = len(self.words)
        passes, places = np.divmod(indices, size)
        rows = np.empty_like(indices)
        for number in np.unique(passes).tolist():
            order = np.random.default_rng((self.seed, number)).permutation(size)
            rows[passes == number] = order[places[passes == number]]
        return rows

    def style_and_file(self, row: int, style: int) -> tuple[str, str]:
        """The name of a style, and the path of the image of a row in it, relative to the folder of the dataset."""
        if self.writers is None:
            name, file = f"style{style:06d}", f"{row:09d}.png"
        else:
            name, file = self.writers.writers[style], f"{self.writers.ids[row]}.png"
        return name, f"{name}/{file}" if self.layout == "hwd" else f"images/{row // self.shard_size:05d}/{file}"

    @property
    def num_shards(self) -> int:
        """Number of shards, the last of which may have fewer images."""
        return -(-self.count // self.shard_size)

    @property
    def table(self) -> str:
        """Name of the file with the texts of all images."""
        return _TRANSCRIPTIONS if self.layout == "hwd" else _TABLE

    def record(self, checkpoint: str, sampler: WordSampler) -> dict:
        """Everything that determines the result, as JSON types."""
        fields: dict = dataclasses.asdict(dataclasses.replace(self, writers=None))
        fields["words"] = hashlib.sha256("\n".join(self.words).encode()).hexdigest()[:16]
        del fields["writers"]
        if self.writers is not None:
            names = "\n".join((*self.writers.ids, *self.writers.writers)).encode()
            fields["writers"] = hashlib.sha256(names + self.writers.z.tobytes()).hexdigest()[:16]
        return fields | {"checkpoint": checkpoint, **sampler.facts()}


def generate_words(
    sampler: WordSampler,
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
        missing = [n for n in range(process_id, spec.num_shards, num_processes) if not _is_complete(output, spec, n)]
        total = sum(map(spec.shard_length, missing))
        with Progress("generating", total, "images") as progress:
            for number in missing:
                _write_shard(sampler, spec, output, number, progress)
        return _join_tables(output, spec)
    except OSError as error:
        raise UserError(f"cannot write to {str(output)!r}: {error.strerror or error}") from error


def _write_or_check_record(output: pathlib.Path, record: dict) -> None:
    """Writes the record of a new folder, or checks that an existing folder has the same one."""
    path = output / _MADE / _RECORD
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
        key = changed[0]
        what = _DIGESTS.get(key) or f"{_FLAGS.get(key, key)}={existing.get(key)!r}, not {record.get(key)!r}"
        raise UserError(f"{str(output)!r} holds words generated with {what}; choose another --output")


def _table_of(output: pathlib.Path, number: int) -> pathlib.Path:
    return output / _MADE / f"{number:05d}.tsv"


def _is_complete(output: pathlib.Path, spec: GenerationSpec, number: int) -> bool:
    """Whether a shard has a table with all its rows; one that a loss of power emptied has not."""
    table = _table_of(output, number)
    return table.exists() and read_regular(table, _MAX_TABLE_BYTES).count(b"\n") == spec.shard_length(number)


def _write_shard(
    sampler: WordSampler, spec: GenerationSpec, output: pathlib.Path, number: int, progress: Progress
) -> None:
    """Writes the images and then the table of a shard, so that a shard with a table is complete."""
    texts, styles = spec.shard(number)
    rows = []
    for start in range(0, len(texts), _CHUNK):
        part, part_styles = texts[start : start + _CHUNK], styles[start : start + _CHUNK]
        first = number * spec.shard_size + start
        for i, image in enumerate(sampler.draw(part, _styles(sampler, spec, part_styles), first)):
            style, file = spec.style_and_file(first + i, part_styles[i])
            (output / file).parent.mkdir(parents=True, exist_ok=True)
            replace_image(output / file, Image.fromarray(transforms.trim_box(image) if spec.crop else image))
            rows.append((file, part[i], style, "train"))
        progress.update(len(part))
    replace_text(_table_of(output, number), "".join("\t".join(row) + "\n" for row in rows), sync=True)


def _styles(sampler: WordSampler, spec: GenerationSpec, numbers: list[int]) -> jax.Array:
    """The styles z with the given numbers, [numbers, z_dim]; different seeds have different styles of the prior."""
    if spec.writers is not None:
        return jax.numpy.asarray(spec.writers.z[numbers])
    key = jax.random.key(spec.seed)
    draw = jax.vmap(lambda number: sampler.sample_styles(jax.random.fold_in(key, number)))
    return draw(jax.numpy.asarray(numbers))


def _join_tables(output: pathlib.Path, spec: GenerationSpec) -> bool:
    """Writes the table of all shards if every shard is complete; returns whether it is written."""
    if not all(_is_complete(output, spec, number) for number in range(spec.num_shards)):
        return False
    tables = [_table_of(output, number) for number in range(spec.num_shards)]
    content = "".join(read_regular(table, _MAX_TABLE_BYTES).decode() for table in tables)
    if spec.layout == "hwd":
        rows = [line.split("\t") for line in content.splitlines()]
        content = json.dumps({file: text for file, text, *_ in rows}, indent=0, ensure_ascii=False)
    else:
        content = "\t".join(_COLUMNS) + "\n" + content
    replace_text(output / spec.table, content)
    return True
