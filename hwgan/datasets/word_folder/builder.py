"""The word_folder dataset: any word or line images with their transcriptions."""

import tensorflow_datasets as tfds

from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.word_folder.folder_builder import FolderBuilder
from hwgan.datasets.word_folder.sources import Source, read_source
from hwgan.datasets.word_image_builder import WordImageBuilder


class WordFolder(FolderBuilder, WordImageBuilder, skip_registration=True):
    """A folder, zip or tar with images and their texts: in a table, in a list, or beside the images; see `sources`."""

    name = "word_folder"
    description = "Word images from a folder, with their texts."

    def __init__(self, *, dataset_name: str, **kwargs):
        super().__init__(config=tfds.core.BuilderConfig(name=dataset_name), **kwargs)

    def _read_source(self, files: RawFiles) -> Source:
        return read_source(files)

    def _read_file(self, files: RawFiles, path: str) -> bytes:
        return files.read(path)
