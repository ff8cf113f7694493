"""What a training step is given, and what recognizer and identifier compute from images, as typed structs."""

from typing import Any

import flax.struct
from jaxtyping import Array, Float, Int

# Arrays of a batch are NumPy's on the host and jax's on devices.
HostOrDeviceArray = Any


# Pixels; widths of batches are multiples of it, and networks shrink images by its factors, so no column is cut off.
WIDTH_MULTIPLE = 16


class RealWords(flax.struct.PyTreeNode):
    """Word images of a dataset in reading direction, padded to one size.

    Attributes:
      image: float32 [b, h, w, 1] in [-1, 1]; ink is -1, paper and padding are 1.
      widths: int32 [b], columns of each image that are not padding.
      labels: int32 [b, t], label ids, padded with 0 (also the CTC blank).
      lengths: int32 [b], labels that are not padding.
      writers: int32 [b], writer ids from 0; -1 where the writer is unknown.
      weights: float32 [b], how much each word counts in feature statistics: 1 / (how often oversampling repeats it).
      for_recognizer: bool [b], words that the recognizer alone learns from (`data.recognizer_dataset`); None if there
        are none.
    """

    image: HostOrDeviceArray
    widths: HostOrDeviceArray
    labels: HostOrDeviceArray
    lengths: HostOrDeviceArray
    writers: HostOrDeviceArray
    weights: HostOrDeviceArray
    for_recognizer: HostOrDeviceArray | None = None

    @property
    def for_all_networks(self) -> HostOrDeviceArray | None:
        """True [b] for words that all networks learn from; None for all."""
        return None if self.for_recognizer is None else ~self.for_recognizer


class FakeTexts(flax.struct.PyTreeNode):
    """Texts to generate, one for each real word of the batch.

    Attributes:
      labels: int32 [b, t], padded with 0.
      lengths: int32 [b].
      weights: float32 [b], how much each generated word counts in feature statistics; 0 for random text.
      log_widths: float32 [b], z[:, 0] of each word: its log width ratio in units of `log_width_std`; None where the
        generator has no such latent.
      is_random: bool [b], texts of random characters, which the adversarial loss leaves out; None if there are none.
    """

    labels: HostOrDeviceArray
    lengths: HostOrDeviceArray
    weights: HostOrDeviceArray
    log_widths: HostOrDeviceArray | None = None
    is_random: HostOrDeviceArray | None = None

    @property
    def adversarial_mask(self) -> HostOrDeviceArray | None:
        """True [b] for texts that the adversarial loss counts; None for all."""
        return None if self.is_random is None else ~self.is_random


class Batch(flax.struct.PyTreeNode):
    """One batch: real words, and as many texts to generate.

    Attributes:
      real: words of the training split.
      fake: texts, on canvases as wide as those of the real words.
    """

    real: RealWords
    fake: FakeTexts


class WordFeatures(flax.struct.PyTreeNode):
    """Features of recognizer and identifier in a batch of images: inputs of D's feature heads, and what is matched.

    Attributes:
      states: the recognizer's last hidden layer, frame by frame.
      lengths: frames of each word that are not padding.
      style_features: float32 [b, s], the identifier's features before whitening; 0 columns where a run has none.
      logits: the recognizer's output; label 0 is the CTC blank. None for a transducer.
    """

    states: Float[Array, "b frames features"]
    lengths: Int[Array, " b"]
    style_features: Float[Array, "b s"]
    logits: Float[Array, "b frames labels"] | None
