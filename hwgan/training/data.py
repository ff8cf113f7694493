"""What a run reads: training and validation words, and texts to generate."""

import dataclasses
import functools
import logging

import numpy as np

from hwgan.checkpoints.run import build_networks, image_spec, trains_generator
from hwgan.data.charset import Charset
from hwgan.data.lexicon import Lexicon
from hwgan.data.oversampling import oversampling_beside, oversampling_of_rare, oversampling_of_shares
from hwgan.data.prepared import combined_summary, dataset_names
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.word_list import fit_lines, read_lines
from hwgan.data.word_store import WordStore, load_words
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.training.alignment import check_alignment
from hwgan.training.validation import out_of_vocabulary

logger = logging.getLogger(__name__)

_FEW_TRAINING_WORDS = 1000  # configs/few_words.py learned to write from 1,472 of IAM, with a lexicon of other texts
_FEW_VALIDATION_WORDS = 50


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What a run reads.

    Attributes:
      charset: the alphabet.
      spec: preprocessing of the images, and sizes that fit.
      train: training words.
      for_recognizer: bool [n], training words that only the recognizer learns from; None if there are none.
      repeats: how often each training word comes in an epoch (oversampling).
      validation: validation words.
      lexicon: texts to generate.
      log_widths: float32 [n], log width ratio of each training word in units of `log_width_std`; None where the
        generator has no such latent.
      oov_texts: validation texts that are not among the training words.
    """

    charset: Charset
    spec: ImageSpec
    train: WordStore
    for_recognizer: np.ndarray | None
    repeats: np.ndarray
    validation: WordStore
    lexicon: Lexicon
    log_widths: np.ndarray | None
    oov_texts: list[str]

    @property
    def real_texts(self) -> list[str]:
        """The texts of the training words that all networks learn from."""
        texts, alone = self.train.texts, self.for_recognizer
        return texts if alone is None else [text for text, only in zip(texts, alone, strict=True) if not only]


def load_data(config: Config) -> TrainingData:
    """Reads and decodes the training and validation words of a config, and the texts to generate.

    Raises:
      UserError: the dataset or the lexicon is not there, or nothing in it fits.
    """
    data, spec = config.data, image_spec(config)
    summary = combined_summary(data.data_dir, data.dataset)
    charset = Charset(data.alphabet or summary["alphabet"], summary["right_to_left"])
    load = functools.partial(load_words, data.data_dir, data.dataset, charset=charset, spec=spec)
    real = load(split="train", cache_dir=data.cache_dir)
    if "validation" in summary["splits"]:
        validation = load(split="validation", cache_dir=data.cache_dir)
    else:
        logger.warning("%s has no validation split: validation metrics are those of training words", data.dataset)
        validation = real
    train, repeats = _training_words(config, real, charset, spec)
    written = len(train)  # the words after these are for the recognizer alone: neither their texts nor styles are drawn
    train, repeats = _with_recognizer_words(config, train, repeats, charset, spec)
    # As often as among the real words: else a discriminator could tell the two by their characters.
    if data.lexicon:
        words = _lexicon_words(data.lexicon, charset)
        weights = np.ones(len(words))
    else:
        own = repeats[:written]
        words, weights = np.repeat(train.texts[:written], own).tolist(), np.repeat(1.0 / own, own)
    oov_texts = out_of_vocabulary(validation, set(train.texts[:written]), config.evaluate.generated_words)
    networks, _ = build_networks(config, charset)
    fraction = data.random_text_fraction
    if not 0.0 <= fraction < 1.0:
        raise UserError(f"data.random_text_fraction={fraction} must be from 0 to below 1")
    lexicon = Lexicon.from_words(
        words,
        charset,
        spec,
        networks.text_widths,
        networks.log_width_std,
        random_text_fraction=fraction,
        seed=config.seed,
        weights=weights,
    )
    check_alignment(networks, charset, train, lexicon)
    log_widths = lexicon.log_widths(train.widths, networks.text_widths(train.labels, train.lengths))
    for_recognizer = np.arange(len(train)) >= written if written < len(train) else None
    if trains_generator(config):
        _warn_of_few_words(config, written, len(validation), len(oov_texts))
    return TrainingData(charset, spec, train, for_recognizer, repeats, validation, lexicon, log_widths, oov_texts)


def _warn_of_few_words(config: Config, train: int, validation: int, oov: int) -> None:
    """Warns where there are too few words to learn a generator from, or to measure it by."""
    if train < _FEW_TRAINING_WORDS and not config.train.init_from:
        logger.warning(
            "%d training words are few to learn handwriting from: start from the pretrained weights "
            '(docs/training.md, "Start from trained networks")',
            train,
        )
    if min(validation, oov) < _FEW_VALIDATION_WORDS:
        logger.warning(
            "validation has %d words, %d of them with texts that no training word has: its metrics will vary much",
            validation,
            oov,
        )


def _lexicon_words(path: str, charset: Charset) -> list[str]:
    """The words of a lexicon file that can be written; the log says what was replaced, and names the other lines."""
    found = fit_lines(read_lines(path), charset, words=True)
    for note in found.notes(path):
        logger.warning(note)
    return list(found.lines.values())


def _training_words(config: Config, real: WordStore, charset: Charset, spec: ImageSpec) -> tuple[WordStore, np.ndarray]:
    """The training words, and how often each comes: a part of the real ones, generated ones if asked for."""
    data = config.data
    if not 0.0 <= data.real_fraction <= 1.0 or not (data.real_fraction or data.generated_dataset):
        raise UserError(
            f"data.real_fraction={data.real_fraction} must be from 0 to 1, and above 0 without data.generated_dataset"
        )
    if data.real_fraction < 1.0:
        part = real.first(data.real_fraction)
        if not len(part) and not data.generated_dataset:
            raise UserError(f"data.real_fraction={data.real_fraction} of {len(real):,} training words is none of them")
        real = part
    if data.generated_dataset and trains_generator(config):
        raise UserError(
            f"data.generated_dataset={data.generated_dataset!r} is for recognizers, as configs/htr.py; a generator "
            "must not learn from generated words as from real ones"
        )
    words, shares = real, _shares(config, real)
    if data.generated_dataset:
        generated = load_words(data.data_dir, data.generated_dataset, "train", charset, spec, data.cache_dir)
        if not len(real):
            words, shares = generated, [1.0]
        elif 0.0 < data.generated_fraction < 1.0:
            words = real.join(generated)
            shares = [*((1.0 - data.generated_fraction) * np.asarray(shares)), data.generated_fraction]
        else:
            raise UserError(f"data.generated_fraction={data.generated_fraction} must be between 0 and 1")
    repeats = oversampling_of_shares(words.sources, shares)
    if data.rare_character_threshold:
        repeats = repeats * oversampling_of_rare(words.texts, data.rare_character_threshold)
    return words, repeats


def _with_recognizer_words(
    config: Config, words: WordStore, repeats: np.ndarray, charset: Charset, spec: ImageSpec
) -> tuple[WordStore, np.ndarray]:
    """The training words, then those of `data.recognizer_dataset`, of unknown writers; and how often each comes."""
    data = config.data
    if not data.recognizer_dataset:
        return words, repeats
    if not 0.0 < data.recognizer_fraction < 1.0:
        raise UserError(f"data.recognizer_fraction={data.recognizer_fraction} must be between 0 and 1")
    extra = load_words(data.data_dir, data.recognizer_dataset, "train", charset, spec, data.cache_dir)
    extra = dataclasses.replace(extra, writers=[""] * len(extra))
    taken, times = oversampling_beside(int(repeats.sum()), len(extra), data.recognizer_fraction)
    extra = extra.take(range(taken))
    return words.join(extra), np.concatenate([repeats, np.full(len(extra), times)])


def _shares(config: Config, real: WordStore) -> list[float]:
    """The shares of an epoch of real words that each dataset has."""
    shares, names = list(config.data.dataset_shares), dataset_names(config.data.dataset)
    if not shares:
        return (np.bincount(real.sources) / max(len(real), 1)).tolist()
    if len(shares) != len(names) or min(shares) <= 0.0:
        raise UserError(
            f"data.dataset_shares={tuple(shares)} must be positive, one for each dataset of {config.data.dataset!r}"
        )
    shares = shares[: real.sources.max(initial=-1) + 1]  # the last ones may have no words in a part
    return [share / sum(shares) for share in shares]
