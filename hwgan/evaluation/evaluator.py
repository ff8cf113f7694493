"""The evaluator: a recognizer for error rates and features, and an identifier for style features."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from hwgan.data.charset import Charset, greedy_texts, normalize_text
from hwgan.data.input_pipeline import eval_batches
from hwgan.data.preprocessing import ImageSpec, TooWide
from hwgan.data.word_store import WordStore
from hwgan.models.batch import RealWords
from hwgan.models.identifier import NoIdentifier
from hwgan.models.layers import mean_inside
from hwgan.models.networks import Networks
from hwgan.models.state import TrainState, variables_digest
from hwgan.runtime.errors import UserError
from hwgan.runtime.progress import Progress

_BATCH_SIZE = 50


@functools.partial(jax.jit, static_argnums=0)
def _log_probabilities(networks: Networks, variables: Any, words: RealWords) -> tuple[jax.Array, jax.Array]:
    """Log probabilities [b, frames, labels] in nats, and the number of frames of each word."""
    output = networks.recognizer.apply(variables, words.image, networks.input_widths(words), train=False)
    return jax.nn.log_softmax(output.logits), output.lengths


@functools.partial(jax.jit, static_argnums=0)
def _best_labels(networks: Networks, variables: Any, words: RealWords) -> tuple[jax.Array, jax.Array]:
    """The most probable label of each frame, [b, frames], and the number of frames of each word."""
    log_probabilities, lengths = _log_probabilities(networks, variables, words)
    return log_probabilities.argmax(-1), lengths


@functools.partial(jax.jit, static_argnums=0)
def _mean_states(networks: Networks, variables: Any, words: RealWords) -> tuple[jax.Array]:
    output = networks.recognizer.apply(variables, words.image, networks.input_widths(words), train=False)
    return (mean_inside(output.states, output.lengths),)


@functools.partial(jax.jit, static_argnums=0)
def _style_features(networks: Networks, variables: Any, words: RealWords) -> tuple[jax.Array]:
    return (networks.identifier.apply(variables, words.image, networks.input_widths(words), train=False).features,)


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """Recognizer and identifier with their variables, alphabet and preprocessing.

    Attributes:
      networks: the modules.
      recognizer: variables of the recognizer.
      identifier: variables of the identifier.
      charset: alphabet of the recognizer.
      spec: preprocessing and size limits of the inputs.
      name: name of the run or file that the variables are from; it is stored in the results.
    """

    networks: Networks
    recognizer: Any
    identifier: Any
    charset: Charset
    spec: ImageSpec
    name: str = "own"

    @classmethod
    def of_state(
        cls, networks: Networks, state: TrainState, charset: Charset, spec: ImageSpec, name: str = "own"
    ) -> "Evaluator":
        """The recognizer and identifier of a training state."""
        return cls(networks, state.recognizer.variables, state.identifier.variables, charset, spec, name)

    @property
    def has_identifier(self) -> bool:
        """Whether the evaluator has an identifier, and so style features."""
        return self.networks.has_identifier

    def without_identifier(self) -> "Evaluator":
        """A copy without identifier, for a run that did not train one."""
        networks = dataclasses.replace(self.networks, identifier=NoIdentifier())
        return dataclasses.replace(self, networks=networks, identifier={})

    @functools.cached_property
    def checksum(self) -> str:
        """A checksum of all variables."""
        return variables_digest({"recognizer": self.recognizer, "identifier": self.identifier})

    def for_scans(self) -> "Evaluator":
        """A copy whose preprocessing does not depend on the margins and resolution of images.

        If the preprocessing pads words to their line, they are trimmed to their ink first (`trim="ink"`): real words,
        whose margins depend on the dataset, and generated words alike. Images of high resolution are preprocessed twice
        (`Preprocessing.trim`).
        """
        steps = self.spec.preprocessing
        if not steps.pad_to_line:
            return self
        return dataclasses.replace(
            self, spec=dataclasses.replace(self.spec, preprocessing=dataclasses.replace(steps, trim="ink"))
        )

    def store(
        self, images: Sequence[np.ndarray], texts: Sequence[str], writers: Sequence[str]
    ) -> tuple[WordStore, dict[str, int]]:
        """Preprocesses images for this evaluator and drops those it cannot evaluate.

        Args:
          images: uint8 [height, width] each, dark ink on white, not mirrored.
          texts: transcriptions of the images.
          writers: writer of each image; "" if unknown.

        Returns:
          The words, and the number of dropped images by reason.

        Raises:
          UserError: all images are dropped.
        """
        steps = self.spec.preprocessing
        kept: list[tuple[np.ndarray, str, str]] = []
        dropped = Counter[str]()
        for image, text, writer in zip(images, map(normalize_text, texts), writers, strict=True):
            if not text or self.charset.unknown(text):
                dropped["outside the alphabet of the evaluator"] += 1
                continue
            if len(text) > self.spec.max_length:
                dropped["longer than the evaluator's words"] += 1
                continue
            try:
                kept.append((steps(image, text), text, writer))
            except TooWide:
                dropped["far too wide"] += 1
        if not kept:
            reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "there are no images"
            raise UserError(f"no word can be evaluated: {reasons}")
        return WordStore.from_images(self.spec, *zip(*kept, strict=True), charset=self.charset), dict(dropped)

    def read(self, words: WordStore, limit: int | None = None) -> tuple[list[str], list[str]]:
        """(references, transcriptions) of the first `limit` words (None: all), by greedy decoding."""
        outputs = self._apply(_best_labels, self.recognizer, words, limit)
        texts = [greedy_texts(ids[None], length[None], self.charset)[0] for ids, length in outputs]
        return words.texts[: len(texts)], texts

    def log_probabilities(self, words: WordStore) -> list[np.ndarray]:
        """Log probabilities of the labels of each word, [frames, labels], in nats."""
        return [rows[:length] for rows, length in self._apply(_log_probabilities, self.recognizer, words)]

    def recognizer_features(self, words: WordStore) -> np.ndarray:
        """The recognizer's last hidden layer, averaged over the frames of each word, [words, features]."""
        return np.stack([output[0] for output in self._apply(_mean_states, self.recognizer, words)])

    def style_features(self, words: WordStore) -> np.ndarray:
        """The identifier's features of each word, [words, features]."""
        return np.stack([output[0] for output in self._apply(_style_features, self.identifier, words)])

    def _apply(
        self, function: Callable[..., Any], variables: Any, words: WordStore, limit: int | None = None
    ) -> list[tuple[Any, ...]]:
        """The outputs of a jitted function for each of the first `limit` words, in the order of the words."""
        outputs: dict[int, tuple[Any, ...]] = {}
        one_width = not self.networks.has_variable_width
        count = len(words) if limit is None else min(limit, len(words))
        with Progress("evaluating", count, "words") as progress:
            for batch, rows in eval_batches(words, _BATCH_SIZE, limit, one_width=one_width):
                arrays = [np.asarray(array) for array in function(self.networks, variables, batch)]
                outputs.update((row, tuple(array[i] for array in arrays)) for i, row in enumerate(rows.tolist()))
                progress.update(len(rows))
        return [outputs[row] for row in range(len(outputs))]
