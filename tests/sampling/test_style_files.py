"""Style files: what is read is what was written, and files of strangers are refused in one sentence."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from hwgan.runtime.errors import UserError
from hwgan.sampling.style_files import Style, read_style, style_of, with_style, write_style
from tests.hostile import file_damages, held, mutations


@pytest.fixture
def style(style_encoder):
    z = np.linspace(-1.0, 1.0, style_encoder.networks.z_dim, dtype=np.float32)
    return Style(z, 15, 0.5, style_encoder.weights)


def test_a_file_holds_the_style(style, style_sampler, tmp_path):
    path = str(tmp_path / "mine.npz")
    for written in (style, dataclasses.replace(style, num_words=1, agreement=None)):
        write_style(written, path)
        read = read_style(path, style_sampler)
        np.testing.assert_array_equal(read.z, written.z)
        assert dataclasses.replace(read, z=written.z) == written
    np.testing.assert_array_equal(style_of(path, style_sampler).z, style.z)


def test_a_seed_is_a_style_too(style_sampler):
    np.testing.assert_array_equal(style_of("7", style_sampler).z, style_sampler.style(7))
    np.testing.assert_array_equal(style_of(7, style_sampler).z, style_sampler.style(7))
    for digits in (30, 400):  # beyond what a float can hold
        with pytest.raises(UserError, match="the seed of a style"):
            style_of("9" * digits, style_sampler)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "0" * 16}, "belongs to other weights"),
        ({"z": np.zeros(3, np.float32)}, r"got shape \(3,\)"),
        ({"z": np.full(5, np.nan, np.float32)}, r"z\[0\] = nan: entries must be finite"),
        ({"z": np.array([0, 0, 1e9, 0, 0], np.float32)}, r"z\[2\] = 1e\+09: .* at most 100"),
        ({"z": np.array([40, 0, 0, 0, 0], np.float32)}, r"has z\[0\] = 40: words would be .* times as wide"),
        ({"agreement": 7.0}, "agreement=7.0"),
        ({"num_words": 0}, "num_words=0"),
    ],
)
def test_styles_that_do_not_fit_are_refused(style, style_sampler, tmp_path, change, message):
    write_style(dataclasses.replace(style, **change), str(tmp_path / "other.npz"))
    with pytest.raises(UserError, match=message):
        read_style(str(tmp_path / "other.npz"), style_sampler)


def test_damaged_and_hostile_files_are_one_sentence(style, style_sampler, tmp_path):
    path = tmp_path / "style.npz"
    write_style(style, str(path))
    for _, damage in file_damages(path):
        damage()
        with held():
            read_style(str(path), style_sampler)
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        write_style(style, str(path))
    with np.load(path) as stored:
        record = json.loads(str(stored["record"]))
    for name, changed in mutations(record, list(record)):
        np.savez(path, record=np.array(json.dumps(changed)), z=style.z)
        with held():
            read_style(str(path), style_sampler)
            assert name.startswith("agreement "), name  # it may be absent, and -1 and 0 are in range
    np.savez(path, record=np.array([{"a": 1}], dtype=object), z=style.z)
    with pytest.raises(UserError):
        read_style(str(path), style_sampler)


def test_few_words_are_cautioned_of(style):
    assert not style.cautions()
    assert "one word" in dataclasses.replace(style, num_words=1).cautions()[0]


def test_samples_of_a_style_vary_around_it(style, style_sampler, tmp_path):
    write_style(style, str(tmp_path / "mine.npz"))
    sampler = with_style(style_sampler, str(tmp_path / "mine.npz"))
    styles = np.asarray(sampler.sample_styles(jax.random.key(0), 500))
    assert not np.array_equal(styles[0], styles[1])
    np.testing.assert_allclose(styles.mean(axis=0), style.z * np.sqrt(1 - 0.25**2), atol=0.05)
    np.testing.assert_allclose(styles.std(axis=0), 0.25, rtol=0.2)
    assert with_style(style_sampler, "") is style_sampler
