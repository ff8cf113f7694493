"""The style of a writer from images of words, whose texts need not be known.

The width of a style is relative to that of the text, which is read where it is not given; see `word_reader`.
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
from hwgan.data.charset import Charset, normalize_text
from hwgan.data.lexicon import relative_log_widths
from hwgan.data.preprocessing import ImageSpec
from hwgan.models.ctc import CTCRecognizer
from hwgan.models.networks import Networks
from hwgan.models.state import variables_digest
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_networks
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_files import Style
from hwgan.sampling.word_reader import WordReader, apply_to_words, prepare_word

# A style is fitted to its words, see `StyleEncoder.encode`; the values were chosen on validation writers of both sets.
EMPHASIS, _FIT_STEPS, _FIT_RATE, MAX_NORM = 1.5, 3, 0.5, 1.5
_FIT_WORDS = ["bonjour", "depuis", "Paris", "quand", "nous", "avons", "les", "mains", "grande", "fille", "Hier"]
_FIT_WORDS += ["puis", "texte", "1976", "objet", "Marie", "Quel", "lorsque", "yeux", "kilo", "whose", "fleuve"]
_FIT_WORDS += ["jardin", "Zone"]
# Standard deviations by which the log width of words that are read is too large, for letters are missed.
READING_BIAS = 0.25
WIDTH_PRIOR = 0.5  # words; how much a mean log width is drawn to 0


@functools.partial(jax.jit, static_argnums=0)
def _identify(networks: Networks, variables: Any, image: Any, widths: Any) -> tuple[jax.Array]:
    return (networks.identifier.apply(variables, image, widths, train=False).style,)


@dataclasses.dataclass(frozen=True)
class EncodedWords:
    """The styles of n words, each by itself.

    Attributes:
      z: float32 [n, z_dim]; z[:, 0] is the log width ratio in units of `log_width_std`, clipped as in training, where
        the generator has widths of its own, else 0.
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

    def first(self, count: int) -> "EncodedWords":
        """The first `count` words."""
        return EncodedWords(
            self.z[:count],
            self.texts[:count],
            self.confidences[:count],
            self.rows[:count],
            self.left_out,
            self.images[:count],
        )


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

    @property
    def _reader(self) -> WordReader:
        return WordReader(self.networks, self.recognizer, self.charset, self.spec)

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
        z[0] *= count / (count + WIDTH_PRIOR)
        target = EMPHASIS * z[1:]
        z[1:] = target
        longest = MAX_NORM * np.sqrt(len(target))
        texts = self.fit_texts(words)
        width = self.spec.max_width
        begin = slice(-width, None) if self.sampler.charset.right_to_left else slice(width)
        for _ in range(_FIT_STEPS):
            drawn = self.sampler.draw(texts, jnp.asarray(np.tile(z, (len(texts), 1))))
            cropped = [image[:, begin] for image in drawn]
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
        for row, image in enumerate(images):
            if not isinstance(image, np.ndarray) or image.ndim != 2 or image.dtype != np.uint8 or not image.size:
                got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
                raise UserError(f"image {row} must be an array of grey levels, uint8 [height, width]; got {got}")
        left_out: dict[int, str] = {}
        upright = [_cropped(image, spec) for image in images]
        rows = [row for row, image in enumerate(upright) if self._is_word(image, row, left_out)]
        if texts is None:
            found, confidences = self._reader.read([upright[row] for row in rows])
        else:
            found, confidences = [normalize_text(texts[row]) for row in rows], np.ones(len(rows), np.float32)
            self.charset.require(found)
        prepared, kept = [], []
        for number, (row, text) in enumerate(zip(rows, found, strict=True)):
            image = prepare_word(spec, upright[row], text or "o")
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
                z[:, 0] -= READING_BIAS
        return EncodedWords(z, chosen, confidences[kept], np.array([rows[n] for n in kept], int), left_out, prepared)

    def read(self, images: Sequence[UInt8[np.ndarray, "_ _"]]) -> list[str]:
        """What the recognizer reads in each image of a word; "" where it reads nothing."""
        return self._reader.read([_cropped(image, self.spec) for image in images])[0]

    def _is_word(self, image: np.ndarray, row: int, left_out: dict[int, str]) -> bool:
        """Whether an image has ink and the proportions of a word; the reason against it is put into `left_out`."""
        if min(image.shape) < 2 or int(image.max()) - int(image.min()) < 2 * transforms.TRIM_CONTRAST:
            left_out[row] = "it is blank"
        elif prepare_word(self.spec, image, "o") is None:
            left_out[row] = "it is too wide for a word"
        return row not in left_out

    def _log_widths(self, widths: Sequence[int], texts: Sequence[str]) -> np.ndarray:
        """log(width / expected width of the text) / σ, clipped as in training; 0 where widths do not depend on z."""
        if not self.networks.log_width_std:
            return np.zeros(len(widths), np.float32)
        expected = self.networks.text_widths(*self.charset.encode_batch(texts))
        return relative_log_widths(np.array(widths), expected, self.networks.log_width_std).astype(np.float32)

    def apply(self, function: Any, variables: Any, images: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs of a jitted function for preprocessed images; see `apply_to_words`."""
        return apply_to_words(function, self.networks, variables, images, self.charset, self.spec)


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
    cosine = ((features * others).sum(axis=1) / np.maximum(norms, 1e-9)).mean()
    return float(np.clip(cosine, -1.0, 1.0))  # of equal words it is 1.0000001


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
