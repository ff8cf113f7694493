"""Reading with a lexicon: the word of a list that the recognizer finds likeliest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from hwgan.data.charset import BLANK_ID, Charset, pad_labels
from hwgan.errors import UserError
from hwgan.metrics import greedy_texts

_IMPOSSIBLE = -1e30
_CANDIDATES = 100


class Lexicon:
    """Words that a reading must be one of.

    Of the words nearest to the greedy reading by edit distance, the one of the largest CTC probability is taken, which
    is computed exactly. With as many candidates as words there is no other choice but by probability.
    """

    def __init__(self, words: Sequence[str], charset: Charset, candidates: int = _CANDIDATES):
        """Words with characters that the alphabet does not have are left out; each counts once.

        Raises:
          UserError: none is left.
        """
        self.words = [word for word in dict.fromkeys(words) if word and not charset.unknown(word)]
        if not self.words:
            raise UserError("there are no words to read with as a lexicon")
        self._charset, self._candidates = charset, min(candidates, len(self.words))

    def read(self, log_probabilities: Float[np.ndarray, "frames labels"]) -> str:
        """The likeliest word."""
        ids = log_probabilities.argmax(axis=1)[None]
        greedy = greedy_texts(ids, np.array([len(log_probabilities)]), self._charset)[0]
        nearest = process.extract(greedy, self.words, scorer=Levenshtein.distance, limit=self._candidates)
        words = [word for word, _, _ in nearest]
        return words[int(log_likelihoods(log_probabilities, words, self._charset).argmax())]


def log_likelihoods(
    log_probabilities: Float[np.ndarray, "frames labels"], words: Sequence[str], charset: Charset
) -> Float[np.ndarray, " words"]:
    """The log p(word | frames) of each word, in nats, by CTC's forward algorithm for all words at once."""
    labels = [charset.encode(word) for word in words]
    padded = pad_labels(labels, max(map(len, labels)))
    # Blank, first label, blank, second label, ... blank.
    states = np.full((len(labels), 2 * padded.shape[1] + 1), BLANK_ID)
    states[:, 1::2] = padded
    # Two labels may follow each other without a blank between, unless they are equal.
    skips = np.zeros(states.shape, bool)
    skips[:, 3::2] = padded[:, 1:] != padded[:, :-1]
    emitted = log_probabilities[:, states]  # [frames, words, states]
    alpha = np.full(states.shape, _IMPOSSIBLE)
    alpha[:, :2] = emitted[0, :, :2]
    for frame in emitted[1:]:
        before = np.logaddexp(alpha, np.pad(alpha[:, :-1], ((0, 0), (1, 0)), constant_values=_IMPOSSIBLE))
        skipped = np.pad(alpha[:, :-2], ((0, 0), (2, 0)), constant_values=_IMPOSSIBLE)
        alpha = np.where(skips, np.logaddexp(before, skipped), before) + frame
    rows, ends = np.arange(len(words)), 2 * np.array([len(row) for row in labels])
    return np.logaddexp(alpha[rows, ends], alpha[rows, ends - 1])
