"""The words of a run, with access by index."""

import functools

import numpy as np

from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import WordStore, load_words
from hwgan.prepare import prepare_dataset
from tests.synthetic_data import make_words

SPEC = ImageSpec(Preprocessing(height=16), max_width=32, max_length=4)


def store(texts, writers, **charset_options):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (16, 8 + i), dtype=np.uint8) for i in range(len(texts))]
    return images, WordStore.from_images(SPEC, images, texts, writers, charset=Charset("abcd", **charset_options))


def test_known_writers_have_ids_and_unknown_ones_minus_one():
    _, words = store(["a", "b", "c", "d"], ["zoe", "", "ann", "zoe"])
    assert words.batch(np.arange(4)).writers.tolist() == [1, -1, 0, 1]
    assert words.num_writers == 2


def test_take_and_join_keep_images_texts_and_writers():
    images, words = store(["a", "bc", "d"], ["x", "y", "z"])
    _, others = store(["cc"], ["x"])
    joined = words.take([2, 0]).join(others)
    assert (joined.texts, joined.writers) == (["d", "a", "cc"], ["z", "x", "x"])
    for index, image in enumerate((images[2], images[0], others.image(0))):
        np.testing.assert_array_equal(joined.image(index), image)
    assert all(
        np.shares_memory(joined.image(index), part) for index, part in ((0, words.pixels[0]), (2, others.pixels[0]))
    )
    thrice = others.join(joined)
    np.testing.assert_array_equal(thrice.image(3), others.image(0))
    np.testing.assert_allclose(thrice.batch(np.array([1])).image[0, :, :10, 0], images[2] / 127.5 - 1.0, atol=1e-6)


def test_images_of_right_to_left_words_are_stored_mirrored():
    images, words = store(["ab"], [""], right_to_left=True)
    np.testing.assert_array_equal(words.image(0), images[0])
    batch = words.batch(np.array([0]))
    np.testing.assert_allclose(batch.image[0, :, :8, 0], images[0][:, ::-1] / 127.5 - 1.0, atol=1e-6)
    assert (batch.image[0, :, 8:] == 1.0).all()


def test_doubtful_words_are_left_out_and_counted_unless_asked_for(tmp_path):
    """A word 200 pixels wide is no "ab"; one of unknown characters is never loaded."""
    source = make_words(tmp_path / "words", ["ab", "ab", "ba", "bé"], [40, 200, 40, 40])
    (source / "words.tsv").write_text(
        (source / "words.tsv").read_text().replace("\n", "\ttrain\n").replace("text\ttrain", "text\tsplit")
    )
    prepare_dataset("word_folder", str(tmp_path / "data"), source=str(source), name="mine")
    spec = ImageSpec(Preprocessing(height=16, pad_to_line=True), max_width=400, max_length=4)
    load = functools.partial(load_words, str(tmp_path / "data"), "word_folder/mine", "train", Charset("ab"), spec)
    words, every = load(), load(doubtful=True)
    assert sorted(words.texts) == ["ab", "ba"] and sorted(every.texts) == ["ab", "ab", "ba"]
    assert words.left_out == {"of implausible width for their text": 1, "outside the alphabet": 1}
    assert every.left_out == {"outside the alphabet": 1}
    assert words.join(every).left_out == {"of implausible width for their text": 1, "outside the alphabet": 2}
