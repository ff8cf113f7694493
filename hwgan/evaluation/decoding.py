"""CTC decoding with a lexicon: the most likely word of a list."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from hwgan.data.charset import BLANK_ID, Charset, greedy_texts, pad_labels
from hwgan.runtime.errors import UserError

_IMPOSSIBLE = -1e30
_CANDIDATES = 100


class Lexicon:
    """A closed vocabulary for decoding.

    Candidates are the words with the smallest edit distance to the greedy transcription; the one with the largest exact
    CTC likelihood is chosen. With as many candidates as words, this is maximum likelihood decoding.
    """

    def __init__(self, words: Sequence[str], charset: Charset, candidates: int = _CANDIDATES):
        """Creates the vocabulary without duplicates and without words that have characters outside the alphabet.

        Raises:
          UserError: no word is left.
        """
        self.words = [word for word in dict.fromkeys(words) if word and not charset.unknown(word)]
        if not self.words:
            raise UserError("the lexicon for decoding has no word in the alphabet of the recognizer")
        self._charset, self._candidates = charset, min(candidates, len(self.words))

    def read(self, log_probabilities: Float[np.ndarray, "frames labels"]) -> str:
        """The most likely word of the vocabulary, given the log probabilities of the labels of each frame in nats."""
        ids = log_probabilities.argmax(axis=1)[None]
        greedy = greedy_texts(ids, np.array([len(log_probabilities)]), self._charset)[0]
        nearest = process.extract(greedy, self.words, scorer=Levenshtein.distance, limit=self._candidates)
        words = [word for word, _, _ in nearest]
        return words[int(log_likelihoods(log_probabilities, words, self._charset).argmax())]


def log_likelihoods(
    log_probabilities: Float[np.ndarray, "frames labels"], words: Sequence[str], charset: Charset
) -> Float[np.ndarray, " words"]:
    """Computes log p(word | frames) of each word in nats, by the CTC forward algorithm for all words at once."""
    labels = [charset.encode(word) for word in words]
    padded = pad_labels(labels, max(map(len, labels)))
    # The states of a word are: blank, first label, blank, second label, ..., blank.
    states = np.full((len(labels), 2 * padded.shape[1] + 1), BLANK_ID)
    states[:, 1::2] = padded
    # The blank between two labels can be skipped, unless the labels are equal.
    skips = np.zeros(states.shape, bool)
    skips[:, 3::2] = padded[:, 1:] != padded[:, :-1]
    emitted = log_probabilities[:, states]  # [frames, words, states]
    alpha = np.full(states.shape, _IMPOSSIBLE)
    alpha[:, :2] = emitted[0, :, :2]
    for frame in emitted[1:]:
        step = np.logaddexp(alpha, np.pad(alpha[:, :-1], ((0, 0), (1, 0)), constant_values=_IMPOSSIBLE))
        skipped = np.pad(alpha[:, :-2], ((0, 0), (2, 0)), constant_values=_IMPOSSIBLE)
        alpha = np.where(skips, np.logaddexp(step, skipped), step) + frame
    rows, ends = np.arange(len(words)), 2 * np.array([len(row) for row in labels])
    return np.logaddexp(alpha[rows, ends], alpha[rows, ends - 1])
