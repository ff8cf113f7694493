"""The protocol `style`: words are dealt without overlap, and the nearest writer is found."""

import dataclasses

import numpy as np
import pytest

from hwgan.checkpoints.run import Run
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.style_protocol import deal, evaluate_styles, style_metrics
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import sampler_from_run
from hwgan.sampling.style_encoder import StyleEncoder
from tests.conftest import SmallRun
from tests.models.conftest import edit_to_char_width


@pytest.fixture(scope="module")
def parts():
    """A small sampler, its encoder, and an evaluator."""
    small = SmallRun(edit_to_char_width)
    sampler = sampler_from_run(Run(small.config, small.charset, small.networks, small.state))
    variables = small.state.recognizer.variables, small.state.identifier.variables
    encoder = StyleEncoder(small.networks, *variables, small.charset, small.spec, sampler)
    evaluator = Evaluator.of_state(small.networks, small.state, small.charset, small.spec).for_scans()
    return sampler, encoder, evaluator


def make_words(writers, each):
    """Images, texts and writers; every image is different."""
    rng = np.random.default_rng(0)
    images, texts, names = [], [], []
    for writer in range(writers):
        for _ in range(each):
            image = np.full((24, 40), 255, np.uint8)
            image[6 + writer : 18, 4:36] = rng.integers(0, 120, (12 - writer, 32))
            images.append(image)
            texts.append("abc")
            names.append(f"w{writer}")
    return images, texts, names


def test_words_are_dealt_without_overlap(parts):
    sampler, _, evaluator = parts
    images, texts, writers = make_words(3, 66)
    writers[-2:] = ["", ""]  # the third writer has too few left
    task = deal(images, texts, writers, evaluator, sampler, 0)
    assert len(task.references) == 2 and all(len(own) == 15 for own in task.references)
    assert task.owners.tolist() == [0] * 20 + [1] * 20
    used = {image.tobytes() for own in task.references for image in own}
    assert len(used) == 30
    prepared = {evaluator.spec.preprocessing(np.frombuffer(b, np.uint8).reshape(24, 40), "abc").tobytes() for b in used}
    assert prepared.isdisjoint(task.words.image(row).tobytes() for row in range(len(task.words)))
    with pytest.raises(UserError, match="needs 65 words of each"):
        deal(images[:100], texts[:100], writers[:100], evaluator, sampler, 0)
    images[:2] = [np.full((24, 400), 255, np.uint8)] * 2  # far too wide for their text
    images[0][8:16, 4:396] = images[1][8:16, 4:396] = 0
    with pytest.raises(UserError, match="1 of 3 writers have as many"):
        deal(images, texts, writers, evaluator, sampler, 0)


def test_an_evaluator_without_identifier_is_refused(parts):
    sampler, _, _ = parts
    small = SmallRun()
    evaluator = Evaluator.of_state(small.networks, small.state, small.charset, small.spec)
    with pytest.raises(UserError, match="needs an evaluator with an identifier"):
        deal(*make_words(3, 66), evaluator, sampler, 0)


def test_the_metrics_find_the_nearest_writer(parts):
    sampler, _, evaluator = parts
    task = deal(*make_words(2, 65), evaluator, sampler, 0)
    gallery = np.array([[0.0, 0.0], [10.0, 0.0]])
    right = gallery[task.owners] + [1.0, 0.0]
    task = dataclasses.replace(task, gallery=gallery, features=right)
    metrics = style_metrics(task, task.words, right, evaluator, 0)
    assert metrics["top1"].value == metrics["top1_mean"].value == 1.0
    assert metrics["distance"].value == pytest.approx(1.0)
    assert metrics["distance_to_others"].value == pytest.approx((9.0 + 11.0) / 2)
    wrong = gallery[1 - task.owners]
    metrics = style_metrics(task, task.words, wrong, evaluator, 0)
    assert metrics["top1"].value == 0.0
    assert "top5" not in metrics  # of two writers it would always be 1


def test_results_have_a_side_for_each_number_of_words(parts, caplog):
    sampler, encoder, evaluator = parts
    task = deal(*make_words(2, 65), evaluator, sampler, 0)
    results = evaluate_styles(sampler, encoder, evaluator, task, 0)
    assert list(results["metrics"]["style"]) == ["k = 1", "k = 5", "k = 15", "random", "real"]
    assert results["counts"]["style"]["real"] == 40 and results["writers"] == 2
    assert 0.0 <= results["metrics"]["style"]["k = 5"]["top1"]["value"] <= 1.0
    assert {"weights", "temperature"} <= set(results)
    assert "the evaluator is the network that encodes the styles" in caplog.text


def test_references_that_are_no_words_are_passed_over(parts):
    sampler, encoder, evaluator = parts
    task = deal(*make_words(2, 65), evaluator, sampler, 0)
    too_wide = np.full((24, 4000), 255, np.uint8)
    too_wide[8:16, 4:3996] = 0
    spoilt = dataclasses.replace(task, references=[[too_wide, *own[:14]] for own in task.references])
    results = evaluate_styles(sampler, encoder, evaluator, spoilt, 0)
    assert 0.0 <= results["metrics"]["style"]["k = 1"]["top1"]["value"] <= 1.0
    nothing = dataclasses.replace(task, references=[[too_wide], *task.references[1:]])
    with pytest.raises(UserError, match="no reference of writer 0 of 2 gives a style: "):
        evaluate_styles(sampler, encoder, evaluator, nothing, 0)


def test_words_without_a_known_writer_are_named(parts):
    sampler, _, evaluator = parts
    images, texts, writers = make_words(2, 65)
    with pytest.raises(UserError, match="none of the 130 words has a known writer"):
        deal(images, texts, [""] * len(writers), evaluator, sampler, 0)
    with pytest.raises(UserError, match="none of the 130 words can be written by the generator"):
        deal(images, ["漢"] * len(texts), writers, evaluator, sampler, 0)


def test_an_evaluator_whose_words_are_not_padded_to_their_line(parts):
    """Their width has no expected value, so none is implausible."""
    sampler, _, evaluator = parts
    steps = dataclasses.replace(evaluator.spec.preprocessing, pad_to_line=False)
    evaluator = dataclasses.replace(evaluator, spec=dataclasses.replace(evaluator.spec, preprocessing=steps))
    assert len(deal(*make_words(2, 65), evaluator, sampler, 0).references) == 2
