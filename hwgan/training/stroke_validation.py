"""What a run of strokes measures and draws while it trains, beside likelihood: words that end, a sample grid."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.data.ink_store import InkStore
from hwgan.runtime.config import Config
from hwgan.sampling.page import join_words, stack_lines
from hwgan.sampling.stroke_sampler import StrokeSampler
from hwgan.training.validation import REAL_ROWS, words_of_grid


def share_stopped(sampler: StrokeSampler, texts: Sequence[str], seed: int) -> float:
    """The share of texts after which the pen stops by itself, before the limit of points."""
    styles = sampler.sample_styles(jax.random.key(seed), len(texts))
    return float(np.mean([writing.stopped for writing in sampler.write(texts, styles)]))


def stroke_grid(sampler: StrokeSampler, config: Config, real: InkStore) -> np.ndarray:
    """uint8 [h, w]: the words of `config.sample_grid` in its styles, a row each, and real words under them."""
    words = words_of_grid(sampler, config.sample_grid.words, real.texts)
    columns, num_styles = len(words), config.sample_grid.num_styles
    styles = np.repeat(np.stack([np.asarray(sampler.style(seed)) for seed in range(num_styles)]), columns, axis=0)
    drawn = sampler.draw(words * num_styles, jnp.asarray(styles))
    full_rows = min(REAL_ROWS, len(real) // columns)
    images = drawn + [sampler.draw_ink(real.ink(row)) for row in range(full_rows * columns)]
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    return stack_lines([join_words(row, sampler.height // 3) for row in rows])
