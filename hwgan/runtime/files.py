"""Reading and writing files that others may have made, read meanwhile, or linked elsewhere.

A file is written under a random name, opened exclusively and never through a link, and is then renamed: readers find
the old content or the new one, also after a killed process or on a full disk; a link at the final name is replaced,
not followed. Only files written with `sync` survive a loss of power too.
"""

import contextlib
import errno
import os
import pathlib
import secrets
import stat
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from hwgan.runtime.errors import UserError

SOFTWARE = "hwgan"  # what the metadata of written pictures name as the program that made them
_WITH_EXIF = ("JPEG", "TIFF", "WEBP", "MPO")


@contextlib.contextmanager
def writing(path: str | pathlib.Path) -> Iterator[None]:
    """Makes the folder of a file that is written within; what the system or Pillow refuse becomes a `UserError`."""
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        yield
    except UserError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {str(path)!r}: {getattr(error, 'strerror', None) or error}") from error


def is_denied(error: OSError) -> bool:
    """Whether nothing may be written to a folder at all, as opposed to a full disk: another folder may do."""
    return error.errno in (errno.EACCES, errno.EROFS, errno.EPERM)


@contextlib.contextmanager
def replacing(path: pathlib.Path, *, sync: bool = False) -> Iterator[IO[bytes]]:
    """Opens a new file that takes the place of `path` at the end, and is deleted if an exception ends the block.

    Args:
      path: of the file; its folder exists.
      sync: wait until the disk has it, so that it survives a crash of the machine too.

    Raises:
      OSError: it cannot be written, or there is a folder or a device of this name; what was there is as it was.
    """
    with contextlib.suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):  # a rename would replace even /dev/null
            raise OSError(errno.EINVAL, "is not a file", str(path))
    # Names have at most 255 bytes, of which a character may take several.
    beginning = os.fsencode(path.name)[:80].decode(errors="ignore")
    temporary = path.with_name(f".{beginning}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: pathlib.Path, text: str, *, sync: bool = False) -> None:
    """Replaces a file by UTF-8 text; see `replacing`."""
    with replacing(path, sync=sync) as file:
        file.write(text.encode())


def replace_image(path: pathlib.Path, image: Image.Image, *, dpi: int | float = 0.0) -> None:
    """Replaces a file by an image, in the format that its ending names; see `replacing`.

    Its metadata name hwgan as the software that made it, where the format has room for it.

    Args:
      path: of the file.
      image: to write.
      dpi: pixels per inch in print; 0 for unknown.

    Raises:
      ValueError: the ending is not that of an image format that can be written.
    """
    kind = image_format(path)
    options: dict[str, Any] = {"dpi": (dpi, dpi)} if dpi else {}
    if kind == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_text("Software", SOFTWARE)
    elif kind in _WITH_EXIF:
        options["exif"] = Image.Exif()
        options["exif"][ExifTags.Base.Software] = SOFTWARE
    with replacing(path) as file:
        image.save(file, kind, **options)


def image_format(path: pathlib.Path) -> str:
    """The format of Pillow in which an image file of this name is written.

    Raises:
      ValueError: there is none.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ValueError(f"an image cannot be written as {path.name!r}: its name ends in none of .png, .jpg, .tif ...")
    return kind


@contextlib.contextmanager
def open_regular(path: pathlib.Path, max_bytes: int) -> Iterator[IO[bytes]]:
    """Opens a regular file for reading; devices and pipes, which might never end, are refused.

    Raises:
      OSError: there is no such file, it is no regular one, or it has more than `max_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        if status.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"has more than {max_bytes} bytes ({max_bytes / 1e6:.0f} MB)", str(path))
        yield file


def read_regular(path: pathlib.Path, max_bytes: int) -> bytes:
    """The bytes of a regular file; see `open_regular`."""
    with open_regular(path, max_bytes) as file:
        return file.read(max_bytes)


def check_plain(path: pathlib.Path, kind: str) -> os.stat_result:
    """The status of a file or folder among files of unknown origin; a link is not followed.

    Args:
      path: of the file.
      kind: what it belongs to, for the message.

    Raises:
      UserError: it is a link, a pipe or a device.
      FileNotFoundError: it does not exist.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path} is a link, a pipe or a device, which no {kind} has: it is not opened")
    return status


def user_path(path: str | pathlib.Path) -> pathlib.Path:
    """A path that a user gave, in which ~ is a home folder; that of an unknown user stays as it is."""
    return pathlib.Path(os.path.expanduser(path))  # noqa: PTH111, Path.expanduser raises RuntimeError there


def is_there(path: str | pathlib.Path) -> bool:
    """Whether a path exists; False also for what cannot be one, such as a text that is longer than paths can be."""
    return os.path.exists(path)  # noqa: PTH110, Path.exists raises OSError there


def user_cache_folder(name: str) -> pathlib.Path:
    """The folder NAME of hwgan in the user's cache folder, which need not exist.

    Raises:
      RuntimeError: the user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "hwgan" / name


def check_output_file(flag: str, path: str, *, endings: tuple[str, ...] = (), image: bool = False) -> None:
    """Checks that a file can be written, before the work whose result it is to hold.

    Args:
      flag: name of the flag that gives it, for messages.
      path: of the file; its folder is made.
      endings: one of which it must have; () for any.
      image: whether it must have that of an image format.

    Raises:
      UserError: it has another ending, is a folder, or its folder cannot be written to.
    """
    file = pathlib.Path(path)
    if endings and file.suffix.lower() not in endings:
        raise UserError(f"--{flag}={path}: its name must end in {' or '.join(endings)}")
    if image:
        try:
            image_format(file)
        except ValueError as error:
            raise UserError(f"--{flag}={path}: {error}") from error
    check_output_folder(flag, str(file.parent))  # first, for of what lies in a locked folder nothing can be told
    if file.is_dir():
        raise UserError(f"--{flag}={path} is a folder; give the name of a file")


def check_output_folder(flag: str, path: str) -> None:
    """Makes a folder, and checks that files can be written to it.

    Raises:
      UserError: they cannot.
    """
    try:
        pathlib.Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"--{flag}: {path!r} is no folder, or lies in what is none") from error
    except OSError as error:
        raise UserError(f"--{flag}: the folder {path!r} cannot be written to: {error.strerror or error}") from error
