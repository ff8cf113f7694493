"""Beam search for transducers: the most likely text, in place of a path of most likely steps."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hwgan.data.charset import BLANK_ID
from hwgan.models.recognizer import RecognizerOutput
from hwgan.models.transducer import Transducer

Labels = tuple[int, ...]


def beam_search(transducer: Transducer, variables: Any, output: RecognizerOutput, width: int) -> Labels:
    """The labels of the highest p(labels | image) among those that the search finds.

    It goes along the anti-diagonals of the lattice of frames and labels: all hypotheses have made as many steps, so
    that those with the same labels are at the same frame, and their probabilities are added. The `width` most probable
    are kept. With as many as there are texts of up to `max_symbols_per_frame` labels a frame, the result is exact.

    Args:
      transducer: the module.
      variables: of it.
      output: of the module for one image.
      width: hypotheses that are kept after each step, at least 1.

    References:
      Saon et al., Alignment-Length Synchronous Decoding for RNN Transducer, ICASSP 2020
    """
    num_frames = int(output.lengths[0])
    max_length = num_frames * transducer.max_symbols_per_frame
    memory = _start(transducer, variables, width)
    scores: dict[Labels, float] = {(): 0.0}
    origins = [(0, BLANK_ID)]
    best, best_score = (), -np.inf
    for step in range(num_frames + max_length):
        frames = [step - len(labels) for labels in scores]
        padding = width - len(scores)
        rows, labels = np.pad(np.array(origins, np.int32), ((0, padding), (0, 0))).T
        now = output.states[0][np.pad(frames, (0, padding))]
        memory, log_probabilities = _advance(transducer, variables, memory, rows, labels, now)
        totals = np.array(list(scores.values()))[:, None] + np.asarray(log_probabilities, np.float64)[: len(scores)]
        at_end = [frame == num_frames - 1 for frame in frames]
        for text, ended, total in zip(scores, at_end, totals[:, BLANK_ID], strict=True):
            if ended and total > best_score:
                best, best_score = text, total
        found, origin = _next_hypotheses(list(scores), totals, at_end, width, max_length)
        # No text can become more probable than all that are left together.
        if np.logaddexp.reduce(list(found.values()), initial=-np.inf) <= best_score:
            break
        kept = sorted(found, key=found.__getitem__, reverse=True)[:width]
        scores, origins = {text: found[text] for text in kept}, [origin[text] for text in kept]
    return best


def _next_hypotheses(
    texts: list[Labels], totals: Float[np.ndarray, "n v"], at_end: list[bool], width: int, max_length: int
) -> tuple[dict[Labels, float], dict[Labels, tuple[int, int]]]:
    """All that one step makes of the hypotheses, with log probabilities; and the (row, label) that each comes from."""
    found: dict[Labels, float] = {}
    origins: dict[Labels, tuple[int, int]] = {}
    for row, text in enumerate(texts):
        # Of the labels no more than `width` can be kept.
        likely = np.argsort(-totals[row, 1:])[:width] + 1 if len(text) < max_length else []
        for label in (*likely, *([] if at_end[row] else [BLANK_ID])):
            longer = (*text, int(label)) if label != BLANK_ID else text
            found[longer] = np.logaddexp(found.get(longer, -np.inf), totals[row, label])
            origins.setdefault(longer, (row, int(label)))
    return found, origins


@functools.partial(jax.jit, static_argnums=(0, 2))
def _start(transducer: Transducer, variables: Any, width: int) -> Any:
    return transducer.predict(variables, width, method="start")


@functools.partial(jax.jit, static_argnums=0)
def _advance(
    transducer: Transducer,
    variables: Any,
    memory: Any,
    rows: Int[Array, " n"],
    labels: Int[Array, " n"],
    states: Float[Array, "n d"],
) -> tuple[Any, Float[Array, "n v"]]:
    """Hypotheses made of those of `rows` with a label more each, or a blank; and what comes next at their frames."""
    before = jax.tree.map(lambda x: x[rows], memory)
    after = transducer.predict(variables, before[0], labels, method="advance")
    memory = jax.tree.map(lambda new, old: jnp.where((labels != BLANK_ID)[:, None], new, old), after, before)
    logits = transducer.predict(variables, states, memory[1], method="join")
    return memory, jax.nn.log_softmax(logits)
