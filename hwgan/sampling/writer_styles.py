"""The styles of the writers of a split, and the words to write in them: their own again, or others in each style."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hwgan.data import transforms
from hwgan.data.charset import normalize_text
from hwgan.data.prepared import Rows, dataset_names, open_rows, row_text, writer_among
from hwgan.runtime.errors import UserError
from hwgan.runtime.progress import with_progress
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_encoder import StyleEncoder

REFERENCES = 15  # words from which a style is made
_UNSAFE = str.maketrans(dict.fromkeys("/\\:\0", "_"))  # in names of files


@dataclasses.dataclass(frozen=True)
class WriterStyles:
    """n words in the styles of m writers, and these styles.

    Attributes:
      texts: of the words.
      ids: of the words, unique, fit for names of files.
      owners: the writer in whose style each word is, as a number.
      writers: names of the writers, unique, fit for names of folders.
      z: their styles.
    """

    texts: list[str]
    ids: list[str]
    owners: list[int]
    writers: list[str]
    z: Float[np.ndarray, "m z"]


class _Word(NamedTuple):
    """A word of a split.

    Attributes:
      text: in NFC.
      id: of its row.
      writer: name that is unique among the datasets; "" if unknown.
      place: dataset and number of its row.
    """

    text: str
    id: str
    writer: str
    place: tuple[str, int]


def encode_writers(
    data_dir: str,
    dataset: str,
    split: str,
    *,
    sampler: Sampler,
    encoder: StyleEncoder,
    min_length: int = 1,
    references: int = REFERENCES,
    texts: Sequence[str] = (),
) -> tuple[WriterStyles, dict[str, int]]:
    """Encodes the style of each writer of a split from some of their words, evenly spread over them.

    Args:
      data_dir: directory of prepared datasets.
      dataset: "name/config", or several, separated by commas.
      split: name of the split.
      sampler: which must be able to write the texts.
      encoder: of styles for it.
      min_length: of the texts; shorter words are left out, but styles are made of them too.
      references: number of words from which a style is made; of a writer with fewer all.
      texts: words to write in each of the styles, which the sampler can write; none for the words of the split, each in
        the style of its writer.

    Returns:
      The words to write, and the number of words of the split that cannot be written again, by reason; of given texts
      the number of writers without a style.

    Raises:
      UserError: the dataset or the split does not exist, or no word of it can be written again.
    """
    opened = {name: open_rows(data_dir, name, split) for name in dataset_names(dataset)}
    words: list[_Word] = []
    places: dict[str, list[tuple[str, int]]] = {}
    dropped = {"of unknown writers": 0, "too short": 0, "that cannot be written": 0}
    for word in _read_words(opened):
        if not word.writer:
            dropped["of unknown writers"] += 1
            continue
        places.setdefault(word.writer, []).append(word.place)
        if len(word.text) < min_length:
            dropped["too short"] += 1
        elif not sampler.can_write(word.text):
            dropped["that cannot be written"] += 1
        else:
            words.append(word)
    if not (words or (places and texts)):
        raise UserError(f"no word of {dataset} {split} can be written in the style of its writer; dropped: {dropped}")
    z: dict[str, np.ndarray] = {}
    writers = sorted(places if texts else {word.writer for word in words})
    for writer in with_progress(writers, "encoding styles", "writers"):
        with contextlib.suppress(UserError):  # none of the images is a word
            z[writer] = encoder.encode(_images(opened, places[writer], references)).z
    kept = [word for word in words if word.writer in z]
    dropped["of writers without a style"] = len(words) - len(kept)
    if not z:
        raise UserError(f"no style can be made of the words of {dataset} {split}; dropped: {dropped}")
    names, styles = _file_names(z), np.stack(list(z.values()))
    if texts:
        without = len(writers) - len(names)
        return _in_each_style(texts, names, styles), {"writers without a style": without} if without else {}
    numbers = {writer: number for number, writer in enumerate(z)}
    own = WriterStyles(
        [word.text for word in kept],
        _file_names(word.id for word in kept),
        [numbers[word.writer] for word in kept],
        names,
        styles,
    )
    return own, dropped


def _in_each_style(texts: Sequence[str], names: list[str], z: Float[np.ndarray, "m z"]) -> WriterStyles:
    """Each text in the style of each writer, by its number."""
    ids = [f"{name}-{number:05d}" for name in names for number in range(len(texts))]
    owners = np.repeat(np.arange(len(names)), len(texts)).tolist()
    return WriterStyles(list(texts) * len(names), ids, owners, names, z)


def _file_names(names: Iterable[str]) -> list[str]:
    """Names of files, unique without regard to case; a number is appended to one that is taken."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = name.translate(_UNSAFE).lstrip(".") or "_"
        candidates = itertools.chain([plain], (f"{plain}~{number}" for number in itertools.count(2)))
        found.append(next(name for name in candidates if name.casefold() not in taken))
        taken.add(found[-1].casefold())
    return found


def _read_words(opened: dict[str, Rows]) -> Iterator[_Word]:
    """The words of one or several datasets, given by their rows."""
    datasets = list(opened)
    for source, rows in opened.items():
        for number in range(len(rows)):
            row = rows[number]
            yield _Word(
                normalize_text(row_text(row, "text")),
                row_text(row, "id"),
                writer_among(datasets, source, row_text(row, "writer")),
                (source, number),
            )


def _images(opened: dict[str, Rows], places: list[tuple[str, int]], count: int) -> list[np.ndarray]:
    """Up to `count` images of the rows at these places (dataset, row)."""
    chosen = sorted({round(place) for place in np.linspace(0, len(places) - 1, count)})
    images = []
    for source, number in (places[place] for place in chosen):
        with contextlib.suppress(OSError):
            images.append(transforms.decode_grey(opened[source][number]["image"]))
    return images
