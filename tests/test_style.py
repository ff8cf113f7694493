"""The style command: which words it takes, what it refuses, and what it warns of."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hwgan.data.charset import Charset
from hwgan.data.word_cutting import CutWord
from hwgan.runtime.errors import UserError
from hwgan.sampling.style_checks import caution_of_groups, cautions, check_handwriting, check_texts, two_groups
from hwgan.sampling.style_encoder import EncodedWords, StyleEncoder
from hwgan.sampling.style_files import Style
from hwgan.sampling.style_images import check_preview, find_layout, list_images, preview, words_of_images
from hwgan.style import choose_words, known_words, make_style

ROOT = pathlib.Path(__file__).parent.parent


def words(count):
    return [CutWord(np.full((30, 50), 200, np.uint8), number // 3, (0, 0, 50, 30)) for number in range(count)]


def test_words_are_left_out_by_number():
    found = words(5)
    assert choose_words(found, {2, 5}) == [found[0], found[2], found[3]]
    for numbers, message in (({6}, "numbers 1 to 5"), ({1, 2, 3, 4, 5}, "leaves none")):
        with pytest.raises(UserError, match=message):
            choose_words(found, numbers)
    with pytest.raises(UserError, match="no handwriting is found"):
        choose_words([], set())


def test_the_preview_shows_every_word():
    picture = np.asarray(preview(words(5), {2}))
    reds = (picture[..., 0] > 200) & (picture[..., 1] < 60)
    assert reds.any() and not np.asarray((np.asarray(preview(words(5)))[..., 1] < 60) & reds).any()


def test_disagreeing_and_few_words_are_cautioned_of():
    z = np.zeros(5, np.float32)
    assert cautions(Style(z, 15, 0.5, "")) == []
    assert "agree little" in cautions(Style(z, 15, 0.1, ""))[0]
    assert "2 words" in cautions(Style(z, 2, 0.4, ""))[0]


def test_words_by_two_writers_are_cautioned_of():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1, 32))
    words = lambda writer, count: writer + rng.normal(scale=0.8, size=(count, 32))  # noqa: E731
    encoded = lambda z, text="word": EncodedWords(  # noqa: E731
        z.astype(np.float32), [text] * len(z), np.ones(len(z), np.float32), np.arange(len(z)) + 1, {0: "it is blank"}
    )
    mixed = np.concatenate([words(one, 6), words(other, 10)])
    assert "the words 2, 3, 4, 5, 6, 7: see" in caution_of_groups(encoded(mixed))
    assert "the words 3, 4, 5, 6, 7, 8: see" in caution_of_groups(encoded(mixed), list(range(2, 19)))
    assert caution_of_groups(encoded(words(one, 16))) == ""
    assert caution_of_groups(encoded(mixed[:11])) == ""  # too few to tell
    assert caution_of_groups(encoded(mixed, "?!")) == ""  # signs differ from words
    assert two_groups(np.ones((16, 32), np.float32))[0] == 0.0
    outlier = np.concatenate([words(one, 15), 10 + words(other, 1)])
    assert caution_of_groups(encoded(outlier)) == ""  # one word is no group


def test_layouts_are_told_by_size():
    assert find_layout(np.zeros((60, 150), np.uint8)) == "words"
    assert find_layout(np.zeros((60, 900), np.uint8)) == "lines"
    assert find_layout(np.zeros((1200, 900), np.uint8)) == "page"
    image = np.full((60, 150), 255, np.uint8)
    assert [word.line for word in words_of_images([image, image])] == [0, 1]


def test_images_are_read_from_folders_and_lists(tmp_path):
    for name in ("b.png", "a.jpg", "notes.txt"):
        (tmp_path / name).write_text("no image")
    for name in ("b.png", "a.jpg"):
        Image.new("L", (40, 20), 255).save(tmp_path / name)
    assert [image.path.name for image in list_images(str(tmp_path))] == ["a.jpg", "b.png"]
    assert len(list_images(f"{tmp_path}/b.png, {tmp_path}/a.jpg")) == 2
    for source, message in ((f"{tmp_path}/none.png", "cannot read"), (f"{tmp_path}/notes.txt", "cannot read")):
        with pytest.raises(UserError, match=message):
            [image.read() for image in list_images(source)]
    (tmp_path / "._a.png").write_bytes(b"what macOS leaves behind")
    assert len(list_images(str(tmp_path))) == 2
    assert len(list_images(",".join([f"{tmp_path}/b.png"] * 300))) == 1  # longer than a path can be
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no images"):
        list_images(str(tmp_path / "empty"))


def test_all_pages_of_a_tiff_are_read(tmp_path):
    pages = [Image.new("L", (500, 400 + i), 255) for i in range(3)]
    small = Image.new("L", (120, 100), 255)
    small.encoderinfo = {"tiffinfo": {254: 1}}  # a preview
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=[small, *pages[1:]])
    found = list_images(str(tmp_path / "scan.tif"))
    assert [image.name.rsplit("/", 1)[1] for image in found] == ["scan.tif#1", "scan.tif#2", "scan.tif#3"]
    assert [image.read().shape[0] for image in found] == [400, 401, 402]


def test_the_preview_does_not_lie_among_the_images(tmp_path, monkeypatch):
    Image.new("L", (500, 500), 255).save(tmp_path / "page.jpg")
    monkeypatch.chdir(tmp_path)
    for preview_path, images in (
        ("cut.png", "."),
        ("page.jpg", "page.jpg"),
        (f"{tmp_path}/cut.png", str(tmp_path)),
        ("page.jpg", "other.png, page.jpg"),
    ):
        with pytest.raises(UserError, match=r"lies among the images .*; write it elsewhere"):
            check_preview(preview_path, images)
    check_preview("cut.png", "page.jpg")
    check_preview("", ".")
    check_preview("../cut.png", ".")


def test_light_ink_of_word_images_is_inverted():
    word = np.full((60, 150), 20, np.uint8)
    word[20:40, 30:120:10] = 230
    (found,) = words_of_images([word], "words")
    np.testing.assert_array_equal(found.image, 255 - word)


def test_what_is_no_handwriting_is_refused():
    z = np.random.default_rng(0).standard_normal((9, 32)).astype(np.float32)

    def check(confidence=0.8, text="word", scale=1.0):
        rows = np.arange(9)
        check_handwriting(EncodedWords(np.float32(scale) * z, [text] * 9, np.full(9, confidence, np.float32), rows, {}))

    check()
    for change in (dict(confidence=0.3), dict(text="l"), dict(scale=2.0)):
        with pytest.raises(UserError, match="does not look like handwriting"):
            check(**change)


def word_folder(folder, rows, columns="file\ttext\twriter"):
    """A folder of word images with their table."""
    for number in range(len(rows)):
        Image.new("L", (60, 30), 255).save(folder / f"{number}.png")
    lines = [columns, *(f"{number}.png\t{text}\t{writer}" for number, (text, writer) in enumerate(rows))]
    (folder / "labels.tsv").write_text("\n".join(lines) + "\n")
    return str(folder)


def test_known_texts_that_cannot_be_written_are_left_out_with_a_warning(tmp_path, capsys):
    source = word_folder(tmp_path, [("ab", "me"), ("a€b", "me"), ("c", ""), ("abcabcabc", "me")])
    images, texts = known_words(source, Charset("abc"), 8)
    assert texts == ["ab", "c"] and len(images) == 2
    warnings = capsys.readouterr().err
    assert "'a€b' is left out: '€' is outside the alphabet" in warnings
    assert "'abcabcabc' is left out: it has 9 characters" in warnings
    with pytest.raises(UserError, match="no word that the model can write"):
        known_words(source, Charset("xyz"), 8)
    (tmp_path / "labels.tsv").write_text("file\ttext\n0.png\te\u0301te\u0301\n", encoding="utf-8")
    assert known_words(source, Charset("té"), 8)[1] == ["été"]  # in NFC, as it is read


def test_fine_tuning_without_the_texts_of_one_writer_is_refused(tmp_path):
    for name in ("none", "two", "no_table", "file.png"):
        folder = tmp_path / name
        if name == "file.png":
            Image.new("L", (60, 30), 255).save(folder)
        elif name != "none":
            folder.mkdir()
    word_folder(tmp_path / "two", [("ab", "me"), ("ab", "you")])
    for name in ("none", "no_table", "file.png", "a.png,b.png"):
        with pytest.raises(
            UserError, match="--finetune needs words whose texts are known: give --filled_sheet"
        ) as error:
            known_words(str(tmp_path / name), Charset("abc"), 8)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="words of 2 writers"):
        known_words(str(tmp_path / "two"), Charset("abc"), 8)


class Encodes(StyleEncoder):
    """Stands in for an encoder: always the same words and style."""

    def __init__(self, words, style):
        object.__setattr__(self, "found", (words, style))

    def encode_words(self, images, texts=None):
        return self.found[0]

    def fit(self, words):
        return self.found[1]

    def read(self, images):
        return ["ab" for _ in images]


IMAGE = np.zeros((2, 2), np.uint8)


def test_fine_tuning_takes_the_words_with_their_texts(monkeypatch, capsys):
    words = EncodedWords(np.ones((3, 5), np.float32), ["ab"] * 3, np.ones(3, np.float32), np.arange(3), {})
    fitted, tuned = Style(np.zeros(5, np.float32), 3, 0.5, ""), Style(np.ones(5, np.float32), 3, 0.5, "")
    encoder, given = Encodes(words, fitted), []
    monkeypatch.setattr("hwgan.style.fine_tune", lambda *arguments: given.append(arguments) or (tuned, [2.0, 0.5]))
    assert make_style(encoder, [IMAGE] * 3, ["ab"] * 3) is fitted and not given
    assert make_style(encoder, [IMAGE] * 3, ["ab"] * 3, finetune=True) is tuned
    assert given == [(encoder, words, fitted)]
    assert "fine-tuned" in capsys.readouterr().out


def test_the_command_refuses_fine_tuning_without_texts(tmp_path):
    Image.new("L", (60, 30), 255).save(tmp_path / "word.png")
    command = [sys.executable, "-m", "hwgan.style", f"--images={tmp_path / 'word.png'}", "--finetune"]
    result = subprocess.run([*command, f"--output={tmp_path / 'mine.npz'}"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2 and "--finetune needs words whose texts are known" in result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "mine.npz").exists()


def test_words_that_are_read_unlike_their_texts_are_refused(capsys):
    """Such as those of a sheet that was printed for another alphabet."""
    texts = ["quick", "brown", "jumps", "over", "lazy", "while", "Portez", "vieux", "au", "whisky"]
    check_texts([text[:-1] + "x" for text in texts], texts)
    assert "read unlike" not in capsys.readouterr().err
    check_texts(["xyz"] * 6 + texts[6:], texts)
    assert "read unlike their texts" in capsys.readouterr().err
    check_texts(texts[1:] + texts[:1], ["au"] * 10)  # too short to tell
    with pytest.raises(
        UserError, match=r"read unlike their texts, such as .*: was the sheet printed with another --check"
    ):
        check_texts(texts[1:] + texts[:1], texts)


def test_words_left_out_are_named_by_their_numbers_in_the_preview(capsys):
    left_out = dict.fromkeys(range(1, 13), "it is blank")
    words = EncodedWords(np.ones((1, 5), np.float32), ["ab"], np.ones(1, np.float32), np.arange(1), left_out)
    encoder = Encodes(words, Style(np.zeros(5, np.float32), 1, None, ""))
    make_style(encoder, [IMAGE] * 13, numbers=range(2, 15))
    errors = capsys.readouterr().err
    assert "word 3 is left out: it is blank" in errors and "2 more words are left out" in errors
    assert "word 2 is" not in errors
