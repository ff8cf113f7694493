"""Metrics of sets of words."""

import numpy as np
import pytest

from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.features import FeatureNetwork
from hwgan.evaluation.set_metrics import (
    FeatureCache,
    SetMetrics,
    error_rate_estimates,
    frequent_words,
    one_image_per_writer,
)
from tests.evaluation.words import CHARSET, SPEC, noise_words


def test_error_rate_estimates():
    metrics = error_rate_estimates(["abc", "de"], ["abd", "de"], ["", ""], seed=0)
    assert metrics["cer"].value == pytest.approx(0.2)
    assert metrics["wer"].value == 0.5
    assert metrics["cer"] == error_rate_estimates(["abc", "de"], ["abd", "de"], ["", ""], seed=0)["cer"]


def test_words_that_several_writers_wrote():
    words = noise_words(["ab", "cd", "ab", "ab", "cd", "ef", "ab"], ["v", "v", "v", "w", "w", "w", ""])
    assert frequent_words(words) == ["ab", "cd"]
    assert frequent_words(words, 1) == ["ab"]
    images = one_image_per_writer(words, ["ab"])
    assert (images.texts, images.writers) == (["ab", "ab"], ["v", "w"])


def test_precision_is_of_the_generated_words_and_recall_of_the_real_ones(small_run):
    """One good word, repeated, is precise and recalls nothing; copies of training words are told from new words."""
    rng = np.random.default_rng(0)
    sets = {name: noise_words(["ab"] * 100) for name in ("real", "train", "others", "one word", "copies")}
    features = {name: rng.normal(size=(100, 4)) for name in ("real", "train", "others")}
    features |= {"one word": 1e-3 * rng.normal(size=(100, 4)), "copies": features["train"]}
    names = {id(words): name for name, words in sets.items()}
    network = FeatureNetwork("test", "", "", lambda words: features[names[id(words)]])
    metrics = SetMetrics(Evaluator(small_run.networks, None, None, CHARSET, SPEC), [network], seed=0)

    def overlap(name):
        found = metrics.overlap(*(FeatureCache(sets[key]) for key in (name, "real", "train")))
        return {metric.removesuffix("/test"): estimate.value for metric, estimate in found.items()}

    assert overlap("one word")["precision"] == 1.0 and overlap("one word")["recall"] < 0.05
    assert overlap("others")["recall"] > 0.5 and overlap("others")["copies"] < 0.1
    assert overlap("copies")["copies"] == 1.0
