"""The sheet to copy: what is written in its boxes is read back with its texts from a photograph."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hwgan.data.charset import Charset
from hwgan.data.perspective import homography
from hwgan.runtime.errors import UserError
from hwgan.sampling.copy_sheet import draw_sheet, find_marks, read_sheet, sheet_page, write_sheet

ALPHABET = Charset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.!?&éèœ’")


def filled(boxes, rows):
    """The sheet with a zigzag in the boxes of these numbers."""
    page = draw_sheet(boxes)
    draw = ImageDraw.Draw(page)
    for row in rows:
        left, top, right, bottom = boxes[row].place
        xs = range(left + 20, right - 20, 12)
        draw.line([(x, (top + 30, bottom - 30)[i % 2]) for i, x in enumerate(xs)], fill=40, width=4)
    return page


def photograph(page, quarter_turns=0):
    """The page in perspective on a table, in uneven light."""
    width, height = page.size
    corners = np.array([(90, 60), (width + 40, 20), (width + 10, height + 90), (40, height + 40)], float)
    back = homography(corners, np.array([(0, 0), (width, 0), (width, height), (0, height)], float))
    photo = page.transform(
        (width + 120, height + 140), Image.Transform.PERSPECTIVE, back, Image.Resampling.BILINEAR, fillcolor=70
    )
    shade = np.linspace(1.0, 0.6, photo.width)[None]
    return np.rot90((np.asarray(photo) * shade).astype(np.uint8), quarter_turns).copy()


def test_the_sheet_has_every_character():
    boxes = sheet_page(ALPHABET)
    assert set("".join(box.text for box in boxes)) == set(ALPHABET.characters)
    places = np.array([box.place for box in boxes])
    assert (places[:, 2] <= 1654).all() and (places[:, 3] <= 2339).all()


@pytest.mark.parametrize("quarter_turns", [0, 2])
def test_a_photograph_is_read_by_its_marks(quarter_turns):
    boxes = sheet_page(ALPHABET)
    rows = [0, 3, 7, len(boxes) - 1]
    found = read_sheet([("a.jpg", photograph(filled(boxes, rows), quarter_turns))], boxes)
    assert [text for _, text in found] == [boxes[row].text for row in rows]
    assert all(word.image.min() < 80 for word, _ in found)


def test_an_empty_sheet_has_no_words():
    boxes = sheet_page(ALPHABET)
    with pytest.raises(UserError, match="no box of the sheet is filled in"):
        read_sheet([("a.png", np.asarray(draw_sheet(boxes)))], boxes)


def test_pages_without_marks_are_refused():
    assert find_marks(np.full((800, 600), 230, np.uint8)) is None
    with pytest.raises(UserError, match=r"a\.jpg: the four marks"):
        read_sheet([("a.jpg", np.full((800, 600), 230, np.uint8))], sheet_page(ALPHABET))


def test_the_sheet_is_written_at_a4(tmp_path):
    write_sheet(sheet_page(ALPHABET), str(tmp_path / "sheet.png"))
    with Image.open(tmp_path / "sheet.png") as page:
        assert page.size == (1654, 2339)
        np.testing.assert_allclose(page.info["dpi"], 200, atol=1)
    write_sheet(sheet_page(ALPHABET), str(tmp_path / "sheet.pdf"))
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")
