"""The IAM On-Line Handwriting Database: lines or words as strokes, from its original archives, packed or extracted."""

import functools
import pathlib
import posixpath
import re

import numpy as np
import tensorflow_datasets as tfds

from hwgan.data.ink import Stroke
from hwgan.data.ink_words import cut_ink_lines
from hwgan.datasets.builder import Example
from hwgan.datasets.iam_ondb.parser import LINE_ID, parse_strokes, parse_transcription, parse_writer
from hwgan.datasets.ink_builder import InkBuilder, check_strokes
from hwgan.datasets.raw_files import RawFiles, is_archive, is_hidden
from hwgan.datasets.splits import SPLITS, SplitLists, deal_groups, parse_list
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import user_path
from hwgan.runtime.progress import with_progress

_TASK_LISTS = {
    "train": ("trainset.txt",),
    "validation": ("testset_v.txt", "testset_t.txt"),
    "test": ("testset_f.txt",),
}
_PARTS = {"lines": ("lineStrokes", ".xml"), "texts": ("ascii", ".txt"), "originals": ("original", ".xml")}


class IamOnDb(InkBuilder, skip_registration=True):
    """12,195 lines of English by 221 writers, who wrote them on a whiteboard.

    Splits: the user's lists; or the lists of the official task, if they are in the source folder; or 80, 10 and 10 % of
    the writers by hash; or of the forms, where the original XML, which names the writers, is not there.
    """

    name = "iam_ondb"
    description = "IAM On-Line Handwriting Database: English lines and words as strokes."
    homepage = "https://fki.tic.heia-fr.ch/databases/iam-on-line-handwriting-database"
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("lines", "words")]
    split_source = ""

    def _read_splits(self) -> dict[str, list[Example]]:
        assert self.source is not None
        root = user_path(self.source)
        lines, paths = _open(root, "lines")
        writers = self._read_writers(root)
        examples = self._examples(lines, paths, self._read_texts(root), writers)
        if self.builder_config and self.builder_config.name == "words":
            examples = self._words(examples)
        if self.lists is None:
            self.lists = _task_lists(root)
        if self.lists is not None:
            self.split_source = self.lists.origin
            own = [""] * len(examples)
        else:
            groupings = [("form", [_form(e.id) for e in examples]), ("line", [_line(e.id) for e in examples])]
            if any(example.writer for example in examples):
                by_writer = [example.writer or f"form {_form(example.id)}" for example in examples]
                groupings.insert(0, ("writer", by_writer))
            own, self.split_source = deal_groups(groupings)
        splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
        for example, split in zip(examples, own, strict=True):
            chosen = self.choose_split(example, otherwise=split)
            if chosen is not None:
                splits[chosen].append(example)
        return splits

    def _examples(
        self, lines: RawFiles, paths: list[str], texts: dict[str, list[str]], writers: dict[str, str]
    ) -> list[Example]:
        """An example for each line of XML whose transcription is there."""
        examples = []
        for path in paths:
            line_id = posixpath.splitext(posixpath.basename(path))[0]
            match = LINE_ID.match(line_id)
            if match is None:
                self.skip("not called like a line", path)
                continue
            form, number = match[1], int(match[2])
            transcription = texts.get(form, [])
            if not 0 < number <= len(transcription):
                self.skip("line without transcription", line_id)
                continue
            load = functools.partial(_load, lines, path)
            # A form is of one writer, even if nobody knows of which.
            writer = writers.get(form, "" if writers else form)
            examples.append(Example(line_id, transcription[number - 1], writer, load, place=path))
        return examples

    def _words(self, lines: list[Example]) -> list[Example]:
        """An example for each word that can be cut out of its line reliably; their strokes are small, and kept."""
        forms: dict[str, list[Example]] = {}
        for line in lines:
            forms.setdefault(_form(line.id), []).append(line)
        words = []
        for form in with_progress(list(forms.values()), "cutting lines into words", "forms"):
            strokes, texts = [], []
            for line in form:
                try:
                    strokes.append(check_strokes(line.load()))
                except (OSError, ValueError) as error:
                    self.skip("unreadable ink", line.id, str(error))
                    strokes.append([])
                texts.append(line.text if strokes[-1] else "")  # what is skipped as a line is not skipped as words, too
            for line, cut in zip(form, cut_ink_lines(strokes, texts), strict=True):
                for number, word in enumerate(cut, 1):
                    name = f"{line.id}-{number:02d}"
                    if word.strokes is None:
                        self.skip(word.doubt, name)
                        continue
                    ink = [stroke.astype(np.float32) for stroke in word.strokes]
                    words.append(Example(name, word.text, line.writer, functools.partial(list, ink), place=line.place))
        return words

    def _read_texts(self, root: pathlib.Path) -> dict[str, list[str]]:
        """The lines of each form."""
        files, paths = _open(root, "texts")
        found: dict[str, list[str]] = {}
        for path in paths:
            form = posixpath.splitext(posixpath.basename(path))[0]
            try:
                found[form] = parse_transcription(files.read_text(path))
            except UserError as error:
                self.skip("unreadable transcription", form, str(error))
        return found

    def _read_writers(self, root: pathlib.Path) -> dict[str, str]:
        """The writer of each form, whose XML is original/a01/a01-000/strokesu.xml; a warning without them."""
        if not _places(root, "originals"):
            self.warnings.append(
                "the original XML, which names the writers, is not there: writers are unknown, and each form counts as "
                "one of its own"
            )
            return {}
        files, paths = _open(root, "originals")
        found = {}
        for path in paths:
            folder, name = posixpath.split(path)
            suffix = re.fullmatch(r"strokes(\w*)\.xml", name)
            if suffix is None:
                continue
            form = posixpath.basename(folder) + suffix[1]
            try:
                found[form] = parse_writer(files.read(path))
            except (KeyError, OSError, ValueError) as error:
                self.skip("unreadable original", form, str(error))
        return found


def _load(files: RawFiles, path: str) -> list[Stroke]:
    return parse_strokes(files.read(path))


def _form(example_id: str) -> str:
    return "-".join(example_id.split("-")[:2])


def _line(example_id: str) -> str:
    return "-".join(example_id.split("-")[:3])


def _places(root: pathlib.Path, part: str) -> list[pathlib.Path]:
    """Where a part of the database may lie: archives in the folder, and folders in or below it."""
    name = _PARTS[part][0]
    archives = sorted(path for path in root.glob(f"{name}*") if is_archive(path) and path.is_file())
    return archives + sorted(path for path in root.rglob(f"{name}*") if path.is_dir())


def _open(root: pathlib.Path, part: str) -> tuple[RawFiles, list[str]]:
    """A part of the database, in its archive or extracted, and its files.

    Raises:
      UserError: it is not there.
    """
    name, ending = _PARTS[part]
    for place in _places(root, part):
        files = RawFiles(place)
        paths = [path for path in files.names() if path.lower().endswith(ending) and not is_hidden(path)]
        if paths:
            return files, paths
    raise UserError(
        f"{root} holds no {name}-all.tar.gz, nor its files extracted under {name}/: see "
        "hwgan/datasets/iam_ondb/README.md"
    )


def _task_lists(root: pathlib.Path) -> SplitLists | None:
    """The official lists, if all four are in the folder or below it; else None."""
    found = {name: next(iter(sorted(root.rglob(name))), None) for names in _TASK_LISTS.values() for name in names}
    if None in found.values():
        return None
    ids = {}
    for split, names in _TASK_LISTS.items():
        ids[split] = []
        for name in names:
            path = found[name]
            assert path is not None
            ids[split] += parse_list(RawFiles(path.parent).read_text(name))
    return SplitLists(ids, "official lists", nested=True)
