"""Compares generated with real words: those of a sampler by a protocol, or given images of any method."""

import logging
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from hwgan.data.word_store import WordStore
from hwgan.evaluation.cautions import warn_of_left_out
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.features import feature_networks
from hwgan.evaluation.intervals import Estimate
from hwgan.evaluation.protocols import Case, choose, find_protocol
from hwgan.evaluation.results import as_results, reading_rows
from hwgan.evaluation.set_metrics import (
    FeatureCache,
    SetMetrics,
    frequent_words,
    one_image_per_writer,
)
from hwgan.runtime.errors import UserError
from hwgan.sampling.sampler import Sampler

logger = logging.getLogger(__name__)

_MIN_WORDS = 8  # of either set; nearest-neighbour metrics need that many
_FEW_WORDS = 100


def evaluate_sampler(
    sampler: Sampler,
    split: WordStore,
    train: WordStore,
    evaluator: Evaluator,
    *,
    protocol: str,
    limit: int,
    seed: int,
    inception: str = "",
    geometry_rounds: int = 0,
) -> dict[str, Any]:
    """Generates the words of each case of a protocol and compares them with real words.

    Args:
      sampler: the generator to evaluate.
      split: real words of the evaluated split, with the evaluator's preprocessing.
      train: real training words, with the evaluator's preprocessing.
      evaluator: recognizer and identifier that compute error rates and features.
      protocol: name of the protocol (`evaluation.protocols`).
      limit: maximum number of generated and of real words in a case.
      seed: seed of texts, styles and intervals.
      inception: path of the Inception weights; "" for none.
      geometry_rounds: rounds of the geometry score (`evaluation.topology`); 0 leaves it out.

    Returns:
      Results as JSON types.

    Raises:
      UserError: the protocol does not exist, or there are too few words.
    """
    sizes = len(split), len(train)
    split, train = _writable(split, sampler), _writable(train, sampler)
    unwritable = {"split": sizes[0] - len(split), "train": sizes[1] - len(train)}
    if unwritable["split"]:
        logger.warning("%d words of the split are left out: the generator cannot write them", unwritable["split"])
    _check_count("training words", len(train))
    set_metrics = SetMetrics(evaluator, feature_networks(evaluator, inception), seed, geometry_rounds)
    train_features = FeatureCache(train)
    cases, counts, readings = {}, {}, []
    for case, texts, reference in _cases_with_words(protocol, split, train, limit, seed):
        logger.info(
            "%s: generating %d words, then their metrics against %d real ones", case.name, len(texts), len(reference)
        )
        words, dropped = _draw(sampler, evaluator, texts, seed)
        warn_of_left_out(f"the generated words of {case.name}", dropped, len(words))
        if len(words) < _MIN_WORDS:
            logger.warning("%s is left out: %d generated words have usable images", case.name, len(words))
            continue
        _warn_of_few(case.name, min(len(words), len(reference)))
        cases[case.name], counts[case.name], rows = _evaluate_case(case, words, reference, train_features, set_metrics)
        counts[case.name]["dropped"] = dropped
        readings += rows
        logger.info("%s: %s", case.name, _summary(cases[case.name]["generated"]))
    if not cases:
        raise UserError(f"every case of the protocol {protocol!r} has fewer than {_MIN_WORDS} words to compare")
    if styles := _styles(sampler, split, set_metrics):
        cases["styles"] = styles
    results = as_results(cases, set_metrics)
    found = {"protocol": protocol, "counts": counts, "unwritable": unwritable, "readings": readings}
    return results | found | sampler.facts()


def _evaluate_case(
    case: Case, words: WordStore, reference: WordStore, train_features: FeatureCache, set_metrics: SetMetrics
) -> tuple[dict[str, dict[str, Estimate]], dict[str, Any], list[list[str]]]:
    """Metrics of generated and of real words, how many they are, and their readings (`reading_rows`)."""
    generated, real = FeatureCache(words), FeatureCache(reference)
    # If the reference words are training words, other training words are neither an independent baseline, nor do
    # small distances to them indicate copies.
    others = train_features if case.reference == "split" else None
    # Training words are no baseline for OOV words either, because their texts differ and are shorter.
    baseline_words = others if case.texts != "oov" else None
    metrics = {
        "generated": set_metrics.compute(generated, real, others),
        "real": _baseline(set_metrics, real, baseline_words, len(words)),
    }
    counts = {"generated": len(words), "real": len(reference)}
    counts |= _baseline_count(baseline_words, real.first(len(words)))
    sides = {"generated": generated, "real": real}
    readings = [
        row for side, cache in sides.items() for row in reading_rows(case.name, side, cache.words, cache.readings)
    ]
    return metrics, counts, readings


def _styles(sampler: Sampler, split: WordStore, set_metrics: SetMetrics) -> dict[str, dict[str, Estimate]]:
    """The metrics of styles on the frequent words of a split; {} without an identifier or such words."""
    originals = one_image_per_writer(split, frequent_words(split))
    if not len(originals) or not set_metrics.evaluator.has_identifier:
        return {}
    texts = list(dict.fromkeys(originals.texts))
    drawn = _draw_same_texts(sampler, set_metrics.evaluator, originals, set_metrics.seed)
    return {"generated": set_metrics.styles(drawn, texts), "real": set_metrics.styles(originals, texts)}


def _cases_with_words(
    protocol: str, split: WordStore, train: WordStore, limit: int, seed: int
) -> Iterator[tuple[Case, list[str], WordStore]]:
    """The cases of a protocol that have enough words, with texts to generate and real words; others are warned of."""
    for case in find_protocol(protocol):
        try:
            texts, reference = choose(case, split, train, limit, seed)
        except UserError as error:
            logger.warning("%s; it is left out", error)
            continue
        if len(texts) < _MIN_WORDS:
            logger.warning("%s is left out: %d words are fewer than %d", case.name, len(texts), _MIN_WORDS)
            continue
        yield case, texts, reference


def evaluate_words(
    words: WordStore,
    real: WordStore,
    train: WordStore | None,
    evaluator: Evaluator,
    *,
    seed: int,
    inception: str = "",
    geometry_rounds: int = 0,
) -> dict[str, Any]:
    """Compares given words with real words; the larger set is cut to the size of the smaller.

    Args:
      words: words to evaluate, with the evaluator's preprocessing.
      real: real words.
      train: training words, as the baseline and to find copies; None for neither.
      evaluator: see `evaluate_sampler`.
      seed: seed of intervals.
      inception: see `evaluate_sampler`.
      geometry_rounds: see `evaluate_sampler`.

    Returns:
      Results as JSON types.

    Raises:
      UserError: there are too few words.
    """
    count = min(len(words), len(real))
    _check_count("words", count)
    _warn_of_few("words", count)
    if train is not None:
        _check_count("training words", len(train))
    words, real = words.take(range(count)), real.take(range(count))
    set_metrics = SetMetrics(evaluator, feature_networks(evaluator, inception), seed, geometry_rounds)
    generated, real_features = FeatureCache(words), FeatureCache(real)
    train_features = None if train is None else FeatureCache(train)
    cases = {
        "words": {
            "generated": set_metrics.compute(generated, real_features, train_features),
            "real": _baseline(set_metrics, real_features, train_features, count),
        }
    }
    frequent = frequent_words(real)
    styles = {"generated": set_metrics.styles(words, frequent), "real": set_metrics.styles(real, frequent)}
    if len({style["num_styles"].value for style in styles.values() if style}) > 1:
        styles["real"].pop("style_retrieval", None)  # the more styles, the harder: no counterpart of the generated one
    if styles["generated"]:
        cases["styles"] = styles
    counts = {"words": {"generated": count, "real": count} | _baseline_count(train_features, real_features)}
    readings = reading_rows("words", "generated", words, generated.readings)
    readings += reading_rows("words", "real", real, real_features.readings)
    return as_results(cases, set_metrics) | {"counts": counts, "readings": readings}


def _check_count(name: str, count: int) -> None:
    if count < _MIN_WORDS:
        raise UserError(f"{name}: {count} words are too few to compare; at least {_MIN_WORDS} are needed")


def _warn_of_few(case: str, count: int) -> None:
    if count < _FEW_WORDS:
        logger.warning(
            "%s: distances, precision, recall, density and coverage of %d words say little; of error rates the "
            "intervals tell how much",
            case,
            count,
        )


def _baseline(
    set_metrics: SetMetrics, real: FeatureCache, train: FeatureCache | None, num_generated: int
) -> dict[str, Estimate]:
    """The metrics of real words: their error rates, and the distances and overlap of training words with them.

    Metrics that depend on the number of words are left out where there are fewer training words than generated ones.
    """
    metrics = set_metrics.error_rates(real)
    if train is None:
        return metrics
    real = real.first(num_generated)  # some may have been dropped, and distances depend on the number of words
    distances = set_metrics.distances(train, real, same_texts=False)
    if len(train.words) < min(num_generated, len(real.words)):
        logger.warning(
            "%d training words are fewer than the generated ones: real words get no Fréchet distance and overlap, "
            "which depend on the number of words",
            len(train.words),
        )
        return metrics | {name: value for name, value in distances.items() if not name.startswith("frechet/")}
    return metrics | distances | set_metrics.overlap(train, real, None)


def _baseline_count(train: FeatureCache | None, real: FeatureCache) -> dict[str, int]:
    """How many training words the distances and overlap of `_baseline` are of; {} without any."""
    return {} if train is None else {"baseline": min(len(train.words), len(real.words))}


def _writable(words: WordStore, sampler: Sampler) -> WordStore:
    """The words whose texts the sampler can generate."""
    return words.take([i for i, text in enumerate(words.texts) if sampler.can_write(text)])


def _draw(sampler: Sampler, evaluator: Evaluator, texts: list[str], seed: int) -> tuple[WordStore, dict[str, int]]:
    """Generates texts, each in a random style of its own; returns the words and the number of dropped ones."""
    images = sampler.draw(texts, sampler.sample_styles(jax.random.key(seed), len(texts)))
    return evaluator.store(images, texts, [""] * len(texts))


def _draw_same_texts(sampler: Sampler, evaluator: Evaluator, originals: WordStore, seed: int) -> WordStore:
    """Generates the texts of real words, with one random style in place of each writer."""
    writers, rows = np.unique(originals.writers, return_inverse=True)
    styles = sampler.sample_styles(jax.random.key(seed), len(writers))
    images = sampler.draw(originals.texts, styles[rows])
    return evaluator.store(images, originals.texts, [f"style{row}" for row in rows])[0]


def _summary(metrics: dict[str, Estimate]) -> str:
    return ", ".join(f"{name} {estimate.value:.4g}" for name, estimate in metrics.items() if estimate.low is not None)
