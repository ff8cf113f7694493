"""What the code computed before it was reorganised, it computes still."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.sampling.open import open_sampler
from hwgan.sampling.page import break_lines, join_words, stack_lines

DATA = pathlib.Path(__file__).parents[1] / "data"
# 1e-6 on the machine that computed them; another processor rounds otherwise.
TOLERANCE = 1e-4


def test_two_training_steps(small_run):
    golden = json.loads((DATA / "golden_step.json").read_text())
    state = small_run.state
    params = state.discriminator.params
    # The initial weights of a flax layer follow from its name, and this one has another name than it had.
    layer = params["z_prediction"] | {"kernel": jnp.array(golden["z_prediction_kernel"], jnp.float32)}
    state = state.replace(discriminator=state.discriminator.replace(params=params | {"z_prediction": layer}))
    step = small_run.step(gradient_balancing="fogel", recognizer_noise=0.3)
    for expected in golden["metrics"]:
        state, metrics = step(state, small_run.batch(), jax.random.key(7))
        assert {name: float(value) for name, value in metrics.items()} == pytest.approx(expected, TOLERANCE, TOLERANCE)
    for name, expected in golden["l1_norms"].items():
        network = getattr(state, name)
        leaves = jax.tree.leaves((network.params, network.collections))
        assert sum(np.abs(np.asarray(leaf, np.float64)).sum() for leaf in leaves) == pytest.approx(expected, TOLERANCE)


def test_the_pretrained_weights_write_the_same_pixels():
    sampler = open_sampler("")
    with np.load(DATA / "golden_samples.npz") as golden:
        for seed in (0, 1):
            words = [name.partition("/")[2] for name in golden.files if name.startswith(f"{seed}/")]
            images = sampler.draw(words, jnp.stack([sampler.style(seed)] * len(words)))
            for word, image in zip(words, images, strict=True):
                _assert_same(image, golden[f"{seed}/{word}"])
        (words,) = sampler.draw_lines("le chat dort; la nuit, 3 amis partent", sampler.style(5))
        gap = sampler.spec.height // 3
        parts = break_lines([word.shape[1] for word in words], [gap] * len(words), 300)
        _assert_same(stack_lines([join_words(words[part], gap) for part in parts]), golden["text"])


def _assert_same(image, expected):
    """Equal but for the rounding of single pixels to the next grey level, which depends on the processor."""
    assert image.shape == expected.shape
    difference = np.abs(image.astype(int) - expected.astype(int))
    assert difference.max() <= 1 and (difference > 0).mean() < 0.001
