"""The four networks, and the one place where a config becomes modules."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from hwgan.errors import UserError
from hwgan.models.discriminator import Discriminator, VariableWidthDiscriminator
from hwgan.models.generator import Generator, VariableWidthGenerator
from hwgan.models.language_model import LanguageModel
from hwgan.models.recognizer import CRNN, ConvRecognizer, GatedCRNN

LANGUAGE_MODELS = {"lstm": LanguageModel}
GENERATORS = {"fixed": Generator, "variable": VariableWidthGenerator}
DISCRIMINATORS = {"fixed": Discriminator, "variable": VariableWidthDiscriminator}
RECOGNIZERS = {"crnn": CRNN, "gated_crnn": GatedCRNN, "conv": ConvRecognizer}


@dataclasses.dataclass(frozen=True)
class Networks:
    """The four modules and what they agree on.

    Attributes:
      z_dim: size of the noise.
      pixels_per_character: width of generated words; 0 if every word is on a canvas of one size.
      canvas_width: width of a generated image in the latter case, else 0.
    """

    language_model: Any  # flax modules; Any, for their `apply` returns what they return
    generator: Any
    discriminator: Any
    recognizer: Any
    z_dim: int
    pixels_per_character: int
    canvas_width: int

    @property
    def has_variable_width(self) -> bool:
        return self.pixels_per_character > 0


def create_networks(config: Any, num_labels: int) -> Networks:
    """Builds the modules of `config.model`; sizes are checked against those of the images.

    Args:
      config: the whole config of a run.
      num_labels: size of the alphabet, the blank included.

    Raises:
      UserError: an unknown name or field, or sizes that do not fit the images.
    """
    model = config.model
    dtypes = {"dtype": jnp.dtype(model.dtype), "param_dtype": jnp.float32}
    generator = _create("generator", GENERATORS, model.generator, **dtypes)
    networks = Networks(
        language_model=_create(
            "language_model", LANGUAGE_MODELS, model.language_model, num_labels=num_labels, **dtypes
        ),
        generator=generator,
        discriminator=_create("discriminator", DISCRIMINATORS, model.discriminator, **dtypes),
        recognizer=_create("recognizer", RECOGNIZERS, model.recognizer, num_labels=num_labels, **dtypes),
        z_dim=model.z_dim,
        **_generated_size(generator, config.preprocessing, config.data.max_width),
    )
    num_chunks = getattr(generator, "num_noise_chunks", 1)
    if model.z_dim % num_chunks:
        raise UserError(f"model.z_dim={model.z_dim} cannot be split into {num_chunks} equal chunks of noise")
    return networks


def _create(role: str, modules: dict[str, Any], config: Any, **fields) -> nn.Module:
    settings = {key: _tuples(value) for key, value in config.items()}
    name = settings.pop("name")
    if name not in modules:
        raise UserError(f"model.{role}.name={name!r} does not exist; there are {sorted(modules)}")
    module = modules[name]
    unknown = set(settings) - {field.name for field in dataclasses.fields(module)}
    if unknown:
        raise UserError(f"model.{role} {name!r} has no fields {sorted(unknown)}")
    return module(**settings, **fields)


def _tuples(value: Any) -> Any:
    """Lists, as JSON knows them, to tuples, which modules can be hashed with."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _generated_size(generator: nn.Module, preprocessing: Any, max_width: int) -> dict[str, int]:
    """Width of the generated images, after checking that they are made at the size of the real ones."""
    if isinstance(generator, VariableWidthGenerator):
        growth = 2 ** (len(generator.block_features) + 1)
        height, width = (growth * size for size in generator.cell_shape)
        if (height, width) != (preprocessing.height, preprocessing.pixels_per_character):
            raise UserError(
                f"the generator draws {width} pixels a character, {height} high, but "
                f"preprocessing.pixels_per_character={preprocessing.pixels_per_character} and "
                f"preprocessing.height={preprocessing.height}"
            )
        return {"pixels_per_character": width, "canvas_width": 0}
    growth = 2 ** len(generator.block_features)
    height, width = (growth * size for size in generator.first_shape)
    if (height, width) != (preprocessing.height, max_width):
        raise UserError(
            f"the generator draws images of {height}x{width}, but preprocessing.height={preprocessing.height} and "
            f"data.max_width={max_width}"
        )
    return {"pixels_per_character": 0, "canvas_width": width}
