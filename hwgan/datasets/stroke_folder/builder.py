"""The stroke_folder dataset: any strokes in JSON or InkML files, with their transcriptions."""

import tensorflow_datasets as tfds

from hwgan.data.ink import Stroke
from hwgan.datasets.ink_builder import InkBuilder
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.stroke_folder.parser import parse_stroke_file
from hwgan.datasets.stroke_folder.sources import read_stroke_source
from hwgan.datasets.word_folder.folder_builder import FolderBuilder
from hwgan.datasets.word_folder.sources import Source


class StrokeFolder(FolderBuilder, InkBuilder, skip_registration=True):
    """A folder, zip or tar with files of strokes and their texts, in a table or in the files; see `sources`.

    Splits are dealt as those of `WordFolder`.
    """

    name = "stroke_folder"
    description = "Strokes from a folder, with their texts."

    def __init__(self, *, dataset_name: str, **kwargs):
        super().__init__(config=tfds.core.BuilderConfig(name=dataset_name), **kwargs)

    def _read_source(self, files: RawFiles) -> Source:
        return read_stroke_source(files)

    def _read_file(self, files: RawFiles, path: str) -> list[Stroke]:
        return parse_stroke_file(files.read(path), path).strokes
