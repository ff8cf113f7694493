"""README's first commands, with the pretrained weights: what they write is what Python writes."""

import functools
import re

import numpy as np
import pytest
from PIL import Image

import hwgan
from hwgan.sampling.page import add_margin
from tests.processes import command_output

pytestmark = pytest.mark.slow
sample = functools.partial(command_output, "sample")


@pytest.fixture(scope="module")
def model():
    return hwgan.load()


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L")).astype(int)


def test_styles_are_those_of_the_seed_and_the_next_ones(model, tmp_path):
    path = tmp_path / "fox.png"
    assert f"wrote {path}" in sample("--text=brown fox", "--seed=7", "--num_styles=3", f"--output={path}")
    expected = model.document("brown fox", [7, 8, 9], seed=7).images()[0]
    np.testing.assert_allclose(pixels(path), expected, atol=1)
    assert pixels(path).min() < 80


def test_interpolation_goes_from_one_seed_to_the_other(model, tmp_path):
    path = tmp_path / "between.png"
    sample("--text=fox", "--seed=2", "--num_styles=3", "--interpolate_to=9", f"--output={path}")
    styles = list(model.interpolate(2, 9, 3))
    np.testing.assert_allclose(pixels(path), model.document("fox", styles, seed=2).images()[0], atol=1)
    for style, seed in ((styles[0], 2), (styles[-1], 9)):
        np.testing.assert_allclose(model.word("fox", style).astype(int), model.word("fox", seed).astype(int), atol=1)


def test_a_pdf_has_pages_of_a4(tmp_path):
    path = tmp_path / "letter.pdf"
    sample("--text=Dear reader,\n\nno pen.", "--paper=lined", "--ink=blue", f"--output={path}")
    (box,) = set(re.findall(rb"/MediaBox ?\[([^\]]*)\]", path.read_bytes()))
    assert [float(number) for number in box.split()] == pytest.approx([0, 0, 595.28, 841.89], abs=0.01)


def test_each_line_of_a_file_has_the_next_seed(model, tmp_path):
    (tmp_path / "words.txt").write_text("amit\nstation\n")
    folder = tmp_path / "images"
    sample(f"--text_file={tmp_path / 'words.txt'}", "--seed=4", f"--output={folder}")
    rows = [line.split("\t") for line in (folder / "labels.tsv").read_text().splitlines()]
    texts = [row[1] for row in rows if row[1] != "text"]
    assert texts == ["amit", "station"]
    for number, row in enumerate(row for row in rows if row[1] != "text"):
        expected = add_margin(model.sampler.draw_text(row[1], model.sampler.style(4 + number)), 8)
        np.testing.assert_allclose(pixels(folder / row[0]), expected.astype(int), atol=1)
