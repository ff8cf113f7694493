"""The networks in whose features sets of words are compared: their names and checksums go into the results."""

import dataclasses
from collections.abc import Callable

import numpy as np

from hwgan.data import transforms
from hwgan.data.word_store import WordStore
from hwgan.evaluation.inception import load_inception
from hwgan.judge import Judge


@dataclasses.dataclass(frozen=True)
class FeatureNetwork:
    """One of them.

    Attributes:
      name: in the results; distances in features of different names must not be compared.
      checksum: of its weights.
      preprocessing: in words, what it is shown.
      see: words to features, [words, features].
      slow: it takes a tenth of a second a word, so that it looks at no more words than must be.
    """

    name: str
    checksum: str
    preprocessing: str
    see: Callable[[WordStore], np.ndarray]
    slow: bool = False


def feature_networks(judge: Judge, inception_weights: str = "") -> list[FeatureNetwork]:
    """The judge's recognizer and, where it knows writers, its identifier; Inception-v3 where there is a weights file.

    Raises:
      UserError: the weights file cannot be used.
    """
    shown = f"words {judge.spec.height} pixels high, by the judge's preprocessing"
    networks = [FeatureNetwork("reader", judge.checksum, shown, judge.features)]
    if judge.knows_writers:
        networks.append(FeatureNetwork("writer", judge.checksum, shown, judge.hands))
    if inception_weights:
        inception = load_inception(inception_weights)
        networks.append(
            FeatureNetwork(
                "inception",
                inception.checksum,
                f"{shown}, stretched to 299x299 by bilinear interpolation",
                lambda words: inception.features([words.image(row) for row in range(len(words))]),
                slow=True,
            )
        )
    return networks


def whole_words(words: WordStore) -> WordStore:
    """As they are."""
    return words


def left_squares(words: WordStore) -> WordStore:
    """The square where each word begins, as high as it: 64x64 at 64 pixels. Shorter words are padded with white."""
    height = words.spec.height
    images = [transforms.flip_reading(words.image(row), words.right_to_left)[:, :height] for row in range(len(words))]
    pixels = np.concatenate([transforms.pad_images([image], height).ravel() for image in images])
    starts = np.arange(len(words), dtype=np.int64) * height * height
    widths = np.full(len(words), height, np.int32)
    return dataclasses.replace(words, pixels=pixels, starts=starts, widths=widths)


CROPS: dict[str, Callable[[WordStore], WordStore]] = {"whole": whole_words, "left": left_squares}
