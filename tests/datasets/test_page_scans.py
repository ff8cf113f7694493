"""Page scans as people have them: where a line is cut, which image is a page's, and what is said of the rest."""

import numpy as np
import pytest
from PIL import Image

from hwgan.data.survey import survey
from hwgan.data.transforms import stretch_contrast, trim_box
from hwgan.datasets.splits import SPLITS
from hwgan.prepare import describe
from hwgan.runtime.errors import UserError
from tests.datasets import page_scans as made
from tests.datasets.page_scans import BOXES, HEIGHT, WIDTH, alto, alto_page, assert_lines, prepare, scan, write

MISFIT = "coordinates that do not fit the image"


def splits_of_pages(rows):
    """The splits of each page."""
    found = {}
    for row in rows.values():
        found.setdefault(row["page"].decode(), set()).add(row["split"])
    return found


# Which pixels coordinates refer to

# How an upright image is stored for each EXIF orientation.
STORED = {
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def save_turned(folder, page, orientation, name):
    """Saves a page so that it is shown upright by this EXIF orientation."""
    image = Image.fromarray(scan(page)).transpose(STORED[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    folder.mkdir(exist_ok=True)
    image.save(folder / name, exif=exif)
    return image.size


def stored_box(box, orientation):
    """A box of the upright page on the stored pixels: found by turning a mask, as no formula of the code."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y, width, height = box
    mask[y : y + height, x : x + width] = 1
    rows, columns = np.nonzero(np.asarray(Image.fromarray(mask).transpose(STORED[orientation])))
    return columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("ending", ["jpg", "tif"])
@pytest.mark.parametrize("stored", [True, False])
def test_the_stated_size_tells_stored_from_shown_coordinates(tmp_path, orientation, ending, stored):
    for page in range(3):
        width, height = save_turned(tmp_path / "in", page, orientation, f"p{page}.{ending}")
        boxes = [stored_box(box, orientation) for box in BOXES] if stored else BOXES
        size = f'WIDTH="{width}" HEIGHT="{height}"' if stored else f'WIDTH="{height}" HEIGHT="{width}"'
        write(tmp_path / "in", f"p{page}.xml", alto(f"p{page}.{ending}", alto_page(page, size, boxes)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert summary["skipped"] == {}
    assert_lines(rows, range(3))


def test_a_stale_orientation_is_not_applied(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    made.write_pages(tmp_path / "in", range(3))
    for page in range(3):
        Image.fromarray(scan(page)).save(tmp_path / "in" / f"p{page}.png", exif=exif)
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert any(
        "orientation of 3 images is wrong and not applied (first: p0.xml)" in text for text in summary["warnings"]
    )


def test_an_orientation_that_the_size_does_not_decide_is_named(tmp_path):
    made.write_pages(tmp_path / "in", range(4))
    save_turned(tmp_path / "in", 3, 3, "p3.png")
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    (named,) = summary["skipped"][MISFIT]["first"]
    assert named.startswith("p3.xml: its image has the EXIF orientation 3, and nothing tells")


def test_every_page_of_a_file_is_cut_from_its_own_frame(tmp_path):
    made.write_pages(tmp_path / "in", [2, 3])
    frames = [Image.fromarray(scan(page)) for page in (0, 1)]
    frames[0].save(tmp_path / "in" / "book.tif", save_all=True, append_images=frames[1:])
    write(tmp_path / "in", "book.xml", alto("book.tif", alto_page(0), alto_page(1)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert summary["skipped"] == {}
    assert_lines(rows, range(4))
    assert {row["page"].decode() for row in rows.values()} == {"book/1", "book/2", "p2", "p3"}
    assert all(len(splits) == 1 for splits in splits_of_pages(rows).values())


def test_files_of_one_page_each_name_their_frame(tmp_path):
    frames = [Image.fromarray(scan(page)) for page in range(3)]
    (tmp_path / "in").mkdir()
    frames[0].save(tmp_path / "in" / "book.tif", save_all=True, append_images=frames[1:])
    for page in range(3):
        attributes = f'PHYSICAL_IMG_NR="{page + 1}" WIDTH="{WIDTH}" HEIGHT="{HEIGHT}"'
        write(tmp_path / "in", f"page{page}.xml", alto("book.tif", alto_page(page, attributes)))
    _, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))


def test_the_preview_in_a_tiff_is_no_page(tmp_path):
    made.write_pages(tmp_path / "in", range(3))
    attributes = f'PHYSICAL_IMG_NR="2" WIDTH="{WIDTH}" HEIGHT="{HEIGHT}"'
    small = Image.fromarray(scan(1)).resize((WIDTH // 2, HEIGHT // 2))
    Image.fromarray(scan(1)).save(tmp_path / "in" / "p1.tif", save_all=True, append_images=[small])
    (tmp_path / "in" / "p1.png").unlink()
    write(tmp_path / "in", "p1.xml", alto("p1.tif", alto_page(1, attributes)))
    _, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))


def test_more_pages_than_frames_are_named(tmp_path):
    made.write_pages(tmp_path / "in", range(3))
    write(tmp_path / "in", "p3.png", scan(3))
    write(tmp_path / "in", "p3.xml", alto("p3.png", alto_page(3), alto_page(4)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert summary["skipped"][MISFIT]["first"] == [
        f"p3.xml page {n}: its file has 2 pages of one image, which has one frame; 3 regions, p3.png" for n in (1, 2)
    ]


@pytest.mark.parametrize(("unit", "dpi", "factor"), [("mm10", 127, 2), ("inch1200", 300, 4)])
def test_units_of_length_need_the_resolution_of_the_scan(tmp_path, unit, dpi, factor):
    boxes = [tuple(factor * number for number in box) for box in BOXES]
    for page in range(3):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(scan(page)).save(tmp_path / "in" / f"p{page}.tif", dpi=(dpi, dpi))
        write(tmp_path / "in", f"p{page}.xml", alto(f"p{page}.tif", alto_page(page, "", boxes), unit=unit))
    _, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))


@pytest.mark.parametrize("dpi", [None, (72, 72)])
def test_units_of_length_without_resolution_are_named(tmp_path, dpi):
    made.write_pages(tmp_path / "in", range(4))
    write(tmp_path / "in", "p3.xml", alto("p3.png", alto_page(3, ""), unit="mm10"))
    Image.fromarray(scan(3)).save(tmp_path / "in" / "p3.png", dpi=dpi)
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert "p3.xml: its coordinates are in tenths of a millimetre" in summary["skipped"][MISFIT]["first"][0]


@pytest.mark.parametrize("attributes", ["", f'WIDTH="{HEIGHT}" HEIGHT="{WIDTH}"', 'WIDTH="1000" HEIGHT="1000"'])
def test_a_page_of_other_proportions_than_its_image_is_left_out(tmp_path, attributes):
    made.write_pages(tmp_path / "in", range(4))
    boxes = BOXES if attributes else [tuple(3 * number for number in box) for box in BOXES]
    write(tmp_path / "in", "p3.xml", alto("p3.png", alto_page(3, attributes, boxes)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert f"its image has {WIDTH}x{HEIGHT} pixels; 3 regions, p3.png" in summary["skipped"][MISFIT]["first"][0]


def test_copies_of_another_scale_are_used(tmp_path):
    made.write_pages(tmp_path / "in", range(3))
    for page in range(3):
        write(tmp_path / "in", f"p{page}.png", scan(page).repeat(2, 0).repeat(2, 1)[:-1])
    _, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3), scale=2)


# One page in several files


def test_a_page_in_alto_and_page_is_read_once(tmp_path):
    for page in range(3):
        write(tmp_path / "in", f"p{page}.png", scan(page))
        write(tmp_path / "in" / "alto", f"p{page}.xml", alto(f"p{page}.png", alto_page(page)))
        write(tmp_path / "in" / "page", f"q{page}.xml", made.page_xml(f"../p{page}.png", made.page_lines(page)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert summary["skipped"] == {
        "same page as another file": {
            "count": 3,
            "first": [f"alto/p{page}.xml: same page as page/q{page}.xml" for page in range(3)],
        }
    }


def test_of_rivals_the_one_with_most_lines_is_read_and_other_texts_are_named(tmp_path):
    made.write_pages(tmp_path / "in", range(3))
    short = [made.page_line(0, "a misread")]
    write(tmp_path / "in" / "engine", "p0.xml", made.page_xml("p0.png", short))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert summary["skipped"]["same page or image as another file, with other texts"]["first"] == [
        "engine/p0.xml: same image as p0.xml"
    ]


def test_a_page_without_image_takes_no_line_from_an_image_of_the_same_name(tmp_path):
    made.write_pages(tmp_path / "in" / "volume1", range(3))
    lines = [*made.page_lines(0), made.page_line(0, "of another volume").replace("l0", "l9")]
    write(tmp_path / "in" / "a_volume", "p0.xml", made.page_xml("p0.png", lines))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert all(key.startswith("volume1/") for key in rows)
    assert summary["skipped"]["same page or image as another file, with other texts"]["first"] == [
        "a_volume/p0.xml: same image as volume1/p0.xml"
    ]


def test_a_copy_of_an_image_is_the_same_page(tmp_path):
    made.write_pages(tmp_path / "in", range(3))
    write(tmp_path / "in" / "copy", "other.png", scan(0))
    write(tmp_path / "in" / "copy", "other.xml", alto("other.png", alto_page(0)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert summary["skipped"]["same page as another file"]["first"] == ["p0.xml: same page as copy/other.xml"]


def test_a_workspace_of_ocrd_has_each_page_once(tmp_path):
    files, divisions = "", ""
    for page in range(3):
        names = {}
        for group, pixels in (("OCR-D-IMG", scan(page)), ("OCR-D-BIN", (scan(page) > 128) * np.uint8(250))):
            names[group] = f"{group}/{page}.png"
            write(tmp_path / "in", names[group], pixels)
        for group, image, lines in (
            ("OCR-D-GT-PAGE", "OCR-D-IMG", made.page_lines(page)[:2]),
            ("OCR-D-OCR", "OCR-D-BIN", [made.page_line(line, "misread") for line in range(3)]),
        ):
            names[group] = f"{group}/{page}.xml"
            write(tmp_path / "in", names[group], made.page_xml(names[image], lines))
        names["OCR-D-ALTO"] = f"OCR-D-ALTO/alto_{page}.xml"  # names no image
        write(tmp_path / "in", names["OCR-D-ALTO"], alto("", alto_page(page)))
        for group, name in names.items():
            files += f'<file ID="{group}{page}"><FLocat xlink:href="{name}"/></file>'
        pointers = "".join(f'<fptr FILEID="{group}{page}"/>' for group in names)
        divisions += f'<div TYPE="page" ID="PHYS_{page}">{pointers}</div>'
    structure = f'<structMap TYPE="PHYSICAL"><div TYPE="physSequence">{divisions}</div></structMap>'
    write(tmp_path / "in", "mets.xml", f'<mets xmlns:xlink="http://www.w3.org/1999/xlink">{files}{structure}</mets>')
    summary, rows = prepare(tmp_path, tmp_path / "in")
    expected = [made.text_of(page, line) for page in range(3) for line in range(2)]
    assert sorted(row["text"].decode() for row in rows.values()) == sorted(expected)
    assert list(summary["skipped"]) == ["same page or image as another file, with other texts"]
    assert summary["skipped"]["same page or image as another file, with other texts"]["count"] == 6


def test_an_image_made_from_that_of_a_page_is_the_same_page(tmp_path):
    made.write_pages(tmp_path / "in", [1, 2])
    write(tmp_path / "in", "p0.png", scan(0))
    write(tmp_path / "in", "p0.bin.png", scan(0, paper=250))
    derived = '<AlternativeImage filename="p0.bin.png"/>'
    write(tmp_path / "in", "page.xml", made.page_xml("p0.png", made.page_lines(0), derived))
    write(tmp_path / "in", "ocr.xml", alto("p0.bin.png", alto_page(0)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    assert summary["skipped"]["same page as another file"]["first"] == ["ocr.xml: same page as page.xml"]


# Names of images


@pytest.mark.parametrize(
    ("stated", "image", "xml"),
    [
        ("p0.jpg", "p0.JPG", "p0.xml"),
        ("", "p0.jpg", "p0.jpg.xml"),
        ("", "p0.PNG", "p0.alto.xml"),
        ("page%20n%C2%BA.png", "page nº.png", "x.xml"),
        (r"C:\scans\box 1\p0.png", "img/p0.png", "x.xml"),
        ("https://example.org/iiif/p0.png?size=max", "p0.png", "x.xml"),
        ("scan_0001.tif", "scan_0001.png", "x.xml"),
    ],
)
def test_images_are_found_by_names_as_people_have_them(tmp_path, stated, image, xml):
    made.write_pages(tmp_path / "in", [1, 2])
    write(tmp_path / "in", image, scan(0))
    write(tmp_path / "in", xml, alto(stated, alto_page(0)))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert summary["skipped"] == {}
    assert_lines(rows, range(3))


# What is missing


def test_pages_without_image_take_no_split(tmp_path):
    made.write_pages(tmp_path / "in", range(4))
    (tmp_path / "in" / "p1.png").unlink()
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert summary["examples"] == dict.fromkeys(SPLITS, 3)
    assert_lines(rows, [0, 2, 3])
    assert summary["skipped"]["missing image"]["first"] == [f"p1/l{k} (p1.xml): no p1.png" for k in range(3)]


def test_pages_whose_scan_is_cut_off_take_no_split(tmp_path):
    made.write_pages(tmp_path / "in", range(5))
    for page in range(2):
        path = tmp_path / "in" / f"p{page}.png"
        path.write_bytes(path.read_bytes()[:80])
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert summary["examples"] == dict.fromkeys(SPLITS, 3)
    assert_lines(rows, [2, 3, 4])
    assert summary["skipped"]["unreadable image"]["count"] == 6


@pytest.mark.parametrize("pages", [1, 2])
def test_lines_of_few_pages_are_dealt_to_the_splits(tmp_path, pages):
    summary, rows = prepare(tmp_path, made.write_pages(tmp_path / "in", range(pages)))
    assert_lines(rows, range(pages))
    assert set(summary["examples"]) == set(SPLITS)
    assert summary["splits"].startswith("by line")
    assert "too few for splits by page" in describe(summary)


def test_one_line_trains_alone(tmp_path):
    write(tmp_path / "in", "p0.png", scan(0))
    write(tmp_path / "in", "p0.xml", alto("p0.png", alto_page(0, boxes=BOXES[:1])))
    summary, _ = prepare(tmp_path, tmp_path / "in")
    assert summary["examples"] == {"train": 1}
    assert "there is no test split" in summary["warnings"]


def test_nothing_usable_says_what_was_found(tmp_path):
    write(tmp_path / "in", "p0.xml", alto("scan.png", alto_page(0)))
    with pytest.raises(UserError, match=r"no usable page in the 1 XML files of .*: 3 skipped for missing image "
                                        r"\(first: p0/l0 \(p0.xml\): no scan.png\)"):  # fmt: skip
        prepare(tmp_path, tmp_path / "in")


def test_lines_with_a_baseline_alone_are_cut_around_it(tmp_path):
    def make(page):
        return made.page_xml(f"p{page}.png", made.page_lines(page, coords=page != 2, baseline=True))

    summary, rows = prepare(tmp_path, made.write_pages(tmp_path / "in", range(3), make))
    assert sorted(row["text"].decode() for row in rows.values()) == sorted(
        made.text_of(page, line) for page in range(3) for line in range(3)
    )
    for line in range(3):  # lines are 25 pixels apart
        assert ink_matches(rows[f"p2/l{line}"], 2, line)
        assert 24 <= rows[f"p2/l{line}"]["image"].shape[0] <= 27
    assert "3 lines have no polygon and are cut around their baselines" in summary["warnings"]


def ink_matches(row, page, line):
    return made.ink_of(row)[1:] == (made.bar(page, line), 5)


def test_baselines_of_alto_from_right_to_left(tmp_path):
    made.write_pages(tmp_path / "in", [1, 2])
    lines = "".join(
        f'<TextLine ID="l{line}" BASELINE="{x + width} {y + 10} {x} {y + 10}">'
        f'<String CONTENT="{made.text_of(0, line)}"/></TextLine>'
        for line, (x, y, width, _) in enumerate(BOXES)
    )
    write(tmp_path / "in", "p0.png", scan(0))
    write(tmp_path / "in", "p0.xml", alto("p0.png", f'<Page WIDTH="{WIDTH}" HEIGHT="{HEIGHT}">{lines}</Page>'))
    _, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines({k: row for k, row in rows.items() if not k.startswith("p0")}, [1, 2])
    assert all(ink_matches(rows[f"p0/l{line}"], 0, line) for line in range(3))


def test_a_single_baseline_is_named(tmp_path):
    made.write_pages(tmp_path / "in", range(4))
    line = made.page_line(0, "alone", coords=False, baseline=True)
    write(tmp_path / "in", "p3.xml", made.page_xml("p3.png", [line]))
    summary, rows = prepare(tmp_path, tmp_path / "in")
    assert_lines(rows, range(3))
    reason = "baseline without polygon, and no other line that tells its height"
    assert summary["skipped"][reason] == {"count": 1, "first": ["p3.xml l0"]}


# Where the text stands


def test_lines_take_the_text_of_their_words(tmp_path):
    def make(page):
        lines = [made.page_line(line, words=made.text_of(page, line).split()) for line in range(3)]
        return made.page_xml(f"p{page}.png", lines)

    summary, rows = prepare(tmp_path, made.write_pages(tmp_path / "in", range(3), make))
    assert summary["skipped"] == {}
    assert_lines(rows, range(3))


def test_lines_take_the_text_of_their_region_where_it_has_as_many_lines(tmp_path):
    def make(page):
        text = "\n".join(made.text_of(page, line) for line in range(3)) + ("\nmore" if page == 3 else "")
        return made.page_xml(f"p{page}.png", [made.page_line(line) for line in range(3)], region_text=text)

    summary, rows = prepare(tmp_path, made.write_pages(tmp_path / "in", range(4), make))
    assert_lines(rows, range(3))
    assert summary["skipped"]["region with text that its lines do not have"]["first"] == [
        "p3.xml r: 4 lines of text, 3 TextLine elements"
    ]
    assert any(text.startswith("9 lines have no text and take one line each") for text in summary["warnings"])


def test_strings_of_several_words_among_others_are_no_words(tmp_path):
    def make(page):
        return alto(f"p{page}.png", alto_page(page)).replace('CONTENT="line"', 'CONTENT="the line"')

    summary, rows = prepare(tmp_path, made.write_pages(tmp_path / "in", range(3), make), unit="word")
    reason = "String that holds several words, on a line of others (--unit=line reads lines)"
    assert summary["skipped"][reason]["count"] == 9
    assert len(rows) == 18


def test_a_thin_space_does_not_end_a_word(tmp_path):
    def make(page):
        return alto(f"p{page}.png", alto_page(page)).replace("line", "10\u202f000")

    summary, rows = prepare(tmp_path, made.write_pages(tmp_path / "in", range(3), make), unit="word")
    assert len(rows) == 27
    assert summary["skipped"] == {}


# Paper


def slanted(line):
    """A polygon of which the ink of the line is inside, and much of the box outside."""
    x, y, width, height = BOXES[line]
    right, bottom = x + width - 1, y + height - 1
    return (
        f"{x},{y + 4} {x + width // 2},{y + 3} {right},{y + 3} {right},{bottom - 4} {x + 30},{bottom} {x},{bottom - 2}"
    )


def polygon_page(page):
    lines = [
        f'<TextLine id="l{line}"><Coords points="{slanted(line)}"/>{made.equiv(made.text_of(page, line))}</TextLine>'
        for line in range(3)
    ]
    return made.page_xml(f"p{page}.png", lines)


@pytest.mark.parametrize("paper", ["grey", "noise", "shadow", "shadow from above"])
def test_outside_its_polygon_a_line_is_as_light_as_the_paper(tmp_path, paper):
    source = made.write_pages(tmp_path / "in", range(3), polygon_page)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for page in range(3):
        levels = {
            "grey": np.full((HEIGHT, WIDTH), 180.0),
            "noise": np.random.default_rng(page).normal(180, 2, (HEIGHT, WIDTH)),
            "shadow": 210 - 0.6 * x,
            "shadow from above": 130 + 1.0 * y,
        }[paper]
        pixels = np.where(scan(page) == 0, 40, levels)
        write(source, f"p{page}.png", pixels.round().astype(np.uint8))
    _, rows = prepare(tmp_path, source)
    assert_lines_on(rows)
    if paper == "grey":
        for row in rows.values():
            text, image = row["text"].decode(), row["image"][:, :, 0]
            white = stretch_contrast(image)
            assert (white[white > 0] == 255).all()
            width = made.bar(made.LETTERS.index(text[0]), int(text[-1]))
            assert trim_box(image).shape == (5 + 4, width + 4)  # the ink and a margin of 2
    else:
        for key, row in rows.items():
            image, line = row["image"][:, :, 0].astype(int), int(key[-1])
            top = BOXES[line][1] + 3
            truth = levels[top : top + image.shape[0], BOXES[line][0] : BOXES[line][0] + image.shape[1]]
            assert np.abs(image - truth)[image > 90].max() < 12


def assert_lines_on(rows):
    assert len(rows) == 9
    for key, row in rows.items():
        ink = row["image"][:, :, 0] < 90
        assert ink.any(axis=0).sum() == made.bar(int(key[1]), int(key[-1]))


def test_outside_its_polygon_light_writing_stands_on_dark(tmp_path):
    source = made.write_pages(tmp_path / "in", range(3), polygon_page)
    for page in range(3):
        write(source, f"p{page}.png", scan(page, paper=30, ink=220))
    _, rows = prepare(tmp_path, source)
    for row in rows.values():
        assert set(np.unique(row["image"])) == {30, 220}


@pytest.mark.parametrize(("paper", "ink", "count"), [(20, 230, 9), (160, 230, 9), (230, 20, 0), (160, 20, 0)])
def test_the_preview_counts_ink_that_is_lighter_than_paper(tmp_path, paper, ink, count):
    source = made.write_pages(tmp_path / "in", range(3))
    for page in range(3):
        write(source, f"p{page}.png", scan(page, paper, ink))
    prepare(tmp_path, source)
    found = survey(str(tmp_path / "data"), "pages/pages", SPLITS)
    assert len(found.suspicious["ink lighter than paper"]) == count
