"""Reads images of words whose texts are not known.

Words are padded to their line by their text (`preprocessing.pad_to_line`). A word without a text is padded in six ways,
as if it had no or some of dots, ascenders and descenders, and read each time; the most probable reading is taken.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, UInt8

from hwgan.data import transforms
from hwgan.data.charset import BLANK_ID, Charset
from hwgan.data.letterforms import vertical_extent
from hwgan.data.preprocessing import ImageSpec, TooWide
from hwgan.models.networks import Networks

_BATCH_SIZE = 32
# A text for each vertical extent that a tight crop of a word may have: with and without dots, ascenders, descenders.
EXTENTS = ("o", "i", "l", "p", "pi", "pl")
_EXTENT_PENALTY = 1.0  # nats a frame for one x-height between the extent of a reading and the one it was padded to


@functools.partial(jax.jit, static_argnums=0)
def _read(networks: Networks, variables: Any, image: Any, widths: Any) -> tuple[jax.Array, ...]:
    """The labels that are read, the best label of each frame and its log probability, and the number of frames."""
    output = networks.recognizer.apply(variables, image, widths, train=False)
    log_probabilities = jax.nn.log_softmax(output.logits)
    labels = networks.recognizer.decode(variables, output)
    return labels, log_probabilities.argmax(-1), log_probabilities.max(-1), output.lengths


@dataclasses.dataclass(frozen=True)
class WordReader:
    """A recognizer of CTC for words of unknown text.

    Attributes:
      networks: the modules.
      variables: of the recognizer.
      charset: the alphabet.
      spec: preprocessing and size limits of word images.
    """

    networks: Networks
    variables: Any
    charset: Charset
    spec: ImageSpec

    def read(self, images: Sequence[UInt8[np.ndarray, "_ _"]]) -> tuple[list[str], Float[np.ndarray, " n"]]:
        """The most probable reading of each image.

        Args:
          images: of one word each, cropped, dark ink on white.

        Returns:
          The texts, "" where nothing is read, and their confidences in [0, 1]: the geometric mean of the probabilities
          of the labels.
        """
        candidates, owners = [], []
        for row, image in enumerate(images):
            for text in _padding_texts(self.spec, image):
                prepared = prepare_word(self.spec, image, text)
                if prepared is not None:
                    candidates.append((prepared, text))
                    owners.append(row)
        texts, confidences = [""] * len(images), np.zeros(len(images), np.float32)
        if not candidates:
            return texts, confidences
        prepared = [image for image, _ in candidates]
        labels, frames, scores, lengths = apply_to_words(
            _read, self.networks, self.variables, prepared, self.charset, self.spec
        )
        best = np.full(len(images), -np.inf)
        for number, row in enumerate(owners):
            reading, inside = self.charset.decode(labels[number]), slice(0, int(lengths[number]))
            if not reading or len(reading) > self.spec.max_length:
                continue
            score = float(scores[number, inside].mean())
            if self.spec.preprocessing.pad_to_line:
                asked, read = vertical_extent(candidates[number][1]), vertical_extent(reading)
                score -= _EXTENT_PENALTY * float(np.abs(np.subtract(asked, read)).sum())
            if score > best[row]:
                best[row], texts[row] = score, reading
                inked = frames[number, inside] != BLANK_ID
                confidences[row] = np.exp(scores[number, inside][inked].mean())
        return texts, confidences


def apply_to_words(
    function: Any, networks: Networks, variables: Any, images: list[np.ndarray], charset: Charset, spec: ImageSpec
) -> list[np.ndarray]:
    """The outputs of a jitted function for preprocessed images, in batches of one shape.

    Args:
      function: (networks, variables, images float [b, height, max_width, 1], widths int [b]) → a tuple of arrays [b, …]
      networks: the modules.
      variables: of the network that the function applies.
      images: uint8 [height, width] each.
      charset: the alphabet, whose writing direction decides whether images are flipped.
      spec: size limits.
    """
    outputs = []
    for start in range(0, len(images), _BATCH_SIZE):
        chunk = images[start : start + _BATCH_SIZE]
        count = len(chunk)
        chunk = chunk + chunk[-1:] * (_BATCH_SIZE - count)
        in_reading_order = [transforms.flip_reading(image, charset.right_to_left) for image in chunk]
        batch = transforms.to_float(transforms.pad_images(in_reading_order, spec.max_width))[..., None]
        widths = np.array([image.shape[1] for image in chunk], np.int32)
        if not networks.has_variable_width:
            widths[:] = spec.max_width
        results = function(networks, variables, batch, widths)
        outputs.append([np.asarray(array)[:count] for array in results])
    return [np.concatenate(arrays) for arrays in zip(*outputs, strict=True)]


def prepare_word(spec: ImageSpec, image: np.ndarray, text: str) -> np.ndarray | None:
    """The preprocessed image of a word with this text; None if it is too wide."""
    try:
        prepared = spec.preprocessing(image, text)
    except TooWide:
        return None
    return prepared if prepared.shape[1] <= spec.max_width else None


def _padding_texts(spec: ImageSpec, image: np.ndarray) -> list[str]:
    """Texts by which an unread word is preprocessed: one for each extent, and for each plausible number of letters."""
    extents = EXTENTS if spec.preprocessing.pad_to_line else ("o",)
    if not spec.pixels_per_character:
        return list(extents)
    width = transforms.isometric_width(image.shape, spec.height)
    counts = {round(width / spec.pixels_per_character * factor) for factor in (0.7, 1.0, 1.4)}
    counts = {min(max(count, 1), spec.max_length) for count in counts}
    texts = [text[0] * (count - len(text) + 1) + text[1:] for text in extents for count in sorted(counts)]
    return list(dict.fromkeys(texts))
