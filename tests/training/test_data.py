"""What a run reads: a fraction of the real words, and generated words beside them."""

import numpy as np
import pytest

from hwgan import datasets
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.oversampling import oversampling_of_shares
from hwgan.datasets.write import write_dataset
from hwgan.runtime.errors import UserError
from hwgan.training.data import load_data
from tests.synthetic_data import make_folder


def test_a_fraction_of_the_real_words(config):
    whole = load_data(config).train
    config.data.real_fraction = 0.25
    part = load_data(config)
    assert len(part.train) == round(0.25 * len(whole))
    assert part.train.texts == whole.texts[: len(part.train)]
    assert part.repeats.tolist() == [1] * len(part.train)


def test_generated_words_beside_real_ones(config):
    whole = load_data(config).train
    config.data.generated_dataset = config.data.dataset  # stands for generated words
    config.train.updated_networks = ("recognizer",)
    config.data.real_fraction = 0.1
    data = load_data(config)
    num_real = round(0.1 * len(whole))
    assert len(data.train) == num_real + len(whole)
    for row in (0, num_real - 1, num_real, len(data.train) - 1):
        original = whole.image(row if row < num_real else row - num_real)
        np.testing.assert_array_equal(data.train.image(row), original)
        assert data.train.texts[row] == whole.texts[row if row < num_real else row - num_real]
    repeats = data.repeats[:num_real].sum(), data.repeats[num_real:].sum()
    assert repeats[0] / sum(repeats) == pytest.approx(0.5, abs=0.05)
    config.data.real_fraction = 0.0
    assert len(load_data(config).train) == len(whole)


def test_a_lexicon_loses_the_words_that_cannot_be_written(config, tmp_path, caplog):
    path = tmp_path / "words.txt"
    path.write_text("one\ntwo three\n\nsmile@\nco\u00adop\n", encoding="utf-8")
    config.data.lexicon, config.data.random_text_fraction = str(path), 0.0
    data = load_data(config)
    assert {data.charset.decode(row) for row in data.lexicon.labels} == {"one", "coop"}
    assert "left out 2 of 4 lines: line 2 'two three' (more than one word), line 4 'smile@' (@)" in caplog.text
    assert "replaced U+00AD soft hyphen by nothing" in caplog.text


@pytest.mark.parametrize(
    ("sizes", "shares"),
    [((1000, 30_000), (0.5, 0.5)), ((20_000, 30_000), (0.5, 0.5)), ((20_000, 100), (0.8, 0.2)), ((30, 20), (3.0, 2.0))],
)
def test_repeats_give_each_source_its_share(sizes, shares):
    sources = np.repeat(np.arange(len(sizes)), sizes)
    repeats = oversampling_of_shares(sources, shares)
    assert repeats.min() >= 1
    found = np.bincount(sources, weights=repeats) / repeats.sum()
    ceiling = 0.18 if sizes == (20_000, 100) else 0.03  # a word comes at most ten times
    np.testing.assert_allclose(found, np.asarray(shares) / sum(shares), atol=ceiling)


@pytest.fixture
def two_datasets(config, data_dir, tmp_path):
    """The smoke config on penman/smoke and a folder of words, one writer of which has the name of one of penman."""
    prepared = tmp_path / "data"
    (prepared / "penman").mkdir(parents=True)
    (prepared / "penman" / "smoke").symlink_to(f"{data_dir}/penman/smoke", target_is_directory=True)
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "split", "writer"))
    builder = datasets.create_builder(datasets.Request("word_folder", str(prepared), str(folder), "mine"))
    write_dataset(builder)
    config.data.update(
        data_dir=str(prepared), dataset="penman/smoke,word_folder/mine", alphabet="", cache_dir=str(tmp_path / "cache")
    )
    return config


def test_several_datasets_in_one_run(two_datasets):
    config = two_datasets
    joined = load_data(config)
    parts = []
    for name in ("penman/smoke", "word_folder/mine"):
        config.data.update(dataset=name, alphabet=joined.charset.characters)
        parts.append(load_data(config))
    assert {"a", "z", "é", "7"} <= set(joined.charset.characters)
    for number, (name, part) in enumerate(zip(("penman/smoke", "word_folder/mine"), parts, strict=True)):
        rows = np.flatnonzero(joined.train.sources == number)
        assert [joined.train.texts[row] for row in rows] == part.train.texts
        assert {joined.train.writers[row] for row in rows} == {f"{name} {writer}" for writer in part.train.writers}
        np.testing.assert_array_equal(joined.train.image(int(rows[-1])), part.train.image(len(part.train) - 1))
        # Any first words are a fair part of each dataset.
        half = (joined.train.sources[: len(joined.train) // 2] == number).sum()
        assert abs(half - len(rows) / 2) <= 1
    assert joined.train.num_writers == sum(part.train.num_writers for part in parts)
    assert joined.repeats.tolist() == [1] * len(joined.train)


def test_datasets_have_their_shares_of_an_epoch(two_datasets):
    two_datasets.data.dataset_shares = (0.5, 0.5)
    data = load_data(two_datasets)
    words = np.bincount(data.train.sources, weights=data.repeats)
    assert words[0] / words.sum() == pytest.approx(0.5, abs=0.03)
    two_datasets.data.dataset_shares = (1.0,)
    with pytest.raises(UserError, match=r"data.dataset_shares=\(1.0,\) must be positive, one for each"):
        load_data(two_datasets)


def test_words_for_the_recognizer_alone(two_datasets):
    """A share of the batches, of no writer and no weight in statistics, and no texts to generate."""
    two_datasets.data.dataset = "penman/smoke"
    plain = load_data(two_datasets)
    two_datasets.data.update(recognizer_dataset="word_folder/mine", recognizer_fraction=0.2, alphabet="")
    two_datasets.data.alphabet = plain.charset.characters + "é0123456789"
    data = load_data(two_datasets)
    assert plain.for_recognizer is None
    extra = data.for_recognizer
    assert data.train.texts[: len(plain.train)] == plain.train.texts
    assert not extra[: len(plain.train)].any() and extra[len(plain.train) :].all()
    assert data.repeats[extra].sum() / data.repeats.sum() == pytest.approx(0.2, abs=0.05)
    assert data.real_texts == plain.real_texts == plain.train.texts  # by which rare characters are counted
    assert data.train.num_writers == plain.train.num_writers
    assert not {"mot1é"} & {data.charset.decode(row) for row in data.lexicon.labels}

    schedule = create_schedule(data.train, batch_size=32, num_buckets=1, seed=0, repeats=data.repeats)
    batches = train_batches(data.train, data.lexicon, schedule, seed=0, for_recognizer=extra)
    batch = next(batches)
    assert batch.real.for_recognizer.any() and not batch.real.for_recognizer.all()
    assert (batch.real.weights[batch.real.for_recognizer] == 0).all()
    assert (batch.real.writers[batch.real.for_recognizer] == -1).all()
    two_datasets.data.recognizer_fraction = 1.0
    with pytest.raises(UserError, match=r"data.recognizer_fraction=1.0 must be between 0 and 1"):
        load_data(two_datasets)


@pytest.mark.parametrize("names", ["penman/smoke,penman/smoke", "penman/smoke,", ","])
def test_names_of_datasets_that_are_none(config, names):
    config.data.dataset = names
    with pytest.raises(UserError, match="separated by commas, each once"):
        load_data(config)


def test_a_config_without_a_dataset_says_which_flag_names_it(config):
    config.data.dataset = ""
    with pytest.raises(UserError, match=r"no dataset is named: .*--config.data.dataset="):
        load_data(config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(real_fraction=1.5), r"data.real_fraction=1.5 must be from 0 to 1"),
        (dict(real_fraction=0.0), "above 0 without data.generated_dataset"),
        (
            dict(generated_dataset="penman/smoke", generated_fraction=1.0),
            r"data.generated_fraction=1.0 must be between",
        ),
        (
            dict(generated_dataset="word_folder/nowhere"),
            r"no prepared dataset 'word_folder/nowhere' .*--dataset=word_folder --source=FOLDER_OR_ARCHIVE --name=nowhere",
        ),
    ],
)
def test_wrong_settings(config, settings, message):
    config.data.update(settings)
    config.train.updated_networks = ("recognizer",)
    with pytest.raises(UserError, match=message):
        load_data(config)


def test_generators_do_not_train_on_generated_words(config):
    config.data.generated_dataset = config.data.dataset
    with pytest.raises(UserError, match=r"data.generated_dataset='penman/smoke' is for recognizers"):
        load_data(config)


def test_without_a_validation_split_training_words_take_its_place(config, tmp_path, caplog):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "split"))
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8").replace("validation", "train").replace("test", "train")
    table.write_text(text, encoding="utf-8")
    builder = datasets.create_builder(datasets.Request("word_folder", str(tmp_path), str(folder), "mine"))
    splits = builder._read_splits()
    builder._read_splits = lambda: {"train": [row for rows in splits.values() for row in rows]}
    write_dataset(builder)
    config.data.update(dataset="word_folder/mine", data_dir=str(tmp_path), alphabet="", max_length=6)
    found = load_data(config)
    assert found.validation is found.train
    assert "has no validation split" in caplog.text


def test_few_words_are_warned_of(config, tmp_path, caplog):
    make_folder(tmp_path / "words", count=60)
    write_dataset(
        datasets.create_builder(datasets.Request("word_folder", str(tmp_path), str(tmp_path / "words"), "few"))
    )
    config.data.update(dataset="word_folder/few", data_dir=str(tmp_path), alphabet="")
    data = load_data(config)
    assert f"{len(data.train)} training words are few" in caplog.text
    assert f"validation has {len(data.validation)} words, {len(data.oov_texts)} of them" in caplog.text
    caplog.clear()
    config.train.init_from = "pretrained"
    load_data(config)
    assert "training words" not in caplog.text
    config.train.updated_networks = ("recognizer",)
    load_data(config)
    assert "few" not in caplog.text
