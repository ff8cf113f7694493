"""What training watches: how well a recognizer reads real words, and how well it reads generated ones."""

from collections.abc import Sequence

import jax

from hwgan.data import transforms
from hwgan.data.word_store import WordStore
from hwgan.judge import Judge
from hwgan.metrics import character_error_rate, word_error_rate
from hwgan.sampler import Sampler

_HANDS = 16


def unseen_words(words: WordStore, train_texts: set[str], count: int) -> list[str]:
    """Up to `count` different texts of a split that are not among the training texts, in the order of the split."""
    return list(dict.fromkeys(text for text in words.texts if text not in train_texts))[:count]


def random_hands(sampler: Sampler, count: int, seed: int) -> jax.Array:
    """Noise, [count, z_dim]."""
    return sampler.noise(jax.random.key(seed), count)


def hand_variance(sampler: Sampler, text: str, seed: int) -> float:
    """How much one word differs between hands: standard deviation of a pixel in [-1, 1] over hands, averaged."""
    images = sampler.draw([text] * _HANDS, random_hands(sampler, _HANDS, seed))
    stacked = transforms.pad_images(images, max(image.shape[1] for image in images))
    return float(transforms.to_float(stacked).std(axis=0).mean())


def recognition_figures(
    judge: Judge, real: WordStore, sampler: Sampler | None, texts: Sequence[str], *, real_words: int, seed: int
) -> dict[str, int | float]:
    """CER and WER on real words, and on `texts` written by the sampler, if there is one, and how its hands differ.

    The judge is the run's own: what the sampler draws is what it looks at.
    """
    figures = _figures("real", *judge.read(real, real_words))
    if sampler is not None and texts:
        images = sampler.draw(texts, random_hands(sampler, len(texts), seed))
        resized = [sampler.spec.preprocessing.resize(image, len(t)) for image, t in zip(images, texts, strict=True)]
        store = WordStore.from_images(sampler.spec, resized, texts, [""] * len(texts), charset=sampler.charset)
        figures |= _figures("generated", *judge.read(store))
        figures["hand_variance"] = hand_variance(sampler, texts[0], seed)
    return figures


def _figures(name: str, references: list[str], readings: list[str]) -> dict[str, int | float]:
    return {
        f"{name}_cer": character_error_rate(references, readings),
        f"{name}_wer": word_error_rate(references, readings),
        f"{name}_words": len(references),
    }
