"""The evaluator: a recognizer for error rates and features, and an identifier for style features."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.checkpoints.learned import Learned
from hwgan.data.charset import Charset, normalize_text
from hwgan.data.input_pipeline import eval_batches
from hwgan.data.preprocessing import ImageSpec, TooWide
from hwgan.data.word_store import WordStore
from hwgan.evaluation.beam_search import beam_search
from hwgan.evaluation.decoding import DecodingLexicon
from hwgan.models.batch import RealWords
from hwgan.models.identifier import NoIdentifier
from hwgan.models.layers import mean_inside
from hwgan.models.networks import Networks
from hwgan.models.recognizer import RecognizerOutput
from hwgan.models.state import TrainState, variables_digest
from hwgan.models.transducer import Transducer
from hwgan.runtime.errors import UserError
from hwgan.runtime.progress import Progress
from hwgan.sampling.word_reader import WordReader

_BATCH_SIZE = 50


@functools.partial(jax.jit, static_argnums=0)
def _greedy_labels(networks: Networks, variables: Any, words: RealWords) -> tuple[jax.Array, RecognizerOutput]:
    """The labels that are read greedily, with zeros anywhere between them, and the output that they are of."""
    output = networks.recognizer.apply(variables, words.image, networks.input_widths(words), train=False)
    return networks.recognizer.decode(variables, output), output


@functools.partial(jax.jit, static_argnums=0)
def _mean_states(networks: Networks, variables: Any, words: RealWords) -> jax.Array:
    output = networks.recognizer.apply(variables, words.image, networks.input_widths(words), train=False)
    return mean_inside(output.states.astype(jnp.float32), output.lengths)  # bfloat16 is too coarse for distances


@functools.partial(jax.jit, static_argnums=0)
def _style_features(networks: Networks, variables: Any, words: RealWords) -> jax.Array:
    return networks.identifier.apply(variables, words.image, networks.input_widths(words), train=False).features


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
      trained_on: the datasets that it learned from, as `data.dataset` names them; "" if unknown.
      learned: what of these it learned from.
    """

    networks: Networks
    recognizer: Any
    identifier: Any
    charset: Charset
    spec: ImageSpec
    name: str = "own"
    trained_on: str = ""
    learned: Learned = dataclasses.field(default_factory=Learned)

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

    @property
    def has_transducer(self) -> bool:
        """Whether the recognizer is a transducer, which a beam search can decode."""
        return isinstance(self.networks.recognizer, Transducer)

    def word_reader(self) -> WordReader:
        """Its recognizer for words of unknown text.

        Raises:
          UserError: it is a transducer.
        """
        if self.has_transducer:
            raise UserError(f"{self.name} is a transducer; words of unknown text are read by recognizers of CTC")
        return WordReader(self.networks, self.recognizer, self.charset, self.spec)

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
        texts: dict[int, str] = {}
        for batch, rows in self._batches(words, limit):
            labels, _ = _greedy_labels(self.networks, self.recognizer, batch)
            texts.update(zip(rows.tolist(), map(self.charset.decode, np.asarray(labels)), strict=False))
        return words.texts[: len(texts)], [texts[row] for row in range(len(texts))]

    def read_with_lexicon(self, words: WordStore, lexicon: DecodingLexicon) -> list[str]:
        """Transcriptions of the words, each the most likely word of a lexicon."""
        recognizer, variables = self.networks.recognizer, self.recognizer
        return self._read(words, lambda output, greedy: lexicon.read(recognizer, variables, output, greedy))

    def read_with_beam(self, words: WordStore, width: int) -> list[str]:
        """Transcriptions of the words by the beam search of a transducer."""
        recognizer, variables = self.networks.recognizer, self.recognizer
        decode = self.charset.decode
        return self._read(words, lambda output, _: decode(beam_search(recognizer, variables, output, width)))

    def recognizer_features(self, words: WordStore) -> np.ndarray:
        """The recognizer's last hidden layer, averaged over the frames of each word, [words, features]."""
        return self._features(_mean_states, self.recognizer, words)

    def style_features(self, words: WordStore) -> np.ndarray:
        """The identifier's features of each word, [words, features]."""
        return self._features(_style_features, self.identifier, words)

    def _read(self, words: WordStore, read: Callable[[RecognizerOutput, str], str]) -> list[str]:
        """What `read` makes of the recognizer's output for each word and of its greedy transcription."""
        texts: dict[int, str] = {}
        for batch, rows in self._batches(words):
            labels, output = _greedy_labels(self.networks, self.recognizer, batch)
            for i, row in enumerate(rows.tolist()):
                one = jax.tree.map(lambda array, i=i: array[i : i + 1], output)
                texts[row] = read(one, self.charset.decode(np.asarray(labels[i])))
        return [texts[row] for row in range(len(texts))]

    def _features(self, function: Callable[..., Any], variables: Any, words: WordStore) -> np.ndarray:
        """The output of a jitted function for each of the words, in their order."""
        found: dict[int, np.ndarray] = {}
        for batch, rows in self._batches(words):  # the last may be filled up beyond its rows
            found.update(zip(rows.tolist(), np.asarray(function(self.networks, variables, batch)), strict=False))
        return np.stack([found[row] for row in range(len(found))])

    def _batches(self, words: WordStore, limit: int | None = None) -> Iterator[tuple[RealWords, np.ndarray]]:
        """Batches of the first `limit` words, each with the rows of its words; tells of progress."""
        one_width = not self.networks.has_variable_width
        count = len(words) if limit is None else min(limit, len(words))
        with Progress("evaluating", count, "words") as progress:
            for batch, rows in eval_batches(words, _BATCH_SIZE, limit, one_width=one_width):
                yield batch, rows
                progress.update(len(rows))
