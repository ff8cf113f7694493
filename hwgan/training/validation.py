"""What a run measures and draws while it trains: error rates, deviation between styles, a sample grid."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.data import transforms
from hwgan.data.graphemes import num_columns
from hwgan.data.word_store import WordStore
from hwgan.evaluation.error_rates import character_error_rate, word_error_rate
from hwgan.evaluation.evaluator import Evaluator
from hwgan.runtime.config import Config
from hwgan.sampling.page import join_words, stack_lines
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.word_sampler import WordSampler

_VARIANCE_STYLES = 16
REAL_ROWS = 2  # of the sample grid, under the generated words


def out_of_vocabulary(words: WordStore, train_texts: set[str], count: int) -> list[str]:
    """Up to `count` different texts of a split that are not among the training texts, in the order of the split."""
    return list(dict.fromkeys(text for text in words.texts if text not in train_texts))[:count]


def style_std(sampler: WordSampler, text: str, seed: int) -> float:
    """Standard deviation of a pixel in [-1, 1] over 16 styles of one text and of one width, averaged over pixels."""
    styles = sampler.sample_styles(jax.random.key(seed), _VARIANCE_STYLES)
    # Widths vary even where the rest of z has no effect.
    if isinstance(sampler, Sampler) and sampler.networks.log_width_std:
        styles = styles.at[:, 0].set(0.0)
    images = sampler.draw([text] * _VARIANCE_STYLES, styles)
    stacked = transforms.pad_images(images, max(image.shape[1] for image in images))
    return float(transforms.to_float(stacked).std(axis=0).mean())


def recognition_metrics(
    evaluator: Evaluator, real: WordStore, sampler: Sampler | None, texts: Sequence[str], *, real_words: int, seed: int
) -> dict[str, int | float]:
    """CER and WER on real words, and on generated `texts`, if there is a sampler; and the deviation between styles.

    Args:
      evaluator: recognizer and identifier of the run itself, whose preprocessing is that of generated images.
      real: validation words.
      sampler: of the run; None for a run that trains a recognizer alone.
      texts: to generate, each in a style of its own.
      real_words: how many of the real words are read, at most.
      seed: of the styles.
    """
    metrics = _error_rates("real", *evaluator.read(real, real_words))
    if sampler is not None and texts:
        images = sampler.draw(texts, sampler.sample_styles(jax.random.key(seed), len(texts)))
        resized = [
            sampler.spec.preprocessing.resize(image, num_columns(t)) for image, t in zip(images, texts, strict=True)
        ]
        store = WordStore.from_images(sampler.spec, resized, texts, [""] * len(texts), charset=sampler.charset)
        metrics |= _error_rates("generated", *evaluator.read(store))
        metrics["style_std"] = style_std(sampler, texts[0], seed)
    return metrics


def _error_rates(name: str, references: list[str], transcriptions: list[str]) -> dict[str, int | float]:
    return {
        f"{name}_cer": character_error_rate(references, transcriptions),
        f"{name}_wer": word_error_rate(references, transcriptions),
        f"{name}_words": len(references),
    }


def words_of_grid(sampler: WordSampler, words: Sequence[str], real: Sequence[str]) -> list[str]:
    """As many words for a sample grid, at least one: those in the alphabet, cut to the length of training words, then
    different ones of the real words, long ones first."""
    cut = [word[: sampler.spec.max_length] for word in words]
    known = [word for word in cut if word and not sampler.charset.unknown(word)]
    further = sorted((text for text in dict.fromkeys(real) if text not in known), key=lambda text: -min(len(text), 6))
    return (known + further)[: max(len(words), 1)]


def sample_grid(sampler: Sampler, config: Config, real: WordStore) -> np.ndarray:
    """uint8 [h, w]: the words of `config.sample_grid` in its styles, a row each, and real words under them."""
    words = words_of_grid(sampler, config.sample_grid.words, real.texts)
    gap, columns = sampler.spec.height // 3, len(words)
    styles = [np.stack([sampler.style(seed)] * columns) for seed in range(config.sample_grid.num_styles)]
    generated = [sampler.draw(words, jnp.asarray(style)) for style in styles]
    full_rows = min(REAL_ROWS, len(real) // columns)
    originals = [[real.image(row * columns + i) for i in range(columns)] for row in range(full_rows)]
    return stack_lines([join_words(images, gap) for images in generated + originals])
