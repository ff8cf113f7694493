"""The raw files that a dataset is prepared from, and checksums that tell whether they have changed."""

import contextlib
import dataclasses
import functools
import hashlib
import pathlib

from hwgan.datasets.raw_files import is_archive, is_hidden

# Files whose content is compared when a dataset is prepared again, besides archives and the `text` of Kaldi; of others,
# such as images, name and size are.
_TEXT_ENDINGS = (".tsv", ".csv", ".tab", ".txt", ".lst", ".list", ".json", ".jsonl", ".xml", ".inkml")
_KALDI_TEXT = "text"


@dataclasses.dataclass(frozen=True)
class SourceFiles:
    """A folder or a file that a dataset is prepared from.

    Attributes:
      source: its absolute path; None for a dataset that is made without one.
      excluded: folder within it whose files do not count.
    """

    source: pathlib.Path | None
    excluded: pathlib.Path

    @property
    def name(self) -> str:
        """Name of the source without its parent folders, which may be private; "" without a source."""
        return self.source.name if self.source else ""

    @functools.cached_property
    def paths(self) -> list[pathlib.Path]:
        """The files; none without a source."""
        if self.source is None or self.source.is_file():
            return [self.source] if self.source else []
        return sorted(
            path
            for path in self.source.rglob("*")
            if path.is_file()
            and not path.resolve().is_relative_to(self.excluded)
            # As .git and .DS_Store, which change by themselves.
            and not is_hidden(path.relative_to(self.source).as_posix())
        )

    @functools.cached_property
    def listing(self) -> str:
        """A checksum of names and sizes of the files, which changes if these change; "" without a source."""
        if self.source is None:
            return ""
        parent = self.source.parent
        listing = [f"{path.relative_to(parent)} {path.stat().st_size}" for path in self.paths]
        return hashlib.sha256("\n".join(listing).encode(errors="surrogateescape")).hexdigest()[:16]

    @functools.cached_property
    def content(self) -> str:
        """A checksum of the content of archives, tables and texts, which people correct; "" without any."""
        digest, count = hashlib.sha256(), 0
        for path in self.paths:
            is_text = path.suffix.lower() in _TEXT_ENDINGS or path.name == _KALDI_TEXT
            if not is_archive(path) and not is_text:
                continue
            # One that cannot be read is named where it is needed.
            with contextlib.suppress(OSError), path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
                count += 1
        return digest.hexdigest()[:16] if count else ""
