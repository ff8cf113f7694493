"""The style of a writer from images of words, whose texts need not be known.

Words are padded to their line by their text (`preprocessing.pad_to_line`), and the width of a style is relative to that
of the text. Where the text is not given, the recognizer reads the word once for each vertical extent that words have,
and the most probable reading is taken.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from hwgan.data import transforms
from hwgan.data.charset import BLANK_ID, Charset, greedy_texts, normalize_text
from hwgan.data.letterforms import vertical_extent
from hwgan.data.preprocessing import ImageSpec, TooWide
from hwgan.models.ctc import CTCRecognizer
from hwgan.models.networks import Networks
from hwgan.models.state import variables_digest
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_networks
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_files import Style

_BATCH_SIZE = 32
_MAX_LOG_WIDTH = 2.5  # standard deviations, as in training
# A text for each vertical extent that a tight crop of a word may have: with and without dots, ascenders, descenders.
_EXTENTS = ("o", "i", "l", "p", "pi", "pl")
# A style is fitted to its words, see `StyleEncoder.encode`; the values were chosen on validation writers of both sets.
EMPHASIS, _FIT_STEPS, _FIT_RATE, _MAX_NORM = 1.5, 3, 0.5, 1.5
_FIT_WORDS = ["bonjour", "depuis", "Paris", "quand", "nous", "avons", "les", "mains", "grande", "fille", "Hier"]
_FIT_WORDS += ["puis", "texte", "1976", "objet", "Marie", "Quel", "lorsque", "yeux", "kilo", "whose", "fleuve"]
_FIT_WORDS += ["jardin", "Zone"]
# Standard deviations by which the log width of words that are read is too large, for letters are missed.
_READING_BIAS = 0.25
_WIDTH_PRIOR = 0.5  # words; how much a mean log width is drawn to 0
_EXTENT_PENALTY = 1.0  # nats a frame for one x-height between the extent of a reading and the one it was padded to


@functools.partial(jax.jit, static_argnums=0)
def _read(networks: Networks, variables: Any, image: Any, widths: Any) -> tuple[jax.Array, ...]:
    """The most probable label of each frame, its log probability, and the number of frames of each word."""
    output = networks.recognizer.apply(variables, image, widths, train=False)
    log_probabilities = jax.nn.log_softmax(output.logits)
    return log_probabilities.argmax(-1), log_probabilities.max(-1), output.lengths


@functools.partial(jax.jit, static_argnums=0)
def _identify(networks: Networks, variables: Any, image: Any, widths: Any) -> tuple[jax.Array]:
    return (networks.identifier.apply(variables, image, widths, train=False).style,)


@dataclasses.dataclass(frozen=True)
class EncodedWords:
    """The styles of n words, each by itself.

    Attributes:
      z: float32 [n, z_dim]; z[:, 0] is the log width ratio where the generator has widths of its own, else 0.
      texts: as given, or as read.
      confidences: mean probability, in [0, 1], of the labels that were read; 1 where the text was given.
      rows: int [n], the index of each word among the images given.
      left_out: why each image that is missing was left out, by its index.
      images: uint8 [height, width] each, preprocessed.
    """

    z: Float[np.ndarray, "n z"]
    texts: list[str]
    confidences: Float[np.ndarray, " n"]
    rows: np.ndarray
    left_out: dict[int, str]
    images: list[np.ndarray] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class StyleEncoder:
    """Computes styles with the identifier and the recognizer that were trained with a generator.

    Attributes:
      networks: the modules.
      recognizer: variables of the recognizer.
      identifier: variables of the identifier.
      charset: the alphabet.
      spec: preprocessing and size limits of word images.
      sampler: the generator that the styles are for.
    """

    networks: Networks
    recognizer: Any
    identifier: Any
    charset: Charset
    spec: ImageSpec
    sampler: Sampler

    @functools.cached_property
    def weights(self) -> str:
        """Checksum of the generator and language model that the styles are for."""
        return variables_digest(self.sampler.variables)

    def encode(self, images: Sequence[UInt8[np.ndarray, "_ _"]], texts: Sequence[str] | None = None) -> Style:
        """The style of a writer: the mean over the words, fitted.

        The identifier's output for words that are generated from the mean m over real words differs from m. So z is
        moved until it is about m' = 1.5 m, the mean with the writer's own ways emphasised: three times
        z ← z + (m' - mean output over words generated from z) / 2.

        Args:
          images: of one word each, dark ink on white or light ink on dark, of any size.
          texts: of the words, if they are known.

        Raises:
          UserError: there is no image, or none is a word.
        """
        words = self.encode_words(images, texts)
        if not len(words.z):
            reasons = "; ".join(dict.fromkeys(words.left_out.values())) or "there are no images"
            raise UserError(f"no style can be made, for no image is a word: {reasons}")
        return self.fit(words)

    def fit(self, words: EncodedWords) -> Style:
        """The style of a writer from those of at least one word; see `encode`."""
        count = len(words.z)
        z = words.z.mean(axis=0)
        z[0] *= count / (count + _WIDTH_PRIOR)
        target = EMPHASIS * z[1:]
        z[1:] = target
        longest = _MAX_NORM * np.sqrt(len(target))
        texts = self.fit_texts(words)
        for _ in range(_FIT_STEPS):
            drawn = self.sampler.draw(texts, jnp.asarray(np.tile(z, (len(texts), 1))))
            cropped = [image[:, : self.spec.max_width] for image in drawn]
            z[1:] += _FIT_RATE * (target - self.apply(_identify, self.identifier, cropped)[0].mean(axis=0))
            z[1:] *= min(1.0, longest / max(float(np.linalg.norm(z[1:])), 1e-9))
        return Style(z, count, agreement(words.z), self.weights)

    def fit_texts(self, words: EncodedWords) -> list[str]:
        """Texts in which a style is compared with its words: the same for all writers, of common letters."""
        return [text for text in _FIT_WORDS if self.sampler.can_write(text)] or words.texts[: len(_FIT_WORDS)]

    def encode_words(
        self, images: Sequence[UInt8[np.ndarray, "_ _"]], texts: Sequence[str] | None = None
    ) -> EncodedWords:
        """The style of each word by itself; see `encode`."""
        spec = self.spec
        left_out: dict[int, str] = {}
        upright = [_cropped(image, spec) for image in images]
        rows = [row for row, image in enumerate(upright) if self._is_word(image, row, left_out)]
        if texts is None:
            found, confidences = self._read_words([upright[row] for row in rows], spec)
        else:
            found, confidences = [normalize_text(texts[row]) for row in rows], np.ones(len(rows), np.float32)
            self.charset.require(found)
        prepared, kept = [], []
        for number, (row, text) in enumerate(zip(rows, found, strict=True)):
            image = _prepared(spec, upright[row], text or "o")
            if not text:
                left_out[row] = "no letter could be read"
            elif image is None:
                left_out[row] = f"it is wider than {spec.max_width} pixels at a height of {spec.height}"
            else:
                prepared.append(image)
                kept.append(number)
        chosen = [found[number] for number in kept]
        z = np.zeros((len(kept), self.networks.z_dim), np.float32)
        if kept:
            z[:, 1:] = self.apply(_identify, self.identifier, prepared)[0]
            z[:, 0] = self._log_widths([image.shape[1] for image in prepared], chosen)
            if texts is None and self.networks.log_width_std:
                z[:, 0] -= _READING_BIAS
        return EncodedWords(z, chosen, confidences[kept], np.array([rows[n] for n in kept], int), left_out, prepared)

    def _is_word(self, image: np.ndarray, row: int, left_out: dict[int, str]) -> bool:
        """Whether an image has ink and the proportions of a word; the reason against it is put into `left_out`."""
        if min(image.shape) < 2 or int(image.max()) - int(image.min()) < 2 * transforms.TRIM_CONTRAST:
            left_out[row] = "it is blank"
        elif _prepared(self.spec, image, "o") is None:
            left_out[row] = "it is too wide for a word"
        return row not in left_out

    def _read_words(self, images: list[np.ndarray], spec: ImageSpec) -> tuple[list[str], np.ndarray]:
        """The most probable reading of each image, and its confidence in [0, 1]; "" where nothing is read."""
        candidates, owners = [], []
        for row, image in enumerate(images):
            for text in _padding_texts(spec, image):
                prepared = _prepared(spec, image, text)
                if prepared is not None:
                    candidates.append((prepared, text))
                    owners.append(row)
        texts, confidences = [""] * len(images), np.zeros(len(images), np.float32)
        if not candidates:
            return texts, confidences
        labels, scores, lengths = self.apply(_read, self.recognizer, [image for image, _ in candidates])
        best = np.full(len(images), -np.inf)
        readings = greedy_texts(labels, lengths, self.charset)
        for number, row in enumerate(owners):
            reading, frames = readings[number], slice(0, int(lengths[number]))
            if not reading or len(reading) > spec.max_length:
                continue
            score = float(scores[number, frames].mean())
            if spec.preprocessing.pad_to_line:
                asked, read = vertical_extent(candidates[number][1]), vertical_extent(reading)
                score -= _EXTENT_PENALTY * float(np.abs(np.subtract(asked, read)).sum())
            if score > best[row]:
                best[row], texts[row] = score, reading
                inked = labels[number, frames] != BLANK_ID
                confidences[row] = np.exp(scores[number, frames][inked].mean())
        return texts, confidences

    def _log_widths(self, widths: Sequence[int], texts: Sequence[str]) -> np.ndarray:
        """log(width / expected width of the text) / σ, clipped as in training; 0 where widths do not depend on z."""
        if not self.networks.log_width_std:
            return np.zeros(len(widths), np.float32)
        expected = self.networks.text_widths(*self.charset.encode_batch(texts))
        ratios = np.log(np.array(widths) / np.maximum(expected, 1.0)) / self.networks.log_width_std
        return ratios.clip(-_MAX_LOG_WIDTH, _MAX_LOG_WIDTH).astype(np.float32)

    def apply(self, function: Any, variables: Any, images: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs of a jitted function for preprocessed images, in batches of one shape."""
        outputs = []
        for start in range(0, len(images), _BATCH_SIZE):
            chunk = images[start : start + _BATCH_SIZE]
            count = len(chunk)
            chunk = chunk + chunk[-1:] * (_BATCH_SIZE - count)
            in_reading_order = [transforms.flip_reading(image, self.charset.right_to_left) for image in chunk]
            batch = transforms.to_float(transforms.pad_images(in_reading_order, self.spec.max_width))[..., None]
            widths = np.array([image.shape[1] for image in chunk], np.int32)
            if not self.networks.has_variable_width:
                widths[:] = self.spec.max_width
            results = function(self.networks, variables, batch, widths)
            outputs.append([np.asarray(array)[:count] for array in results])
        return [np.concatenate(arrays) for arrays in zip(*outputs, strict=True)]


def agreement(z: Float[np.ndarray, "n z"]) -> float | None:
    """Mean cosine of the angle between the identifier's output for a word and the mean over the others, in [-1, 1].

    Args:
      z: of each word; z[:, 0], the log width, is left out.

    Returns:
      None for a single word.
    """
    if len(z) < 2:
        return None
    features = z[:, 1:]
    others = features.sum(axis=0, keepdims=True) - features
    norms = np.linalg.norm(features, axis=1) * np.linalg.norm(others, axis=1)
    return float(((features * others).sum(axis=1) / np.maximum(norms, 1e-9)).mean())


def open_style_encoder(checkpoint: str, sampler: Sampler, step: int | None = None) -> StyleEncoder:
    """The style encoder of a run or a file of weights.

    Args:
      checkpoint: as for `open_sampler`; "" for the pretrained weights.
      sampler: of the same checkpoint.
      step: which checkpoint of a run; the newest by default.

    Raises:
      UserError: it has no identifier, as of a run where writers are unknown, or of a file of a generator alone; or its
        recognizer is a transducer.
    """
    networks, variables, charset, spec = open_networks(checkpoint, step)
    if not networks.has_identifier:
        raise UserError(
            f"{checkpoint!r} has no identifier, so it cannot encode a style: it was trained on words whose writers are "
            "unknown"
        )
    if not isinstance(networks.recognizer, CTCRecognizer):
        raise UserError(f"{checkpoint!r} has a transducer as its recognizer; styles are encoded with one of CTC")
    for network in ("identifier", "recognizer"):
        if network not in variables:
            raise UserError(
                f"{checkpoint!r} has no {network}, so it cannot encode a style: give --checkpoint= the folder of the "
                "run, or a file that hwgan.export wrote with --networks=all"
            )
    return StyleEncoder(networks, variables["recognizer"], variables["identifier"], charset, spec, sampler)


def _cropped(image: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """The image with dark ink on white, and, where words are padded to their line, with the margin of training words.

    In contrast to `trim="ink"` of `Preprocessing`, which the identifier was not trained with, this is done once and at
    the resolution of the image.
    """
    if transforms.has_light_ink(image):
        image = transforms.WHITE - image
    if not spec.preprocessing.pad_to_line:
        return image
    return transforms.trim_ink(transforms.stretch_contrast(image))


def _padding_texts(spec: ImageSpec, image: np.ndarray) -> list[str]:
    """Texts by which an unread word is preprocessed: one for each extent, and for each plausible number of letters."""
    extents = _EXTENTS if spec.preprocessing.pad_to_line else ("o",)
    if not spec.pixels_per_character:
        return list(extents)
    width = transforms.isometric_width(image.shape, spec.height)
    counts = {round(width / spec.pixels_per_character * factor) for factor in (0.7, 1.0, 1.4)}
    counts = {min(max(count, 1), spec.max_length) for count in counts}
    return [text[0] * (count - len(text) + 1) + text[1:] for text in extents for count in sorted(counts)]


def _prepared(spec: ImageSpec, image: np.ndarray, text: str) -> np.ndarray | None:
    """The preprocessed image of a word with this text; None if it is too wide."""
    try:
        prepared = spec.preprocessing(image, text)
    except TooWide:
        return None
    return prepared if prepared.shape[1] <= spec.max_width else None
