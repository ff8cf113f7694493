"""Pages as files: images, SVG and PDF."""

import dataclasses
import io
import re

import numpy as np
import pypdfium2
import pytest
import resvg_py
from defusedxml import ElementTree
from PIL import Image, ImageDraw

from hwgan.runtime.errors import UserError
from hwgan.sampling.document import Document
from hwgan.sampling.outlines import TINTS, find_outlines
from hwgan.sampling.page_layout import lay_out
from hwgan.sampling.page_settings import PageSettings

HEIGHT = 40


def ring():
    """A letter o: a ring with soft borders, and a hole in it."""
    large = Image.new("L", (480, 320), 255)
    ImageDraw.Draw(large).ellipse((120, 90, 320, 250), outline=0, width=30)
    return np.asarray(large.resize((60, HEIGHT), Image.Resampling.BOX))


def document(lines=3, **settings):
    settings = PageSettings(**settings)
    return Document(lay_out([[[ring()] * 6] * lines], settings, HEIGHT), settings, HEIGHT)


def darkness(image):
    return 1 - np.asarray(image.convert("L"), np.float64) / 255


def drawn_svg(svg, scale):
    width = float(re.search(r'width="([\d.]+)mm"', svg)[1])
    png = resvg_py.svg_to_bytes(svg_string=svg, width=round(width * scale), dpi=96)
    with Image.open(io.BytesIO(bytes(png))) as image:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def test_outlines_have_the_area_of_the_ink():
    image = ring()
    for outlines, (level, _) in zip(find_outlines(image), TINTS, strict=True):
        assert len(outlines.ends) == 2  # the outer and the inner border
        areas = []
        for curves in np.split(outlines.curves, outlines.ends[:-1]):
            # Closed, without gaps.
            np.testing.assert_allclose(curves[:, 3], np.roll(curves[:, 0], -1, axis=0))
            x, y = curves[:, 0].T
            areas.append(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2))
        area = max(areas) - min(areas)
        assert area == pytest.approx((image < 255 * (1 - level)).sum(), rel=0.2)


def test_spots_are_no_ink_and_a_border_is_closed():
    image = np.full((HEIGHT, 30), 255, np.uint8)
    assert all(len(outlines.curves) == 0 for outlines in find_outlines(image))
    image[10, 10] = 190
    image[30:, 14:18] = 0  # a descender that the image cuts
    for outlines in find_outlines(image):
        assert len(outlines.ends) == 1
        assert outlines.curves[..., 1].max() < HEIGHT + 1


def test_a_pdf_has_pages_of_its_paper_size(tmp_path):
    written = document(lines=50, page_size="letter", ink="blue", paper="lined").save(tmp_path / "letter.pdf")
    assert written == [tmp_path / "letter.pdf"]
    pdf = pypdfium2.PdfDocument(written[0])
    assert len(pdf) == 2
    assert [page.get_size() for page in pdf] == [pytest.approx((612, 792), abs=0.02)] * 2  # points
    assert pdf.get_metadata_dict()["Creator"] == "hwgan"
    pdf.close()


@pytest.mark.parametrize("page_size", ["a4", ""])
def test_svg_and_pdf_show_what_the_image_shows(page_size):
    written = document(page_size=page_size, width=0 if page_size else 500, ink="#400000")
    (image,), (svg,) = written.images(), written.svgs()
    expected = darkness(Image.fromarray(image))
    per_mm = image.shape[1] / (210 if page_size else 500 / HEIGHT * 6)
    pdf = pypdfium2.PdfDocument(written.pdf())
    rendered = {"svg": drawn_svg(svg, per_mm), "pdf": pdf[0].render(scale=per_mm * 25.4 / 72).to_pil()}
    for name, picture in rendered.items():
        assert np.abs(np.subtract(picture.size, image.shape[1::-1])).max() <= 2, name
        found = darkness(picture.resize(image.shape[1::-1]))
        assert found.sum() == pytest.approx(expected.sum(), rel=0.25), name
        # In the same places: blurred copies hardly differ.
        blurred = [np.asarray(Image.fromarray(a).reduce(8)) for a in (expected, found)]
        assert np.abs(blurred[0] - blurred[1]).max() < 0.2, name
    pdf.close()


def test_an_svg_is_xml_of_real_size_and_without_scripts():
    (svg,) = document(paper="squared", page_size="a4").svgs()
    root = ElementTree.fromstring(svg)
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("210.00mm", "297.00mm", "0 0 21000 29700")
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "metadata", "rect", "path", "g"}
    assert "Software: hwgan" in svg
    assert all(group.get("fill-rule") == "evenodd" for group in root if group.tag.endswith("}g"))


def test_equal_pages_are_equal_files():
    assert document(page_size="a4").pdf() == document(page_size="a4").pdf()
    assert document(page_size="a4", seed=1).pdf() != document(page_size="a4").pdf()


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "svg"])
def test_several_pages_are_several_files(tmp_path, ending):
    files = document(lines=50, page_size="a4").save(tmp_path / "new" / f"letter.{ending}")
    assert [path.name for path in files] == [f"letter-1.{ending}", f"letter-2.{ending}"]
    assert sorted(tmp_path.glob("new/*")) == files
    if ending != "svg":
        with Image.open(files[1]) as image:
            assert image.size == (2480, 3508)  # 300 dpi
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            software = image.info.get("Software") or image.getexif()[305]
            assert software == "hwgan"


def test_pages_of_an_earlier_text_are_named(tmp_path, caplog):
    one = document()
    three, two = (dataclasses.replace(one, pages=one.pages * count) for count in (3, 2))
    (tmp_path / "letter-draft.svg").write_text("is none")
    three.save(tmp_path / "letter.svg")
    assert not caplog.text
    two.save(tmp_path / "letter.svg")
    assert caplog.text.count("what may be pages of an earlier text") == 1
    assert caplog.text.rstrip().endswith("text: letter-3.svg")
    one.save(tmp_path / "letter.svg")
    assert caplog.text.rstrip().endswith("text: letter-1.svg, letter-2.svg, letter-3.svg")


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*page\.xyz.*: an image cannot be written as"):
        document().save(tmp_path / "page.xyz")
    (tmp_path / "folder.pdf").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*is not a file"):
        document().save(tmp_path / "folder.pdf")
