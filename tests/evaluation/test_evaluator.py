"""The evaluator: the preprocessing of its words, its features and transcriptions."""

import dataclasses

import jax
import numpy as np
import pytest

from hwgan.checkpoints.names import PRETRAINED_EVALUATOR
from hwgan.evaluation.compare import evaluate_words
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.open import open_evaluator
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler


@pytest.fixture(scope="module")
def evaluator(small_run):
    return Evaluator.of_state(small_run.networks, small_run.state, small_run.charset, small_run.spec)


@pytest.fixture(scope="module")
def pretrained():
    return open_evaluator("")


def test_store_preprocesses_words_and_counts_dropped_ones(evaluator):
    image = np.random.default_rng(0).integers(0, 256, (50, 30), dtype=np.uint8)
    words, dropped = evaluator.store(
        [image, image, image[:2].repeat(400, axis=1), image], ["ab", "a1", "a", "abcdefghi"], [""] * 4
    )
    assert words.texts == ["ab"]
    assert words.image(0).shape == (32, 32)  # 16 pixels a character
    assert dropped == {
        "outside the alphabet of the evaluator": 1,
        "longer than the evaluator's words": 1,
        "far too wide": 1,
    }
    with pytest.raises(UserError, match="no word can be evaluated: 1 outside the alphabet"):
        evaluator.store([image], ["é"], [""])


def test_checksum_is_of_the_variables(evaluator):
    copied = dataclasses.replace(evaluator, recognizer=jax.tree.map(np.array, evaluator.recognizer))
    changed = dataclasses.replace(evaluator, recognizer=jax.tree.map(lambda leaf: leaf + 1, evaluator.recognizer))
    assert copied.checksum == evaluator.checksum != changed.checksum


def test_features_and_transcriptions_do_not_depend_on_the_order_of_words(evaluator):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdef"), rng.integers(1, 7))) for _ in range(70)]
    images = [rng.integers(0, 256, (32, 16 * len(text)), dtype=np.uint8) for text in texts]
    words, _ = evaluator.store(images, texts, [""] * 70)
    reversed_words = words.take(range(69, -1, -1))
    np.testing.assert_allclose(
        evaluator.recognizer_features(words), evaluator.recognizer_features(reversed_words)[::-1], atol=1e-5
    )
    assert evaluator.read(words)[1] == evaluator.read(reversed_words)[1][::-1]
    assert evaluator.read(words, 5)[0] == texts[:5]


def test_pretrained_evaluator(pretrained):
    assert pretrained.has_identifier
    assert pretrained.spec.preprocessing.pad_to_line
    blank = np.full((30, 60), 255, np.uint8)
    words, _ = pretrained.store([blank] * 8, ["mot"] * 8, [""] * 8)
    metrics = evaluate_words(words, words, None, pretrained, seed=0)["metrics"]["words"]["generated"]
    assert metrics["cer"]["value"] >= 0.9  # the images are blank
    with pytest.raises(UserError, match="hold only identifier and recognizer, and a generator is needed"):
        open_sampler(PRETRAINED_EVALUATOR)


def test_real_words_have_no_style_retrieval_beside_that_of_more_styles(pretrained):
    rng = np.random.default_rng(0)
    texts, sides = ["mot", "une"] * 6, {}
    for side, styles in (("generated", "abc"), ("real", "de")):
        images = [rng.integers(0, 256, (40, 60), dtype=np.uint8) for _ in texts]
        names = [styles[row // 2 % len(styles)] for row in range(len(texts))]
        sides[side], _ = pretrained.store(images, texts, names)
    found = evaluate_words(sides["generated"], sides["real"], None, pretrained, seed=0)["metrics"]["styles"]
    assert (found["generated"]["num_styles"]["value"], found["real"]["num_styles"]["value"]) == (3, 2)
    assert "style_retrieval" in found["generated"] and "style_retrieval" not in found["real"]
    assert "style_distance" in found["real"]


def test_evaluator_of_english_words():
    """Another alphabet and height than the French one's; blank paper is not a word."""
    evaluator = open_evaluator("iam_evaluator").for_scans()
    assert evaluator.has_identifier and evaluator.name == "iam_evaluator"
    assert set("amit station 1976?!".replace(" ", "")) <= set(evaluator.charset.characters)
    words, _ = evaluator.store([np.full((30, 60), 255, np.uint8)] * 2, ["word"] * 2, [""] * 2)
    assert "word" not in evaluator.read(words)[1]


def test_resolution_and_margins_of_scans_do_not_matter(pretrained):
    evaluator = pretrained.for_scans()
    word = np.full((40, 60), 255, np.uint8)
    word[10:30, 10:14] = word[10:14, 10:50] = 0
    large = word.repeat(4, axis=0).repeat(4, axis=1)
    images = [word, large, np.pad(word, 30, constant_values=255)]
    words, _ = evaluator.store(images, ["mot"] * 3, [""] * 3)
    assert np.ptp(words.widths) <= 1
    for row in (1, 2):
        width = int(min(words.widths[0], words.widths[row]))
        difference = np.abs(words.image(0)[:, :width].astype(int) - words.image(row)[:, :width])
        assert difference.mean() < 12  # of 255: edges lie half a pixel elsewhere
