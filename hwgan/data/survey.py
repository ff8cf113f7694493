"""Statistics and suspicious rows of a prepared dataset of word images."""

import dataclasses
import hashlib
import shlex
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from hwgan.data.charset import FEW_EXAMPLES
from hwgan.data.graphemes import num_columns
from hwgan.data.prepared import open_rows, row_text
from hwgan.data.transforms import decode_grey, has_light_ink

PERCENTILES = (0, 5, 50, 95, 100)
_INK_CONTRAST = 40  # grey levels; pixels darker than the lightest one by more than this are ink
_BLANK_PIXELS = 8  # images with fewer ink pixels are reported as near-blank
_NARROW_RATIO = 0.35  # of the median width per character; below it, the text probably does not match the image
_NARROW_LENGTH = 3  # characters; the widths of shorter texts vary too much for this test


@dataclasses.dataclass
class Survey:
    """Statistics of a dataset.

    Attributes:
      examples: number of examples of each split.
      writers: number of known writers of each split.
      widths: percentiles (`PERCENTILES`) of the widths of the stored images, in pixels.
      heights: percentiles of their heights, in pixels.
      lengths: percentiles of the text lengths, in characters.
      character_counts: occurrences of each character in all splits.
      train_counts: occurrences of each character in the training split.
      suspicious: ids of suspicious rows, by reason.
    """

    examples: dict[str, int]
    writers: dict[str, int]
    widths: list[int]
    heights: list[int]
    lengths: list[int]
    character_counts: Counter[str]
    train_counts: Counter[str]
    suspicious: dict[str, list[str]]

    @property
    def rare(self) -> dict[str, int]:
        """Number of training examples of each character that has fewer than 20."""
        return {c: self.train_counts[c] for c in sorted(self.character_counts) if self.train_counts[c] < FEW_EXAMPLES}


def survey(data_dir: str, dataset: str, splits: Sequence[str]) -> Survey:
    """Reads every row of the splits and computes their statistics.

    Raises:
      UserError: the dataset was not prepared.
    """
    examples, writers = Counter[str](), defaultdict[str, set[str]](set)
    characters, train_characters = Counter[str](), Counter[str]()
    shapes, lengths, columns, ids = [], [], [], []
    blank, light, by_content = [], [], defaultdict[bytes, list[str]](list)
    for split in splits:
        rows = open_rows(data_dir, dataset, split)
        for index in range(len(rows)):
            row = rows[index]
            image, text, row_id = decode_grey(row["image"]), row_text(row, "text"), row_text(row, "id")
            examples[split] += 1
            writers[split].add(row_text(row, "writer"))
            characters.update(text)
            train_characters.update(text if split == "train" else "")
            shapes.append(image.shape)
            lengths.append(len(text))
            columns.append(num_columns(text))
            ids.append(row_id)
            by_content[hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()].append(row_id)
            if (image < int(image.max()) - _INK_CONTRAST).sum() < _BLANK_PIXELS:
                blank.append(row_id)
            if has_light_ink(image):
                light.append(row_id)
    heights, widths = np.array(shapes).T
    suspicious = {
        "text too long for its width": _narrow(ids, widths / heights, np.array(columns)),
        "same image as another": [row_id for same in by_content.values() for row_id in same[1:]],
        "near-blank image": blank,
        "ink lighter than paper": light,
    }
    return Survey(
        dict(examples),
        {split: len(names - {""}) for split, names in writers.items()},
        *(np.percentile(values, PERCENTILES).astype(int).tolist() for values in (widths, heights, lengths)),
        characters,
        train_characters,
        suspicious,
    )


def _narrow(ids: list[str], aspects: np.ndarray, columns: np.ndarray) -> list[str]:
    """Ids of rows whose aspect ratio per character is below 0.35 times the median: their text seems too long.

    Args:
      ids: ids of all rows.
      aspects: width / height of each image.
      columns: number of characters of each text, without marks that take no width.
    """
    aspect_per_character = aspects / columns
    long_enough = columns >= _NARROW_LENGTH
    if not long_enough.any():
        return []
    limit = _NARROW_RATIO * np.median(aspect_per_character[long_enough])
    return [ids[i] for i in np.flatnonzero(long_enough & (aspect_per_character < limit))]


def describe_survey(found: Survey) -> str:
    """Formats the statistics as plain text."""
    lines = [f"{'split':<12}{'examples':>10}{'writers':>10}"]
    lines += [f"{s:<12}{n:>10,}{found.writers[s] or 'unknown':>10}" for s, n in found.examples.items()]
    lines += ["", f"{'percentile':<12}" + "".join(f"{p:>8}" for p in PERCENTILES)]
    for name, values in (("width", found.widths), ("height", found.heights), ("characters", found.lengths)):
        lines.append(f"{name:<12}" + "".join(f"{value:>8,}" for value in values))
    rare = found.rare
    counts = ", ".join(f"{_printable(c)} {count}" for c, count in rare.items()) or "none"
    lines += [
        "",
        f"characters: {len(found.character_counts)}; with fewer than {FEW_EXAMPLES} training examples: {counts}",
    ]
    common = "".join(sorted(found.character_counts.keys() - rare.keys()))
    if rare and common:
        lines.append(f"the others: --config.data.alphabet={shlex.quote(common)}")
    for reason, ids in found.suspicious.items():
        lines.append(f"{reason}: {len(ids)}" + (f" (first: {', '.join(ids[:5])})" if ids else ""))
    return "\n".join(lines)


def _printable(character: str) -> str:
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"
