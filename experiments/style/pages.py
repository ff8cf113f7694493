"""Photographed pages with known words, composed of real ones: paper, ruling, ink, shadow, perspective, blur by code.

  python -m experiments.style.pages --data_dir=data --output=DIR

Each page holds words of one writer of a split of --dataset. Beside each PNG a JSON file has the box of each
word in pixels of the flat page, and the corners of the sheet in the photograph.
"""

import dataclasses
import json
import pathlib

import numpy as np
from absl import flags
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy import ndimage

from hwgan.data.perspective import homography
from hwgan.evaluation.folder import read_dataset_images
from hwgan.runtime.command_line import run_main

Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclasses.dataclass(frozen=True)
class Page:
    """What a page looks like.

    Attributes:
      lines: number of lines of writing.
      paper: colour of the paper.
      ink: colour of the ink; strength of it, 1 for black.
      strength: share of the paper's light that the darkest ink takes.
      ruling: "", "ruled" or "squared".
      ruling_colour: of the ruling.
      skew: degrees by which lines rise.
      perspective: share of the page's width by which its corners are moved.
      shadow: share of light that the darkest shadow takes.
      blur: standard deviation in pixels of the photograph.
      noise: standard deviation in grey levels.
      print: whether a printed heading stands above the writing.
      blots: number of blots.
      table: grey level of what the sheet lies on; None where the sheet fills the picture.
    """

    lines: int
    paper: tuple[int, int, int] = (245, 244, 240)
    ink: tuple[int, int, int] = (30, 30, 35)
    strength: float = 0.9
    ruling: str = ""
    ruling_colour: tuple[int, int, int] = (170, 190, 220)
    skew: float = 0.0
    perspective: float = 0.0
    shadow: float = 0.0
    blur: float = 0.6
    noise: float = 2.0
    print: bool = False
    blots: int = 0
    table: int | None = None


PAGES = {
    "scan": Page(12),
    "ruled": Page(14, ruling="ruled", skew=1.0, blur=0.8),
    "squared": Page(10, ruling="squared", ruling_colour=(150, 175, 205), perspective=0.02, table=60),
    "pencil": Page(9, ink=(90, 90, 95), strength=0.55, noise=3.5, shadow=0.25),
    "blue ink, shadow": Page(16, ink=(30, 50, 150), shadow=0.5, perspective=0.05, table=80),
    "yellow paper": Page(12, paper=(235, 215, 140), ink=(25, 35, 110), skew=4.0, shadow=0.3),
    "skewed by 10 degrees": Page(8, skew=10.0, ink=(40, 40, 130), blur=1.0),
    "three lines": Page(3, perspective=0.04, table=40, shadow=0.3),
    "thirty lines": Page(30, ruling="ruled", shadow=0.2, blur=0.8),
    "print and blots": Page(10, print=True, blots=3, perspective=0.03, table=70, noise=4.0),
}
WIDTH, HEIGHT = 1700, 2300  # of the sheet, pixels
_LEFT, _TOP = 140, 170
_SCALE = 0.85  # of a word of the dataset
_HIGHEST = 96  # pixels of a word, as the crops of word_folder/copiste have at most


def compose(
    page: Page, words: list[np.ndarray], seed: int
) -> tuple[UInt8[np.ndarray, "h w 3"], list[tuple[np.ndarray, Box]], Float[np.ndarray, "4 2"]]:
    """A photograph of a page, its words, and the corners of the sheet in the photograph.

    Args:
      page: what it looks like.
      words: uint8 crops, dark ink on white, in the order of writing; as many are used as fit. Where one does not fit
        into the rest of a line, it is left out.
      seed: of all that is random.

    Returns:
      The photograph; the crops that were written, each with its box on the flat page; the corners.
    """
    rng = np.random.default_rng(seed)
    ink, written = _write(page, words, rng)
    light = np.ones((HEIGHT, WIDTH, 3)) * np.array(page.paper) / 255
    light *= _ruling(page)
    if page.print:
        ink = np.maximum(ink, _printed())
    ink = np.maximum(ink, _blots(page, rng))
    strength = page.strength * ink[..., None]
    sheet = light * (1 - strength) + strength * np.array(page.ink) / 255
    photo, corners = _photograph(sheet, page, rng)
    return photo, written, corners


def _write(page: Page, words: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, list]:
    ink, written = np.zeros((HEIGHT, WIDTH)), list[tuple[np.ndarray, Box]]()
    pitch = min((HEIGHT - 2 * _TOP) / page.lines, 130)
    rest = iter(words)
    for line in range(page.lines):
        x, base = _LEFT + rng.uniform(0, 30), _TOP + pitch * (line + 0.75)
        while True:
            word = next(rest, None)
            if word is None:
                return ink, written
            scale = _SCALE * min(1.0, pitch / 80)
            size = max(1, round(word.shape[1] * scale)), max(1, round(word.shape[0] * scale))
            darkness = 1 - np.asarray(Image.fromarray(word).resize(size, Image.Resampling.BILINEAR)) / 255
            if x + size[0] > WIDTH - _LEFT:
                break
            # The crops are tight, so those with tails hang a bit lower; their texts are not known here.
            top, left = round(base - size[1] * 0.75 + rng.normal(0, 2)), round(x)
            area = ink[top : top + size[1], left : left + size[0]]
            np.maximum(area, darkness, out=area)
            rows, columns = np.nonzero(darkness > 0.3)
            if rows.size:
                right, bottom = left + int(columns.max()) + 1, top + int(rows.max()) + 1
                written.append((word, (left + int(columns.min()), top + int(rows.min()), right, bottom)))
            x += size[0] + scale * rng.uniform(22, 40)
    return ink, written


def _ruling(page: Page) -> np.ndarray:
    light = np.ones((HEIGHT, WIDTH, 3))
    pitch = min((HEIGHT - 2 * _TOP) / page.lines, 130)
    colour = np.array(page.ruling_colour) / 255
    if page.ruling == "ruled":
        for line in range(-1, page.lines + 1):
            row = round(_TOP + pitch * (line + 0.78))
            light[row : row + 3] = colour
    if page.ruling == "squared":
        for place in range(20, HEIGHT, 65):
            light[place : place + 2] = colour
        for place in range(20, WIDTH, 65):
            light[:, place : place + 2] = colour
    return light


def _printed() -> np.ndarray:
    picture = Image.new("L", (WIDTH, HEIGHT))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=44)
    draw.text((_LEFT, 40), "Please copy the following text in your own hand", 255, font)
    draw.text((_LEFT, 96), "Name and date of birth are not asked for.", 255, font)
    return np.asarray(picture) / 255


def _blots(page: Page, rng: np.random.Generator) -> np.ndarray:
    picture = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(picture)
    for _ in range(page.blots):
        x, y, r = rng.uniform(300, WIDTH - 300), rng.uniform(1700, HEIGHT - 200), rng.uniform(14, 30)
        draw.ellipse((x - r, y - 0.8 * r, x + r, y + 0.8 * r), fill=255)
    return np.asarray(picture) / 255


def _photograph(sheet: np.ndarray, page: Page, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    margin = 0 if page.table is None else 120
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float64)
    angle = np.radians(-page.skew)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    centre = np.array([WIDTH, HEIGHT]) / 2
    moved = (corners - centre) @ turn.T + centre + rng.uniform(-1, 1, (4, 2)) * page.perspective * WIDTH
    size = WIDTH + 2 * margin, HEIGHT + 2 * margin
    coefficients = homography(moved + margin, corners)
    picture = Image.fromarray(np.rint(sheet * 255).astype(np.uint8))
    table = tuple(page.paper if page.table is None else (page.table,) * 3)
    picture = picture.transform(
        size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC, fillcolor=table
    )
    photo = np.asarray(picture.filter(ImageFilter.GaussianBlur(page.blur))).astype(float)
    y, x = np.mgrid[: size[1], : size[0]]
    where = (x / size[0] + 0.6 * y / size[1] - 0.9) / 0.15
    shade = 1 - page.shadow / (1 + np.exp(-where)) - 0.1 * (page.shadow > 0) * y / size[1]
    noise = ndimage.gaussian_filter(rng.normal(0, page.noise, photo.shape[:2]), 0.5) * 2
    return (photo * shade[..., None] + noise[..., None]).clip(0, 255).astype(np.uint8), moved + margin


def words_by_writer(data_dir: str, dataset: str, split: str) -> dict[str, list[np.ndarray]]:
    """The word images of each writer of a split, at most 96 pixels high."""
    found: dict[str, list[np.ndarray]] = {}
    for image, _, writer in zip(*read_dataset_images(data_dir, dataset, split), strict=True):
        found.setdefault(writer, []).append(_small(image))
    return dict(sorted(found.items()))


def _small(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """The image at the resolution for which the pages are composed, if it is that of a scan."""
    scale = min(1.0, _HIGHEST / image.shape[0])
    size = max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0]))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) if scale < 1.0 else image


def main(argv: list[str]) -> None:
    """Writes the ten pages."""
    del argv
    output = pathlib.Path(flags.FLAGS.output)
    output.mkdir(parents=True, exist_ok=True)
    writers = words_by_writer(flags.FLAGS.data_dir, flags.FLAGS.dataset, flags.FLAGS.split)
    for number, ((name, page), (writer, words)) in enumerate(zip(PAGES.items(), writers.items(), strict=False)):
        several = words * 3  # a page of thirty lines has more words than a writer
        photo, written, corners = compose(page, several, number)
        path = output / f"{number:02d} {name}.png"
        Image.fromarray(photo).save(path)
        boxes = [box for _, box in written]
        record = {"writer": writer, "boxes": boxes, "corners": corners.tolist(), "size": [WIDTH, HEIGHT]}
        path.with_suffix(".json").write_text(json.dumps(record))


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", "data", "directory of prepared datasets")
    flags.DEFINE_string("dataset", "word_folder/copiste", "whose words are used; of the public pages: pages/copiste")
    flags.DEFINE_string("split", "test", "whose words are used")
    flags.DEFINE_string("output", None, "folder to write to", required=True)
    run_main(main)
