import itertools

import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import (
    ImageSpec,
    Lexicon,
    dataset_directory,
    eval_batches,
    load_words,
    read_lexicon_file,
    train_batches,
)
from hwgan.errors import UserError

LETTERS = Charset("abcdefghijklmnopqrstuvwxyz")
SPEC = ImageSpec(height=32, max_width=96, pixels_per_character=16, max_length=6)


@pytest.fixture(scope="module")
def words(data_dir):
    return load_words(data_dir, "penman/smoke", "train", LETTERS, SPEC)


@pytest.fixture(scope="module")
def lexicon(words):
    return Lexicon.from_words(words.texts, LETTERS, SPEC)


def take(words, lexicon, count, **options):
    stream = train_batches(words, lexicon, **({"batch_size": 8, "seed": 3} | options))
    return list(itertools.islice(stream, count))


def same(batch, other):
    return all(np.array_equal(batch[name], other[name]) for name in batch)


def test_batch_shapes_ranges_and_padding(words, lexicon):
    (batch,) = take(words, lexicon, 1)
    assert batch["image"].shape == (8, 32, 96, 1)
    assert batch["image"].dtype == np.float32
    assert -1.0 <= batch["image"].min() < 0.0
    for image, width, length in zip(batch["image"], batch["image_width"], batch["label_length"], strict=True):
        assert width == 16 * length
        assert (image[:, width:] == 1.0).all()
        assert (image[:, :width] < 0.0).any()
    np.testing.assert_array_equal((batch["labels"] > 0).sum(axis=1), batch["label_length"])
    np.testing.assert_array_equal((batch["fake_labels"] > 0).sum(axis=1), batch["fake_label_length"])


def test_labels_are_those_of_the_image(words):
    batch = words.batch(np.array([5]))
    assert LETTERS.decode(batch["labels"][0]) == words.texts[5]
    assert batch["image_width"][0] == 16 * len(words.texts[5])


def test_stream_depends_on_the_seed_alone(words, lexicon):
    first, again, other = (take(words, lexicon, 3, seed=seed) for seed in (3, 3, 4))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not same(first[0], other[0])


@pytest.mark.parametrize("start", [1, 7, 30])  # an epoch is 24 batches
def test_resumes_at_any_step(words, lexicon, start):
    whole = take(words, lexicon, start + 2)
    assert all(same(a, b) for a, b in zip(whole[start:], take(words, lexicon, 2, start_step=start), strict=True))


@pytest.mark.parametrize("hosts", [2, 4, 8])
def test_hosts_share_one_stream(words, lexicon, hosts):
    (whole,) = take(words, lexicon, 1, start_step=25)
    shares = [take(words, lexicon, 1, start_step=25, process_index=i, process_count=hosts)[0] for i in range(hosts)]
    for name, rows in whole.items():
        union = np.stack([share[name] for share in shares], axis=1).reshape(rows.shape)
        np.testing.assert_array_equal(union, rows)


def test_an_epoch_shows_every_word_once(words, lexicon):
    texts = [LETTERS.decode(row) for batch in take(words, lexicon, 24) for row in batch["labels"]]
    assert sorted(texts) == sorted(words.texts)


@pytest.mark.parametrize(
    ("charset", "spec", "reason"),
    [
        (Charset("abcdefghijklm"), SPEC, "outside the alphabet"),
        (LETTERS, ImageSpec(height=32, max_width=96, pixels_per_character=16, max_length=3), "too long"),
        (LETTERS, ImageSpec(height=32, max_width=96, pixels_per_character=16, max_length=6, min_length=4), "too short"),
        (LETTERS, ImageSpec(height=32, max_width=60, pixels_per_character=0, max_length=6), "too wide"),
    ],
)
def test_what_does_not_fit_is_dropped_and_counted(data_dir, caplog, charset, spec, reason):
    caplog.set_level("INFO", logger="hwgan")
    words = load_words(data_dir, "penman/smoke", "train", charset, spec)
    assert 0 < len(words) < 192
    assert f"{192 - len(words)} {reason}" in caplog.text


def test_nothing_fits(data_dir):
    with pytest.raises(UserError, match="no word of penman/smoke train fits"):
        load_words(data_dir, "penman/smoke", "train", Charset("0123"), SPEC)


def test_errors_name_the_remedy(data_dir):
    with pytest.raises(UserError, match=r"python -m hwgan.prepare --dataset=iam"):
        dataset_directory(data_dir, "iam/words")
    with pytest.raises(UserError, match=r"no split 'dev'; it has \['test', 'train', 'validation'\]"):
        load_words(data_dir, "penman/smoke", "dev", LETTERS, SPEC)
    with pytest.raises(UserError, match="cannot read the lexicon"):
        read_lexicon_file(f"{data_dir}/none.txt")
    with pytest.raises(UserError, match="too small"):
        ImageSpec(height=32, max_width=40, pixels_per_character=16, max_length=6)


def test_lexicon_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("one\n\n  two \nß\nunreasonable\n", encoding="utf-8")
    lexicon = Lexicon.from_words(read_lexicon_file(str(path)), LETTERS, SPEC)
    assert [LETTERS.decode(row) for row in lexicon.labels] == ["one", "two"]
    with pytest.raises(UserError, match="no word of the lexicon"):
        Lexicon.from_words(["ß"], LETTERS, SPEC)


def test_eval_batches_cover_each_word_once(words):
    batches = list(eval_batches(words, 50, limit=120))
    assert [len(texts) for _, texts in batches] == [50, 50, 20]
    assert all(batch["image"].shape[0] == 50 for batch, _ in batches)
    assert [text for _, texts in batches for text in texts] == words.texts[:120]
