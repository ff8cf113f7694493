"""Decoding with a lexicon: the most likely word of a list."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from hwgan.data.charset import Charset
from hwgan.models.recognizer import RecognizerOutput
from hwgan.runtime.errors import UserError

_CANDIDATES = 100


@functools.partial(jax.jit, static_argnums=0)
def log_likelihoods(
    recognizer: Any, variables: Any, output: RecognizerOutput, labels: Int[Array, "n t"], lengths: Int[Array, " n"]
) -> Float[Array, " n"]:
    """Computes log p(labels | image) of each text in nats; -inf for texts that no alignment gives.

    Args:
      recognizer: the module.
      variables: of it.
      output: of the recognizer for one image.
      labels: of the texts, padded with 0.
      lengths: of the texts.
    """
    outputs = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(labels), *x.shape[1:])), output)
    aligned = recognizer.can_align(outputs.lengths, labels, lengths)
    return jnp.where(aligned, -recognizer.loss(variables, outputs, labels, lengths), -jnp.inf)


class DecodingLexicon:
    """A closed vocabulary for decoding.

    Candidates are the words with the smallest edit distance to the greedy transcription; the one with the largest exact
    likelihood is chosen. With as many candidates as words, this is maximum likelihood decoding.
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
        self._max_length = max(len(charset.encode(word)) for word in self.words)

    def read(self, recognizer: Any, variables: Any, output: RecognizerOutput, greedy: str) -> str:
        """The most likely word of the vocabulary.

        Args:
          recognizer: the module.
          variables: of it.
          output: of the recognizer for one image.
          greedy: its greedy transcription.
        """
        nearest = process.extract(greedy, self.words, scorer=Levenshtein.distance, limit=self._candidates)
        words = [word for word, _, _ in nearest]
        padded, lengths = self._charset.encode_batch(words, self._max_length)  # one shape, and so one compilation
        return words[int(np.argmax(log_likelihoods(recognizer, variables, output, padded, lengths)))]
