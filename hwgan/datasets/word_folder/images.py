"""Finds the image that a table means, however the table spells its path."""

import dataclasses
import functools
import itertools
import posixpath
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from hwgan.data.transforms import IMAGE_ENDINGS
from hwgan.datasets.raw_files import common_prefix, is_hidden, plain_path
from hwgan.datasets.word_folder.rows import Row, is_image, stem
from hwgan.runtime.errors import UserError

_TRIED = 200  # paths that show where the images of a table lie


class ImageIndex:
    """The images of a source by their paths, by paths in lower case, and by names without ending.

    Attributes:
      images: paths of all images that are not hidden, sorted.
    """

    def __init__(self, names: Iterable[str], endings: tuple[str, ...] = IMAGE_ENDINGS):
        """Creates the index of the paths from the root of the raw files, which are normalized.

        Args:
          names: all paths.
          endings: those of the files that a table means: images, or others.
        """
        self._is_image = functools.partial(is_image, endings=endings)
        self._stem = functools.partial(stem, endings=endings)
        self._names = set(names)
        self.images = sorted(name for name in self._names if self._is_image(name) and not is_hidden(name))
        self._by_lower: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_basename: dict[str, list[str]] = defaultdict(list)
        for name in self.images:
            self._by_lower[name.lower()].append(name)
            self._by_stem[self._stem(name)].append(name)
            self._by_basename[self._stem(posixpath.basename(name)).lower()].append(name)

    def find(self, path: str, folder: str = "") -> str:
        """The image that a table in `folder` calls `path`; "" if there is none, or several are meant.

        The spellings that are tried: as it is; with Windows separators; URL-encoded; in another case; without ending.
        """
        paths = [plain_path(posixpath.join(folder, spelling)) for spelling in _spellings(path)]
        for full in paths:
            if full in self._names:
                return full
        for full in paths:
            for found in (
                self._by_lower.get(full.lower(), []),
                [] if self._is_image(full) else self._by_stem.get(full, []),
            ):
                if len(found) == 1:
                    return found[0]
        return ""

    def find_anywhere(self, path: str) -> str:
        """The only image of this name in any folder; "" if there is none, or several, or if `path` names a folder."""
        *_, name = _spellings(path)
        if "/" in name:
            return ""
        candidates = self._by_basename.get(self._stem(name).lower(), [])
        fitting = (image for image in candidates if not self._is_image(name) or image.lower().endswith(name.lower()))
        found = list(itertools.islice(fitting, 2))
        return found[0] if len(found) == 1 else ""

    def locate(self, rows: list[Row], folder: str) -> list[Row]:
        """The rows with their `image`, where it is found.

        Where most images are not where the table says, all lie in another folder than the paths of the table start
        from, such as img/7.png for 7.png or for C:/data/img/7.png; or each has a name of its own in the whole source.
        An image that is found so belongs to the row whose path is most like its own, and to none where several are.

        Raises:
          UserError: the paths fit several folders.
        """
        found = [self.find(row.file, folder) for row in rows]
        lost = [row.file for row, image in zip(rows, found, strict=True) if not image]
        if 2 * len(lost) > len(rows):
            dropped, base = self._moved_to(lost)
            taken = set(found)
            moved = {path: self._find_moved(path, dropped, base) for path in lost}
            kept = _unambiguous({path: image for path, image in moved.items() if image not in taken})
            found = [image or kept.get(row.file, "") for row, image in zip(rows, found, strict=True)]
        return [
            dataclasses.replace(row, image=image, file=relative_to(image, folder), stated=row.file) if image else row
            for row, image in zip(rows, found, strict=True)
        ]

    def _find_moved(self, path: str, dropped: int, base: str) -> str:
        """The image of a path in the folder `base`, without its first folders, or the only one of its name."""
        rest = _parts(path)[dropped:]
        return (self.find("/".join(rest), base) if rest else "") or self.find_anywhere(path)

    def _moved_to(self, paths: list[str]) -> tuple[int, str]:
        """Number of leading folders to drop from the paths of a table, and the folder where the rest of them lies.

        Raises:
          UserError: the paths fit several folders equally well.
        """
        votes: Counter[tuple[int, str]] = Counter()
        tried = paths[:: max(1, len(paths) // _TRIED)]
        for path in tried:
            votes.update(set(self._places(_parts(path))))
        ranked = [item for item in sorted(votes.items(), key=lambda item: -item[1]) if 2 * item[1] > len(tried)]
        best = sorted(place for place, count in ranked if count == ranked[0][1])
        if len(best) > 1:
            folders = " and ".join(f"{folder or '.'}/" for _, folder in best)
            raise UserError(
                f"{paths[0]!r} and others fit images in each of {folders}: leave one of these folders, or write the "
                "folder before each name"
            )
        return best[0] if best else (0, "")

    def _places(self, parts: list[str]) -> Iterator[tuple[int, str]]:
        """The (dropped folders, folder) by which this path is found, with as few folders dropped as can be."""
        if not parts or parts[0] == "..":
            return
        candidates = self._by_basename.get(self._stem(parts[-1]).lower(), [])
        for dropped in range(len(parts)):
            tail = "/".join(parts[dropped:])
            length = len(tail)
            found = False
            for image in candidates:
                shown = image if self._is_image(tail) else self._stem(image)
                if ("/" + shown.lower()).endswith("/" + tail.lower()):
                    found = True
                    yield dropped, shown[: len(shown) - length].rstrip("/")
            if found:
                return


def _unambiguous(images: dict[str, str]) -> dict[str, str]:
    """The image of each path that is more like the image's own path than any other path for which it was found."""
    paths_of: dict[str, list[str]] = defaultdict(list)
    for path, image in images.items():
        if image:
            paths_of[image].append(path)
    kept = {}
    for image, paths in paths_of.items():
        likeness = {path: _common_tail(_parts(path), image.split("/")) for path in paths}
        best = [path for path in paths if likeness[path] == max(likeness.values())]
        if len({plain_path(path) for path in best}) == 1:
            kept |= dict.fromkeys(best, image)
    return kept


def _common_tail(path: list[str], image: list[str]) -> int:
    """How many folders before the name of a file two paths have in common."""
    return common_prefix([part.lower() for part in path[-2::-1]], [part.lower() for part in image[-2::-1]])


def relative_to(name: str, folder: str) -> str:
    """The path from `folder` if the file is in it, else the whole path."""
    return name.removeprefix(f"{folder}/") if folder else name


def _spellings(path: str) -> list[str]:
    slashed = path.replace("\\", "/")
    return list(dict.fromkeys((path, slashed, urllib.parse.unquote(slashed))))


def _parts(path: str) -> list[str]:
    return plain_path(_spellings(path)[-1]).strip("/").split("/")
