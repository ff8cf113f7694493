"""Words on pages, and pages as pixels."""

import itertools
import math

import numpy as np
import pytest

from hwgan.runtime.errors import UserError
from hwgan.sampling.page_layout import BASELINE, find_baseline, lay_out
from hwgan.sampling.page_settings import PAGE_SIZES, PageSettings
from hwgan.sampling.raster import draw_page

HEIGHT = 20


def word(width=60, shade=0):
    """A black bar from ascender to baseline, with a margin of white, as words have."""
    image = np.full((HEIGHT, width), 255, np.uint8)
    image[2 : round(BASELINE * HEIGHT), 2:-2] = shade
    return image


def text(*lengths):
    """A block with a line for each number of words."""
    return [[word(50 + 7 * (i % 4)) for i in range(length)] for length in lengths]


def corners(placed):
    """The corners of a word's image on its page, [4, 2], from left to right."""
    height, width = placed.image.shape
    return (placed.matrix @ np.array([[0, 0, 1], [0, height, 1], [width, 0, 1], [width, height, 1]]).T).T


def baseline_of(placed):
    """The y of the middle of a word's baseline."""
    height, width = placed.image.shape
    return (placed.matrix @ [width / 2, BASELINE * height, 1])[1]


def ink_of(page):
    """The ink of all words if none is hidden or cut off, at their height on the page."""
    areas = [np.linalg.det(HEIGHT * placed.matrix[:, :2]) for placed in page.words]
    return sum(area * (255.0 - placed.image).sum() for area, placed in zip(areas, page.words, strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        PageSettings(),
        PageSettings(width=300),
        PageSettings(width=300, justify=True, wander=2.0),
        PageSettings(page_size="a4", text_height=9),
        PageSettings(page_size="letter", paper="lined", justify=True),
    ],
)
@pytest.mark.parametrize("right_to_left", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_cut_off(settings, right_to_left, seed):
    settings = PageSettings(**(vars(settings) | {"seed": seed}))
    pages = lay_out([text(7, 0, 40)], settings, HEIGHT, right_to_left)
    for page in pages:
        for placed in page.words:
            # White margins of 10 % belong to the images.
            inner = corners(placed)
            assert (inner > -0.1).all() and (inner < np.array([page.width, page.height]) + 0.1).all()
        if not settings.page_size:
            image = draw_page(page, HEIGHT, (0, 0, 0), "plain")
            assert (255 - image.astype(int)).sum() == pytest.approx(ink_of(page), rel=0.03)
            assert (np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]) == 255).all()


@pytest.mark.parametrize("seed", range(3))
def test_lines_and_words_do_not_overlap(seed):
    (page,) = lay_out([text(40, 40)], PageSettings(width=400, seed=seed), HEIGHT)
    lines = [list(group) for _, group in itertools.groupby(page.words, lambda w: nearest(page, w))]
    assert len(lines) == len(page.baselines) > 8
    for above, below in itertools.pairwise(lines):
        assert max(corners(w)[:, 1].max() for w in above) < min(corners(w)[:, 1].min() for w in below) + 0.1
    for line in lines:
        for left, right in itertools.pairwise(line):
            assert corners(left)[2:, 0].max() < corners(right)[:2, 0].min()
    # All in one drawing: no ink is lost where words would meet.
    image = draw_page(page, HEIGHT, (0, 0, 0), "plain")
    assert (255 - image.astype(int)).sum() == pytest.approx(ink_of(page), rel=0.03)


def nearest(page, placed):
    return int(np.abs(np.array(page.baselines) - baseline_of(placed)).argmin())


def test_several_pages_hold_all_words_in_order():
    block = text(*[9] * 60)
    given = [image for line in block for image in line]
    pages = lay_out([block], PageSettings(page_size="a4"), HEIGHT)
    assert len(pages) > 1
    placed = [image for page in pages for image in page.words]
    assert all(mine.image is image for mine, image in zip(placed, given, strict=True))
    for page in pages:
        assert (page.width, page.height) == pytest.approx([mm / 6 for mm in PAGE_SIZES["a4"]])
        # Reading order: down the lines, and along each.
        order = [(nearest(page, w), corners(w)[0, 0]) for w in page.words]
        assert order == sorted(order)


def test_a_page_does_not_begin_with_a_blank_line():
    lines = len(lay_out([text(1)], PageSettings(page_size="a4"), HEIGHT)[0].baselines)
    first, second = lay_out([text(*[1] * lines, 0, 1)], PageSettings(page_size="a4", wander=0), HEIGHT)
    assert len(first.words) == lines
    assert baseline_of(second.words[0]) == pytest.approx(second.baselines[0])


def test_without_wander_words_are_as_drawn():
    block = [[word(30, 90), word(41, 30)]]
    (page,) = lay_out([block], PageSettings(wander=0), HEIGHT)
    image = draw_page(page, HEIGHT, (0, 0, 0), "plain")
    assert image.shape == (HEIGHT + 8, 30 + 41 + 6 + 8)  # a gap of 0.29, margins of 0.2 heights
    np.testing.assert_array_equal(image[4:-4, 4:34], block[0][0])
    np.testing.assert_array_equal(image[4:-4, -45:-4], block[0][1])


def test_wander_is_drawn_from_the_seed():
    def places(**settings):
        (page,) = lay_out([text(20)], PageSettings(width=300, **settings), HEIGHT)
        return np.array([placed.matrix for placed in page.words])

    np.testing.assert_array_equal(places(seed=1), places(seed=1))
    assert not np.array_equal(places(seed=1), places(seed=2))
    np.testing.assert_array_equal(places(seed=1, wander=0), places(seed=2, wander=0))
    # More of it moves more.
    still = places(wander=0)[0, 1, 2]
    assert np.abs(places(wander=2)[:, :, :2].std(axis=0)).sum() > np.abs(places(wander=0.5)[:, :, :2].std(axis=0)).sum()
    assert still == pytest.approx(places(wander=0)[1, 1, 2])


def test_full_lines_are_justified_and_last_ones_are_not():
    (page,) = lay_out([text(20)], PageSettings(width=300, justify=True, wander=0), HEIGHT)
    ends = {nearest(page, placed): corners(placed)[2, 0] for placed in page.words}
    *full, last = ends.values()
    np.testing.assert_allclose(full, page.width - page.margin)
    (ragged,) = lay_out([text(20)], PageSettings(width=300, wander=0), HEIGHT)
    assert last == pytest.approx(max(corners(w)[2, 0] for w in ragged.words[-1:]))


def test_texts_in_several_styles_stand_apart():
    (lines,) = lay_out([text(2)] * 3, PageSettings(), HEIGHT)
    assert len(lines.baselines) == 3
    (paragraphs,) = lay_out([text(20)] * 2, PageSettings(width=300, wander=0), HEIGHT)
    used = {nearest(paragraphs, placed) for placed in paragraphs.words}
    assert set(range(len(paragraphs.baselines))) - used == {len(paragraphs.baselines) // 2}


def test_a_word_wider_than_the_page_is_written_smaller():
    (page,) = lay_out([[[word(500), word(40)]]], PageSettings(width=200), HEIGHT)
    long, short = page.words
    assert corners(long)[:, 0].max() <= page.width - page.margin + 0.05
    assert baseline_of(short) > baseline_of(long) + 1
    with pytest.raises(UserError, match="width=30 leaves no room"):
        lay_out([text(1)], PageSettings(width=30), HEIGHT)


def test_the_baseline_is_where_letters_end():
    image = np.full((40, 90), 255, np.uint8)
    image[10:27, 5:80:3] = 0
    image[27:38, 20:25] = 0  # a descender
    assert find_baseline([image]) == pytest.approx(27 / 40)
    assert 0.5 < find_baseline([np.full((40, 9), 255, np.uint8)]) < 0.9


def test_writing_stands_on_the_lines_of_the_paper():
    low = np.roll(word(), 2, axis=0)  # a style that stands lower in its images
    (page,) = lay_out([[[low]]], PageSettings(paper="lined", wander=0), HEIGHT)
    image = draw_page(page, 10 * HEIGHT, (0, 0, 0), "lined")
    ruled = np.flatnonzero((image[:, 0] != 255).any(axis=1))
    inked = np.flatnonzero((image[:, image.shape[1] // 2] < 100).all(axis=1))
    assert ruled[0] - 8 <= inked[-1] <= ruled[-1] + 8


@pytest.mark.parametrize(("ink", "color"), [("blue", (29, 58, 143)), ("#c02010", (192, 32, 16))])
@pytest.mark.parametrize("paper", ["plain", "squared"])
def test_ink_and_paper(ink, color, paper):
    settings = PageSettings(ink=ink, paper=paper, width=200)
    (page,) = lay_out([text(3)], settings, HEIGHT)
    image = draw_page(page, HEIGHT, settings.ink_color, paper)
    colors = {tuple(pixel) for pixel in image.reshape(-1, 3).tolist()}
    assert {color, (255, 255, 255)} <= colors
    rows = (image == 255).all(axis=(1, 2))
    assert rows.any() == (paper == "plain")  # vertical lines cross all rows


def test_scale_enlarges_smoothly():
    settings = PageSettings(width=200)
    (page,) = lay_out([text(5)], settings, HEIGHT)
    small, large = (draw_page(page, scale * HEIGHT, (0, 0, 0), "plain") for scale in (1, 4))
    assert large.shape == tuple(4 * size for size in small.shape)
    assert (255 - large.astype(int)).mean() == pytest.approx((255 - small.astype(int)).mean(), rel=0.1)
    # Borders are as sharp as before: few pixels are neither ink nor paper, and there are levels between.
    grey = ((large > 40) & (large < 215)).mean()
    assert 0 < grey < 1.5 * ((small > 40) & (small < 215)).mean()
    reduced = draw_page(page, HEIGHT / 3, (0, 0, 0), "plain")
    assert (255 - reduced.astype(int)).mean() == pytest.approx((255 - small.astype(int)).mean(), rel=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"paper": "dotted"}, "paper='dotted' must be one of plain, lined, squared"),
        ({"page_size": "a5"}, "page_size='a5' must be one of a4, letter"),
        ({"ink": "#12"}, "ink='#12' must be black, blue or a colour"),
        ({"scale": 0}, "scale=0 must be a number from"),
        ({"scale": math.nan}, "scale=nan must be a number from"),
        ({"width": -1}, "width=-1 must be a whole number"),
        ({"width": 500, "page_size": "a4"}, "either a width or a page_size"),
        ({"line_spacing": 0.5}, "line_spacing=0.5 must be"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        PageSettings(**settings)
