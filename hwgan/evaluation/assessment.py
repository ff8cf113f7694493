"""All figures of one set of words, held against real ones."""

import dataclasses
import math

import numpy as np
from rapidfuzz.distance import Levenshtein

from hwgan.data.word_store import WordStore
from hwgan.evaluation.coverage import precision_recall_density_coverage, share_of_copies
from hwgan.evaluation.distances import frechet_distance, kernel_distance
from hwgan.evaluation.features import CROPS, FeatureNetwork
from hwgan.evaluation.intervals import Figure, bootstrap_ratio, half_sample_figure
from hwgan.evaluation.neighbors import mean_distance_within, nearest_is_same
from hwgan.evaluation.topology import geometry_score
from hwgan.judge import Judge
from hwgan.metrics import error_rates_by_group

_REPLICATES = 20
_MOST_FEATURES = 512  # with an interval of the Fréchet distance
_MOST_ROWS = 5000  # where neighbours are looked for among them
_MOST_ROWS_OF_KERNEL = 25_000  # some ten seconds, where every row is held against every other
_FREQUENT_WORDS = 20


class Seen:
    """Words, and what networks see in them, looked at once."""

    def __init__(self, words: WordStore):
        self.words = words
        self._features: dict[tuple[str, str], np.ndarray] = {}
        self._first: dict[int, Seen] = {}

    def features(self, network: FeatureNetwork, crop: str) -> np.ndarray:
        """[words, features] of the whole words or of their left squares."""
        key = network.name, crop
        if key not in self._features:
            self._features[key] = network.see(CROPS[crop](self.words))
        return self._features[key]

    def first(self, count: int) -> "Seen":
        """The first `count` of the words, at most; the same object each time."""
        if count >= len(self.words):
            return self
        if count not in self._first:
            self._first[count] = Seen(self.words.take(range(count)))
        return self._first[count]


@dataclasses.dataclass(frozen=True)
class Assessor:
    """Who looks at words, and how closely.

    Attributes:
      judge: who reads, and knows hands.
      networks: in whose features words are compared; overlap is measured in those of the first.
      seed: of intervals and of the geometry score.
      geometry_rounds: see `topology.geometry_score`; 0 leaves it out.
    """

    judge: Judge
    networks: list[FeatureNetwork]
    seed: int
    geometry_rounds: int = 0

    def assess(self, words: Seen, real: Seen, train: Seen | None) -> dict[str, Figure]:
        """What can be said of any set of words: how they read, how far they are from real ones, how they overlap.

        Args:
          words: to be judged.
          real: of the evaluated split; for like with like, as many.
          train: of the training split, to find copies.
        """
        return self.reading(words.words) | self.distances(words, real) | self.overlap(words, real, train)

    def reading(self, words: WordStore) -> dict[str, Figure]:
        """How the judge reads them; see `reading_figures`."""
        return reading_figures(*self.judge.read(words), words.writers, self.seed)

    def distances(self, words: Seen, real: Seen) -> dict[str, Figure]:
        """`frechet/NETWORK/CROP` and `kernel/NETWORK/CROP`: how far the words are from the real ones.

        The Fréchet distance of few words is too large, so it is that of as many of either. The kernel distance is not,
        and is that of all, but in the features of a slow network.
        """
        figures = {}
        count = min(len(words.words), len(real.words))
        for network in self.networks:
            for crop in CROPS:
                as_many = words.first(count), real.first(count)
                sets = [seen.features(network, crop) for seen in as_many]
                # A replicate of thousands of features takes seconds.
                replicates = _REPLICATES if sets[0].shape[1] <= _MOST_FEATURES else 0
                figures[f"frechet/{network.name}/{crop}"] = half_sample_figure(
                    frechet_distance, sets, self.seed, replicates
                )
                sides = as_many if network.slow else [seen.first(_MOST_ROWS_OF_KERNEL) for seen in (words, real)]
                all_own, all_real = [seen.features(network, crop) for seen in sides]
                writers = [seen.words.writers for seen in sides]
                figures[f"kernel/{network.name}/{crop}"] = kernel_distance(
                    all_own, all_real, writers[0], writers[1], self.seed
                )
        return figures

    def overlap(self, words: Seen, real: Seen, train: Seen | None) -> dict[str, Figure]:
        """Precision, recall, density, coverage, geometry score, and, with training words, the share of copies."""
        network = self.networks[0]
        count = min(len(words.words), len(real.words), _MOST_ROWS)
        own, others = (seen.first(count).features(network, "whole") for seen in (words, real))
        figures = precision_recall_density_coverage(others, own)
        if self.geometry_rounds:
            figures["geometry"] = geometry_score(own, others, self.seed, self.geometry_rounds)
        if train is not None:
            figures["copies"] = share_of_copies(own, train.features(network, "whole"), others)
        return {f"{name}/{network.name}": Figure(value) for name, value in figures.items()}

    def hands(self, words: WordStore, texts: list[str]) -> dict[str, Figure]:
        """How hands differ, and whether they can be told, in one image of each of the texts by each writer.

        Returns:
          `hand_distance`: mean distance, as the judge sees hands, between two writers of one word; `hand_retrieval`:
          how often the hand nearest to that of an image, among all images of other words, is its own (chance is about
          one in the number of hands); `hands`: how many there are. None of them where no word has two known writers.
        """
        chosen = one_of_each_hand(words, texts)
        if not len(chosen) or not self.judge.knows_writers:
            return {}
        seen = self.judge.hands(chosen)
        by_text, by_hand = ([sorted(set(keys)).index(key) for key in keys] for keys in (chosen.texts, chosen.writers))
        figures = {
            "hand_distance": mean_distance_within(seen, by_text),
            "hand_retrieval": nearest_is_same(seen, by_hand, by_text),
            "hands": float(len(set(chosen.writers))),
        }
        if math.isnan(figures["hand_distance"]):
            return {}
        # Where no writer has two words, there is none to find again.
        return {name: Figure(value) for name, value in figures.items() if not math.isnan(value)}


def reading_figures(references: list[str], readings: list[str], writers: list[str], seed: int) -> dict[str, Figure]:
    """CER and WER with their intervals, and where the errors are (`metrics.error_rates_by_group`).

    Args:
      references: what words say.
      readings: what was read.
      writers: of each word; their words are drawn together for the intervals.
      seed: of the intervals.
    """
    edits = [Levenshtein.distance(r, h) for r, h in zip(references, readings, strict=True)]
    wrong = [r != h for r, h in zip(references, readings, strict=True)]
    figures = {
        "cer": bootstrap_ratio(edits, [len(r) for r in references], writers, seed),
        "wer": bootstrap_ratio(wrong, [1.0] * len(references), writers, seed),
    }
    return figures | {name: Figure(value) for name, value in error_rates_by_group(references, readings).items()}


def one_of_each_hand(words: WordStore, texts: list[str]) -> WordStore:
    """The first image of each of the texts by each known writer."""
    first: dict[tuple[str, str], int] = {}
    for row, key in enumerate(zip(words.texts, words.writers, strict=True)):
        first.setdefault(key, row)
    return words.take([row for (text, writer), row in first.items() if writer and text in set(texts)])


def frequent_words(words: WordStore, count: int = _FREQUENT_WORDS) -> list[str]:
    """The texts that most writers wrote, of those that two wrote at least."""
    writers_of: dict[str, set[str]] = {}
    for text, writer in zip(words.texts, words.writers, strict=True):
        if writer:
            writers_of.setdefault(text, set()).add(writer)
    shared = [text for text, writers in writers_of.items() if len(writers) > 1]
    return sorted(shared, key=lambda text: (-len(writers_of[text]), text))[:count]
