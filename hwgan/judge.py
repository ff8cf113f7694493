"""Who judges images of words: a recognizer that reads them, and an identifier that tells the hands apart."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from hwgan.data.charset import Charset, normalize_text
from hwgan.data.input_pipeline import eval_batches
from hwgan.data.preprocessing import ImageSpec, TooWide
from hwgan.data.word_store import WordStore
from hwgan.errors import UserError
from hwgan.metrics import greedy_texts
from hwgan.models import Networks
from hwgan.models.identifier import NoIdentifier
from hwgan.models.layers import mean_inside
from hwgan.train_state import TrainState, variables_digest
from hwgan.writing import real_widths

_BATCH_SIZE = 50


@functools.partial(jax.jit, static_argnums=0)
def _read_all(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Log probabilities of the labels of each frame, and how many frames there are."""
    output = networks.recognizer.apply(variables, batch["image"], real_widths(networks, batch), train=False)
    return jax.nn.log_softmax(output.logits), output.lengths


@functools.partial(jax.jit, static_argnums=0)
def _read_best(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """The best label of each frame, and how many frames there are."""
    log_probabilities, lengths = _read_all(networks, variables, batch)
    return log_probabilities.argmax(-1), lengths


@functools.partial(jax.jit, static_argnums=0)
def _mean_states(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> tuple[jax.Array]:
    output = networks.recognizer.apply(variables, batch["image"], real_widths(networks, batch), train=False)
    return (mean_inside(output.states, output.lengths),)


@functools.partial(jax.jit, static_argnums=0)
def _see(networks: Networks, variables: Any, batch: dict[str, jax.Array]) -> tuple[jax.Array]:
    return (networks.identifier.apply(variables, batch["image"], real_widths(networks, batch), train=False).features,)


@dataclasses.dataclass(frozen=True)
class Judge:
    """The networks of a run that look at images, with their weights, alphabet and preprocessing.

    Attributes:
      networks: the modules.
      reading: variables of the recognizer.
      seeing: variables of the identifier.
      charset: what it reads.
      spec: what is done to images before it looks at them.
      name: where it comes from, for the record.
    """

    networks: Networks
    reading: Any
    seeing: Any
    charset: Charset
    spec: ImageSpec
    name: str = "own"

    @classmethod
    def of_state(
        cls, networks: Networks, state: TrainState, charset: Charset, spec: ImageSpec, name: str = "own"
    ) -> "Judge":
        """The judge that a run is itself."""
        return cls(networks, state.recognizer.variables, state.identifier.variables, charset, spec, name)

    @property
    def knows_writers(self) -> bool:
        """Whether it can tell hands apart."""
        return self.networks.knows_writers

    def without_writers(self) -> "Judge":
        """The same, but that it cannot tell hands apart: of a run whose identifier has learned nothing."""
        networks = dataclasses.replace(self.networks, identifier=NoIdentifier())
        return dataclasses.replace(self, networks=networks, seeing={})

    @functools.cached_property
    def checksum(self) -> str:
        """Of all its numbers."""
        return variables_digest({"recognizer": self.reading, "identifier": self.seeing})

    def looking_at_paper(self) -> "Judge":
        """The same, for images from anywhere.

        Where its preprocessing puts words back between their lines, all of them are cut close around their ink first,
        with the same margin: real ones, which a dataset cut with a margin of its own, and generated ones alike. What is
        finer than it ends in goes that way twice (`Preprocessing.trim`).
        """
        steps = self.spec.preprocessing
        if not steps.frame:
            return self
        return dataclasses.replace(
            self, spec=dataclasses.replace(self.spec, preprocessing=dataclasses.replace(steps, trim="ink"))
        )

    def store(
        self, images: Sequence[np.ndarray], texts: Sequence[str], writers: Sequence[str]
    ) -> tuple[WordStore, dict[str, int]]:
        """Images as on paper, made into what this judge looks at.

        Args:
          images: uint8 [height, width] each, dark ink on white.
          texts: what they should say.
          writers: of each; "" where unknown.

        Returns:
          The words, and how many could not be used, by reason.

        Raises:
          UserError: none can be used.
        """
        steps = self.spec.preprocessing
        kept: list[tuple[np.ndarray, str, str]] = []
        dropped = Counter[str]()
        for image, text, writer in zip(images, map(normalize_text, texts), writers, strict=True):
            if not text or self.charset.unknown(text):
                dropped["outside the alphabet of the judge"] += 1
                continue
            if len(text) > self.spec.max_length:
                dropped["longer than the judge's words"] += 1
                continue
            try:
                kept.append((steps(image, text), text, writer))
            except TooWide:
                dropped["far too wide"] += 1
        if not kept:
            reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "there is none"
            raise UserError(f"no word can be judged: {reasons}")
        return WordStore.from_images(self.spec, *zip(*kept, strict=True), charset=self.charset), dict(dropped)

    def read(self, words: WordStore, limit: int | None = None) -> tuple[list[str], list[str]]:
        """(true texts, texts as read) of the first `limit` words."""
        readings = self._look(_read_best, self.reading, words, limit)
        best, lengths = ([found[i] for found in readings] for i in range(2))
        texts = [
            greedy_texts(ids[None], length[None], self.charset)[0] for ids, length in zip(best, lengths, strict=True)
        ]
        return words.texts[: len(texts)], texts

    def log_probabilities(self, words: WordStore) -> list[np.ndarray]:
        """Of each word, [frames, labels], in nats."""
        return [rows[:length] for rows, length in self._look(_read_all, self.reading, words)]

    def features(self, words: WordStore) -> np.ndarray:
        """What the recognizer makes of each word before it reads it: the mean of its states, [words, features]."""
        return np.stack([found[0] for found in self._look(_mean_states, self.reading, words)])

    def hands(self, words: WordStore) -> np.ndarray:
        """What the identifier sees of the hand in each word: [words, features]."""
        return np.stack([found[0] for found in self._look(_see, self.seeing, words)])

    def _look(
        self, see: Callable[..., Any], variables: Any, words: WordStore, limit: int | None = None
    ) -> list[tuple[Any, ...]]:
        """What a network sees in each word, in their order."""
        seen: dict[int, tuple[Any, ...]] = {}
        one_width = not self.networks.has_variable_width
        for batch, rows in eval_batches(words, _BATCH_SIZE, limit, one_width=one_width):
            images = {name: batch[name] for name in ("image", "image_width")}
            found = [np.asarray(part) for part in see(self.networks, variables, images)]
            seen.update((row, tuple(part[i] for part in found)) for i, row in enumerate(rows.tolist()))
        return [seen[row] for row in range(len(seen))]
