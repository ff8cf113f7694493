"""Reads the page descriptions of a source, and finds the image of each."""

import contextlib
import dataclasses
import functools
import hashlib
import posixpath
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator

from hwgan.datasets.pages.find_image import ImageFinder, NoImage, page_stem
from hwgan.datasets.pages.layout import Page, Region
from hwgan.datasets.pages.parser import parse_mets, parse_pages
from hwgan.datasets.pages.scan import Frame, Misplaced, Placement, place, read_frames
from hwgan.datasets.raw_files import RawFiles, common_prefix, is_hidden, plain_path


@dataclasses.dataclass(frozen=True)
class Description:
    """A page of an XML file and its image.

    Attributes:
      file: path of the XML file.
      index: position of the page in it, from 0.
      count: number of pages in it.
      kind: "PAGE" or "ALTO".
      usable: number of its usable regions.
      around_baseline: number of those whose polygon is made from their baseline.
      from_region: number of lines whose text is a line of their region's text.
      image: path of its image file.
      checksum: checksum of that file.
      derived: checksums of images that were made from it.
      placement: the way from its coordinates to pixels.
    """

    file: str
    index: int
    count: int
    kind: str
    usable: int
    around_baseline: int
    from_region: int
    image: str = ""
    checksum: str = ""
    derived: tuple[str, ...] = ()
    placement: Placement = dataclasses.field(default_factory=Placement)

    @property
    def is_beside(self) -> bool:
        """Whether the image lies beside the XML file; if not, it may be one of the same name of another manuscript."""
        return posixpath.dirname(self.image) == posixpath.dirname(self.file)

    @property
    def shared_folders(self) -> int:
        """How many folders, from the root, the image and the XML file have in common."""
        folders, own = (posixpath.dirname(path).split("/") for path in (self.image, self.file))
        return common_prefix(folders, own)

    @property
    def stem(self) -> str:
        """The name of the file, without folder and endings."""
        return page_stem(self.file)

    @property
    def name(self) -> str:
        """The name of the page: that of its file, with its number if the file has several."""
        return f"{self.stem}/{self.index + 1}" if self.count > 1 else self.stem

    @property
    def place(self) -> str:
        """The file, with the number of the page if the file has several."""
        return f"{self.file} page {self.index + 1}" if self.count > 1 else self.file

    def region_id(self, region: Region) -> str:
        """The id of a region: path of the file, number of the page if the file has several, and id on the page."""
        path = posixpath.splitext(self.file)[0]
        return f"{path}/{self.index + 1}/{region.id}" if self.count > 1 else f"{path}/{region.id}"


class Reader:
    """The page descriptions of a source.

    Attributes:
      xml_files: paths of all XML files.
    """

    def __init__(self, files: RawFiles, unit: str, skip: Callable[..., None]):
        """Creates a reader.

        Args:
          files: the raw files.
          unit: "line" or "word".
          skip: takes reason, id and detail of everything that cannot be used.
        """
        self._files, self._skip = files, skip
        names = files.names()
        self._names = set(names)
        xml_files = [name for name in names if name.lower().endswith(".xml") and not is_hidden(name)]
        # METS files come first, for they tell which files are of one page.
        self.xml_files = sorted(xml_files, key=lambda name: (not name.lower().endswith("mets.xml"), name))
        self._finder = ImageFinder(name for name in names if not is_hidden(name))  # thumbnails of file managers
        self._physical: dict[str, str] = {}  # page of METS, by path
        self._scan = functools.cache(self._read_scan)
        self._parse_file = functools.lru_cache(1)(lambda file: parse_pages(files.read(file), unit))

    def parse(self, description: Description) -> Page:
        """The page that was described."""
        pages = self._parse_file(description.file)
        assert pages is not None
        return pages[description.index]

    def describe_all(self) -> list[Description]:
        """All pages with usable regions and an image in which their coordinates fit; the others are skipped."""
        described = []
        for file in self.xml_files:
            try:
                pages = self._parse_file(file)
                workspace = parse_mets(self._files.read(file)) if pages is None else None
            except (KeyError, OSError, ValueError) as error:
                self._skip("unreadable page", file, str(error))
                continue
            if workspace is not None:
                folder = posixpath.dirname(file)
                self._physical |= {
                    plain_path(posixpath.join(folder, path)): f"{file} {page}" for path, page in workspace.items()
                }
            elif pages is None:
                self._skip("neither ALTO nor PAGE", file)
            else:
                described += self._describe(file, pages)
        return described

    def marks(self, description: Description) -> Iterator[Hashable]:
        """What a description shares with others of the same page: its image, images made from that, a page of METS."""
        yield description.checksum, description.placement.frame
        yield from ((checksum, 0) for checksum in description.derived)
        if description.count == 1 and description.file in self._physical:
            yield self._physical[description.file]

    def _describe(self, file: str, pages: list[Page]) -> Iterator[Description]:
        same_image = Counter(page.image for page in pages)
        seen = Counter[str]()
        for index, page in enumerate(pages):
            for reason, detail in page.bad:
                self._skip(reason, f"{file} {detail}")
            position = seen[page.image]
            seen[page.image] += 1
            if page.regions:
                yield from self._find_scan(file, page, (index, len(pages)), (position, same_image[page.image]))

    def _find_scan(
        self, file: str, page: Page, index: tuple[int, int], same_image: tuple[int, int]
    ) -> Iterator[Description]:
        """The description of a page; none if its image cannot be used.

        Args:
          file: path of the XML file.
          page: the page.
          index: position of the page in the file, and number of its pages.
          same_image: position of the page among those in the file that name the same image, and their number.
        """
        image = ""
        found = Description(file, *index, page.kind, len(page.regions), page.around_baseline, page.from_region)
        try:
            image = self._find_image(file, page)
            checksum, frames = self._scan(image)
            placement = place(page, frames, *same_image)
        except Misplaced as error:
            detail = f"{error}; {len(page.regions)} regions, {image}"
            self._skip("coordinates that do not fit the image", found.place, detail)
        except NoImage as error:
            if error.reason == "ambiguous image":
                self._skip(error.reason, found.place, str(error))
            else:
                self.skip_regions(error.reason, found, page, str(error))
        except OSError as error:
            self.skip_regions("unreadable image", found, page, str(error).partition("<")[0].strip())
        else:
            derived = tuple(self._checksums(file, page.derived))
            yield dataclasses.replace(found, image=image, checksum=checksum, derived=derived, placement=placement)

    def _find_image(self, file: str, page: Page) -> str:
        """The image that a page names, else the first of those that METS lists for its file."""
        try:
            return self._finder.find(file, page.image)
        except NoImage:
            own = self._physical.get(file)
            listed = (path for path, other in self._physical.items() if other == own and path in self._names)
            images = [path for path in listed if not path.lower().endswith(".xml")]
            if own is None or not images:
                raise
            return images[0]

    def skip_regions(self, reason: str, description: Description, page: Page, detail: str) -> None:
        """Records all regions of a page as skipped."""
        for region in page.regions:
            self._skip(reason, f"{description.region_id(region)} ({description.place})", detail)

    def _checksums(self, file: str, images: Iterable[str]) -> Iterator[str]:
        for name in images:
            with contextlib.suppress(NoImage, OSError):
                yield self._scan(self._finder.find_stated(file, name))[0]

    def _read_scan(self, image: str) -> tuple[str, list[Frame]]:
        encoded = self._files.read(image)
        return hashlib.sha256(encoded).hexdigest(), read_frames(encoded)
