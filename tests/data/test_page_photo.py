"""Pages: perspective, lighting, skew and ruling put right, words found, print and blots left out."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hwgan.data.page_photo import even_ink, find_slopes, without_lighting
from hwgan.data.perspective import find_sheet, homography, straighten
from hwgan.data.word_cutting import cut_words

HEIGHT, WIDTH = 700, 900


def scribble(draw, x, y, letters, rng):
    """A word of joined loops with an x-height of about 24 pixels on an uneven baseline; returns its right end."""
    points = [(x, y)]
    for _ in range(letters):
        wobble = rng.uniform(-3, 3, 4)
        points += [(x + 6, y - 24 + wobble[0]), (x + 12, y - 12 + wobble[1]), (x + 8, y + wobble[2]), (x + 16, y - 6)]
        x += 16
    draw.line(points, fill=40, width=3, joint="curve")
    return x


def write_page(lines=4, words=5, ruling=False, seed=0):
    """A grey page, and the boxes of its words."""
    rng = np.random.default_rng(seed)
    page = Image.new("L", (WIDTH, HEIGHT), 235)
    draw = ImageDraw.Draw(page)
    if ruling:
        for y in range(40, HEIGHT, 45):
            draw.line((0, y, WIDTH, y), fill=170, width=2)
        for x in range(30, WIDTH, 45):
            draw.line((x, 0, x, HEIGHT), fill=170, width=2)
    boxes = []
    for line in range(lines):
        x, y = 80, 120 + 90 * line
        for _ in range(words):
            right = scribble(draw, x, y, 5, rng)
            boxes.append((x, y - 27, right, y + 3))
            x = right + 40
    return np.asarray(page), boxes


def middles(boxes):
    return [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in boxes]


@pytest.mark.parametrize("ruling", [False, True])
def test_every_word_of_a_page_is_found_once(ruling):
    page, boxes = write_page(ruling=ruling)
    words = cut_words(even_ink(page).darkness)
    assert len(words) == len(boxes)
    assert [word.line for word in words] == [line for line in range(4) for _ in range(5)]
    np.testing.assert_allclose(middles([word.box for word in words]), middles(boxes), atol=8)
    for word in words:
        assert word.image.min() < 60 and word.image[0, 0] == 255


@pytest.mark.parametrize("angle", [-10, 4])
def test_skewed_pages_are_turned(angle):
    page, boxes = write_page()
    turned = Image.fromarray(page).rotate(angle, Image.Resampling.BICUBIC, fillcolor=235)
    slope, _ = find_slopes(without_lighting(np.asarray(turned)))
    np.testing.assert_allclose(np.degrees(slope), -angle, atol=0.5)
    before, after = cut_words(even_ink(page).darkness), cut_words(even_ink(np.asarray(turned)).darkness)
    assert len(after) == len(boxes)
    slants = [[slant(word.image) for word in words] for words in (before, after)]
    assert abs(np.mean(slants[1]) - np.mean(slants[0])) < 0.03  # a shear would change it by the slope of the lines


def slant(image):
    """Columns to the right by which ink leans for each row down."""
    rows, columns = np.nonzero(image < 128)

    def sharpness(lean):
        places = np.rint(columns - lean * rows).astype(int)
        return np.square(np.bincount(places - places.min())).sum()

    return float(max(np.linspace(-0.4, 0.4, 161), key=sharpness))


def test_a_sheet_on_a_table_is_found_and_shadow_is_not_writing():
    page, boxes = write_page()
    corners = np.array([(60, 40), (880, 70), (860, 690), (30, 660)], float)
    back = homography(corners, np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], float))
    photo = Image.fromarray(page).transform(
        (940, 740), Image.Transform.PERSPECTIVE, back, Image.Resampling.BICUBIC, fillcolor=50
    )
    shade = np.linspace(1.0, 0.55, 940)[None]
    shaded = (np.asarray(photo) * shade).astype(np.uint8)
    found = find_sheet(shaded)
    np.testing.assert_allclose(found, corners, atol=8)
    assert len(cut_words(even_ink(shaded).darkness)) == len(boxes)
    # A shadow alone is no edge of a sheet.
    assert find_sheet((page * np.linspace(1.0, 0.4, WIDTH)[None]).astype(np.uint8)) is None


def test_a_sheet_on_a_large_table_is_no_light_ink():
    """Most of the photo is dark then, as of a blackboard."""
    page, boxes = write_page()
    photo = np.full((2 * HEIGHT - 300, 2 * WIDTH - 500), 60, np.uint8)
    photo[150 : 150 + HEIGHT, 180 : 180 + WIDTH] = page
    assert 0.25 < page.size / photo.size < 0.5
    assert len(cut_words(even_ink(photo).darkness)) == len(boxes)


def test_light_ink_on_dark_paper_is_inverted():
    page, boxes = write_page()
    assert len(cut_words(even_ink(255 - page).darkness)) == len(boxes)


@pytest.mark.parametrize("angle", [0, 6])
def test_points_of_the_even_page_are_found_in_the_photo(angle):
    """Through scaling, the perspective of a sheet, and turning."""
    page, boxes = write_page()
    corners = np.array([(160, 140), (2680, 220), (2600, 2080), (100, 2000)], float)
    source = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], float)
    turned = Image.fromarray(page).rotate(angle, Image.Resampling.BICUBIC, fillcolor=235)
    size = (2900, 2300)
    photo = turned.transform(
        size, Image.Transform.PERSPECTIVE, homography(corners, source), Image.Resampling.BICUBIC, fillcolor=50
    )
    even = even_ink(np.asarray(photo))
    words = cut_words(even.darkness)
    assert len(words) == len(boxes)
    found = even.to_photo(np.array(middles([word.box for word in words])))
    turn, centre = np.radians(-angle), np.array([WIDTH / 2, HEIGHT / 2])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    truth = (np.array(middles(boxes)) - centre) @ rotation.T + centre
    a, b, c, d, e, f, g, h = homography(source, corners)
    x, y = truth.T
    scale = g * x + h * y + 1
    expected = np.stack([(a * x + b * y + c) / scale, (d * x + e * y + f) / scale], axis=1)
    order = [expected[np.linalg.norm(expected - place, axis=1).argmin()] for place in found]
    np.testing.assert_allclose(found, order, atol=30)  # of words 250 pixels wide
    assert len(np.unique(order, axis=0)) == len(boxes)


def test_a_page_from_right_to_left_is_read_so():
    page, _ = write_page()
    darkness = even_ink(page).darkness
    there, back = cut_words(darkness), cut_words(darkness, right_to_left=True)
    assert [word.line for word in back] == [word.line for word in there]
    for line in range(4):
        own = [[word.box for word in words if word.line == line] for words in (there, back)]
        assert own[1] == own[0][::-1]
    first = next(word for word in there if word.box == back[0].box)
    np.testing.assert_array_equal(first.image, back[0].image)


def test_straighten_inverts_a_homography():
    page, _ = write_page()
    corners = np.array([(30, 20), (WIDTH - 10, 5), (WIDTH - 40, HEIGHT - 30), (5, HEIGHT - 5)], float)
    flat = straighten(page, corners, (400, 300))
    assert flat.shape == (300, 400)
    a, b, c, d, e, f, g, h = homography(np.array([(0, 0), (400, 0), (400, 300), (0, 300)], float), corners)
    for (x, y), corner in zip([(0, 0), (400, 0), (400, 300), (0, 300)], corners, strict=True):
        scale = g * x + h * y + 1
        np.testing.assert_allclose([(a * x + b * y + c) / scale, (d * x + e * y + f) / scale], corner, atol=1e-6)


def test_print_and_blots_are_left_out():
    page, boxes = write_page(lines=3)
    picture = Image.fromarray(page)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((500, 480, 540, 515), fill=20)
    draw.text((80, 560), "machine made letters on a straight line", 30, ImageFont.load_default(size=34))
    words = cut_words(even_ink(np.asarray(picture)).darkness)
    assert len(words) == len(boxes)
    assert max(word.box[3] for word in words) < 420


def test_paper_without_writing_has_no_words():
    noise = np.random.default_rng(0).normal(230, 4, (500, 600)).clip(0, 255).astype(np.uint8)
    assert cut_words(even_ink(noise).darkness) == []
    assert cut_words(even_ink(np.full((500, 600), 255, np.uint8)).darkness) == []
