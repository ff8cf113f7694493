"""The mean of the weights of several runs."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest

from hwgan.checkpoints.average import average_of_runs
from hwgan.checkpoints.learned import Learned
from hwgan.checkpoints.run import Run
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler, sampler_from_run


@pytest.fixture(scope="module")
def run(small_run):
    return Run(small_run.config, small_run.charset, small_run.networks, small_run.state)


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


def test_the_mean_has_learned_from_the_words_of_all(run):
    """So that an evaluation on writers of the second is warned of, too."""
    first, second = Learned({"a": "1"}, {"a": frozenset("x")}), Learned({"a": "1"}, {"a": frozenset("yz")})
    mean = average_of_runs([
        dataclasses.replace(run, learned=first, rare_characters={"q": 3, "z": 5}),
        dataclasses.replace(run, learned=second, rare_characters={"q": 7}),
    ])  # fmt: skip
    assert mean.learned.writers == {"a": frozenset("xyz")}
    assert mean.rare_characters == {"q": 7}


def test_unlike_runs_have_no_mean(run):
    other = dataclasses.replace(run, charset=dataclasses.replace(run.charset, right_to_left=True))
    with pytest.raises(UserError, match="no mean of their weights"):
        average_of_runs([run, other])
    config = run.config.copy_and_resolve_references()
    config.train.updated_networks = ("recognizer",)
    with pytest.raises(UserError, match="trained no generator"):
        average_of_runs([run, dataclasses.replace(run, config=config)])
