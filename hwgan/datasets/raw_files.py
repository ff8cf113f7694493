"""Raw files in a folder, a zip or a tar archive, read the same way."""

import atexit
import pathlib
import tarfile
import tempfile
import zipfile

from hwgan.errors import UserError

_TAR_ENDINGS = (".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2")


class RawFiles:
    """The files of a folder or an archive, by their paths relative to its root, with "/" between parts."""

    def __init__(self, source: str | pathlib.Path):
        self.source = pathlib.Path(source).expanduser()
        self._zip: zipfile.ZipFile | None = None
        try:
            self._open()
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            raise UserError(f"cannot read {self.source}: {error}; is the file whole?") from error

    def _open(self) -> None:
        if self.source.is_dir():
            self._root = self.source
        elif self.source.name.endswith(".zip"):
            self._zip = zipfile.ZipFile(self.source)
        elif self.source.name.endswith(_TAR_ENDINGS):
            # A compressed tar has no random access: it is unpacked once, for as long as this process lives.
            folder = tempfile.TemporaryDirectory(prefix="hwgan-")
            atexit.register(folder.cleanup)
            with tarfile.open(self.source) as archive:
                archive.extractall(folder.name, filter="data")
            self._root = pathlib.Path(folder.name)
        else:
            raise UserError(f"{self.source} is neither a folder nor one of .zip {' '.join(_TAR_ENDINGS)}")

    def names(self) -> list[str]:
        """All file paths, sorted."""
        if self._zip:
            return sorted(name for name in self._zip.namelist() if not name.endswith("/"))
        return sorted(path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())

    def read(self, name: str) -> bytes:
        """The bytes of a file; raises KeyError or OSError where there is none."""
        if self._zip:
            try:
                return self._zip.read(name)
            except zipfile.BadZipFile as error:
                raise OSError(str(error)) from error
        return (self._root / name).read_bytes()

    def read_text(self, name: str) -> str:
        """A file as UTF-8, a byte order mark dropped.

        Raises:
          UserError: it is not UTF-8.
        """
        try:
            return self.read(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{name} in {self.source} is not UTF-8: {error}") from error
