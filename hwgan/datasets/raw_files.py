"""Raw files in a folder, a zip or a tar archive, read the same way, by a reader that trusts none of them."""

import atexit
import errno
import pathlib
import posixpath
import tarfile
import tempfile
import unicodedata
import zipfile

from hwgan.errors import UserError

_TAR_ENDINGS = (".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2")
_MAX_FILE_BYTES = 512 << 20  # of one file, unpacked
# Scans hardly compress, so an archive that grows more than this is a bomb.
_MAX_GROWTH, _FREE_GROWTH_BYTES = 100, 1 << 30


class RawFiles:
    """The files of a folder or an archive, by their paths relative to its root, with "/" between parts.

    Nothing outside the source is ever read or written: paths and links that lead out of it are refused, each when it
    is asked for, so that one of them costs no other file. Paths are compared in their plain form ("a/../b" is "b") and
    in NFC, for some systems keep names decomposed.

    Attributes:
      source: the folder or archive.
    """

    def __init__(self, source: str | pathlib.Path):
        self.source = pathlib.Path(source).expanduser()
        self._zip: zipfile.ZipFile | None = None
        self._refused: dict[str, str] = {}
        try:
            self._open()
            self._paths = {plain_path(name): name for name in self._list()}
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise UserError(f"cannot read {self.source}: {error}; is the file whole, and is there room?") from error

    def _open(self) -> None:
        if self.source.is_dir():
            self._root = self.source.resolve()
        elif self.source.name.endswith(".zip"):
            self._zip = zipfile.ZipFile(self.source)
        elif self.source.name.endswith(_TAR_ENDINGS):
            self._root = self._unpack()
        else:
            raise UserError(f"{self.source} is neither a folder nor one of .zip {' '.join(_TAR_ENDINGS)}")

    def _unpack(self) -> pathlib.Path:
        # A compressed tar has no random access: it is unpacked once, for as long as this process lives.
        folder = tempfile.TemporaryDirectory(prefix="hwgan-")
        atexit.register(folder.cleanup)
        left = _FREE_GROWTH_BYTES + _MAX_GROWTH * self.source.stat().st_size
        with tarfile.open(self.source) as archive:
            for member in archive:
                name = plain_path(member.name)
                left -= member.size
                if left < 0:
                    raise UserError(f"{self.source} unpacks to more than {_MAX_GROWTH} times its size: it is refused")
                if member.isdir():
                    continue
                if not member.isfile():
                    self._refused[name] = "is a link or a device, not a file"
                elif member.size > _MAX_FILE_BYTES:
                    self._refused[name] = f"has {member.size} bytes, more than {_MAX_FILE_BYTES}"
                else:
                    self._extract(archive, member, folder.name)
            # tarfile takes a damaged header, or the end of a file cut between two members, for the end of the archive.
            archive.fileobj.seek(archive.offset)  # pyright: ignore[reportOptionalMemberAccess]
            if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:  # pyright: ignore
                raise tarfile.ReadError("the archive ends without its end mark")
        return pathlib.Path(folder.name).resolve()

    def _extract(self, archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
        try:
            archive.extract(member, folder, filter="data")
        except tarfile.FilterError as error:
            self._refused[plain_path(member.name)] = f"leads out of the archive ({error})"
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC or isinstance(error, EOFError):
                raise
            self._refused[plain_path(member.name)] = f"cannot be unpacked ({error})"

    def _list(self) -> list[str]:
        if self._zip:
            return [name for name in self._zip.namelist() if not name.endswith("/")]
        files = (path for path in self._root.rglob("*") if path.is_symlink() or path.is_file())
        return [path.relative_to(self._root).as_posix() for path in files]

    def names(self) -> list[str]:
        """All file paths in their plain form, sorted; those that would be refused too."""
        return sorted([*self._paths, *self._refused])

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
          KeyError: there is none of this name.
          OSError: it cannot be read: it leads out of the source, is damaged, encrypted or far too large.
        """
        name = plain_path(name)
        if name in self._refused:
            raise OSError(self._refused[name])
        if name.startswith(("/", "../")):
            raise OSError("leads out of the source")
        real = self._paths[name]
        if self._zip:
            return self._read_zipped(self._zip, real)
        try:
            path = (self._root / real).resolve(strict=True)
        except RuntimeError as error:  # what Python 3.11 and 3.12 make of a link that leads to itself
            raise OSError(str(error)) from error
        if not path.is_relative_to(self._root):
            raise OSError("is a link that leads out of the source")
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise OSError(f"has more than {_MAX_FILE_BYTES} bytes")
        return path.read_bytes()

    def _read_zipped(self, archive: zipfile.ZipFile, name: str) -> bytes:
        info = archive.getinfo(name)
        if info.file_size > _MAX_FILE_BYTES:
            raise OSError(f"unpacks to {info.file_size} bytes, more than {_MAX_FILE_BYTES}")
        try:
            return archive.read(info)
        except Exception as error:  # zlib.error, BadZipFile, RuntimeError (encrypted), NotImplementedError...
            raise OSError(str(error)) from error

    def read_text(self, name: str) -> str:
        """A file as UTF-8, a byte order mark dropped.

        Raises:
          UserError: it cannot be read, or is not UTF-8.
        """
        try:
            return self.read(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.read(name)[: error.start].count(b"\n") + 1
            raise UserError(f"{name} in {self.source}, line {line}, is not UTF-8: {error}; save it as UTF-8") from error
        except (KeyError, OSError) as error:
            raise UserError(f"cannot read {name} in {self.source}: {error}") from error


def plain_path(path: str) -> str:
    """A path without "." and "..", as far as that goes, in NFC."""
    return unicodedata.normalize("NFC", posixpath.normpath(path))


def text_lines(text: str) -> list[str]:
    """Lines ended by LF or CRLF, and by nothing else: `splitlines` also cuts at characters that a label may hold."""
    return [line.removesuffix("\r") for line in text.split("\n")]
