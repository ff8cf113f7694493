"""The networks whose features define distances between sets of words, and the crops of their inputs."""

import dataclasses
from collections.abc import Callable

import numpy as np

from hwgan.data import transforms
from hwgan.data.word_store import WordStore
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.inception import load_inception


@dataclasses.dataclass(frozen=True)
class FeatureNetwork:
    """A function from words to features, with its provenance.

    Attributes:
      name: name in the results; distances in features of different networks are not comparable.
      checksum: checksum of its weights.
      preprocessing: description of the preprocessing of its inputs.
      compute: maps words to features, [words, features].
      slow: whether a word takes about 0.1 s; such networks get no more words than necessary.
    """

    name: str
    checksum: str
    preprocessing: str
    compute: Callable[[WordStore], np.ndarray]
    slow: bool = False


def feature_networks(evaluator: Evaluator, inception_weights: str = "") -> list[FeatureNetwork]:
    """The evaluator's recognizer, its identifier if it has one, and Inception-v3 if a weights file is given.

    Raises:
      UserError: the weights file cannot be used.
    """
    inputs = f"words {evaluator.spec.height} pixels high, by the evaluator's preprocessing"
    networks = [FeatureNetwork("recognizer", evaluator.checksum, inputs, evaluator.recognizer_features)]
    if evaluator.has_identifier:
        networks.append(FeatureNetwork("identifier", evaluator.checksum, inputs, evaluator.style_features))
    if inception_weights:
        inception = load_inception(inception_weights)
        networks.append(
            FeatureNetwork(
                "inception",
                inception.checksum,
                f"{inputs}, resized to 299x299 by bilinear interpolation",
                lambda words: inception.features([words.image(row) for row in range(len(words))]),
                slow=True,
            )
        )
    return networks


def whole_words(words: WordStore) -> WordStore:
    """The words without a crop."""
    return words


def left_squares(words: WordStore) -> WordStore:
    """The first h columns of each word of height h, in reading direction; narrower words are padded with white."""
    height = words.spec.height
    images = [transforms.flip_reading(words.image(row), words.right_to_left)[:, :height] for row in range(len(words))]
    return words.with_images([transforms.pad_images([image], height)[0] for image in images])


CROPS: dict[str, Callable[[WordStore], WordStore]] = {"whole": whole_words, "left": left_squares}
