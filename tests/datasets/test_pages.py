"""ALTO and PAGE: known lines of synthetic pages come back pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from hwgan.datasets.pages.cut import cut_polygon
from hwgan.datasets.pages.parser import parse_pages
from hwgan.datasets.splits import SPLITS
from hwgan.prepare import prepare_dataset
from hwgan.runtime.errors import UserError
from tests.synthetic_data import read_rows

SIZE = (300, 240)  # width, height
TEXTS = ["première ligne", "la seconde", "et la fin."]
# A box, a leaning quadrilateral, and a polygon with a dent.
POLYGONS = [
    [(20, 10), (279, 10), (279, 49), (20, 49)],
    [(30, 80), (270, 70), (275, 110), (35, 120)],
    [(20, 150), (150, 160), (280, 150), (280, 200), (150, 190), (20, 200)],
]


def page_pixels(seed):
    return np.random.default_rng(seed).integers(0, 256, SIZE[::-1], np.uint8)


def points(polygon, comma=","):
    return " ".join(f"{x}{comma}{y}" for x, y in polygon)


def alto(image, namespace="http://www.loc.gov/standards/alto/ns-v4#", texts=TEXTS, comma=" "):
    lines = []
    for i, (text, polygon) in enumerate(zip(texts, POLYGONS, strict=True)):
        words = "<SP/>".join(f'<String CONTENT="{word}" HPOS="{20 + 40 * k}" VPOS="10" WIDTH="30" HEIGHT="40"/>'
                             for k, word in enumerate(text.split()))  # fmt: skip
        shape = f'<Shape><Polygon POINTS="{points(polygon, comma)}"/></Shape>' if i else ""
        box = 'HPOS="20" VPOS="10" WIDTH="260" HEIGHT="40"' if not i else ""
        lines.append(f'<TextLine ID="line_{i}" {box}>{shape}{words}</TextLine>')
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><alto xmlns="{namespace}"><Description>'
        f"<MeasurementUnit>pixel</MeasurementUnit><sourceImageInformation><fileName>{image}</fileName>"
        f'</sourceImageInformation></Description><Layout><Page WIDTH="{SIZE[0]}" HEIGHT="{SIZE[1]}"><PrintSpace>'
        f"<TextBlock>{''.join(lines)}</TextBlock></PrintSpace></Page></Layout></alto>"
    )


def page_xml(image, namespace="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15", old=False):
    lines = []
    for i, (text, polygon) in enumerate(zip(TEXTS, POLYGONS, strict=True)):
        coords = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in polygon) if old else ""
        attribute = "" if old else f'points="{points(polygon)}"'
        word = f'<Word id="w{i}"><Coords {attribute}>{coords}</Coords><TextEquiv><Unicode>{text.split()[0]}</Unicode>'
        lines.append(
            f'<TextLine id="line_{i}"><Coords {attribute}>{coords}</Coords>{word}</TextEquiv></Word>'
            f'<TextEquiv index="1"><Unicode>worse</Unicode></TextEquiv>'
            f'<TextEquiv index="0"><Unicode>{text}</Unicode></TextEquiv></TextLine>'
        )
    return (
        f'<PcGts xmlns="{namespace}"><Page imageFilename="{image}" imageWidth="{SIZE[0]}" imageHeight="{SIZE[1]}">'
        f'<TextRegion id="r"><TextRegion id="inner">{"".join(lines)}</TextRegion></TextRegion></Page></PcGts>'
    )


KINDS = {
    "ALTO 4": alto,
    "ALTO 2": lambda image: alto(image, "http://www.loc.gov/standards/alto/ns-v2#", comma=","),
    "ALTO without namespace": lambda image: alto(image, ""),
    "PAGE 2019": page_xml,
    "PAGE 2010": lambda image: page_xml(
        image, "http://schema.primaresearch.org/PAGE/gts/pagecontent/2010-03-19", old=True
    ),
}


def make_pages(root, make=alto, count=3, folder="", scale=1):
    root.mkdir(parents=True)
    (root / folder).mkdir(exist_ok=True)
    for i in range(count):
        pixels = page_pixels(i).repeat(scale, 0).repeat(scale, 1)
        Image.fromarray(pixels).save(root / folder / f"p{i}.png")
        (root / f"p{i}.xml").write_text(make(f"p{i}.png"), encoding="utf-8")
    return root


def all_rows(data, dataset):
    return {k: row for split in SPLITS for k, row in read_rows(data, dataset, split).items()}


def inside(polygon, x, y):
    """Whether a pixel's centre lies in a polygon or on its edge, by the sign of every crossing: slow and plain."""
    odd, n = False, len(polygon)
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        cross = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        if cross == 0 and min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1):
            return True
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            odd = not odd
    return odd and n > 2


@pytest.mark.parametrize("kind", KINDS)
def test_known_lines_come_back_pixel_exact(tmp_path, kind):
    source = make_pages(tmp_path / "book", KINDS[kind])
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    assert summary["examples"] == dict.fromkeys(SPLITS, 3)
    assert summary["skipped"] == {}
    rows = all_rows(tmp_path / "data", "pages/book")
    for i in range(3):
        for k, (text, polygon) in enumerate(zip(TEXTS, POLYGONS, strict=True)):
            row, page = rows[f"p{i}/line_{k}"], page_pixels(i)
            assert row["text"].decode() == text
            assert row["page"].decode() == f"p{i}"
            xs, ys = zip(*polygon, strict=True)
            box = page[min(ys) : max(ys) + 1, min(xs) : max(xs) + 1]
            cut = row["image"][:, :, 0]
            assert cut.shape == box.shape
            if k == 0:  # a box is the page itself
                np.testing.assert_array_equal(cut, box)
                continue
            truth = np.array([[inside(polygon, x, y) for x in range(min(xs), max(xs) + 1)]
                              for y in range(min(ys), max(ys) + 1)])  # fmt: skip
            np.testing.assert_array_equal(cut[truth], box[truth])


def test_a_page_goes_to_one_split(tmp_path):
    source = make_pages(tmp_path / "book", count=12)
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    pages = [{row["page"] for row in read_rows(tmp_path / "data", "pages/book", split).values()} for split in SPLITS]
    assert sum(map(len, pages)) == len(set().union(*pages)) == 12
    assert sum(summary["examples"].values()) == 36


def test_pages_of_one_name_in_folders_of_their_own_are_several(tmp_path):
    source = make_pages(tmp_path / "book", count=12)
    for path in list(source.glob("*.xml")):
        folder = source / path.stem
        folder.mkdir()
        image = next(image for image in source.glob(f"{path.stem}.*") if image != path)
        text = path.read_text(encoding="utf-8").replace(image.name, f"page{image.suffix}")
        (folder / "page.xml").write_text(text, encoding="utf-8")
        image.rename(folder / f"page{image.suffix}")
        path.unlink()
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    assert "by hash of page" in summary["splits"] or "by page" in summary["splits"]
    pages = [{key.split("/")[0] for key in read_rows(tmp_path / "data", "pages/book", split)} for split in SPLITS]
    assert sum(map(len, pages)) == len(set().union(*pages)) == 12


def test_words_of_pages(tmp_path):
    for kind, make in (("alto", alto), ("page", page_xml)):
        source = make_pages(tmp_path / kind, make)
        summary = prepare_dataset("pages", str(tmp_path / "data"), str(source), unit="word")
        assert summary["options"] == {"unit": "word"}
        texts = sorted(row["text"].decode() for row in all_rows(tmp_path / "data", f"pages/{kind}").values())
        expected = [w for text in TEXTS for w in text.split()] if kind == "alto" else [t.split()[0] for t in TEXTS]
        assert texts == sorted(expected * 3)


def test_image_in_another_folder_and_of_another_size(tmp_path):
    source = make_pages(tmp_path / "book", folder="images", scale=2)
    prepare_dataset("pages", str(tmp_path / "data"), str(source))
    row = all_rows(tmp_path / "data", "pages/book")["p0/line_0"]
    assert row["image"].shape[:2] == (79, 519)  # corners 20..279 and 10..49, doubled


def test_split_lists_name_pages(tmp_path):
    source, lists = make_pages(tmp_path / "book", count=5), tmp_path / "lists"
    lists.mkdir()
    for split, page in zip(SPLITS, ("p4", "p1", "p0"), strict=True):
        (lists / f"{split}.txt").write_text(page)
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source), splits=str(lists))
    assert {row["page"] for row in read_rows(tmp_path / "data", "pages/book", "train").values()} == {b"p4"}
    assert summary["skipped"]["in no split list"] == {"count": 2, "first": ["p2", "p3"]}


def test_broken_pages_are_counted_and_the_rest_is_kept(tmp_path):
    source = make_pages(tmp_path / "book", count=9)
    (source / "p0.xml").write_text("<alto><unclosed>")
    (source / "p1.xml").write_text("<html/>")
    (source / "p2.xml").write_text('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><alto>&b;</alto>')
    (source / "p6.png").unlink()
    (source / "p7.png").write_bytes(b"")
    (source / "p8.xml").write_text(alto("../../p8.png", texts=["", "b", "c"]))
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    skipped = summary["skipped"]
    assert skipped["unreadable page"]["count"] == 2
    assert skipped["unreadable page"]["first"][0].startswith("p0.xml: no element found")
    assert "p2.xml" in skipped["unreadable page"]["first"][1]
    assert skipped["neither ALTO nor PAGE"]["first"] == ["p1.xml"]
    assert skipped["missing image"]["first"] == [f"p6/line_{k} (p6.xml): no p6.png" for k in range(3)]
    assert skipped["unreadable image"]["count"] == 3
    assert skipped["region without text or polygon"]["first"] == ["p8.xml line_0: it has no text"]
    assert sum(summary["examples"].values()) == 3 + 3 + 3 + 2


def test_polygon_over_the_edge_of_the_page():
    page = np.full((10, 10), 7, np.uint8)
    cut = cut_polygon(page, ((-5.0, -5.0), (4.0, -5.0), (4.0, 4.0), (-5.0, 4.0)))
    np.testing.assert_array_equal(cut, np.full((5, 5), 7))
    with pytest.raises(OSError, match="outside the page of 10x10"):
        cut_polygon(page, ((20.0, 0.0), (30.0, 0.0), (30.0, 5.0)))


def test_regions_without_polygon_are_named():
    pages = parse_pages(b'<alto><TextLine ID="a"><String CONTENT="x"/></TextLine></alto>')
    assert pages is not None
    assert pages[0].bad == [("region without text or polygon", "a: it has no polygon")]
    assert parse_pages(b"<other/>") is None
    with pytest.raises(ValueError, match="syntax error"):
        parse_pages(b"no xml")


@pytest.mark.parametrize("hyphen", ["-", "¬", "\u00ad"])
def test_a_hyphen_at_the_end_of_a_line_is_in_its_text(tmp_path, hyphen):
    """A soft hyphen has no ink in a text, but as HYP of ALTO it stands on the page."""
    source = make_pages(tmp_path / "book")
    for path in source.glob("*.xml"):
        path.write_text(path.read_text().replace("</TextLine>", f'<HYP CONTENT="{hyphen}"/></TextLine>'))
    prepare_dataset("pages", str(tmp_path / "data"), str(source))
    texts = {row["text"].decode() for row in all_rows(tmp_path / "data", "pages/book").values()}
    assert texts == {text + hyphen.replace("\u00ad", "-") for text in TEXTS}


@pytest.mark.parametrize("place", [".thumbs", "img/.thumbs"])
def test_thumbnails_of_file_managers_are_no_pages(tmp_path, place):
    source = make_pages(tmp_path / "book", folder="img")
    prepare_dataset("pages", str(tmp_path / "whole"), str(source))
    shapes = {row["image"].shape for row in all_rows(tmp_path / "whole", "pages/book").values()}
    (source / place).mkdir()
    for path in (source / "img").glob("*.png"):
        with Image.open(path) as image:
            image.resize((image.width // 2, image.height // 2)).save(source / place / path.name)
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    assert summary["examples"] == dict.fromkeys(SPLITS, 3)
    assert summary["skipped"] == {}
    assert {row["image"].shape for row in all_rows(tmp_path / "data", "pages/book").values()} == shapes


def test_no_pages(tmp_path):
    (tmp_path / "book").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "book" / "a.png")
    with pytest.raises(UserError, match=r"no .xml file among the 1 files"):
        prepare_dataset("pages", str(tmp_path / "data"), str(tmp_path / "book"))


def test_zip_of_pages(tmp_path):
    from tests.synthetic_data import pack

    archive = pack(make_pages(tmp_path / "book"), ".zip")
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(archive))
    assert summary["examples"] == dict.fromkeys(SPLITS, 3)


def test_pages_of_one_name_take_the_image_of_their_own_folder(tmp_path):
    source = tmp_path / "book"
    for volume in (1, 2, 3):
        (source / "alto" / f"v{volume}").mkdir(parents=True)
        (source / "img" / f"v{volume}").mkdir(parents=True)
        (source / "alto" / f"v{volume}" / "p.xml").write_text(alto("p.png"), encoding="utf-8")
        Image.fromarray(page_pixels(volume)).save(source / "img" / f"v{volume}" / "p.png")
    for seed, page in enumerate(("x", "y", "z"), start=7):
        (source / f"{page}.xml").write_text(alto(f"{page}.png"), encoding="utf-8")
        Image.fromarray(page_pixels(seed)).save(source / f"{page}.png")
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    rows = all_rows(tmp_path / "data", "pages/book")
    assert sum(summary["examples"].values()) == 18
    for volume in (1, 2, 3):
        np.testing.assert_array_equal(
            rows[f"alto/v{volume}/p/line_0"]["image"][:, :, 0], page_pixels(volume)[10:50, 20:280]
        )


def test_a_page_without_its_image_does_not_win_that_of_another_book(tmp_path):
    """Nor where it has more lines, and both XML files lie in a folder below the image's."""
    source = make_pages(tmp_path / "book", count=4)
    for volume in ("v1", "v2"):
        (source / volume / "page").mkdir(parents=True)
    Image.fromarray(page_pixels(9)).save(source / "v1" / "0001.png")
    whole = alto("0001.png")
    start, end = whole.index("<TextLine"), whole.index("</TextLine>") + len("</TextLine>")
    (source / "v1" / "page" / "0001.xml").write_text(whole[:start] + whole[end:], encoding="utf-8")
    (source / "v2" / "page" / "0001.xml").write_text(whole, encoding="utf-8")
    prepare_dataset("pages", str(tmp_path / "data"), str(source))
    found = [key for key in all_rows(tmp_path / "data", "pages/book") if "0001" in key]
    assert len(found) == 2


def test_an_ambiguous_image_is_skipped(tmp_path):
    source = make_pages(tmp_path / "book", count=4)
    (source / "p1.png").unlink()
    for folder in ("a", "b"):
        (source / folder).mkdir()
        Image.fromarray(page_pixels(1)).save(source / folder / "p1.png")
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    assert summary["skipped"]["ambiguous image"] == {"count": 1, "first": ["p1.xml: several are called p1.png"]}


@pytest.mark.parametrize("change", [('"300"', '"nan"'), ('"300"', '"1e-320"'), ("30 80", "9" * 400 + " 80")])
def test_absurd_numbers_drop_no_other_page(tmp_path, change):
    source = make_pages(tmp_path / "book", count=4)
    text = (source / "p3.xml").read_text(encoding="utf-8")
    (source / "p3.xml").write_text(text.replace(*change), encoding="utf-8")
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source))
    assert sum(summary["examples"].values()) >= 9 + 2


def test_a_pattern_that_finds_no_writer_is_told(tmp_path):
    source = make_pages(tmp_path / "book", count=12)
    none = prepare_dataset("pages", str(tmp_path / "data"), str(source), "none", writer_pattern="^anna")
    assert none["splits"].endswith("of page") and not any(none["writers"].values())
    message = "--writer_pattern finds no writer in 12 of 12 names of pages (first: p0)"
    assert any(message in warning for warning in none["warnings"])
    two = prepare_dataset("pages", str(tmp_path / "data"), str(source), "two", writer_pattern=r"^p\d$")
    assert any("finds no writer in 2 of 12" in warning for warning in two["warnings"])


def test_pages_of_few_writers_are_dealt_with_a_warning(tmp_path):
    source = make_pages(tmp_path / "book", count=12)
    for number, path in enumerate(sorted(source.iterdir())):
        text = path.read_text() if path.suffix == ".xml" else ""
        index = number // 2
        if text:
            path.write_text(text.replace(path.stem, f"w{index % 3}_{path.stem}"))
        path.rename(path.with_name(f"w{index % 3}_{path.name}"))
    summary = prepare_dataset("pages", str(tmp_path / "data"), str(source), "few", writer_pattern=r"^w\d")
    assert "page" in summary["splits"]
    assert any("the 3 writers are too few to hold some of them out" in warning for warning in summary["warnings"])
