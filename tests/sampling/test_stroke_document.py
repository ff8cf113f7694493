import re

import numpy as np
import pytest
from PIL import Image

from hwgan.runtime.errors import UserError
from hwgan.sampling.page_settings import PageSettings
from hwgan.sampling.stroke_document import Plotter, write_document
from tests.strokes import sampler_that_passes


@pytest.fixture(scope="module")
def sampler():
    return sampler_that_passes(0.2)


def document(sampler, text="ab cde\nfg", plotter=None, **settings):
    return write_document(sampler, text, [sampler.style(0)], PageSettings(**settings), plotter)


def test_svg_has_a_path_for_each_stroke_inside_the_page(sampler):
    found = document(sampler, wander=0.0)
    (svg,), strokes = found.svgs(), found.strokes[0]
    paths = re.findall(r'<path d="M(-?\d+) (-?\d+)L([^"]*)"/>', svg)
    assert len(paths) == len(strokes) > 3
    assert "<rect" not in svg  # a plotter would draw it
    width, height = map(float, re.findall(r'(?:width|height)="([\d.]+)mm"', svg))
    for (x, y, rest), stroke in zip(paths, strokes, strict=True):
        points = np.array(
            [[int(x), int(y)], *(list(map(int, pair.split())) for pair in re.findall(r"-?\d+ -?\d+", rest))]
        )
        np.testing.assert_allclose(points[0] / 100, stroke[0] * found.settings.text_height, atol=0.006)
        assert (points[:, 0] >= 0).all()
        assert (points[:, 0] <= 100 * width).all()
    assert height > found.settings.text_height * 2  # two lines


def test_gcode_lifts_the_pen_between_strokes_and_stays_in_mm(sampler):
    found = document(sampler, "ab", Plotter(feed=1200, pen_up="M5; G4 P0.1", pen_down="M3 S90"))
    (code,) = found.gcodes()
    lines = code.splitlines()
    assert lines[1:5] == ["G21", "G90", "M5", "G4 P0.1"]
    assert lines.count("M3 S90") == len(found.strokes[0])
    down = False
    for line in lines:
        down = {"M3 S90": True, "M5": False}.get(line, down)
        if line.startswith("G0 X"):
            assert not down
        if line.startswith("G1 X"):
            assert down
    drawn = np.array([list(map(float, pair)) for pair in re.findall(r"G[01] X(-?[\d.]+) Y(-?[\d.]+)", code)][:-1])
    page = found.pages[0]
    expected = np.concatenate(found.strokes[0]) * found.settings.text_height
    np.testing.assert_allclose(drawn[:, 0].max(), expected[:, 0].max(), atol=0.01)
    np.testing.assert_allclose(
        drawn[:, 1].min(), page.height * found.settings.text_height - expected[:, 1].max(), atol=0.01
    )
    assert "F1200" in code
    for feed, written in ((1_000_000.0, "F1000000"), (1234567.0 / 1000, "F1234.567")):  # G-code has no exponents
        assert written in document(sampler, "a", Plotter(feed=feed)).gcodes()[0].split()
    assert lines[-1] == "M2"


def test_pictures_show_the_strokes(sampler, tmp_path):
    found = document(sampler, "abc", scale=2.0, ink="blue")
    paths = found.save(tmp_path / "page.png")
    with Image.open(paths[0]) as image:
        pixels = np.asarray(image.convert("L"))
    size = found.settings.pixels_per_em(found.height)
    for stroke in found.strokes[0]:
        x, y = np.rint(stroke[len(stroke) // 2] * size).astype(int)
        if 0 <= y < pixels.shape[0]:
            assert pixels[y, x] < 200
    assert (pixels == 255).mean() > 0.5


@pytest.mark.parametrize(
    ("ending", "start"), [(".svg", b"<svg"), (".pdf", b"%PDF"), (".gcode", b"; hwgan"), (".png", b"\x89PNG")]
)
def test_each_ending_has_its_format(sampler, tmp_path, ending, start):
    (path,) = document(sampler, "ab").save(tmp_path / f"a{ending}")
    assert path.read_bytes().startswith(start)


def test_pages_are_as_elsewhere(sampler):
    found = document(sampler, "ab cd " * 20, width=400, paper="lined")
    assert found.images()[0].shape[1] == 400
    assert len({round(y, 3) for y in found.pages[0].baselines}) > 2
    with pytest.raises(UserError, match="the text is empty"):
        document(sampler, " ")
