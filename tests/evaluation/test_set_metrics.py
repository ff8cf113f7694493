"""Metrics of sets of words."""

import pytest

from hwgan.evaluation.set_metrics import error_rate_estimates, frequent_words, one_image_per_writer
from tests.evaluation.words import noise_words


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
