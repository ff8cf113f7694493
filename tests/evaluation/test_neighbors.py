"""Nearest neighbours of features."""

import numpy as np

from hwgan.evaluation.neighbors import mean_distance_within, retrieval_accuracy


def test_a_writer_is_retrieved_by_another_word():
    """Two writers write two words; features are clustered by writer, or by word."""
    groups, texts = [0, 0, 1, 1], [0, 1, 0, 1]
    by_writer = np.array([[0.0], [0.1], [5.0], [5.1]])
    by_word = np.array([[0.0], [5.0], [0.1], [5.1]])
    assert retrieval_accuracy(by_writer, groups, texts) == 1.0
    assert retrieval_accuracy(by_word, groups, texts) == 0.5  # nearest of the other word: right for two of the four
    assert np.isnan(retrieval_accuracy(by_writer, [0, 1, 2, 3], texts))
    assert mean_distance_within(by_writer, texts) == 5.0
    np.testing.assert_allclose(mean_distance_within(by_writer, groups), 0.1)
    assert np.isnan(mean_distance_within(by_writer, [0, 1, 2, 3]))
