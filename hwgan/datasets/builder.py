"""The base class of dataset builders: features, checks of every example, records on disk, and the summary."""

import dataclasses
import functools
import pathlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core import example_serializer

from hwgan.data.charset import normalize_text
from hwgan.datasets.source_files import SourceFiles
from hwgan.datasets.splits import SplitLists
from hwgan.datasets.tally import Tally, printable
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path
from hwgan.runtime.progress import with_progress

# Byte order mark, zero width space, word joiner, soft hyphen and bidirectional control characters, which have no ink.
_INVISIBLE = dict.fromkeys([0xFEFF, 0x200B, 0x2060, 0xAD])
_INVISIBLE |= dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


@dataclasses.dataclass(frozen=True)
class Example:
    """One row of a dataset before it is checked and written.

    Attributes:
      id: id that is unique within the dataset.
      text: transcription of the image.
      writer: name of the writer; "" if unknown.
      load: returns the encoded image (PNG, JPEG, TIFF...) or a grey uint8 array, or of ink its strokes; raises KeyError
        if it is missing, OSError or ValueError if it cannot be read.
      extras: values of the dataset's `extra_features`.
      place: location in the raw files, such as "words.tsv line 7", for messages.
    """

    id: str
    text: str
    writer: str
    load: Callable[[], Any]
    extras: dict[str, Any] = dataclasses.field(default_factory=dict)
    place: str = ""


class _LocalInfo(tfds.core.DatasetInfo):
    """Information on a dataset that is made here, for which tfds does not ask its public bucket."""

    def initialize_from_bucket(self) -> None:
        """Does nothing; the implementation of tfds sends a request and leaves a temporary folder behind."""


class HandwritingBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A tfds builder of handwriting with its text; subclasses implement `_read_splits` and `_load`.

    Attributes:
      kind: what the handwriting is, "image" or "ink"; the name of its field, for the summary and for messages.
      extra_features: tfds features besides id, text, writer and the handwriting.
      options: options of the user besides the source; stored in the summary.
      lists: split lists of the user; None for the splits of the dataset itself.
      split_source: description of the origin of the splits, for the summary.
      tally: counts of rows and skipped examples; complete once the dataset is prepared.
      text_source: description of the origin of the texts, for the summary; "" if the dataset has only one.
      warnings: sentences about the whole dataset that its user must know, for the summary.
    """

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.1.0": "Checksums, options and direction in the summary; rows with control characters left out."}
    kind = ""
    extra_features: dict[str, Any] = {}
    description = ""
    homepage = ""

    split_source = ""

    def __init__(
        self,
        *,
        source: str | None = None,
        options: dict[str, Any] | None = None,
        lists: SplitLists | None = None,
        **kwargs,
    ):
        self.source = source
        self.lists = lists
        self.options = options or {}
        if lists is not None:
            self.options = {**self.options, "splits": lists.fingerprint}
            self.split_source = lists.origin
        self.tally = Tally()
        self.text_source = ""
        self.warnings: list[str] = []
        super().__init__(file_format="array_record", **kwargs)

    def _read_splits(self) -> dict[str, Iterable[Example]]:
        """Examples by split."""
        raise NotImplementedError

    def _content_feature(self) -> tfds.features.FeatureConnector:
        """The tfds feature of the handwriting."""
        raise NotImplementedError

    def _load(self, example: Example) -> tuple[Any, np.ndarray]:
        """The handwriting of an example as its row has it, and as the array that the checksum is of.

        Raises:
          KeyError, OSError, ValueError, OverflowError: it is missing, or cannot be read.
        """
        raise NotImplementedError

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "id": tfds.features.Text(),
            self.kind: self._content_feature(),
            "text": tfds.features.Text(),
            "writer": tfds.features.Text(),
            **self.extra_features,
        }
        return _LocalInfo(
            builder=self,
            description=self.description,
            homepage=self.homepage,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=False,
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing is downloaded
        return {split: self._generate_examples(split, examples) for split, examples in self._read_splits().items()}

    def _generate_splits(self, dl_manager, download_config) -> list[tfds.core.SplitInfo]:
        """Writes rows in the order in which they are generated, one file per split.

        The implementation of tfds collects a split in memory to shuffle it, and requires TensorFlow above 1 GiB. The
        order on disk does not matter, because `load_words` sorts the rows by hash and training shuffles them.
        """
        del download_config
        features: Any = self.info.features
        serializer = example_serializer.ExampleSerializer(features.get_serialized_info())
        infos = []
        for split, rows in self._split_generators(dl_manager).items():
            template = self._get_filename_template(split)
            path = template.sharded_filepath(shard_index=0, num_shards=1)
            writer = ArrayRecordWriter(str(path), "group_size:1")
            num_bytes = 0
            try:
                for _, row in rows:
                    record = serializer.serialize_example(features.encode_example(row))
                    writer.write(record)
                    num_bytes += len(record)
            finally:
                writer.close()
            if not self.tally.counts[split]:
                path.unlink()
                continue
            infos.append(
                tfds.core.SplitInfo(
                    name=split,
                    shard_lengths=[self.tally.counts[split]],
                    num_bytes=num_bytes,
                    filename_template=template,
                )
            )
        return infos

    def _generate_examples(self, split: str, examples: Iterable[Example]) -> Iterator[tuple[str, dict[str, Any]]]:
        for example in with_progress(examples, f"preparing {split}", "examples"):
            row = self._check(split, example)
            if row is None:
                continue
            yield row["id"], row
        if self.tally.counts[split]:
            return
        message = (
            f"the {split} split of {self.name} is empty: no usable example was found in {self.source or 'the source'} "
            f"({self.tally.skipped_text() or 'nothing was skipped'}); --splits= sets the split of each example"
        )
        # Training splits are written first. Where they are whole, an empty test split is no reason to refuse them.
        if not self.tally.counts["train"]:
            raise UserError(message)
        self.warnings.append(message)

    def side_files(self) -> dict[str, str | bytes]:
        """Additional files of the dataset, texts or others: content by file name."""
        return {}

    def choose_split(self, example: Example | str, otherwise: str, alias: str = "") -> str | None:
        """The split of an example: by the user's lists, or `otherwise` without lists; None (a skip) if not listed.

        Args:
          example: or its id.
          otherwise: the split without lists.
          alias: another name under which lists may have it; "" for none.
        """
        if self.lists is None:
            return otherwise
        split = self.lists.find(example.id if isinstance(example, Example) else example)
        if split is None and alias:
            split = self.lists.find(alias)
        if split is None:
            self.skip("in no split list", example)
        return split

    def _check(self, split: str, example: Example) -> dict[str, Any] | None:
        """The row to write; None if the example cannot be used, which is recorded as a skip."""
        text, writer = clean_text(example.text), clean_text(example.writer)
        if example.id in self.tally.ids:
            return self.skip("duplicate id", example)
        if not text:
            return self.skip("empty text", example)
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text + example.id + writer):
            return self.skip("control character", example)
        try:
            content, array = self._load(example)
        except (KeyError, FileNotFoundError):
            return self.skip(f"missing {self.kind}", example)
        except (OSError, ValueError, OverflowError) as error:
            return self.skip(f"unreadable {self.kind}", example, str(error).partition("<")[0].strip())
        row = {"id": example.id, "text": text, "writer": writer, **example.extras}
        self.tally.add(split, row, array)
        return row | {self.kind: content}

    def skip(self, reason: str, example: Example | str, detail: str = "") -> None:
        """Records an example, or the item with this id, as skipped."""
        name = example
        if isinstance(example, Example):
            name = f"{example.id} ({example.place})" if example.place else example.id
        self.tally.skip(reason, str(name), detail)

    def summary(self) -> dict[str, Any]:
        """The summary: counts of examples and writers, alphabet, options, checksum, skipped examples."""
        for listed in self.lists.unmatched() if self.lists else ():
            self.skip("listed for a split, but not there", listed)
        return {
            "dataset": f"{self.name}/{self.builder_config.name}" if self.builder_config else self.name,
            "kind": self.kind,
            "version": str(self.version),
            "source": self.source_files.name,
            "source_listing": self.source_files.listing,
            "source_content": self.source_files.content,
            "options": self.options,
            "texts": printable(self.text_source),
            "splits": self.split_source,
            "warnings": list(map(printable, self.warnings)),
            **self.tally.summary(),
        }

    @functools.cached_property
    def source_files(self) -> SourceFiles:
        """The raw files, without those that are written here: the folder of datasets may be inside the source."""
        source = user_path(self.source).resolve() if self.source else None
        return SourceFiles(source, pathlib.Path(self.data_dir).parent.resolve())


def clean_text(text: str) -> str:
    """NFC, without white space at the ends and without invisible marks."""
    return normalize_text(text.translate(_INVISIBLE)).strip(" \t\r\n")
