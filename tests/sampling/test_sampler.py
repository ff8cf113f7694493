"""The sampler: texts in, images of words and paragraphs out."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from hwgan.checkpoints.run import Run
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.runtime.errors import UserError
from hwgan.sample import write_text_file
from hwgan.sampling.open import open_sampler, sampler_from_run
from hwgan.sampling.sampler import canvas_for


@pytest.fixture(scope="module")
def run(small_run):
    return Run(small_run.config, small_run.charset, small_run.networks, small_run.state)


@pytest.fixture(scope="module")
def sampler(run):
    return sampler_from_run(run)


def test_sampling_repeats_and_does_not_depend_on_the_other_words(sampler):
    style = sampler.style(5)
    (alone,) = sampler.draw(["cab"], style[None])
    together = sampler.draw(["cab", "fed", "deface"], jnp.stack([style] * 3))
    # One is drawn by a program for one word, the other in a batch: the same but for rounding to grey levels.
    assert np.abs(alone.astype(int) - together[0].astype(int)).max() <= 1
    np.testing.assert_array_equal(sampler.draw(["cab"], style[None])[0], alone)


def test_many_words_of_all_widths_are_those_drawn_one_by_one(style_sampler):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdef"), rng.integers(1, 20))) for _ in range(45)]  # beyond those of one canvas
    styles = style_sampler.sample_styles(jax.random.key(1), len(words))
    together = style_sampler.draw(words, styles)
    widths = style_sampler.widths(words, styles)
    assert [image.shape[1] for image in together] == widths.tolist()
    for row in [*range(0, len(words), 9), int(widths.argmin()), int(widths.argmax())]:
        (alone,) = style_sampler.draw([words[row]], styles[row][None])
        assert np.abs(alone.astype(int) - together[row].astype(int)).max() <= 1


def test_canvases_are_few_and_little_wider_than_the_word():
    widths = range(1, 2000)
    canvases = [canvas_for(width) for width in widths]
    assert sorted(set(canvases)) == [64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048]
    assert all(width <= canvas < max(65, 1.5 * width) for width, canvas in zip(widths, canvases, strict=True))


def test_words_longer_than_in_training(sampler):
    assert sampler.draw_text("extraordinary", sampler.style(0)).shape == (32, 16 * 13)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("naïve", r"outside the alphabet .*'ï' \(U\+00EF\) in 'naïve'"),
        ("  ", "the text is empty"),
        ("a" * 65, "65 characters; this model writes words of up to 64"),
    ],
)
def test_bad_texts(sampler, text, message):
    with pytest.raises(UserError, match=message):
        sampler.draw_text(text, sampler.style(0))


def test_lines_and_blank_lines_of_a_text_are_kept(sampler):
    lines = sampler.draw_lines("\n abc\n \n\nfed cab\n", sampler.style(0))
    assert [len(line) for line in lines] == [1, 0, 0, 2]
    first, second = lines[-1]
    row = sampler.draw_text("fed cab", sampler.style(0))
    assert row.shape == (32, 48 + 10 + 48)
    assert np.abs(row[:, :48].astype(int) - first).max() <= 1 and np.abs(row[:, -48:].astype(int) - second).max() <= 1


def test_a_word_that_comes_again_is_almost_the_same(sampler):
    style = sampler.style(3)
    line = sampler.draw_text("abc abc abc", style).astype(int)
    first, second, third = (line[:, start : start + 48] for start in (0, 58, 116))
    np.testing.assert_array_equal(line, sampler.draw_text("abc abc abc", style))
    assert np.abs(first - sampler.draw_text("abc", style)).max() <= 1  # but for rounding, as it is alone
    other = sampler.draw_text("abc", sampler.style(4)).astype(int)
    for again in (second, third):
        assert not np.array_equal(again, first)
        assert np.abs(again - first).mean() < 0.5 * np.abs(other - first).mean()
    assert not np.array_equal(second, third)


def test_what_is_written_badly_is_known(sampler):
    assert not sampler.cautions(["abc", "a"])
    (caution,) = sampler.cautions(["extraordinary", "abc", "extraordinary"])
    assert caution.endswith("longer ones may be malformed: extraordinary")


def test_text_file(sampler, tmp_path):
    write_text_file(sampler, {0: "one", 1: "two words"}, tmp_path / "images", seed=0)
    table = (tmp_path / "images" / "labels.tsv").read_text(encoding="utf-8")
    assert table == "file\ttext\n000000.png\tone\n000001.png\ttwo words\n"
    with Image.open(tmp_path / "images" / "000000.png") as image:
        assert image.size == (48 + 2 * 8, 32 + 2 * 8)


def test_an_interrupted_text_file_leaves_no_table_of_earlier_texts(sampler, tmp_path, monkeypatch):
    write_text_file(sampler, {0: "one", 1: "two"}, tmp_path, seed=0)
    monkeypatch.setattr(type(sampler), "draw_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_text_file(sampler, {0: "six"}, tmp_path, seed=0)
    assert not (tmp_path / "labels.tsv").exists()


def test_a_line_left_out_changes_no_other_image(sampler, tmp_path):
    write_text_file(sampler, {0: "one", 1: "two", 2: "six"}, tmp_path / "all", seed=0)
    write_text_file(sampler, {0: "one", 2: "six"}, tmp_path / "some", seed=0)
    assert (tmp_path / "some" / "labels.tsv").read_text() == "file\ttext\n000000.png\tone\n000002.png\tsix\n"
    assert (tmp_path / "some" / "000002.png").read_bytes() == (tmp_path / "all" / "000002.png").read_bytes()


def test_nothing_is_written_of_texts_that_cannot_be_written(sampler, tmp_path):
    with pytest.raises(UserError, match=r"'1' .* in 'tw1', '2'"):
        write_text_file(sampler, {0: "one", 1: "tw1 2"}, tmp_path / "images", seed=0)
    assert not (tmp_path / "images").exists()


def test_a_recognizer_run_cannot_write(run):
    config = run.config.copy_and_resolve_references()
    config.train.updated_networks = ("recognizer",)
    with pytest.raises(UserError, match="trained no generator"):
        sampler_from_run(dataclasses.replace(run, config=config))


def test_temperature_is_stored_with_the_weights_and_may_be_changed(run, tmp_path):
    config = run.config.copy_and_resolve_references()
    config.sample.temperature = 1.25
    path = str(tmp_path / "wide.npz")
    write_weights_file(dataclasses.replace(run, config=config), path)
    wide, plain = open_sampler(path), open_sampler(path, temperature=0.5)
    assert (wide.temperature, plain.temperature) == (1.25, 0.5)
    as_trained = sampler_from_run(run)
    for sampler in (wide, plain):
        np.testing.assert_allclose(sampler.style(3), sampler.temperature * as_trained.style(3), rtol=1e-6)
        styles = sampler.sample_styles(jax.random.key(0), 2000)
        np.testing.assert_allclose(styles.std(), sampler.temperature, rtol=0.02)
    with pytest.raises(UserError, match="must be above 0"):
        open_sampler(path, temperature=0.0)


def test_the_pretrained_weights_write():
    sampler = open_sampler("")
    image = sampler.draw_text("Bonjour from hwgan, 1976!", sampler.style(0))
    assert image.shape[0] == 64 and image.shape[1] > 250
    assert 0.02 < (image < 128).mean() < 0.3  # ink on paper
    wide = jax.random.normal(jax.random.key(0), (sampler.networks.z_dim,)).at[0].set(2.0)
    assert sampler.draw_text("wide", wide).shape[1] > 1.8 * sampler.draw_text("wide", wide.at[0].set(-2.0)).shape[1]
