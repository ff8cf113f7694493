"""Evaluation protocols: the texts that are generated, and the real words that they are compared with."""

import dataclasses

import numpy as np

from hwgan.data.word_store import WordStore
from hwgan.runtime.errors import UserError


@dataclasses.dataclass(frozen=True)
class Case:
    """One comparison of a protocol.

    Attributes:
      name: name in the results.
      texts: texts to generate: "same" as the real words, once each; "iv", texts in the training vocabulary; "oov",
        texts that are not; both of the real words, or where these are others, of the evaluated split.
      reference: real words to compare with: those of the evaluated "split", or of "train".
      matched: whether the real words are restricted to IV or OOV texts, as `texts` says.
      limit: maximum number of generated and of real words; 0 for the limit of the config.
    """

    name: str
    texts: str
    reference: str = "split"
    matched: bool = False
    limit: int = 0


PROTOCOLS: dict[str, tuple[Case, ...]] = {
    # All words of the evaluated split; and its OOV words.
    "standard": (Case("same_words", "same"), Case("oov_words", "oov", matched=True)),
    # GANwriting (Kang et al. 2020, https://arxiv.org/abs/2003.02567): IV and OOV words × seen and unseen writers. All
    # four cases have random styles here, where GANwriting imitates given writers; they differ in texts and references.
    "ganwriting": (
        Case("iv_words_seen_writers", "iv", "train", matched=True),
        Case("iv_words_unseen_writers", "iv", "split", matched=True),
        Case("oov_words_seen_writers", "oov", "train"),
        Case("oov_words_unseen_writers", "oov", "split", matched=True),
    ),
    # All words of the test set, without a limit.
    "regenerate": (Case("regenerate", "same", limit=10**9),),
    # Alonso et al. 2019: 25,000 generated and 25,000 real training words.
    "alonso": (Case("alonso", "iv", "train", limit=25_000),),
}


def find_protocol(name: str) -> tuple[Case, ...]:
    """The cases of a protocol; raises UserError if it does not exist."""
    if name not in PROTOCOLS:
        raise UserError(f"no protocol {name!r}; there are {', '.join(PROTOCOLS)}, and in hwgan.evaluate style")
    return PROTOCOLS[name]


def choose(case: Case, split: WordStore, train: WordStore, limit: int, seed: int) -> tuple[list[str], WordStore]:
    """Chooses the texts to generate and the real words of a case.

    Args:
      case: a case of a protocol.
      split: real words of the evaluated split.
      train: real words of the training split.
      limit: maximum number of real words, if the case has none of its own.
      seed: seed of the order of texts.

    Returns:
      As many texts as real words, and the real words. If there are fewer different texts, they are repeated.

    Raises:
      UserError: there are no such texts or no such real words.
    """
    vocabulary = set(train.texts)
    reference = train if case.reference == "train" else split

    def fits(text: str) -> bool:
        return (text in vocabulary) == (case.texts == "iv")

    rows = [row for row, text in enumerate(reference.texts) if not case.matched or fits(text)][: case.limit or limit]
    if case.texts == "same":
        texts = [reference.texts[row] for row in rows]
    else:
        own = [reference.texts[row] for row in rows]
        # The texts of the real words themselves, where these may be generated.
        pool = own if own and all(map(fits, own)) else [text for text in split.texts if fits(text)]
        if not pool:
            place = "among" if case.texts == "iv" else "outside of"
            raise UserError(f"{case.name}: the split has no words {place} the training texts ({case.texts.upper()})")
        order = np.random.default_rng((seed, len(pool))).permutation(len(pool))
        texts = [pool[order[i % len(pool)]] for i in range(len(rows))]
    if not rows:
        raise UserError(f"{case.name}: there are no real words to compare generated ones with")
    return texts, reference.take(rows)


def check_split(name: str, split: str) -> None:
    """Raises UserError for the training words, on which no generator can be evaluated."""
    if split == "train":
        raise UserError(
            f"{name}=train compares with the training words themselves: copies of them would seem new, and real words "
            "perfect; give validation or test"
        )
