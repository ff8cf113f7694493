"""Words found, missed and wrong on the ten pages of pages.py, and the styles made of them beside those of clean crops.

  python -m experiments.style.cut --data_dir=data

A truth counts as found if a cut overlaps it with intersection / union of at least 0.6; a cut that does so with no truth
is wrong.
"""

import numpy as np
from absl import flags
from PIL import Image

from experiments.style import pages
from hwgan.data.page_photo import even_ink
from hwgan.data.perspective import homography, project
from hwgan.data.word_cutting import CutWord, cut_words
from hwgan.runtime.command_line import run_main
from hwgan.sampling.open import open_sampler
from hwgan.sampling.style_encoder import StyleEncoder, open_style_encoder

_MATCH = 0.6
_STYLE_WORDS = 60


def cut_with_places(photo: np.ndarray, corners: np.ndarray) -> tuple[list[CutWord], np.ndarray]:
    """The words of a photograph, and left, top, right, bottom of each in pixels of the flat page."""
    page = even_ink(photo)
    words = cut_words(page.darkness)
    flat = np.array([(0, 0), (pages.WIDTH, 0), (pages.WIDTH, pages.HEIGHT), (0, pages.HEIGHT)], float)
    to_flat = homography(corners, flat)
    boxes = []
    for word in words:
        left, top, right, bottom = np.add(word.box, (3, 3, -3, -3))  # without the margin
        outline = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)
        places = project(page.to_photo(outline), to_flat)
        boxes.append((*places.min(axis=0), *places.max(axis=0)))
    return words, np.array(boxes).reshape(-1, 4)


def overlaps(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection / union of each found box with each true one."""
    low = np.maximum(found[:, None, :2], truth[None, :, :2])
    high = np.minimum(found[:, None, 2:], truth[None, :, 2:])
    both = (high - low).clip(0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (found, truth)]
    return both / (areas[0][:, None] + areas[1][None] - both)


def style_distance(encoder: StyleEncoder, first: list[np.ndarray], second: list[np.ndarray]) -> float:
    """Euclidean distance between the styles of two sets of words."""
    styles = [encoder.encode_words(images[:_STYLE_WORDS]).z.mean(axis=0) for images in (first, second)]
    return float(np.linalg.norm(styles[0] - styles[1]))


def main(argv: list[str]) -> None:
    """Prints a row for each page."""
    del argv
    encoder = open_style_encoder("", open_sampler(""))
    writers = pages.words_by_writer(flags.FLAGS.data_dir, flags.FLAGS.dataset, flags.FLAGS.split)
    print("| page | words | found | missed | wrong | style distance |\n|---|---|---|---|---|---|")
    total = np.zeros(4, int)
    for number, ((name, page), words) in enumerate(zip(pages.PAGES.items(), writers.values(), strict=False)):
        photo, written, corners = pages.compose(page, words * 3, number)
        crops, boxes = map(list, zip(*written, strict=True))
        cut, places = cut_with_places(np.asarray(Image.fromarray(photo).convert("L")), corners)
        matches = overlaps(places, np.array(boxes, float)) >= _MATCH
        counts = len(boxes), matches.any(axis=0).sum(), (~matches.any(axis=0)).sum(), (~matches.any(axis=1)).sum()
        total += counts
        distance = style_distance(encoder, [word.image for word in cut], crops)
        print(f"| {name} | {' | '.join(map(str, counts))} | {distance:.2f} |", flush=True)
    print(f"| all | {' | '.join(map(str, total))} | |")


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", "data", "directory of prepared datasets")
    flags.DEFINE_string("dataset", "word_folder/copiste", "whose words are used; of the public pages: pages/copiste")
    flags.DEFINE_string("split", "test", "whose words are used")
    run_main(main)
