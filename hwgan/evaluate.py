"""Scores a checkpoint: how well its recognizer reads real words, and how well generated words can be read."""

import datetime
import functools
import json
import logging
import pathlib
from typing import Any

import jax
import numpy as np

from hwgan.data import transforms
from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import eval_batches
from hwgan.data.word_store import WordStore, load_words
from hwgan.errors import UserError
from hwgan.metrics import character_error_rate, greedy_texts, word_error_rate
from hwgan.models import Networks
from hwgan.run import Config, load_run, trains_generator
from hwgan.sample import Sampler, create_sampler
from hwgan.train_step import real_widths

logger = logging.getLogger(__name__)

RESULTS_FILE = "results.json"
_BATCH_SIZE = 50
_HANDS = 16


@functools.partial(jax.jit, static_argnums=0)
def _read(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    output = networks.recognizer.apply(variables, batch["image"], real_widths(networks, batch), train=False)
    return output.logits.argmax(-1), output.lengths


class Reader:
    """A recognizer with its weights and alphabet."""

    def __init__(self, networks: Networks, variables: Any, charset: Charset):
        self._networks, self._variables, self._charset = networks, variables, charset

    def read(self, words: WordStore, limit: int | None = None) -> tuple[list[str], list[str]]:
        """(true texts, texts as read) of the first `limit` words."""
        references: list[str] = []
        readings: list[str] = []
        for batch, texts in eval_batches(words, _BATCH_SIZE, limit):
            images = {name: batch[name] for name in ("image", "image_width")}
            ids, lengths = _read(self._networks, self._variables, images)
            readings += greedy_texts(np.asarray(ids), np.asarray(lengths), self._charset)[: len(texts)]
            references += texts
        return references, readings


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
    reader: Reader, real: WordStore, sampler: Sampler | None, texts: list[str], *, real_words: int, seed: int
) -> dict[str, float]:
    """CER and WER on real words, and on `texts` written by the sampler, if there is one, and how its hands differ."""
    references, readings = reader.read(real, real_words)
    figures = {
        "real_cer": character_error_rate(references, readings),
        "real_wer": word_error_rate(references, readings),
        "real_words": len(references),
    }
    if sampler is not None and texts:
        references, readings = reader.read(generated_store(sampler, texts, seed))
        figures |= {
            "generated_cer": character_error_rate(references, readings),
            "generated_wer": word_error_rate(references, readings),
            "generated_words": len(references),
            "hand_variance": hand_variance(sampler, texts[0], seed),
        }
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
    judge = run
    if settings.recognizer:
        judge = load_run(settings.recognizer)
        if judge.charset != run.charset or judge.spec != spec:
            raise UserError(
                f"the recognizer {settings.recognizer!r} was trained on another alphabet, preprocessing or sizes than "
                f"{workdir!r}"
            )
    reader = Reader(judge.networks, judge.state.recognizer.variables, judge.charset)
    sampler = create_sampler(run) if trains_generator(run.config) else None
    figures = recognition_figures(reader, real, sampler, texts, real_words=settings.real_words, seed=config.seed)
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
