"""Rulings go, strokes across them stay."""

import numpy as np
import pytest

from hwgan.data.rulings import erase_rulings
from tests.data.pages_of_words import page_of_words


def darkness(page):
    return 255.0 - page.image.astype(np.float32)


@pytest.mark.parametrize(("ruling", "slope"), [(150, 0.0), (60, 0.0), (60, 0.006), (150, -0.006)])
def test_rulings_go_and_strokes_stay(ruling, slope):
    plain = darkness(page_of_words(1))
    erased = erase_rulings(darkness(page_of_words(1, ruling=ruling, slope=slope)))
    ink = plain > 60
    paper = plain == 0
    ruled = darkness(page_of_words(1, ruling=ruling, slope=slope)) > 60
    assert (erased[ink] > 60).mean() > 0.97
    assert ((erased > 60) & paper).sum() < 0.25 * (ruled & paper).sum()


def test_rulings_of_squared_paper_go_in_both_directions():
    squared = np.zeros((1000, 1000), np.float32)
    squared[50::50, 20:980] = 120
    squared[20:980, 50::50] = 120
    assert (erase_rulings(squared) > 60).mean() < 0.002


def test_a_page_without_rulings_stays():
    plain = darkness(page_of_words(2))
    assert np.array_equal(erase_rulings(plain), plain)


def test_small_images_stay():
    small = np.full((30, 30), 100.0, np.float32)
    assert np.array_equal(erase_rulings(small), small)
