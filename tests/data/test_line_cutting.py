"""Lines of known words are cut into these words, and what cannot be told is left out."""

import numpy as np
import pytest

from hwgan.data.line_cutting import cut_lines, split_text
from tests.data.pages_of_words import overlap, page_of_words

PAPERS = {
    "plain": {},
    "ruled": {"ruling": 150},
    "darkly ruled, askew": {"ruling": 60, "slope": 0.004},
    "narrow gaps": {"gap": (9, 14)},
}


def cut(page):
    return cut_lines(page.image, page.outlines, [" ".join(texts) for texts in page.texts])


@pytest.mark.parametrize("paper", PAPERS)
def test_words_are_found_at_their_places(paper):
    right = wrong = total = 0
    for seed in (0, 1, 2, 5):  # cursive, joined and print, upright and slanted
        page = page_of_words(seed, **PAPERS[paper])
        for words, texts, boxes in zip(cut(page), page.texts, page.boxes, strict=True):
            assert [word.text for word in words] == texts
            for word, box in zip(words, boxes, strict=True):
                total += 1
                if word.image is not None:
                    good = overlap(word.box, box) > 0.75
                    right += good
                    wrong += not good
    assert right >= (0.85 if paper == "narrow gaps" else 0.95) * total
    assert wrong <= 0.02 * total


def test_the_image_of_a_word_is_its_ink_on_white():
    page = page_of_words(1, ruling=150)
    for words, boxes in zip(cut(page), page.boxes, strict=True):
        for word, (left, top, right, bottom) in zip(words, boxes, strict=True):
            if word.image is None or overlap(word.box, (left, top, right, bottom)) < 0.9:
                continue
            assert word.image.dtype == np.uint8
            assert abs(word.image.shape[1] - (right - left)) <= 12
            assert (word.image[0] == 255).all()
            assert (word.image[:, 0] == 255).all()
            ink = page_of_words(1).image[top:bottom, left:right] < 128
            assert 0.8 < (word.image < 128).sum() / ink.sum() < 1.3


def test_a_line_with_the_text_of_another_is_doubtful():
    page = page_of_words(3)
    texts = [" ".join(texts) for texts in page.texts]
    texts[2] = "an it of to be we me up a in no so us he or"
    words = cut_lines(page.image, page.outlines, texts)
    assert sum(word.image is not None for word in words[2]) <= 2
    assert all(word.doubt for word in words[2] if word.image is None)
    assert sum(word.image is not None for word in words[0]) >= 3


def test_lines_and_pages_without_ink():
    page = page_of_words(0, lines=2)
    beside = [(60.0, 300.0), (400.0, 300.0), (400.0, 310.0), (60.0, 310.0)]
    words = cut_lines(page.image, [*page.outlines, beside], [*(" ".join(texts) for texts in page.texts), "no ink"])
    assert [(word.text, word.doubt) for word in words[2]] == [("no", "line without ink"), ("ink", "line without ink")]
    blank = cut_lines(np.full((400, 900), 255, np.uint8), page.outlines, ["a b", "c"])
    assert [word.doubt for line in blank for word in line] == ["line without ink"] * 3


def test_light_ink_on_dark_paper():
    page = page_of_words(2)
    dark = cut_lines(255 - page.image, page.outlines, [" ".join(texts) for texts in page.texts])
    plain = cut(page)
    assert [[word.image is None for word in line] for line in dark] == [
        [word.image is None for word in line] for line in plain
    ]


def test_struck_words_keep_together_and_thin_spaces_do_not_end_words():
    words = split_text("le >petit mot< 10\u202f000 >a<vec ><")
    assert [word.text for word in words] == ["le", ">petitmot<", "10\u202f000", ">a<vec", "><"]
    assert [word.is_struck for word in words] == [False, True, False, True, True]
