"""Who judges images of words: a recognizer that reads them, and an identifier that tells the hands apart."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import eval_batches
from hwgan.data.word_store import WordStore
from hwgan.metrics import greedy_texts
from hwgan.models import Networks
from hwgan.models.layers import length_mask
from hwgan.train_state import TrainState
from hwgan.writing import real_widths

_BATCH_SIZE = 50


@functools.partial(jax.jit, static_argnums=0)
def _read(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    output = networks.recognizer.apply(variables, batch["image"], real_widths(networks, batch), train=False)
    return output.logits.argmax(-1), output.lengths


@functools.partial(jax.jit, static_argnums=0)
def _features(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> jax.Array:
    output = networks.recognizer.apply(variables, batch["image"], real_widths(networks, batch), train=False)
    inside = length_mask(output.lengths, output.states.shape[1])[:, :, None]
    return (output.states * inside).sum(axis=1) / jnp.maximum(output.lengths, 1)[:, None]


@functools.partial(jax.jit, static_argnums=0)
def _see(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> jax.Array:
    return networks.identifier.apply(variables, batch["image"], real_widths(networks, batch), train=False).features


class Judge:
    """The networks of a run that look at images, with their weights and alphabet."""

    def __init__(self, networks: Networks, state: TrainState, charset: Charset):
        self._networks, self._charset = networks, charset
        self._reading, self._seeing = state.recognizer.variables, state.identifier.variables

    @property
    def knows_writers(self) -> bool:
        """Whether it can tell hands apart."""
        return self._networks.knows_writers

    def read(self, words: WordStore, limit: int | None = None) -> tuple[list[str], list[str]]:
        """(true texts, texts as read) of the first `limit` words."""
        references: list[str] = []
        readings: list[str] = []
        for batch, texts in eval_batches(words, _BATCH_SIZE, limit):
            ids, lengths = _read(self._networks, self._reading, _images(batch))
            readings += greedy_texts(np.asarray(ids), np.asarray(lengths), self._charset)[: len(texts)]
            references += texts
        return references, readings

    def features(self, words: WordStore) -> np.ndarray:
        """What the recognizer makes of each word before it reads it: the mean of its states, [words, features]."""
        batches = eval_batches(words, _BATCH_SIZE)
        seen = [np.asarray(_features(self._networks, self._reading, _images(b)))[: len(t)] for b, t in batches]
        return np.concatenate(seen)

    def hands(self, words: WordStore) -> np.ndarray:
        """What the identifier sees of the hand in each word: [words, features]."""
        batches = eval_batches(words, _BATCH_SIZE)
        seen = [np.asarray(_see(self._networks, self._seeing, _images(b)))[: len(texts)] for b, texts in batches]
        return np.concatenate(seen)


def _images(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: batch[name] for name in ("image", "image_width")}
