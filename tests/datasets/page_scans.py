"""Synthetic page scans whose lines can be told from their pixels, and their ALTO and PAGE XML."""

import json
import pathlib

import numpy as np
from PIL import Image

from hwgan.datasets.splits import SPLITS
from hwgan.prepare import prepare_dataset
from tests.synthetic_data import read_rows

WIDTH, HEIGHT, LINES = 120, 90, 3
BOXES = [(10, 10 + 25 * line, 100, 15) for line in range(LINES)]  # x, y, width, height
LETTERS = "abcde"


def bar(page, line):
    """Width of the bar that is the ink of a line."""
    return 12 + 8 * page + 25 * line


def text_of(page, line):
    return f"{LETTERS[page]} line {line}"


def scan(page, paper=255, ink=0):
    """A page: each line is a bar of its own width, 4 pixels from the left of its box and 5 from the top."""
    pixels = np.full((HEIGHT, WIDTH), paper, np.uint8)
    for line, (x, y, _, _) in enumerate(BOXES):
        pixels[y + 5 : y + 10, x + 4 : x + 4 + bar(page, line)] = ink
    return pixels


def alto_page(page, attributes=f'WIDTH="{WIDTH}" HEIGHT="{HEIGHT}"', boxes=BOXES, per_word=True):
    lines = []
    for line, (x, y, width, height) in enumerate(boxes):
        words = text_of(page, line).split() if per_word else [text_of(page, line)]
        box = f'HPOS="{x}" VPOS="{y}" WIDTH="{width}" HEIGHT="{height}"'
        strings = "<SP/>".join(f'<String CONTENT="{word}" {box}/>' for word in words)
        lines.append(f'<TextLine ID="l{line}" {box}>{strings}</TextLine>')
    return f"<Page {attributes}>{''.join(lines)}</Page>"


def alto(image, *pages, unit="pixel"):
    name = f"<sourceImageInformation><fileName>{image}</fileName></sourceImageInformation>" if image else ""
    return f"<alto><Description><MeasurementUnit>{unit}</MeasurementUnit>{name}</Description>{''.join(pages)}</alto>"


def page_xml(image, lines, extra="", region_text=""):
    size = f'imageWidth="{WIDTH}" imageHeight="{HEIGHT}"'
    region = f'<TextRegion id="r">{"".join(lines)}{equiv(region_text) if region_text else ""}</TextRegion>'
    return f'<PcGts><Page imageFilename="{image}" {size}>{extra}{region}</Page></PcGts>'


def page_line(line, text="", coords=True, baseline=False, words=()):
    x, y, width, height = BOXES[line]
    right, bottom = x + width - 1, y + height - 1
    inner = f'<Coords points="{x},{y} {right},{y} {right},{bottom} {x},{bottom}"/>' if coords else ""
    inner += f'<Baseline points="{x},{y + 10} {right},{y + 10}"/>' if baseline else ""
    inner += "".join(f'<Word id="w{line}_{i}">{equiv(word)}</Word>' for i, word in enumerate(words))
    return f'<TextLine id="l{line}">{inner}{equiv(text) if text else ""}</TextLine>'


def equiv(text):
    return f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv>"


def page_lines(page, **kwargs):
    return [page_line(line, text_of(page, line), **kwargs) for line in range(LINES)]


def write(folder, name, content):
    """Writes XML, or pixels as the image format that the ending says."""
    path = pathlib.Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        Image.fromarray(content).save(path)
    return path


def write_pages(folder, pages, make=lambda page: alto(f"p{page}.png", alto_page(page))):
    for page in pages:
        write(folder, f"p{page}.png", scan(page))
        write(folder, f"p{page}.xml", make(page))
    return pathlib.Path(folder)


def prepare(tmp_path, source, **options):
    """Prepares a source; returns the summary and all rows by id."""
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source), "pages", **options)
    splits = [split for split in SPLITS if split in summary["examples"]]
    rows = {key: {**row, "split": split} for split in splits
            for key, row in read_rows(tmp_path / "data", "pages/pages", split).items()}  # fmt: skip
    return summary, rows


def ink_of(row):
    """First column and width of the ink of a row, and its height."""
    ink = row["image"][:, :, 0] < 128
    columns, rows = np.flatnonzero(ink.any(axis=0)), np.flatnonzero(ink.any(axis=1))
    return int(columns[0]), len(columns), len(rows)


def assert_lines(rows, pages, scale=1):
    """Checks that all lines of these pages are there, each once and with the image of its text."""
    texts = sorted(row["text"].decode() for row in rows.values())
    assert texts == sorted(text_of(page, line) for page in pages for line in range(LINES)), json.dumps(texts)
    for row in rows.values():
        text = row["text"].decode()
        width = bar(LETTERS.index(text[0]), int(text[-1]))
        assert np.allclose(ink_of(row), (4 * scale, width * scale, 5 * scale), atol=1), (text, ink_of(row), width)
