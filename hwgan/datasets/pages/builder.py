"""The pages dataset: scanned pages with transcriptions in ALTO or PAGE XML, such as the datasets of HTR-United."""

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow_datasets as tfds

from hwgan.data.prepared import DOUBTFUL_FILE
from hwgan.data.transforms import decode_grey
from hwgan.datasets.builder import Example, clean_text
from hwgan.datasets.pages.cut import cut_polygon
from hwgan.datasets.pages.layout import Region
from hwgan.datasets.pages.reader import Description, Reader
from hwgan.datasets.pages.rivals import group_same, preference
from hwgan.datasets.pages.scan import Placement
from hwgan.datasets.pages.uncut import UncutLines
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.splits import SPLITS, deal_groups
from hwgan.datasets.word_image_builder import WordImageBuilder, png_bytes
from hwgan.datasets.writers import warn_of_few_writers
from hwgan.runtime.errors import UserError
from hwgan.runtime.progress import Progress

_MIN_PAGES = 3  # one for each split
_FEW_PAGES = 30  # with so few, a broken scan can leave a split empty, so scans are decoded before pages are dealt


class Pages(WordImageBuilder, skip_registration=True):
    """A folder, zip or tar of page images with ALTO or PAGE XML; their lines (or words) are the examples.

    The image of a line is the bounding box of its polygon, as light as the paper outside the polygon. Of several
    descriptions of one page, one is read. With words as the unit, lines whose words have no places are cut into words
    (`line_cutting`). All pages of a writer are in one split; where writers are unknown, all lines of a page are; with
    fewer than three pages, lines are dealt to the splits.

    Options: `unit`, "line" or "word"; `writer_pattern`, a regular expression that finds the writer in a page's name.
    """

    VERSION = tfds.core.Version("1.2.0")
    RELEASE_NOTES = {"1.2.0": "Lines that have a transcription alone are cut into words; writers by a pattern."}
    name = "pages"
    description = "Lines or words of pages transcribed in ALTO or PAGE XML."
    extra_features = {"page": tfds.features.Text()}

    def __init__(self, *, dataset_name: str, **kwargs):
        super().__init__(config=tfds.core.BuilderConfig(name=dataset_name), **kwargs)
        self._writer_pattern = _compiled(self.options.get("writer_pattern", ""))
        self._uncut = UncutLines(self.skip)

    def _read_splits(self) -> dict[str, Iterator[Example]]:
        assert self.source is not None
        files = RawFiles(self.source)
        reader = Reader(files, self.options.get("unit", "line"), self.skip)
        # Pages are parsed twice, here only to find the usable ones: all polygons together would fill the memory.
        described = self._choose(reader, reader.describe_all())
        if len(described) <= _FEW_PAGES:
            described = [page for page in described if self._opens(files, reader, page)]
        if not described:
            raise UserError(self._nothing_usable(files, reader))
        self.warnings += _remarks(described)
        splits = self._assign_splits(reader, described)
        train = [page for page in described if splits.get(page.place, "train") == "train"]
        self.warnings += warn_of_few_writers(self._writer(page) for page in train for _ in range(page.usable))
        return {
            split: self._examples(files, reader, described, splits, split)
            for split in SPLITS
            if self.lists is not None or split in splits.values()
        }

    def _nothing_usable(self, files: RawFiles, reader: Reader) -> str:
        if not reader.xml_files:
            return f"no .xml file among the {len(files.names())} files of {self.source}: give ALTO or PAGE pages"
        return (
            f"no usable page in the {len(reader.xml_files)} XML files of {self.source}: "
            f"{self.tally.skipped_text() or 'they have no lines'}"
        )

    def _choose(self, reader: Reader, described: list[Description]) -> list[Description]:
        """One description of each page; others of the same page, or of the same image, are skipped and named."""
        chosen = []
        for rivals in group_same(described, reader.marks):
            best, *others = sorted(rivals, key=preference)
            chosen.append(best)
            texts = _texts(reader, best) if others else []
            for other in others:
                if _texts(reader, other) == texts:
                    self.skip("same page as another file", other.place, f"same page as {best.place}")
                else:  # another transcription, or a page whose image is missing and that took one of the same name
                    shared = "image" if other.image == best.image else "page"
                    reason = "same page or image as another file, with other texts"
                    self.skip(reason, other.place, f"same {shared} as {best.place}")
        return sorted(chosen, key=lambda page: (page.file, page.index))

    def _writer(self, page: Description) -> str:
        """The writer of a page, by its name: the first group of the pattern, or all of it; "" if it does not match."""
        match = self._writer_pattern.search(page.name) if self._writer_pattern else None
        return "" if match is None else match.group(1 if match.re.groups else 0) or ""

    def _warn_of_pattern(self, described: list[Description]) -> list[str]:
        unmatched = [page.name for page in described if not self._writer(page)]
        if not unmatched:
            return []
        return [
            f"--writer_pattern finds no writer in {len(unmatched)} of {len(described)} names of pages (first: "
            f"{unmatched[0]}), each of which counts as a writer of its own"
        ]

    def side_files(self) -> dict[str, str | bytes]:
        """A picture of some lines with words that were left out."""
        picture = self._uncut.picture()
        return {} if picture is None else {DOUBTFUL_FILE: png_bytes(np.asarray(picture))}

    def _opens(self, files: RawFiles, reader: Reader, page: Description) -> bool:
        try:
            decode_grey(files.read(page.image), page.placement.frame)
        except OSError as error:
            reader.skip_regions("unreadable image", page, reader.parse(page), str(error).partition("<")[0].strip())
            return False
        return True

    def _assign_splits(self, reader: Reader, described: list[Description]) -> dict[str, str]:
        """The split of each page, by its place; with few pages, that of each region, by its id; "" for none."""
        if self.lists is not None:
            return {page.place: self._listed_split(page) or "" for page in described}
        of_name = Counter(page.name for page in described)
        # Pages of one name lie in different folders, as where each page has a folder of its own.
        keys = {page.place: page.name if of_name[page.name] == 1 else page.place for page in described}
        if len(keys) >= _MIN_PAGES:
            weighted = [page for page in described for _ in range(page.usable)]
            groupings = [("page", [keys[page.place] for page in weighted])]
            writers = [self._writer(page) or keys[page.place] for page in weighted]
            known = {self._writer(page) for page in described} - {""}
            if self._writer_pattern:
                self.warnings += self._warn_of_pattern(described)
            if known and len(set(writers)) >= _MIN_PAGES:
                groupings.insert(0, ("writer", writers))
            dealt, self.split_source = deal_groups(groupings)
            if len(known) > 1 and "writer" not in self.split_source:
                self.warnings.append(
                    f"the {len(known)} writers are too few to hold some of them out: the splits have different pages "
                    "of the same writers"
                )
            return {page.place: split for page, split in zip(weighted, dealt, strict=True)}
        regions = [page.region_id(region) for page in described for region in reader.parse(page).regions]
        dealt, self.split_source = deal_groups([("line", regions)])
        self.warnings.append(
            f"{len(keys)} usable page{'s are' if len(keys) > 1 else ' is'} too few for splits by page: "
            "the splits have different lines of the same pages"
        )
        self.warnings += [f"there is no {split} split" for split in SPLITS if split not in dealt]
        return dict(zip(regions, dealt, strict=True))

    def _listed_split(self, page: Description) -> str | None:
        """The split of the list that has the page's name, or that of its file if that has several, or its writer."""
        assert self.lists is not None
        names = [page.name, page.stem, self._writer(page)]
        listed = [name for name in names if name and self.lists.find(name) is not None]
        return self.choose_split(listed[0] if listed else page.name, otherwise="")

    def _examples(
        self, files: RawFiles, reader: Reader, described: list[Description], splits: dict[str, str], split: str
    ) -> Iterator[Example]:
        pages = [page for page in described if splits.get(page.place, split) == split]
        with Progress(f"reading {split}", sum(page.usable for page in pages), "lines or words") as progress:
            for page in pages:
                regions = [
                    region
                    for region in reader.parse(page).regions
                    if splits.get(page.region_id(region), split) == split
                ]
                # Each page is decoded once for all its lines, and released when the next page begins.
                pixels = functools.lru_cache(1)(
                    lambda page=page: decode_grey(files.read(page.image), page.placement.frame)
                )
                writer = self._writer(page)
                for region in regions:
                    if not region.is_uncut:
                        load = functools.partial(_cut, pixels, page.placement, region)
                        yield Example(
                            page.region_id(region), region.text, writer, load, {"page": page.name}, page.place
                        )
                yield from self._cut_lines(page, pixels, [region for region in regions if region.is_uncut])
                progress.update(len(regions))

    def _cut_lines(
        self, page: Description, pixels: Callable[[], np.ndarray], regions: list[Region]
    ) -> Iterator[Example]:
        """The words of lines that are to be cut; all lines of a page whose image cannot be decoded are skipped."""
        if not regions:
            return
        try:
            image = pixels()
        except OSError as error:
            for region in regions:
                self.skip("unreadable image", f"{page.region_id(region)} ({page.place})", str(error).partition("<")[0])
            return
        yield from self._uncut.cut(page, image, regions, self._writer(page))


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern of writers; None for none.

    Raises:
      UserError: it is no regular expression.
    """
    try:
        return re.compile(pattern) if pattern else None
    except re.error as error:
        raise UserError(f"--writer_pattern={pattern} is no regular expression: {error}") from error


def _remarks(described: list[Description]) -> list[str]:
    """Sentences about regions that the files do not describe fully."""
    strips, texts = (sum(getattr(page, name) for page in described) for name in ("around_baseline", "from_region"))
    stale = [page.place for page in described if page.placement.stale]
    remarks = [f"{strips} lines have no polygon and are cut around their baselines"] if strips else []
    remarks += [f"{texts} lines have no text and take one line each of the text of their region"] if texts else []
    if stale:
        remarks.append(f"the EXIF orientation of {len(stale)} images is wrong and not applied (first: {stale[0]})")
    return remarks


def _texts(reader: Reader, page: Description) -> list[str]:
    return sorted(clean_text(region.text) for region in reader.parse(page).regions)


def _cut(open_page: Callable[[], np.ndarray], placement: Placement, region: Region) -> np.ndarray:
    return placement.turn_back(cut_polygon(open_page(), placement.to_pixels(region.polygon)))
