"""Lets a generator write by a protocol and holds it against real words; does the same with images from elsewhere."""

import logging
from typing import Any

import jax.numpy as jnp

from hwgan.data.preprocessing import REVISION
from hwgan.data.word_store import WordStore
from hwgan.errors import UserError
from hwgan.evaluation.assessment import Assessor, Seen, frequent_words, one_of_each_hand, reading_figures
from hwgan.evaluation.decoding import Lexicon
from hwgan.evaluation.features import feature_networks
from hwgan.evaluation.intervals import Figure
from hwgan.evaluation.protocols import choose, find_protocol
from hwgan.evaluation.provenance import provenance
from hwgan.evaluation.reading import random_hands
from hwgan.judge import Judge
from hwgan.sampler import Sampler
from hwgan.train_state import variables_digest

logger = logging.getLogger(__name__)

_LEAST_WORDS = 8  # on either side: fewer have no neighbours


def evaluate_recognizer(
    judge: Judge, words: WordStore, train: WordStore, *, use_lexicon: bool, seed: int
) -> dict[str, Any]:
    """How a recognizer reads real words: greedily, and with the training words for a lexicon if asked for."""
    figures = reading_figures(*judge.read(words), words.writers, seed)
    if use_lexicon:
        lexicon = Lexicon(train.texts, judge.charset)
        readings = [lexicon.read(frames) for frames in judge.log_probabilities(words)]
        with_lexicon = reading_figures(words.texts, readings, words.writers, seed)
        figures |= {f"lexicon_{name}": with_lexicon[name] for name in ("cer", "wer")}
    return _results({"reading": {"real": figures}}, Assessor(judge, [], seed)) | {
        "counts": {"reading": {"real": len(words)}}
    }


def evaluate_sampler(
    sampler: Sampler,
    split: WordStore,
    train: WordStore,
    judge: Judge,
    *,
    protocol: str,
    limit: int,
    seed: int,
    inception: str = "",
    geometry_rounds: int = 0,
) -> dict[str, Any]:
    """Lets the sampler write by the cases of a protocol, and holds it against real words.

    Args:
      sampler: to be scored.
      split: real words of the evaluated split, as the judge sees them.
      train: real training words, as the judge sees them.
      judge: who reads.
      protocol: see `evaluation.protocols`.
      limit: words on either side of a case.
      seed: of texts, hands and intervals.
      inception: file of Inception weights; "" for none.
      geometry_rounds: see `evaluation.topology`.

    Raises:
      UserError: no such protocol, or too few words.
    """
    split, train = (_known(words, sampler) for words in (split, train))
    _check_count("training words", len(train))
    assessor = Assessor(judge, feature_networks(judge, inception), seed, geometry_rounds)
    seen_train = Seen(train)
    cases, counts = {}, {}
    for case in find_protocol(protocol):
        texts, reference = choose(case, split, train, limit, seed)
        _check_count(case.name, len(texts))
        images = sampler.draw(texts, random_hands(sampler, len(texts), seed))
        words, dropped = judge.store(images, texts, [""] * len(texts))
        real = Seen(reference)
        # Training words are no baseline for training words, and no copies of them can be told from good ones. Nor are
        # they one for unknown words, for they are known: other texts, and shorter.
        against = seen_train if case.reference == "split" else None
        cases[case.name] = {
            "generated": assessor.assess(Seen(words), real, against),
            "real": _baseline(assessor, real, against if case.texts != "unknown" else None),
        }
        counts[case.name] = {"generated": len(words), "real": len(reference), "dropped": dropped}
        logger.info("%s: %s", case.name, _summary(cases[case.name]["generated"]))
    originals = one_of_each_hand(split, frequent_words(split))
    if len(originals) and judge.knows_writers:
        texts = list(dict.fromkeys(originals.texts))
        hands = _written_by_as_many(sampler, judge, originals, seed)
        cases["hands"] = {"generated": assessor.hands(hands, texts), "real": assessor.hands(originals, texts)}
    results = _results(cases, assessor)
    weights = variables_digest(sampler.variables)
    return results | {"protocol": protocol, "counts": counts, "weights": weights, "spread": sampler.spread}


def evaluate_words(
    words: WordStore,
    real: WordStore,
    train: WordStore | None,
    judge: Judge,
    *,
    seed: int,
    inception: str = "",
    geometry_rounds: int = 0,
) -> dict[str, Any]:
    """Holds any set of words against real ones; see `evaluate_sampler`. Both are cut to the size of the smaller."""
    count = min(len(words), len(real))
    _check_count("words", count)
    if train is not None:
        _check_count("training words", len(train))
    words, real = words.take(range(count)), real.take(range(count))
    assessor = Assessor(judge, feature_networks(judge, inception), seed, geometry_rounds)
    seen_real, seen_train = Seen(real), None if train is None else Seen(train)
    cases = {
        "words": {
            "generated": assessor.assess(Seen(words), seen_real, seen_train),
            "real": _baseline(assessor, seen_real, seen_train),
        }
    }
    frequent = frequent_words(real)
    hands = {"generated": assessor.hands(words, frequent), "real": assessor.hands(real, frequent)}
    if hands["generated"]:
        cases["hands"] = hands
    counts = {"words": {"generated": count, "real": count}}
    return _results(cases, assessor) | {"counts": counts}


def _check_count(name: str, count: int) -> None:
    if count < _LEAST_WORDS:
        raise UserError(f"{name}: {count} words are too few to compare; at least {_LEAST_WORDS} are needed")


def _baseline(assessor: Assessor, real: Seen, train: Seen | None) -> dict[str, Figure]:
    """How the real words are read; and how far other real words are from them, the training words."""
    figures = assessor.reading(real.words)
    if train is None:
        return figures
    return figures | assessor.distances(train, real) | assessor.overlap(train, real, None)


def _known(words: WordStore, sampler: Sampler) -> WordStore:
    return words.take([i for i, text in enumerate(words.texts) if sampler.knows(text)])


def _written_by_as_many(sampler: Sampler, judge: Judge, originals: WordStore, seed: int) -> WordStore:
    """The same texts as the originals, by as many hands, each of which writes what one of their writers wrote."""
    writers = sorted(set(originals.writers))
    hands = random_hands(sampler, len(writers), seed)
    rows = [writers.index(writer) for writer in originals.writers]
    images = sampler.draw(originals.texts, hands[jnp.array(rows)])
    return judge.store(images, originals.texts, [f"hand{row}" for row in rows])[0]


def _results(cases: dict[str, dict[str, dict[str, Figure]]], assessor: Assessor) -> dict[str, Any]:
    judge = assessor.judge
    return {
        "figures": {
            case: {
                side: {name: figure.to_json() for name, figure in figures.items()} for side, figures in sides.items()
            }
            for case, sides in cases.items()
        },
        "seed": assessor.seed,
        "judge": {"name": judge.name, "checksum": judge.checksum, "max_length": judge.spec.max_length},
        "preprocessing": vars(judge.spec.preprocessing) | {"revision": REVISION},
        "features": {n.name: {"checksum": n.checksum, "preprocessing": n.preprocessing} for n in assessor.networks},
        **provenance(),
    }


def _summary(figures: dict[str, Figure]) -> str:
    return ", ".join(f"{name} {figure.value:.4g}" for name, figure in figures.items() if figure.low is not None)
