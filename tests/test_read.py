"""Words of unknown text are read by a recognizer."""

import numpy as np
import pytest
from PIL import Image

import hwgan
from hwgan.read import open_reader, read_words
from tests.processes import command_output

WORDS = ["maison", "jardin", "plage", "toute", "jeune", "pays"]


@pytest.fixture(scope="module")
def model():
    return hwgan.load()


def test_words_and_lines_are_read_without_their_texts(model):
    reader = open_reader("copiste_evaluator")
    images = {f"{number}.png": model.word(word, 7) for number, word in enumerate(WORDS)}
    images["line.png"] = model.line(" ".join(WORDS), 7)
    readings = list(read_words(reader, images.items(), "auto"))
    assert [reading.file for reading in readings] == [*list(images)[:-1], *["line.png"] * 6]
    assert [reading.number for reading in readings] == list(range(1, 13))
    right = sum(reading.text == word for reading, word in zip(readings, 2 * WORDS, strict=True))
    assert right >= 9
    assert all(0.0 < reading.confidence <= 1.0 for reading in readings if reading.text)


@pytest.mark.slow
def test_the_command(model, tmp_path):
    (tmp_path / "words").mkdir()
    for word in WORDS[:2]:
        Image.fromarray(model.word(word, 7)).save(tmp_path / "words" / f"{word}.png")
    arguments = ["--checkpoint=copiste_evaluator", f"--images={tmp_path / 'words'}"]
    written = [f"--output={tmp_path / 'readings.tsv'}", f"--preview={tmp_path / 'cut.png'}"]
    assert "2 words" in command_output("read", *arguments, *written)
    header, *rows = (line.split("\t") for line in (tmp_path / "readings.tsv").read_text().splitlines())
    assert header == ["file", "word", "line", "box", "reading", "confidence"]
    assert [row[4] for row in rows] == ["jardin", "maison"]
    assert np.asarray(Image.open(tmp_path / "cut.png")).min() < 80
    blank = tmp_path / "blank.png"
    Image.new("L", (600, 600), 255).save(blank)
    message = command_output("read", arguments[0], f"--images={blank}", *written, code=2)
    assert "no handwriting is found" in message
