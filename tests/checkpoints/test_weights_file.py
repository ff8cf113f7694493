"""Weights in one file, and what is written with them."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from hwgan.checkpoints.average import average_of_runs
from hwgan.checkpoints.run import Run
from hwgan.checkpoints.weights_file import PRETRAINED, write_weights_file
from hwgan.runtime.errors import UserError
from hwgan.sample import write_text_image
from hwgan.sampling.open import open_sampler, sampler_from_run
from hwgan.sampling.styles import slerp
from tests.conftest import SmallRun


@pytest.fixture(scope="module")
def run(small_run):
    return Run(small_run.config, small_run.charset, small_run.networks, small_run.state)


@pytest.fixture
def weights_file(run, tmp_path):
    path = tmp_path / "weights" / "small.npz"
    write_weights_file(run, str(path))
    return path


def test_a_weights_file_writes_what_the_run_does(run, weights_file):
    again, sampler = open_sampler(str(weights_file)), sampler_from_run(run)
    assert (again.networks, again.charset, again.spec) == (sampler.networks, sampler.charset, sampler.spec)
    style = sampler.style(3)
    np.testing.assert_array_equal(again.draw_text("ab cd", style), sampler.draw_text("ab cd", style))


def test_a_weights_file_holds_no_paths(run, tmp_path):
    config = run.config.copy_and_resolve_references()
    config.data.update(data_dir="/home/somebody/data", cache_dir="/home/somebody/cache", lexicon="/home/somebody/words")
    config.train.update(init_from="/home/somebody/runs")
    path = tmp_path / "small.npz"
    write_weights_file(dataclasses.replace(run, config=config), str(path))
    assert b"somebody" not in path.read_bytes()
    assert run.config.data.data_dir == "data"  # as it was


def test_a_language_model_without_parameters(tmp_path):
    """That of ScrabbleGAN: nothing of it is stored, and it is there again."""

    def edit(config):
        config.model.z_dim = 6
        config.model.language_model = ConfigDict(dict(name="one_hot"))
        config.model.generator = ConfigDict(dict(name="scrabblegan", block_features=(4, 4), cell_features=4))

    bank = SmallRun(edit)
    run = Run(bank.config, bank.charset, bank.networks, bank.state)
    write_weights_file(run, str(tmp_path / "bank.npz"))
    sampler, again = sampler_from_run(run), open_sampler(str(tmp_path / "bank.npz"))
    np.testing.assert_array_equal(again.draw_text("ab", again.style(0)), sampler.draw_text("ab", sampler.style(0)))


def test_a_recognizer_run_cannot_write(run):
    config = run.config.copy_and_resolve_references()
    config.train.updated_networks = ("recognizer",)
    with pytest.raises(UserError, match="trained no generator"):
        sampler_from_run(dataclasses.replace(run, config=config))


def test_the_mean_of_runs(run, tmp_path):
    moved = run.state.replace(
        ema=run.state.ema | {"generator": jax.tree.map(lambda leaf: leaf + 0.5, run.state.ema["generator"])},
        generator=run.state.generator.replace(
            collections=jax.tree.map(lambda leaf: 3.0 * leaf, run.state.generator.collections)
        ),
    )
    mean = average_of_runs([run, dataclasses.replace(run, state=moved)])
    expected = jax.tree.map(lambda leaf: leaf + 0.25, run.state.ema["generator"])
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), mean.state.ema["generator"], expected)
    jax.tree.map(
        lambda was, now: np.testing.assert_allclose(now, 2.0 * was, rtol=1e-5, atol=1e-6),
        run.state.generator.collections,
        mean.state.generator.collections,
    )
    write_weights_file(mean, str(tmp_path / "mean.npz"))
    sampler, again = sampler_from_run(mean), open_sampler(str(tmp_path / "mean.npz"))
    np.testing.assert_array_equal(again.draw_text("ab", again.style(0)), sampler.draw_text("ab", sampler.style(0)))
    assert average_of_runs([run]) is run


def test_unlike_runs_have_no_mean(run):
    other = dataclasses.replace(run, charset=dataclasses.replace(run.charset, right_to_left=True))
    with pytest.raises(UserError, match="no mean of their weights"):
        average_of_runs([run, other])
    config = run.config.copy_and_resolve_references()
    config.train.updated_networks = ("recognizer",)
    with pytest.raises(UserError, match="trained no generator"):
        average_of_runs([run, dataclasses.replace(run, config=config)])


def test_other_files_are_no_weights(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(UserError, match="holds no weights"):
        open_sampler(str(tmp_path / "one.npy"))


def test_every_damage_is_noticed(weights_file):
    whole = weights_file.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 25).astype(int).tolist():
        weights_file.write_bytes(whole[:place])
        with pytest.raises(UserError, match="damaged"):
            open_sampler(str(weights_file))
        flipped = bytearray(whole)
        flipped[place] ^= 0x10
        weights_file.write_bytes(flipped)
        try:
            open_sampler(str(weights_file))  # a flipped bit in the padding of the archive changes nothing
        except UserError as error:
            assert "damaged" in str(error)
    # One number changed, in an archive that is whole.
    weights_file.write_bytes(whole)
    with np.load(weights_file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = next(name for name in arrays if name.startswith("generator/params"))
    arrays[name] = arrays[name] + np.float32(1e-3)
    np.savez(weights_file, **arrays)
    with pytest.raises(UserError, match="their checksum is not the one"):
        open_sampler(str(weights_file))


def test_mistakes_are_named(tmp_path, weights_file):
    with pytest.raises(UserError, match="cannot read the weights"):
        open_sampler(str(tmp_path / "none.npz"))
    with pytest.raises(UserError, match="--step is for the checkpoint of a run"):
        open_sampler(str(weights_file), step=3)
    with pytest.raises(UserError):
        open_sampler(str(tmp_path / "no_run"))


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


def test_slerp_begins_and_ends_with_its_styles(run):
    sampler = sampler_from_run(run)
    first, last = sampler.style(0), sampler.style(1)
    styles = slerp(first, last, 5)
    np.testing.assert_allclose(styles[0], first, atol=1e-5)
    np.testing.assert_allclose(styles[-1], last, atol=1e-5)
    # Half-way by angle: as far from the one direction as from the other.
    towards = [float(jnp.dot(styles[2], end) / jnp.linalg.norm(end)) for end in (first, last)]
    np.testing.assert_allclose(towards[0], towards[1], rtol=1e-4)
    same = slerp(first, first, 3)
    np.testing.assert_allclose(same[1], first, atol=1e-5)


def test_a_paragraph_is_broken_to_the_width(run, tmp_path):
    sampler = sampler_from_run(run)
    styles = [sampler.style(0), sampler.style(1)]
    write_text_image(sampler, "abc abc abc\nabc", tmp_path / "page.png", styles, page_width=120)
    with Image.open(tmp_path / "page.png") as image:
        # Two words of 48 pixels a line, three lines a style.
        assert image.size == (48 + 10 + 48, 2 * (3 * 32 + 2 * 4) + 12)


def test_the_pretrained_weights_write(tmp_path):
    sampler = open_sampler("")
    write_text_image(sampler, "Bonjour from hwgan, 1976!", tmp_path / "hello.png", [sampler.style(0)])
    with Image.open(tmp_path / "hello.png") as image:
        assert image.height == 40
        assert image.width > 250
        assert 0.02 < (np.asarray(image) < 128).mean() < 0.3  # ink on paper
    wide = jax.random.normal(jax.random.key(0), (sampler.networks.z_dim,)).at[0].set(2.0)
    assert sampler.draw_text("wide", wide).shape[1] > 1.8 * sampler.draw_text("wide", wide.at[0].set(-2.0)).shape[1]
    assert PRETRAINED.endswith(".npz")
