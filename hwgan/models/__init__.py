"""The networks, and the one place where a config becomes modules."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hwgan.errors import UserError
from hwgan.models.discriminator import Discriminator, ReadersView, VariableWidthDiscriminator
from hwgan.models.generator import Generator
from hwgan.models.identifier import NoIdentifier, WriterIdentifier
from hwgan.models.language_model import LanguageModel, Letters
from hwgan.models.layout import Layout, crowded, even_spans, letter_spans, whole_canvas
from hwgan.models.recognizer import CRNN, ConvRecognizer, GatedCRNN
from hwgan.models.variable_width import FilterBankGenerator, LetterWidthGenerator, VariableWidthGenerator

LANGUAGE_MODELS = {"lstm": LanguageModel, "letters": Letters}
GENERATORS = {
    "fixed": Generator,
    "variable": VariableWidthGenerator,
    "filter_bank": FilterBankGenerator,
    "letters": LetterWidthGenerator,
}
DISCRIMINATORS = {"fixed": Discriminator, "variable": VariableWidthDiscriminator}
RECOGNIZERS = {"crnn": CRNN, "gated_crnn": GatedCRNN, "conv": ConvRecognizer}
IDENTIFIERS = {"none": NoIdentifier, "writers": WriterIdentifier}


@dataclasses.dataclass(frozen=True)
class Networks:
    """The modules and what they agree on.

    Attributes:
      z_dim: size of the noise.
      pixels_per_character: width of generated words, where each character has as much; else 0.
      letter_widths: pixels by label in the average hand, where each letter has its own width; else empty.
      usual_width: pixels of the letters of a usual word together, in that hand.
      canvas_width: width of a generated image, where every word is on a canvas of one size; else 0.
      onlooker: a recognizer trained apart, that does not learn here, or None. What it sees is matched (`matching`).
    """

    language_model: Any  # flax modules; Any, for their `apply` returns what they return
    generator: Any
    discriminator: Any
    recognizer: Any
    identifier: Any
    z_dim: int
    pixels_per_character: int = 0
    letter_widths: tuple[float, ...] = ()
    usual_width: float = 1.0
    canvas_width: int = 0
    onlooker: Any = None

    @property
    def has_variable_width(self) -> bool:
        return not self.canvas_width

    @property
    def knows_writers(self) -> bool:
        """Whether there is a network that tells hands apart, learned from the writers of the real words."""
        return not isinstance(self.identifier, NoIdentifier)

    def readers_view(
        self, recognizer: Any, identifier: Any, image: Float[Array, "b h w 1"], widths: Int[Array, " b"]
    ) -> ReadersView:
        """What the readers, of these variables, see in images."""
        read = self.recognizer.apply(recognizer, image, widths, train=False)
        hand = self.identifier.apply(identifier, image, widths, train=False).features
        return ReadersView(read.states, read.lengths, hand, read.logits)

    def onlookers_view(
        self, variables: Any, image: Float[Array, "b h w 1"], widths: Int[Array, " b"]
    ) -> ReadersView | None:
        """What the onlooker, of these variables, sees in images; it knows nothing of hands. None without one."""
        if self.onlooker is None:
            return None
        read = self.onlooker.apply(variables, image, widths, train=False)
        return ReadersView(read.states, read.lengths, jnp.zeros((len(image), 0)), read.logits)

    def shown_to_discriminator(
        self,
        variables: dict[str, Any],
        image: Float[Array, "b h w 1"],
        widths: Int[Array, " b"],
        labels: Int[Array, "b t"],
        lengths: Int[Array, " b"],
    ) -> tuple[Any, ...]:
        """What a discriminator is given beside images, if it asks: `readers_view`, and characters of the texts.

        Args:
          variables: by the name of the network: of the readers and the language model.
          image: of the words.
          widths: of these.
          labels: what they are to say.
          lengths: of that, in characters.
        """
        if not getattr(self.discriminator, "reader_features", 0):
            return ()
        seen = self.readers_view(variables["recognizer"], variables["identifier"], image, widths)
        if not self.discriminator.text_features:
            return (seen,)
        text = self.language_model.apply(variables["language_model"], labels, lengths)
        return seen, text.characters, lengths

    @property
    def stretch(self) -> float:
        """Standard deviation, over hands, of the logarithm of how wide they write; 0 where all write as wide."""
        return self.generator.stretch if self.letter_widths else 0.0

    def text_widths(self, labels: Int[np.ndarray, "n t"], lengths: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Pixels of texts in the average hand; 0 where the canvas is the same for all."""
        if self.letter_widths:
            together = np.array(self.letter_widths)[labels].sum(axis=1)  # padding has no width
            return crowded(np.maximum(together, 1.0), self.usual_width, self.generator.crowding).astype(np.float32)
        return (self.pixels_per_character * lengths).astype(np.float32)

    def layout(
        self, labels: Int[Array, "b t"], lengths: Int[Array, " b"], z: Float[Array, "b z"], canvas_width: int
    ) -> Layout:
        """Where the characters of words stand; `canvas_width` counts where nothing else says how wide it is."""
        if self.letter_widths:
            stretch = jnp.exp(self.generator.stretch * z[:, 0])
            crowding = self.generator.crowding, self.usual_width
            return letter_spans(labels, lengths, jnp.array(self.letter_widths), stretch, canvas_width, *crowding)
        if self.pixels_per_character:
            return even_spans(lengths, labels.shape[1], self.pixels_per_character)
        return whole_canvas(lengths, labels.shape[1], self.canvas_width)


def create_networks(
    config: Any, num_labels: int, letter_widths: tuple[float, ...] = (), usual_width: float = 1.0
) -> Networks:
    """Builds the modules of `config.model`; sizes are checked against those of the images.

    Args:
      config: the whole config of a run.
      num_labels: size of the alphabet, the blank included.
      letter_widths: pixels by label, for the generator that gives each letter its own width.
      usual_width: pixels of the letters of a usual word together, for the same.

    Raises:
      UserError: an unknown name or field, or sizes that do not fit the images.
    """
    model = config.model
    dtypes = {"dtype": jnp.dtype(model.dtype), "param_dtype": jnp.float32}
    generator = _create("generator", GENERATORS, model.generator, **dtypes)
    readers = dict(num_labels=num_labels, **dtypes)
    onlooker = model.get("onlooker", {"name": "none"})  # a run of before has none
    if isinstance(generator, FilterBankGenerator) != (model.language_model.name == "letters"):
        raise UserError('model.generator.name="filter_bank" and model.language_model.name="letters" belong together')
    networks = Networks(
        language_model=_create("language_model", LANGUAGE_MODELS, model.language_model, **readers),
        generator=generator,
        discriminator=_create("discriminator", DISCRIMINATORS, model.discriminator, **dtypes),
        recognizer=_create("recognizer", RECOGNIZERS, model.recognizer, **readers),
        identifier=_create("identifier", IDENTIFIERS, model.get("identifier", {"name": "none"}), **dtypes),
        z_dim=model.z_dim,
        onlooker=None if onlooker["name"] == "none" else _create("onlooker", RECOGNIZERS, onlooker, **readers),
        **_generated_size(generator, config.preprocessing, config.data.max_width, letter_widths, usual_width),
    )
    num_chunks = getattr(generator, "num_noise_chunks", 1)
    if model.z_dim % num_chunks:
        raise UserError(f"model.z_dim={model.z_dim} cannot be split into {num_chunks} equal chunks of noise")
    if networks.knows_writers and networks.identifier.features != model.z_dim - 1:
        raise UserError(
            f"model.identifier.features={networks.identifier.features} must be model.z_dim={model.z_dim} less 1: what "
            "it sees in a hand is the noise, but for the first entry, which is the width"
        )
    return networks


def _create(role: str, modules: dict[str, Any], config: Any, **fields) -> nn.Module:
    settings = {key: _tuples(value) for key, value in config.items()}
    name = settings.pop("name")
    if name not in modules:
        raise UserError(f"model.{role}.name={name!r} does not exist; there are {sorted(modules)}")
    module = modules[name]
    if module is NoIdentifier:  # the fields of one that is switched off may stay
        return module(**fields)
    unknown = set(settings) - {field.name for field in dataclasses.fields(module)}
    if unknown:
        raise UserError(f"model.{role} {name!r} has no fields {sorted(unknown)}")
    try:
        return module(**settings, **fields)
    except ValueError as error:
        raise UserError(f"model.{role}: {error}") from error


def _tuples(value: Any) -> Any:
    """Lists, as JSON knows them, to tuples, which modules can be hashed with."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _generated_size(
    generator: nn.Module, preprocessing: Any, max_width: int, letter_widths: tuple[float, ...], usual_width: float
) -> dict[str, Any]:
    """Widths of the generated images, after checking that they are made at the size of the real ones."""
    height, pixels = preprocessing.height, preprocessing.pixels_per_character
    if isinstance(generator, LetterWidthGenerator):
        drawn = generator.first_height * generator.pixels_per_cell
        if drawn != height or pixels or not preprocessing.get("frame", False) or max_width % generator.pixels_per_cell:
            raise UserError(
                f"the generator draws letters in widths of their own, {drawn} high: it needs "
                f"preprocessing.height={drawn} (here {height}), preprocessing.pixels_per_character=0 (here {pixels}), "
                f"preprocessing.frame=True and a data.max_width (here {max_width}) that {generator.pixels_per_cell} "
                "divides"
            )
        return {"letter_widths": letter_widths, "usual_width": usual_width}
    if isinstance(generator, VariableWidthGenerator | FilterBankGenerator):
        growth = 2 ** (len(generator.block_features) + 1)
        drawn = tuple(growth * size for size in generator.cell_shape)
        if drawn != (height, pixels):
            raise UserError(
                f"the generator draws {drawn[1]} pixels a character, {drawn[0]} high, but "
                f"preprocessing.pixels_per_character={pixels} and preprocessing.height={height}"
            )
        return {"pixels_per_character": pixels}
    growth = 2 ** len(generator.block_features)
    drawn = tuple(growth * size for size in generator.first_shape)
    if drawn != (height, max_width):
        raise UserError(
            f"the generator draws images of {drawn[0]}x{drawn[1]}, but preprocessing.height={height} and "
            f"data.max_width={max_width}"
        )
    return {"canvas_width": max_width}
