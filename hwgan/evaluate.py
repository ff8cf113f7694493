"""Scores a checkpoint: how well its recognizer reads real words, and how well generated words can be read."""

import datetime
import functools
import json
import logging
import math
import pathlib
from typing import Any

import jax

from hwgan.data import transforms
from hwgan.data.word_store import WordStore, load_words
from hwgan.distances import frechet_distance, kernel_distance
from hwgan.errors import UserError
from hwgan.judge import Judge
from hwgan.metrics import (
    character_error_rate,
    error_rates_by_group,
    mean_distance_within,
    nearest_is_same,
    word_error_rate,
)
from hwgan.run import Config, load_run, trains_generator
from hwgan.sampler import Sampler, create_sampler

logger = logging.getLogger(__name__)

RESULTS_FILE = "results.json"
_HANDS = 16
_DISTANCE_WORDS = 2000  # at most
_FREQUENT_WORDS, _FREQUENT_HANDS = 20, 64


def unseen_words(words: WordStore, train_texts: set[str], count: int) -> list[str]:
    """Up to `count` different texts of a split that are not among the training texts, in the order of the split."""
    return list(dict.fromkeys(text for text in words.texts if text not in train_texts))[:count]


def generated_store(sampler: Sampler, texts: list[str], seed: int) -> WordStore:
    """Writes each text in a random hand, and puts the images in a store as if they were real ones."""
    hands = jax.random.normal(jax.random.key(seed), (len(texts), sampler.networks.z_dim))
    spec = sampler.spec
    drawn = zip(sampler.draw(texts, hands), texts, strict=True)
    images = [spec.preprocessing.resize(image, len(text)) for image, text in drawn]
    return WordStore.from_images(spec, images, texts, sampler.charset, [""] * len(texts))


def hand_variance(sampler: Sampler, text: str, seed: int) -> float:
    """How much one word differs between hands: standard deviation of a pixel in [-1, 1] over hands, averaged."""
    hands = jax.random.normal(jax.random.key(seed), (_HANDS, sampler.networks.z_dim))
    images = sampler.draw([text] * _HANDS, hands)
    stacked = transforms.pad_images(images, max(image.shape[1] for image in images))
    return float(transforms.to_float(stacked).std(axis=0).mean())


def recognition_figures(
    judge: Judge,
    real: WordStore,
    sampler: Sampler | None,
    texts: list[str],
    *,
    real_words: int,
    seed: int,
    by_group: bool = False,
) -> dict[str, int | float]:
    """CER and WER on real words, and on `texts` written by the sampler, if there is one, and how its hands differ.

    With `by_group` also the errors by kind of word and character (`metrics.error_rates_by_group`).
    """
    figures = _reading_figures("real", judge.read(real, real_words), by_group)
    if sampler is not None and texts:
        figures |= _reading_figures("generated", judge.read(generated_store(sampler, texts, seed)), by_group)
        figures["hand_variance"] = hand_variance(sampler, texts[0], seed)
    return figures


def _reading_figures(name: str, read: tuple[list[str], list[str]], by_group: bool) -> dict[str, int | float]:
    """Figures of (true texts, texts as read)."""
    figures: dict[str, int | float] = {
        f"{name}_cer": character_error_rate(*read),
        f"{name}_wer": word_error_rate(*read),
        f"{name}_words": len(read[0]),
    }
    groups = error_rates_by_group(*read) if by_group else {}
    return figures | {f"{name}_{group}": value for group, value in groups.items()}


def hand_figures(judge: Judge, real: WordStore, sampler: Sampler, seed: int) -> dict[str, int | float]:
    """How hands differ, and whether they can be told, for the words that most writers of a split wrote.

    Returns:
      `hand_distance`: mean distance, as the judge sees hands, between two hands that wrote one word; `hand_retrieval`:
      how often the hand nearest to that of an image, among all images of other words, is its own (chance is about one
      in the number of hands). Each for `generated` words, in 64 hands, and for `real` ones.
    """
    writers_of: dict[str, dict[str, int]] = {}
    for row, (text, writer) in enumerate(zip(real.texts, real.writers, strict=True)):
        if writer:
            writers_of.setdefault(text, {}).setdefault(writer, row)
    frequent = sorted(writers_of, key=lambda text: (-len(writers_of[text]), text))[:_FREQUENT_WORDS]
    rows = [(text, writer, row) for text in frequent for writer, row in sorted(writers_of[text].items())]
    if not rows:
        return {}
    _, writers, indices = zip(*rows, strict=True)
    originals = real.take(indices)
    hands = jax.random.normal(jax.random.key(seed), (_FREQUENT_HANDS, sampler.networks.z_dim))
    written = [text for text in frequent for _ in range(_FREQUENT_HANDS)]
    images = sampler.draw(written, jax.numpy.tile(hands, (len(frequent), 1)))
    generated = WordStore.from_images(real.spec, images, written, sampler.charset, [""] * len(written))
    figures = {}
    for name, words, names in (
        ("real", originals, list(writers)),
        ("generated", generated, list(range(_FREQUENT_HANDS)) * len(frequent)),
    ):
        seen = judge.hands(words)
        by_text, by_hand = ([sorted(set(keys)).index(key) for key in keys] for keys in (words.texts, names))
        figures[f"{name}_hand_distance"] = mean_distance_within(seen, by_text)
        figures[f"{name}_hand_retrieval"] = nearest_is_same(seen, by_hand, by_text)
        figures[f"{name}_hands"] = len(set(names))
    # Where no word has two writers, or no writer two words, there is nothing to measure.
    return {name: value for name, value in figures.items() if not math.isnan(value)}


def distance_figures(
    judge: Judge, train: WordStore, real: WordStore, sampler: Sampler, *, limit: int, seed: int
) -> dict[str, int | float]:
    """How far generated words, and for comparison real training words, are from those of a split.

    The first words of the split are written again, each in a hand of its own, so that texts are the same. The distances
    are in the feature space of the judge's recognizer; see `distances`.
    """
    count = min(limit, len(real), len(train))
    expected = judge.features(real.take(range(count)))
    figures: dict[str, int | float] = {"distance_words": count}
    others = {"generated": generated_store(sampler, real.texts[:count], seed), "train": train.take(range(count))}
    for name, words in others.items():
        features = judge.features(words)
        figures[f"{name}_frechet"] = frechet_distance(features, expected)
        figures[f"{name}_kernel"], figures[f"{name}_kernel_spread"] = kernel_distance(features, expected, seed)
    return figures


def evaluate(config: Config, workdir: str) -> dict[str, Any]:
    """Scores the newest checkpoint of `workdir` and writes results.json there.

    Args:
      config: `evaluate`, `seed` and where the data lies are taken from it; all else, the preprocessing too, from the
        checkpoint.
      workdir: of a trained run.

    Returns:
      What was written.

    Raises:
      UserError: no checkpoint, no data, or a recognizer of another alphabet, preprocessing or sizes.
    """
    run = load_run(workdir)
    data, spec = run.config.data, run.spec
    settings = config.evaluate
    load = functools.partial(load_words, config.data.data_dir, data.dataset, charset=run.charset, spec=spec)
    real, train = (load(split=split, cache_dir=config.data.cache_dir) for split in (settings.split, "train"))
    texts = unseen_words(real, set(train.texts), settings.generated_words)
    judging = run
    if settings.recognizer:
        judging = load_run(settings.recognizer)
        if judging.charset != run.charset or judging.spec != spec:
            raise UserError(
                f"the recognizer {settings.recognizer!r} was trained on another alphabet, preprocessing or sizes than "
                f"{workdir!r}"
            )
    judge = Judge(judging.networks, judging.state, judging.charset)
    sampler = create_sampler(run) if trains_generator(run.config) else None
    figures = recognition_figures(
        judge, real, sampler, texts, real_words=settings.real_words, seed=config.seed, by_group=True
    )
    if sampler is not None:
        figures |= distance_figures(judge, train, real, sampler, limit=_DISTANCE_WORDS, seed=config.seed)
        if judge.knows_writers and sampler.networks.has_variable_width:
            figures |= hand_figures(judge, real, sampler, config.seed)
    results = {
        **figures,
        "step": int(run.state.step),
        "dataset": data.dataset,
        "split": settings.split,
        "recognizer": settings.recognizer or "own",
        "seed": config.seed,
        "preprocessing": run.config.preprocessing.to_dict(),
        "data": run.config.data.to_dict(),
        "train": run.config.train.to_dict(),
        "model": run.config.model.to_dict(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    path = pathlib.Path(workdir) / RESULTS_FILE
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, value in figures.items():
        logger.info("%s: %s", name, f"{value:.4f}" if isinstance(value, float) else value)
    print(f"wrote {path}")
    return results
