"""The paper around the writing of a region."""

import numpy as np

from hwgan.datasets.pages.paper import paper_levels


def test_a_region_mostly_beyond_the_page_has_a_level_everywhere():
    """A few rows of a wide region lie on the page: most strips of it have no pixel."""
    image = np.full((4, 1001), 200, np.uint8)
    inside = np.zeros(image.shape, bool)
    inside[:3, 480:520] = True
    np.testing.assert_allclose(paper_levels(image, inside), 200)


def test_a_blot_takes_the_level_of_the_paper_beside_it():
    image = np.full((40, 400), 220, np.uint8)
    image[:, 165:195] = 30  # most of one strip
    levels = paper_levels(image, np.ones(image.shape, bool))
    np.testing.assert_allclose(levels, 220, atol=1)
