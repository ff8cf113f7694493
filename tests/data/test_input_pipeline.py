import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import create_schedule, eval_batches, train_batches
from hwgan.data.lexicon import Lexicon
from hwgan.data.prepared import dataset_directory
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import WordStore, load_words
from hwgan.runtime.errors import UserError

CHARSET = Charset("abcdefghijklmnopqrstuvwxyz")
SPEC = ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=96, max_length=6)


@pytest.fixture(scope="module")
def words(data_dir):
    return load_words(data_dir, "penman/smoke", "train", CHARSET, SPEC)


@pytest.fixture(scope="module")
def lexicon(words):
    return Lexicon.from_words(words.texts, CHARSET, SPEC)


def take(words, lexicon, count, seed=3, num_buckets=1, **options):
    schedule = create_schedule(words, batch_size=8, num_buckets=num_buckets, seed=seed)
    return list(itertools.islice(train_batches(words, lexicon, schedule, seed=seed, **options), count))


def same(batch, other):
    """Whether two batches have the same arrays."""
    return jax.tree.all(jax.tree.map(np.array_equal, batch, other))


def test_batch_shapes_ranges_and_padding(words, lexicon):
    (batch,) = take(words, lexicon, 1)
    real, fake = batch.real, batch.fake
    assert real.image.shape == (8, 32, 96, 1)
    assert real.image.dtype == np.float32
    assert -1.0 <= real.image.min() < 0.0
    for image, width, length in zip(real.image, real.widths, real.lengths, strict=True):
        assert width == 16 * length
        assert (image[:, width:] == 1.0).all()
        assert (image[:, :width] < 0.0).any()
    np.testing.assert_array_equal((real.labels > 0).sum(axis=1), real.lengths)
    np.testing.assert_array_equal((fake.labels > 0).sum(axis=1), fake.lengths)


@pytest.mark.parametrize(
    ("widths", "told"),
    [
        ([100] * 400 + [300], "data.max_width=112 instead of 512 trains faster, and leaves out 1 of 401 words"),
        ([500] * 100 + [40] * 300, None),  # few are narrow, but hardly any can be left out
    ],
)
def test_where_much_is_padding_a_better_width_is_named(caplog, widths, told):
    spec = ImageSpec(Preprocessing(height=8, pixels_per_character=0, pad_to_line=True), max_width=512, max_length=6)
    images = [np.full((8, width), 255, np.uint8) for width in widths]
    words = WordStore.from_images(spec, images, ["a"] * len(widths), [""] * len(widths), charset=CHARSET)
    with caplog.at_level("INFO"):
        create_schedule(words, batch_size=8, num_buckets=1, seed=0)
    (line,) = caplog.messages
    assert line.endswith(f"; {told}" if told else "if all were as wide as the widest)")


def test_labels_are_those_of_the_image(words):
    batch = words.batch(np.array([5]))
    assert CHARSET.decode(batch.labels[0]) == words.texts[5]
    assert batch.widths[0] == 16 * len(words.texts[5])


def test_stream_depends_only_on_the_seed(words, lexicon):
    first, again, other = (take(words, lexicon, 3, seed=seed) for seed in (3, 3, 4))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not same(first[0], other[0])


@pytest.mark.parametrize("num_buckets", [1, 3])
@pytest.mark.parametrize("start", [1, 7, 30])  # an epoch is 24 batches
def test_resumes_at_any_step(words, lexicon, start, num_buckets):
    whole = take(words, lexicon, start + 2, num_buckets=num_buckets)
    later = take(words, lexicon, 2, num_buckets=num_buckets, start_step=start)
    assert all(same(a, b) for a, b in zip(whole[start:], later, strict=True))


def test_narrow_buckets_cut_no_labels_of_words_with_marks():
    """Two characters with three marks each have eight labels on 32 pixels."""
    charset = Charset("qx\u0323\u0302\u0304")
    texts = ["q\u0323\u0302\u0304x\u0323\u0302\u0304", "qx", "xqxqxq", "xqxq"] * 100
    spec = ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=128, max_length=8)
    images = [np.zeros((32, int(width)), np.uint8) for width in spec.expected_widths(texts)]
    words = WordStore.from_images(spec, images, texts, [""] * len(texts), charset=charset)
    batches = take(words, Lexicon.from_words(texts, charset, spec), 12, num_buckets=3)
    assert {batch.real.image.shape[2] for batch in batches} == {32, 64, 128}
    for batch in batches:
        for part in (batch.real, batch.fake):
            np.testing.assert_array_equal((part.labels > 0).sum(axis=1), part.lengths)


def union(shares):
    """The global batch that hosts hold parts of."""
    return jax.tree.map(lambda *rows: np.concatenate(rows), *shares)


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


def test_batches_have_a_shape_a_bucket_for_real_and_fake_words(words, lexicon):
    shapes = set()
    for batch in take(words, lexicon, 24, num_buckets=3):
        real, fake = batch.real, batch.fake
        _, _, width, _ = real.image.shape
        shapes.add(width)
        length = width // 16
        assert real.labels.shape == fake.labels.shape == (8, length)
        assert real.widths.max() <= width
        assert fake.lengths.max() <= length
        texts = [CHARSET.decode(row) for row in real.labels]
        assert all(len(text) == n for text, n in zip(texts, real.lengths, strict=True))
    assert len(shapes) == 3


def test_a_lexicon_of_long_words_needs_one_bucket(words):
    long_words = Lexicon.from_words(["number", "writer"], CHARSET, SPEC)
    with pytest.raises(UserError, match=r"lexicon has no word of up to \d+ pixels, .* data.num_buckets=1"):
        take(words, long_words, 1, num_buckets=3)
    assert take(words, long_words, 1)[0].fake.lengths.tolist() == [6] * 8


def test_an_epoch_has_every_word_once(words, lexicon):
    texts = [CHARSET.decode(row) for batch in take(words, lexicon, 24) for row in batch.real.labels]
    assert sorted(texts) == sorted(words.texts)


@pytest.mark.parametrize(
    ("charset", "spec", "reason"),
    [
        (Charset("abcdefghijklm"), SPEC, "outside the alphabet"),
        (CHARSET, ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=96, max_length=3), "too long"),
        (
            CHARSET,
            ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=96, max_length=6, min_length=4),
            "too short",
        ),
        (CHARSET, ImageSpec(Preprocessing(height=32, pixels_per_character=0), max_width=60, max_length=6), "too wide"),
    ],
)
def test_words_that_do_not_fit_are_dropped_and_counted(data_dir, caplog, charset, spec, reason):
    caplog.set_level("INFO", logger="hwgan")
    words = load_words(data_dir, "penman/smoke", "train", charset, spec)
    assert 0 < len(words) < 192
    assert f"{192 - len(words)} {reason}" in caplog.text


def test_a_dataset_without_fitting_words_is_an_error(data_dir):
    with pytest.raises(UserError, match="no word of penman/smoke train fits"):
        load_words(data_dir, "penman/smoke", "train", Charset("0123"), SPEC)


def test_errors_name_the_remedy(data_dir):
    with pytest.raises(UserError, match=r"python -m hwgan.prepare --dataset=iam"):
        dataset_directory(data_dir, "iam/words")
    with pytest.raises(UserError, match=r"no split 'dev'; it has \['test', 'train', 'validation'\]"):
        load_words(data_dir, "penman/smoke", "dev", CHARSET, SPEC)
    with pytest.raises(UserError, match="too small"):
        ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=40, max_length=6)


def test_lexicons_are_filtered():
    lexicon = Lexicon.from_words(["one", "two", "ß", "unreasonable"], CHARSET, SPEC)
    assert [CHARSET.decode(row) for row in lexicon.labels] == ["one", "two"]
    with pytest.raises(UserError, match="no word of the lexicon"):
        Lexicon.from_words(["ß"], CHARSET, SPEC)


def test_eval_batches_have_each_word_once(words):
    batches = list(eval_batches(words, 50, limit=120))
    assert [len(rows) for _, rows in batches] == [50, 50, 20]
    assert all(batch.image.shape[0] == 50 for batch, _ in batches)
    assert sorted(np.concatenate([rows for _, rows in batches]).tolist()) == list(range(120))
    for batch, rows in batches:
        np.testing.assert_array_equal(batch.labels[: len(rows)], words.labels[rows])
        assert words.widths[rows].max() <= batch.image.shape[2] < words.widths[rows].max() + 32
    assert {batch.image.shape[2] for batch, _ in eval_batches(words, 50, one_width=True)} == {SPEC.max_width}
