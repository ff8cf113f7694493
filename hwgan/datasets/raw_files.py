"""Safe access to the raw files of a dataset in a folder, a zip or a tar archive."""

import bz2
import codecs
import contextlib
import errno
import gzip
import io
import logging
import lzma
import pathlib
import posixpath
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
from typing import IO, Any

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import open_regular, read_regular, user_path
from hwgan.runtime.process_end import temporary_folder
from hwgan.runtime.wording import some

logger = logging.getLogger(__name__)

_UTF8_FLAG = 0x800  # of a file in a zip, whose name is UTF-8
_TAR_ENDINGS = (".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2")
_MAX_MEMBERS, _MAX_HEADER_BYTES = 2_000_000, 1 << 20  # of a tar file
_MAX_DIRECTORY_BYTES = 100 << 20  # of a zip file, about a million members
_ZIP_TAIL_BYTES = 70_000  # that hold its end records: a comment has at most 65,535
_ANY_SIZE = 1 << 62
_MAX_FILE_BYTES = 512 << 20  # per unpacked file
# Scans hardly compress, so an archive that expands by more than this is a decompression bomb.
_MAX_GROWTH, _FREE_GROWTH_BYTES = 100, 1 << 30


def is_archive(path: pathlib.Path) -> bool:
    """Whether the name of a file is that of an archive which can be read."""
    return path.name.lower().endswith((".zip", *_TAR_ENDINGS))


class RawFiles:
    """The files of a folder or an archive, by their paths relative to its root, with "/" as separator.

    Nothing outside the source is ever read or written: paths and links that lead out of it are refused when they are
    read, so that the other files stay usable. Paths are normalized ("a/../b" is "b") and compared in NFC, because some
    file systems store names in decomposed form.

    Attributes:
      source: path of the folder or archive.
    """

    def __init__(self, source: str | pathlib.Path):
        self.source = user_path(source)
        self._zip: zipfile.ZipFile | None = None
        self._refused: dict[str, str] = {}
        try:
            self._open()
            self._paths = {plain_path(_shown(self._zip, name)): name for name in self._list()}
        except UserError:
            raise
        except Exception as error:  # decompressors have exceptions of their own
            room = tempfile.gettempdir()
            raise UserError(
                f"cannot read {self.source}: {error}; is the file whole, and is there room in {room}, where tar files "
                "are unpacked? TMPDIR=FOLDER takes another one"
            ) from error

    def _open(self) -> None:
        if self.source.is_dir():
            self._root = self.source.resolve()
        elif self.source.name.lower().endswith(".zip"):
            self._zip = self._open_zip()
        elif is_archive(self.source):
            self._root = self._unpack()
        else:
            raise UserError(f"{self.source} is neither a folder nor one of .zip {' '.join(_TAR_ENDINGS)}")

    def _open_zip(self) -> zipfile.ZipFile:
        with open_regular(self.source, _ANY_SIZE) as file:
            if _directory_bytes(file) > _MAX_DIRECTORY_BYTES:
                raise UserError(f"{self.source} lists more files than any collection of images: it is refused")
        return zipfile.ZipFile(self.source)

    def _unpack(self) -> pathlib.Path:
        # A compressed tar has no random access, so it is unpacked to a folder that is deleted when the process ends.
        folder = temporary_folder()
        remaining = _FREE_GROWTH_BYTES + _MAX_GROWTH * self.source.stat().st_size
        with (
            open_regular(self.source, _ANY_SIZE) as file,
            _decompressed(file) as stream,
            tarfile.open(fileobj=_ShortReads(stream), mode="r:") as archive,
        ):
            for number, member in enumerate(archive):
                if number > _MAX_MEMBERS:
                    raise UserError(f"{self.source} has more than {_MAX_MEMBERS} members: it is refused")
                archive.members = []  # pyright: ignore[reportAttributeAccessIssue]; else it keeps all in memory
                name = plain_path(member.name)
                remaining -= member.size
                if remaining < 0:
                    raise UserError(f"{self.source} unpacks to more than {_MAX_GROWTH} times its size: it is refused")
                if member.isdir():
                    continue
                if not member.isfile():
                    self._refused[name] = "is a link or a device, not a file"
                elif member.size > _MAX_FILE_BYTES:
                    self._refused[name] = f"has {member.size} bytes, more than {_MAX_FILE_BYTES}"
                else:
                    self._extract(archive, member, folder)
            # tarfile mistakes a damaged header, or a file truncated between two members, for the end of the archive.
            stream.seek(archive.offset)
            if stream.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                raise tarfile.ReadError("the archive ends without its end mark")
        return folder.resolve()

    def _extract(self, archive: tarfile.TarFile, member: tarfile.TarInfo, folder: pathlib.Path) -> None:
        try:
            archive.extract(member, folder, filter="data")
        except tarfile.FilterError as error:
            self._refused[plain_path(member.name)] = f"leads out of the archive ({error})"
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise
            self._refused[plain_path(member.name)] = f"cannot be unpacked ({error})"

    def _list(self) -> list[str]:
        if self._zip:
            return [name for name in self._zip.namelist() if not name.endswith("/")]
        files, linked = [], []
        for path in self._root.rglob("*"):
            if path.is_symlink() and path.is_dir():
                linked.append(path.relative_to(self._root).as_posix())
            elif path.is_symlink() or path.is_file():
                files.append(path.relative_to(self._root).as_posix())
        linked = sorted(name for name in linked if not is_hidden(name))
        if linked:
            logger.warning(
                "%s: folders that are links are not followed: %s; replace each by the folder that it leads to",
                self.source,
                some(linked),
            )
        return files

    def names(self) -> list[str]:
        """All normalized file paths, sorted, including those that `read` refuses."""
        return sorted([*self._paths, *self._refused])

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
          KeyError: there is no file of this name.
          OSError: the file is outside the source, damaged, encrypted, or larger than 512 MiB.
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
        except RuntimeError as error:  # Python 3.11 and 3.12 raise it for a link that leads to itself
            raise OSError(str(error)) from error
        if not path.is_relative_to(self._root):
            raise OSError("is a link that leads out of the source")
        try:
            return read_regular(path, _MAX_FILE_BYTES)
        except OSError as error:  # the path is told by who asked for the file
            raise OSError(error.strerror or str(error)) from error

    def _read_zipped(self, archive: zipfile.ZipFile, name: str) -> bytes:
        info = archive.getinfo(name)
        if info.file_size > _MAX_FILE_BYTES:
            raise OSError(f"unpacks to {info.file_size} bytes, more than {_MAX_FILE_BYTES}")
        try:
            return archive.read(info)
        except Exception as error:  # zlib.error, BadZipFile, RuntimeError (encrypted), NotImplementedError...
            raise OSError(str(error)) from error

    def read_text(self, name: str) -> str:
        """The text of a UTF-8 file, or of a UTF-16 file with a byte order mark; without that mark.

        Raises:
          UserError: the file cannot be read or is not UTF-8.
        """
        try:
            encoded = self.read(name)
            utf16 = encoded.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            return encoded.decode("utf-16" if utf16 else "utf-8-sig")
        except UnicodeDecodeError as error:
            line = encoded[: error.start].count(b"\n") + 1
            raise UserError(f"{name} in {self.source}, line {line}, is not UTF-8: {error}; save it as UTF-8") from error
        except (KeyError, OSError) as error:
            raise UserError(f"cannot read {name} in {self.source}: {error}") from error


def _shown(archive: zipfile.ZipFile | None, name: str) -> str:
    """The path that the name of a file means, which in a zip is not always written as the format has it."""
    if archive is None:
        return name
    if not archive.getinfo(name).flag_bits & _UTF8_FLAG:  # read as code page 437, but Unix programs write UTF-8
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")  # the separator of some programs of Windows


class _ShortReads:
    """A file that refuses long reads: tarfile reads extended headers whole, whatever length they claim."""

    def __init__(self, file: Any):
        self._file = file
        self.tell, self.seek, self.close, self.write = file.tell, file.seek, file.close, file.write

    def read(self, size: int) -> bytes:
        """Reads at most 1 MiB."""
        if size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


def _decompressed(file: Any) -> Any:
    """The content of a tar file, which is compressed as its first bytes say, whatever its name."""
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(file)
    return bz2.BZ2File(file) if start.startswith(b"BZh") else file


def _directory_bytes(file: IO[bytes]) -> int:
    """The size of a zip file's directory by its end record, or by that of zip64; 0 without one.

    References:
      APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16
    """
    end = file.seek(0, io.SEEK_END)
    first = max(0, end - _ZIP_TAIL_BYTES)
    file.seek(first)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 16:
        return 0
    (size,) = struct.unpack_from("<L", tail, place + 12)
    locator = tail[max(0, place - 20) : place]
    if not locator.startswith(b"PK\x06\x07"):
        return size
    # The record lies before its locator, and not always where that says: data may have been put before the archive.
    place = tail.rfind(b"PK\x06\x06", 0, place)
    return max(size if size < 0xFFFFFFFF else 0, struct.unpack_from("<Q", tail, place + 40)[0]) if place >= 0 else size


def plain_path(path: str) -> str:
    """A normalized path in NFC: without "." and, except at its start, without ".."."""
    return unicodedata.normalize("NFC", posixpath.normpath(path))


def common_prefix(a: list[str], b: list[str]) -> int:
    """How many items two lists begin with in common."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def is_hidden(name: str) -> bool:
    """Whether a path is a hidden file or metadata of an operating system, such as __MACOSX/._words.tsv."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def text_lines(text: str) -> list[str]:
    """Lines that end in LF or CRLF only; `str.splitlines` also splits at characters that a label may contain."""
    return [line.removesuffix("\r") for line in text.split("\n")]
