"""All metrics of a set of words, in comparison with a set of real words."""

import dataclasses
import math

import numpy as np
from rapidfuzz.distance import Levenshtein

from hwgan.data.word_store import WordStore
from hwgan.evaluation.coverage import precision_recall_density_coverage, share_of_copies
from hwgan.evaluation.distances import frechet_distance, kernel_distance, twins_by_text
from hwgan.evaluation.error_rates import error_rates_by_group, word_edits
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.features import CROPS, FeatureNetwork
from hwgan.evaluation.intervals import Estimate, bootstrap_ratio, half_sample_estimate
from hwgan.evaluation.neighbors import mean_distance_within, retrieval_accuracy
from hwgan.evaluation.topology import geometry_score, has_gudhi

_REPLICATES = 20  # for intervals of Fréchet distances
_MAX_FEATURES = 512  # features up to which Fréchet distances have an interval
_MAX_ROWS = 5000  # words per set for metrics of nearest neighbours
_MAX_KERNEL_ROWS = 25_000  # words per set for kernel distances, whose time is quadratic: about ten seconds
_FREQUENT_WORDS = 20


class FeatureCache:
    """Words and their features by network and crop, each of which is computed once.

    Attributes:
      words: the words.
      readings: what a recognizer read of each; empty until `SetMetrics.error_rates` has read them.
    """

    def __init__(self, words: WordStore):
        self.words = words
        self.readings: list[str] = []
        self._features: dict[tuple[str, str], np.ndarray] = {}
        self._first: dict[int, FeatureCache] = {}

    def features(self, network: FeatureNetwork, crop: str) -> np.ndarray:
        """Features [words, features] of a crop of the words, a key of `features.CROPS`."""
        key = network.name, crop
        if key not in self._features:
            self._features[key] = network.compute(CROPS[crop](self.words))
        return self._features[key]

    def first(self, count: int) -> "FeatureCache":
        """A cache of the first `count` words; the same object for equal `count`."""
        if count >= len(self.words):
            return self
        if count not in self._first:
            self._first[count] = FeatureCache(self.words.take(range(count)))
        return self._first[count]


@dataclasses.dataclass(frozen=True)
class SetMetrics:
    """Computes the metrics of sets of words.

    Attributes:
      evaluator: recognizer and identifier.
      networks: networks for the features of distances; overlap uses those of the first.
      seed: seed of intervals and of the geometry score.
      geometry_rounds: rounds of `topology.geometry_score`; 0 leaves it out.
    """

    evaluator: Evaluator
    networks: list[FeatureNetwork]
    seed: int
    geometry_rounds: int = 0

    def compute(self, words: FeatureCache, real: FeatureCache, train: FeatureCache | None) -> dict[str, Estimate]:
        """Error rates of words, distances between words and real words, and their overlap.

        Args:
          words: words to evaluate.
          real: real words to compare with.
          train: training words, to find copies; None leaves the share of copies out.
        """
        return self.error_rates(words) | self.distances(words, real) | self.overlap(words, real, train)

    def error_rates(self, words: FeatureCache) -> dict[str, Estimate]:
        """Error rates of the evaluator's recognizer on words, which keep its readings; see `error_rate_estimates`."""
        references, words.readings = self.evaluator.read(words.words)
        return error_rate_estimates(references, words.readings, words.words.writers, self.seed)

    def distances(self, words: FeatureCache, real: FeatureCache, *, same_texts: bool = True) -> dict[str, Estimate]:
        """Fréchet and kernel distances between words and real words: `frechet/NETWORK/CROP`, `kernel/NETWORK/CROP`.

        Fréchet distances are biased for small sets, so they use equally many words of both sets. Kernel distances are
        unbiased and use all words, except in features of slow networks.

        Args:
          words: words to evaluate.
          real: real words to compare with.
          same_texts: whether `words` may have been written with the texts of `real` (`distances.twins_by_text`).
        """
        metrics = {}
        count = min(len(words.words), len(real.words))
        equal_sets = words.first(count), real.first(count)
        for network in self.networks:
            full_sets = equal_sets if network.slow else [cache.first(_MAX_KERNEL_ROWS) for cache in (words, real)]
            writers = [cache.words.writers for cache in full_sets]
            twins = twins_by_text(*(cache.words.texts for cache in full_sets)) if same_texts else None
            for crop in CROPS:
                sets = [cache.features(network, crop) for cache in equal_sets]
                # A replicate takes seconds if there are thousands of features.
                replicates = _REPLICATES if sets[0].shape[1] <= _MAX_FEATURES else 0
                metrics[f"frechet/{network.name}/{crop}"] = half_sample_estimate(
                    frechet_distance, sets, self.seed, replicates
                )
                features = [cache.features(network, crop) for cache in full_sets]
                metrics[f"kernel/{network.name}/{crop}"] = kernel_distance(*features, *writers, self.seed, twins=twins)
        return metrics

    def overlap(self, words: FeatureCache, real: FeatureCache, train: FeatureCache | None) -> dict[str, Estimate]:
        """Precision, recall, density, coverage, geometry score, and, if `train` is given, the share of copies.

        All of them use the features of the first network, and at most 5,000 words of `words` and `real`.
        """
        network = self.networks[0]
        count = min(len(words.words), len(real.words), _MAX_ROWS)
        features, real_features = (cache.first(count).features(network, "whole") for cache in (words, real))
        metrics = precision_recall_density_coverage(real_features, features)
        if self.geometry_rounds and has_gudhi():
            metrics["geometry"] = geometry_score(features, real_features, self.seed, self.geometry_rounds)
        if train is not None:
            metrics["copies"] = share_of_copies(features, train.features(network, "whole"), real_features)
        return {f"{name}/{network.name}": Estimate(value) for name, value in metrics.items()}

    def styles(self, words: WordStore, texts: list[str]) -> dict[str, Estimate]:
        """Variety and consistency of styles, in the identifier's features of one image per text and writer.

        Args:
          words: words by several writers; of generated words the style stands in place of the writer.
          texts: texts that are compared.

        Returns:
          `style_distance`: mean Euclidean distance between two images of the same text by different writers.
          `style_retrieval`: how often the nearest neighbour of an image, among images of other texts, is by the same
          writer, in [0, 1]; chance level is about 1 / `num_styles`.
          `num_styles`: number of writers.
          The dict is empty if no text has two known writers, or without identifier.
        """
        images = one_image_per_writer(words, texts)
        if not len(images) or not self.evaluator.has_identifier:
            return {}
        features = self.evaluator.style_features(images)
        text_ids, writer_ids = (
            np.unique(keys, return_inverse=True)[1].tolist() for keys in (images.texts, images.writers)
        )
        metrics = {
            "style_distance": mean_distance_within(features, text_ids),
            "style_retrieval": retrieval_accuracy(features, writer_ids, text_ids),
            "num_styles": float(len(set(images.writers))),
        }
        if math.isnan(metrics["style_distance"]):
            return {}
        # The retrieval accuracy is undefined, and left out, if no writer has two texts.
        return {name: Estimate(value) for name, value in metrics.items() if not math.isnan(value)}


def error_rate_estimates(
    references: list[str], readings: list[str], writers: list[str], seed: int
) -> dict[str, Estimate]:
    """CER and WER with intervals, and the error rates of `error_rates.error_rates_by_group`.

    Args:
      references: correct texts.
      readings: recognized texts.
      writers: writer of each word; intervals resample writers.
      seed: seed of the intervals.
    """
    edits = [Levenshtein.distance(r, h) for r, h in zip(references, readings, strict=True)]
    edits_of_words, words = zip(*(word_edits(r, h) for r, h in zip(references, readings, strict=True)), strict=True)
    metrics = {
        "cer": bootstrap_ratio(edits, [len(r) for r in references], writers, seed),
        "wer": bootstrap_ratio(edits_of_words, words, writers, seed),
    }
    return metrics | {name: Estimate(value) for name, value in error_rates_by_group(references, readings).items()}


def one_image_per_writer(words: WordStore, texts: list[str]) -> WordStore:
    """The first image of each pair of one of the texts and a known writer."""
    first: dict[tuple[str, str], int] = {}
    wanted = set(texts)
    for row, key in enumerate(zip(words.texts, words.writers, strict=True)):
        first.setdefault(key, row)
    return words.take([row for (text, writer), row in first.items() if writer and text in wanted])


def frequent_words(words: WordStore, count: int = _FREQUENT_WORDS) -> list[str]:
    """The `count` texts with the most known writers, of those with at least two."""
    writers_of: dict[str, set[str]] = {}
    for text, writer in zip(words.texts, words.writers, strict=True):
        if writer:
            writers_of.setdefault(text, set()).add(writer)
    shared = [text for text, writers in writers_of.items() if len(writers) > 1]
    return sorted(shared, key=lambda text: (-len(writers_of[text]), text))[:count]
