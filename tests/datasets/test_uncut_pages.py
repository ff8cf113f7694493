"""Pages whose lines have transcriptions alone: their words, writers, splits, and what is left out."""

import json

import numpy as np
import pytest
from PIL import Image

from hwgan.data.prepared import DOUBTFUL_FILE, dataset_directory
from hwgan.datasets.splits import SPLITS
from hwgan.prepare import prepare_dataset, preview
from hwgan.runtime.errors import UserError
from tests.data.pages_of_words import overlap, page_of_words
from tests.synthetic_data import read_rows

PATTERN = r"^(.*)_\d$"
PAGES = ("ann_1", "ann_2", "bob_1", "cy_1", "dee_1", "eve_1")


def box_of(outline):
    xs, ys = zip(*outline, strict=True)
    return int(min(xs)), int(min(ys)), int(max(xs) - min(xs)), int(max(ys) - min(ys))


def alto(name, page, texts=None):
    """ALTO as eScriptorium writes it: the only String of a line has the line's text and box."""
    lines = []
    for number, (outline, words) in enumerate(zip(page.outlines, texts or page.texts, strict=True)):
        x, y, width, height = box_of(outline)
        box = f'HPOS="{x}" VPOS="{y}" WIDTH="{width}" HEIGHT="{height}"'
        lines.append(f'<TextLine ID="l{number}" {box}><String CONTENT="{" ".join(words)}" {box}/></TextLine>')
    size = f'WIDTH="{page.image.shape[1]}" HEIGHT="{page.image.shape[0]}"'
    name = f"<sourceImageInformation><fileName>{name}.png</fileName></sourceImageInformation>"
    return f"<alto><Description>{name}</Description><Layout><Page {size}>{''.join(lines)}</Page></Layout></alto>"


def page_xml(name, page):
    lines = []
    for number, (outline, words) in enumerate(zip(page.outlines, page.texts, strict=True)):
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in outline)
        text = f"<TextEquiv><Unicode>{' '.join(words)}</Unicode></TextEquiv>"
        lines.append(f'<TextLine id="l{number}"><Coords points="{points}"/>{text}</TextLine>')
    size = f'imageWidth="{page.image.shape[1]}" imageHeight="{page.image.shape[0]}"'
    return f'<PcGts><Page imageFilename="{name}.png" {size}><TextRegion>{"".join(lines)}</TextRegion></Page></PcGts>'


def make(folder, describe=alto, names=PAGES, lines=4):
    folder.mkdir()
    pages = {}
    for number, name in enumerate(names):
        pages[name] = page_of_words(number, lines=lines, ruling=150 if number % 2 else None)
        Image.fromarray(pages[name].image).save(folder / f"{name}.png")
        (folder / f"{name}.xml").write_text(describe(name, pages[name]))
    return pages


def prepared(tmp_path, **options):
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(tmp_path / "in"), unit="word", **options)
    splits = [split for split in SPLITS if split in summary["examples"]]
    return summary, {split: read_rows(tmp_path / "data", "pages/in", split) for split in splits}


@pytest.mark.parametrize("describe", [alto, page_xml])
def test_lines_become_words(tmp_path, describe):
    pages = make(tmp_path / "in", describe, names=PAGES[:3])
    summary, rows = prepared(tmp_path)
    total = sum(len(texts) for page in pages.values() for texts in page.texts)
    left_out = sum(reason["count"] for reason in summary["skipped"].values())
    assert sum(summary["examples"].values()) + left_out == total
    assert left_out < 0.3 * total
    for row in (row for split in rows.values() for row in split.values()):
        page, line, number = row["id"].decode().split("/")
        assert row["page"].decode() == page
        assert row["text"].decode() == pages[page].texts[int(line[1:])][int(number) - 1]
        left, top, right, bottom = pages[page].boxes[int(line[1:])][int(number) - 1]
        height, width = row["image"].shape[:2]
        assert overlap((0, 0, width, height), (0, 0, right - left + 6, bottom - top + 6)) > 0.6


def test_writers_are_in_one_split_each(tmp_path):
    names = [f"w{number}_{page}" for number in range(12) for page in (1, 2)]
    make(tmp_path / "in", names=names, lines=1)
    summary, rows = prepared(tmp_path, writer_pattern=PATTERN)
    writers = {split: {row["writer"].decode() for row in own.values()} for split, own in rows.items()}
    assert sorted(name for own in writers.values() for name in own) == sorted({name[:-2] for name in names})
    assert summary["options"] == {"unit": "word", "writer_pattern": PATTERN}
    assert "writer" in summary["splits"]
    assert not any("no writer is known" in warning for warning in summary["warnings"])


def test_split_lists_may_name_writers(tmp_path):
    make(tmp_path / "in", lines=2)
    (tmp_path / "lists").mkdir()
    for split, names in zip(SPLITS, ("ann\nbob\ncy", "dee", "eve"), strict=True):
        (tmp_path / "lists" / f"{split}.txt").write_text(names)
    _, rows = prepared(tmp_path, writer_pattern=PATTERN, splits=str(tmp_path / "lists"))
    writers = {split: {row["writer"].decode() for row in own.values()} for split, own in rows.items()}
    assert writers == {"train": {"ann", "bob", "cy"}, "validation": {"dee"}, "test": {"eve"}}


def test_doubtful_lines_of_one_id_and_the_copies_of_an_editor(tmp_path):
    pages = make(tmp_path / "in", names=PAGES[:3])
    wrong = ["an", "it", "of", "to", "be", "we", "me", "up", "a", "in", "no", "so", "us", "he", "or"]
    twice = alto("bob_1", pages["bob_1"], [wrong, wrong, *pages["bob_1"].texts[2:]]).replace('"l1"', '"l0"')
    (tmp_path / "in" / "bob_1.xml").write_text(twice)
    hidden = tmp_path / "in" / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "ann_1-checkpoint.xml").write_text((tmp_path / "in" / "ann_1.xml").read_text())
    summary, rows = prepared(tmp_path)
    assert any("bob_1/l0/" in first for reason in summary["skipped"].values() for first in reason["first"])
    assert "checkpoint" not in json.dumps(summary)
    assert {row["page"].decode() for own in rows.values() for row in own.values()} == set(PAGES[:3])


def test_doubtful_lines_are_counted_and_shown(tmp_path):
    pages = make(tmp_path / "in", names=PAGES[:3])
    wrong = [["an", "it", "of", "to", "be", "we", "me", "up", "a", "in", "no", "so", "us", "he", "or"]]
    (tmp_path / "in" / "bob_1.xml").write_text(alto("bob_1", pages["bob_1"], wrong + pages["bob_1"].texts[1:]))
    summary, _ = prepared(tmp_path)
    assert any("bob_1/l0/" in first for reason in summary["skipped"].values() for first in reason["first"])
    doubtful = dataset_directory(str(tmp_path / "data"), "pages/in") / DOUBTFUL_FILE
    preview(str(tmp_path / "data"), "pages/in", list(summary["examples"]), str(tmp_path / "preview.png"))
    with Image.open(doubtful) as shown, Image.open(tmp_path / "preview.png") as both:
        assert both.height > shown.height
        below = np.asarray(both)[-shown.height :, : shown.width]
        assert np.array_equal(below, np.asarray(shown))


def test_the_name_of_the_page_and_struck_words_are_left_out(tmp_path):
    def describe(name, page):
        texts = [[name, *page.texts[0][1:]], [*page.texts[1][:-1], f"&gt;{page.texts[1][-1]}&lt;"]]
        return alto(name, page, texts + page.texts[2:])

    make(tmp_path / "in", describe, names=("ann_01", "bob_01", "cy_01"))
    summary, rows = prepared(tmp_path)
    texts = [row["text"].decode() for own in rows.values() for row in own.values()]
    assert not any("_" in text or ">" in text for text in texts)
    assert summary["skipped"]["struck out or illegible"]["count"] == 3
    assert summary["skipped"]["name of the page"]["count"] == 3


def test_words_with_places_are_not_cut_again(tmp_path):
    def describe(name, page):
        whole = alto(name, page)
        x, y, _, _ = box_of(page.outlines[0])
        word = f'HPOS="{x}" VPOS="{y}" WIDTH="50" HEIGHT="60"'
        line = f'<TextLine ID="own"><String CONTENT="one" {word}/><String CONTENT="two" {word}/></TextLine>'
        return whole.replace("<TextLine", f"{line}<TextLine", 1)

    make(tmp_path / "in", describe, names=PAGES[:3], lines=2)
    _, rows = prepared(tmp_path)
    boxes = {row["id"].decode(): row["image"].shape for own in rows.values() for row in own.values()}
    assert boxes["ann_1/1.1"] == boxes["ann_1/1.2"] == (60, 50, 1)
    assert any(name.startswith("ann_1/l1/") for name in boxes)


def test_sources_without_transcriptions_are_refused(tmp_path):
    make(tmp_path / "in", lambda name, page: alto(name, page, [[] for _ in page.texts]), names=PAGES[:3])
    with pytest.raises(UserError, match=r"no usable page .* it has no text"):
        prepared(tmp_path)


def test_a_page_that_cannot_be_decoded_is_named(tmp_path):
    make(tmp_path / "in", names=PAGES[:4], lines=2)
    image = tmp_path / "in" / "cy_1.png"
    image.write_bytes(image.read_bytes()[:3000])
    summary, _ = prepared(tmp_path)
    assert "cy_1.xml" in summary["skipped"]["unreadable image"]["first"][0]


def test_patterns_of_writers_are_checked(tmp_path):
    make(tmp_path / "in", names=PAGES[:3], lines=1)
    with pytest.raises(UserError, match=r"--writer_pattern=\( is no regular expression"):
        prepared(tmp_path, writer_pattern="(")
