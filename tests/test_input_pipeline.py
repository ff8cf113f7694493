import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import create_schedule, eval_batches, train_batches
from hwgan.data.lexicon import Lexicon, read_lexicon_file
from hwgan.data.prepared import dataset_directory
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import load_words
from hwgan.errors import UserError

LETTERS = Charset("abcdefghijklmnopqrstuvwxyz")
SPEC = ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=96, max_length=6)


@pytest.fixture(scope="module")
def words(data_dir):
    return load_words(data_dir, "penman/smoke", "train", LETTERS, SPEC)


@pytest.fixture(scope="module")
def lexicon(words):
    return Lexicon.from_words(words.texts, LETTERS, SPEC)


def take(words, lexicon, count, seed=3, num_buckets=1, **options):
    schedule = create_schedule(words, batch_size=8, num_buckets=num_buckets, seed=seed)
    return list(itertools.islice(train_batches(words, lexicon, schedule, seed=seed, **options), count))


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


@pytest.mark.parametrize("num_buckets", [1, 3])
@pytest.mark.parametrize("start", [1, 7, 30])  # an epoch is 24 batches
def test_resumes_at_any_step(words, lexicon, start, num_buckets):
    whole = take(words, lexicon, start + 2, num_buckets=num_buckets)
    later = take(words, lexicon, 2, num_buckets=num_buckets, start_step=start)
    assert all(same(a, b) for a, b in zip(whole[start:], later, strict=True))


def union(shares):
    """The global batch that hosts hold parts of."""
    return {name: np.concatenate([share[name] for share in shares]) for name in shares[0]}


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 500), st.permutations([1, 2, 4, 8]), st.sampled_from([1, 3]))
def test_hosts_share_one_stream_and_their_number_may_change(words, lexicon, start, hosts, num_buckets):
    """The stream of `hosts[0]` hosts, then resumed on `hosts[1]`, is that of `hosts[2]` from the beginning on."""
    options = dict(num_buckets=num_buckets)

    def stream(step, count, number):
        parts = [
            take(words, lexicon, count, start_step=step, process_index=i, process_count=number, **options)
            for i in range(number)
        ]
        return [union(shares) for shares in zip(*parts, strict=True)]

    resumed = stream(start, 2, hosts[0]) + stream(start + 2, 2, hosts[1])
    assert all(same(a, b) for a, b in zip(resumed, stream(start, 4, hosts[2]), strict=True))


def test_buckets_pad_less_and_keep_real_and_fake_words_alike(words, lexicon):
    shapes = set()
    for batch in take(words, lexicon, 24, num_buckets=3):
        _, _, width, _ = batch["image"].shape
        shapes.add(width)
        length = width // 16
        assert batch["labels"].shape == batch["fake_labels"].shape == (8, length)
        assert batch["image_width"].max() <= width
        assert batch["fake_label_length"].max() <= length
        texts = [LETTERS.decode(row) for row in batch["labels"]]
        assert all(len(text) == n for text, n in zip(texts, batch["label_length"], strict=True))
    assert len(shapes) == 3


def test_padding_is_reported(words, caplog):
    caplog.set_level("INFO", logger="hwgan")
    create_schedule(words, batch_size=8, num_buckets=3, seed=0)
    assert re.search(r"batches \d+ or \d+ or 96 pixels wide, \d+ % of them padding \(one shape: \d+ %\)", caplog.text)


def test_a_lexicon_of_long_words_alone(words):
    long_words = Lexicon.from_words(["number", "writer"], LETTERS, SPEC)
    with pytest.raises(UserError, match=r"lexicon has no word of up to \d+ pixels .* data.num_buckets=1"):
        take(words, long_words, 1, num_buckets=3)
    assert take(words, long_words, 1)[0]["fake_label_length"].tolist() == [6] * 8


def test_an_epoch_shows_every_word_once(words, lexicon):
    texts = [LETTERS.decode(row) for batch in take(words, lexicon, 24) for row in batch["labels"]]
    assert sorted(texts) == sorted(words.texts)


@pytest.mark.parametrize(
    ("charset", "spec", "reason"),
    [
        (Charset("abcdefghijklm"), SPEC, "outside the alphabet"),
        (LETTERS, ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=96, max_length=3), "too long"),
        (
            LETTERS,
            ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=96, max_length=6, min_length=4),
            "too short",
        ),
        (LETTERS, ImageSpec(Preprocessing(height=32, pixels_per_character=0), max_width=60, max_length=6), "too wide"),
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
        ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=40, max_length=6)


def test_lexicon_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("one\n\n  two \nß\nunreasonable\n", encoding="utf-8")
    lexicon = Lexicon.from_words(read_lexicon_file(str(path)), LETTERS, SPEC)
    assert [LETTERS.decode(row) for row in lexicon.labels] == ["one", "two"]
    with pytest.raises(UserError, match="no word of the lexicon"):
        Lexicon.from_words(["ß"], LETTERS, SPEC)


def test_eval_batches_cover_each_word_once(words):
    batches = list(eval_batches(words, 50, limit=120))
    assert [len(rows) for _, rows in batches] == [50, 50, 20]
    assert all(batch["image"].shape[0] == 50 for batch, _ in batches)
    assert sorted(np.concatenate([rows for _, rows in batches]).tolist()) == list(range(120))
    for batch, rows in batches:
        np.testing.assert_array_equal(batch["labels"][: len(rows)], words.labels[rows])
        assert words.widths[rows].max() <= batch["image"].shape[2] < words.widths[rows].max() + 32
    assert {batch["image"].shape[2] for batch, _ in eval_batches(words, 50, one_width=True)} == {SPEC.max_width}
