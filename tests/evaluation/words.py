"""Word images of noise with given texts."""

import numpy as np

from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import WordStore

CHARSET = Charset("abcdefgh")
SPEC = ImageSpec(Preprocessing(height=16), max_width=64, max_length=6)


def noise_words(texts, writers=None) -> WordStore:
    """Words 16 pixels high, 8 pixels a character."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (16, 8 * len(text)), dtype=np.uint8) for text in texts]
    return WordStore.from_images(SPEC, images, texts, writers or [""] * len(texts), charset=CHARSET)
