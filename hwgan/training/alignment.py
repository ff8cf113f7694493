"""Whether texts fit the recognizer: CTC takes a frame for each label, and combining marks are labels without width."""

import logging

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from hwgan.data.charset import Charset
from hwgan.data.lexicon import Lexicon
from hwgan.data.word_store import WordStore
from hwgan.models.networks import Networks
from hwgan.runtime.errors import UserError

logger = logging.getLogger(__name__)


def check_alignment(networks: Networks, charset: Charset, train: WordStore, lexicon: Lexicon) -> None:
    """Warns of training words and of texts to generate for which the recognizer has too few frames.

    The loss of such a word is 0. Texts to generate are taken at their expected width, log width 0.

    Raises:
      UserError: no training word can be aligned, or no text.
    """
    _check("training words", networks, charset, train, train.widths)
    _check("texts to generate", networks, charset, lexicon, np.ceil(lexicon.widths).astype(np.int32))


def _check(
    kind: str, networks: Networks, charset: Charset, texts: WordStore | Lexicon, widths: Int[np.ndarray, " n"]
) -> None:
    labels, lengths = texts.labels, texts.lengths
    frames = networks.num_frames(widths)
    aligned = networks.recognizer.can_align(*map(jnp.asarray, (frames, labels, lengths)))
    failing = np.flatnonzero(~np.asarray(aligned))
    if not len(failing):
        return
    first = failing[0]
    message = (
        f"{len(failing)} of {len(lengths)} {kind} have more labels than the recognizer has frames, one for each "
        f"{networks.recognizer.frame_width} pixels, so nothing is learned from them: the first is "
        f"{charset.decode(labels[first])!r}, {lengths[first]} labels and {frames[first]} frames; a larger "
        "preprocessing.height, or a smaller stem or second entry of each of pools in model.recognizer, gives more"
    )
    if len(failing) == len(lengths):
        raise UserError(message)
    logger.warning("%s", message)
