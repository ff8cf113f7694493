"""Beam search for transducers: the most likely text, in place of a path of most likely steps."""

import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from hwgan.data.charset import BLANK_ID
from hwgan.models.recognizer import RecognizerOutput
from hwgan.models.transducer import Transducer

Labels = tuple[int, ...]


def beam_search(transducer: Transducer, variables: Any, output: RecognizerOutput, width: int) -> Labels:
    """The labels of the highest p(labels | image) among those that the search finds.

    It goes from frame to frame. In each, texts grow by up to `max_symbols_per_frame` labels before the blank ends the
    frame for them, and the `width` most probable go on; the probabilities of all ways to a text are added. With as many
    as there are texts the result is exact, for alignments of so many labels a frame.

    Args:
      transducer: the module.
      variables: of it.
      output: of the module for one image.
      width: texts that are kept, at least 1.

    References:
      Graves 2012, https://arxiv.org/abs/1211.3711, section 2.6; Saon et al., Alignment-Length Synchronous Decoding for
      RNN Transducer, ICASSP 2020, section 2 (time-synchronous decoding)
    """
    start = jax.tree.map(np.asarray, _start(transducer, variables))
    memories: dict[Labels, Any] = {(): jax.tree.map(lambda x: x[0], start)}  # of the LSTM, after each text
    ended: dict[Labels, float] = {(): 0.0}  # log probability of each text before a frame
    for state in np.asarray(output.states)[0, : int(output.lengths[0])]:
        growing, ended = _most_probable(ended, width), {}
        for count in range(transducer.max_symbols_per_frame + 1):
            predictions = _padded([memories[text][1] for text in growing], width)
            following = np.asarray(_following(transducer, variables, state, predictions), np.float64)
            longer: dict[Labels, float] = {}
            for text, score, row in zip(growing, growing.values(), following, strict=False):
                ended[text] = np.logaddexp(ended.get(text, -np.inf), score + row[BLANK_ID])
                likely = np.argsort(-row[1:])[:width] + 1  # no more can be kept
                longer |= {(*text, int(label)): score + row[label] for label in likely}
            # A text that is less probable than those that ended the frame cannot be kept.
            least = sorted(ended.values())[-width] if len(ended) >= width else -np.inf
            growing = _most_probable({text: score for text, score in longer.items() if score > least}, width)
            if not growing or count == transducer.max_symbols_per_frame:
                break
            before = _padded([memories[text[:-1]][0] for text in growing], width)
            labels = np.pad([text[-1] for text in growing], (0, width - len(growing))).astype(np.int32)
            after = jax.tree.map(np.asarray, _advance(transducer, variables, before, labels))
            memories |= {text: jax.tree.map(lambda x, i=i: x[i], after) for i, text in enumerate(growing)}
    return max(ended, key=ended.__getitem__)


def _most_probable(scores: dict[Labels, float], width: int) -> dict[Labels, float]:
    return {text: scores[text] for text in sorted(scores, key=scores.__getitem__, reverse=True)[:width]}


def _padded(rows: list[Any], size: int) -> Any:
    """Rows stacked, the first repeated up to a size: one shape, and so one compilation."""
    return jax.tree.map(lambda *arrays: np.stack(arrays), *rows, *rows[:1] * (size - len(rows)))


@functools.partial(jax.jit, static_argnums=0)
def _start(transducer: Transducer, variables: Any) -> Any:
    return transducer.predict(variables, 1, method="start")


@functools.partial(jax.jit, static_argnums=0)
def _following(
    transducer: Transducer, variables: Any, state: Float[Array, " d"], predictions: Float[Array, "n p"]
) -> Float[Array, "n v"]:
    """Log probabilities of what follows each text in one frame."""
    return jax.nn.log_softmax(transducer.predict(variables, state[None], predictions, method="join"))


@functools.partial(jax.jit, static_argnums=0)
def _advance(transducer: Transducer, variables: Any, memory: Any, labels: Int[Array, " n"]) -> Any:
    return transducer.predict(variables, memory, labels, method="advance")
