"""Protocols by name: which words are generated, and which real ones they are held against."""

import dataclasses

import numpy as np

from hwgan.data.word_store import WordStore
from hwgan.errors import UserError


@dataclasses.dataclass(frozen=True)
class Case:
    """One comparison of a protocol.

    Attributes:
      name: in the results.
      texts: what is generated: "same", the texts of the real words it is held against, each once; "known", texts of
        training words; "unknown", texts of the split that no training writer wrote.
      reference: the real words: those of the evaluated "split", or of "train".
      matched: the real words are of such texts too ("known" or "unknown").
      limit: words on either side, at most; 0 leaves it to the config.
    """

    name: str
    texts: str
    reference: str = "split"
    matched: bool = False
    limit: int = 0


PROTOCOLS: dict[str, tuple[Case, ...]] = {
    # Every word of the evaluated split again; and words that were never trained on.
    "standard": (Case("same_words", "same"), Case("unknown_words", "unknown", matched=True)),
    # GANwriting (Kang et al. 2020): words in and out of the vocabulary, writers seen and not seen. A generator that is
    # not given a writer's hand writes all four in its own hands; what differs is the real words it is held against.
    "ganwriting": (
        Case("known_words_seen_writers", "known", "train", matched=True),
        Case("known_words_unseen_writers", "known", "split", matched=True),
        Case("unknown_words_seen_writers", "unknown", "train"),
        Case("unknown_words_unseen_writers", "unknown", "split", matched=True),
    ),
    # The test set again, all of it.
    "regenerate": (Case("regenerate", "same", limit=10**9),),
    # Alonso et al. 2019: 25,000 generated against 25,000 real training words.
    "alonso": (Case("alonso", "known", "train", limit=25_000),),
}


def find_protocol(name: str) -> tuple[Case, ...]:
    """The cases of a protocol; raises UserError if there is none of that name."""
    if name not in PROTOCOLS:
        raise UserError(f"no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def choose(case: Case, split: WordStore, train: WordStore, limit: int, seed: int) -> tuple[list[str], WordStore]:
    """The texts to write, and the real words to hold them against.

    Args:
      case: of a protocol.
      split: real words of the evaluated split.
      train: those of the training split.
      limit: at most so many of either, where the case does not say.
      seed: of drawing texts.

    Returns:
      As many texts as real words, unless there are too few texts: then each comes several times.

    Raises:
      UserError: there is no such text or word.
    """
    known = set(train.texts)
    reference = train if case.reference == "train" else split
    rows = [
        row
        for row, text in enumerate(reference.texts)
        if not case.matched or (text in known) == (case.texts == "known")
    ][: case.limit or limit]
    if case.texts == "same":
        texts = [reference.texts[row] for row in rows]
    else:
        pool = [text for text in split.texts if (text in known) == (case.texts == "known")]
        if case.reference == "train" and case.texts == "known":
            pool = train.texts
        if not pool:
            raise UserError(f"{case.name}: the split has no {case.texts} words")
        order = np.random.default_rng((seed, len(pool))).permutation(len(pool))
        texts = [pool[order[i % len(pool)]] for i in range(len(rows))]
    if not rows:
        raise UserError(f"{case.name}: there are no real words to hold generated ones against")
    return texts, reference.take(rows)
