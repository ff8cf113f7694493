"""The one place where a config becomes modules: tables of networks by name, and checks that sizes fit."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from hwgan.models.alonso_discriminator import AlonsoDiscriminator
from hwgan.models.alonso_generator import AlonsoGenerator
from hwgan.models.batch import WIDTH_MULTIPLE
from hwgan.models.char_grid_generator import CharGridGenerator
from hwgan.models.char_width_generator import CharWidthGenerator
from hwgan.models.column_discriminator import ColumnDiscriminator
from hwgan.models.identifier import NoIdentifier, WriterIdentifier
from hwgan.models.language_model import LanguageModel, OneHotCharacters
from hwgan.models.networks import Networks
from hwgan.models.recognizer import CRNN, ConvRecognizer, GatedCRNN
from hwgan.models.scrabblegan_generator import ScrabbleGANGenerator
from hwgan.models.transducer import Transducer
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.runtime.field_types import check_field_types

LANGUAGE_MODELS = {"bilstm": LanguageModel, "one_hot": OneHotCharacters}
GENERATORS = {
    "alonso": AlonsoGenerator,
    "char_grid": CharGridGenerator,
    "char_width": CharWidthGenerator,
    "scrabblegan": ScrabbleGANGenerator,
}
DISCRIMINATORS = {"alonso": AlonsoDiscriminator, "columns": ColumnDiscriminator}
RECOGNIZERS = {"crnn": CRNN, "gated_crnn": GatedCRNN, "conv": ConvRecognizer, "transducer": Transducer}
DTYPES = ("float32", "bfloat16")  # float16 would need its losses scaled, or small gradients vanish
IDENTIFIERS = {"none": NoIdentifier, "writers": WriterIdentifier}


_ONE_A_LAYER = ("conv_features", "pools", "kernels")
_SIZES = ("features", "num_writers", "stem", "lstm_features", "lstm_layers", "dense_features")


def create_networks(
    config: Config,
    num_labels: int,
    char_widths: tuple[float, ...] = (),
    reference_width: float = 1.0,
    marks: tuple[bool, ...] = (),
) -> Networks:
    """Builds the modules of `config.model`.

    Args:
      config: the whole config of a run.
      num_labels: size of the alphabet, the blank included.
      char_widths: pixels of each label, for the `char_width` generator.
      reference_width: pixels of a text at which width compression changes nothing, for the same.
      marks: see `Networks`.

    Raises:
      UserError: an unknown name or field, or sizes that do not fit the images.
    """
    model = config.model
    dtypes = {"dtype": dtype_of(model.dtype), "param_dtype": jnp.float32}
    generator = _create("generator", GENERATORS, model.generator, **dtypes)
    if isinstance(generator, ScrabbleGANGenerator) != (model.language_model.name == "one_hot"):
        raise UserError('model.generator.name="scrabblegan" and model.language_model.name="one_hot" belong together')
    networks = Networks(
        language_model=_create(
            "language_model", LANGUAGE_MODELS, model.language_model, num_labels=num_labels, **dtypes
        ),
        generator=generator,
        discriminator=_create("discriminator", DISCRIMINATORS, model.discriminator, **dtypes),
        recognizer=_create("recognizer", RECOGNIZERS, model.recognizer, num_labels=num_labels, **dtypes),
        identifier=_create("identifier", IDENTIFIERS, model.get("identifier", {"name": "none"}), **dtypes),
        z_dim=model.z_dim,
        marks=marks,
        **_generated_size(generator, config, char_widths, reference_width),
    )
    _check_z(networks)
    _check_widths(networks)
    return networks


def dtype_of(name: Any) -> Any:
    """The type of computations that `model.dtype` names; raises UserError for another name."""
    if name not in DTYPES:
        raise UserError(f"model.dtype={name!r} must be one of {DTYPES}")
    return jnp.dtype(name)


def _check_z(networks: Networks) -> None:
    predicted = getattr(networks.discriminator, "predicted_z_dims", 0)
    if predicted > networks.z_dim:
        raise UserError(f"model.discriminator.predicted_z_dims={predicted} is more than model.z_dim={networks.z_dim}")
    num_chunks = getattr(networks.generator, "num_noise_chunks", 1)
    if networks.z_dim % num_chunks:
        raise UserError(f"model.z_dim={networks.z_dim} cannot be split into {num_chunks} equal chunks")
    if networks.has_identifier and networks.identifier.features != networks.z_dim - 1:
        raise UserError(
            f"model.identifier.features={networks.identifier.features} must be model.z_dim={networks.z_dim} less 1: "
            "its output is z without the first entry, which is the log width"
        )


def _check_widths(networks: Networks) -> None:
    factors = {"model.recognizer": networks.recognizer.frame_width}
    if isinstance(networks.generator, CharWidthGenerator):
        factors["model.generator"] = networks.generator.upsampling
    for path, factor in factors.items():
        if WIDTH_MULTIPLE % factor:
            raise UserError(
                f"{path} changes the width of images by a factor of {factor}, which must divide {WIDTH_MULTIPLE}: "
                f"batches are a multiple of {WIDTH_MULTIPLE} pixels wide"
            )


def _check_lists(role: str, module: nn.Module) -> None:
    """Raises UserError where the lists of a module, one entry a layer, differ in length, or a size is not positive."""
    lists = {name: getattr(module, name) for name in _ONE_A_LAYER if hasattr(module, name)}
    if len(set(map(len, lists.values()))) > 1:
        described = ", ".join(f"{name} {len(entries)}" for name, entries in lists.items())
        raise UserError(f"model.{role}: lists with an entry for each layer differ in length: {described}")
    for name in _SIZES:
        if hasattr(module, name) and getattr(module, name) < 1:
            raise UserError(f"model.{role}.{name}={getattr(module, name)} must be at least 1")


def _create(role: str, modules: dict[str, Any], config: Any, **fields) -> nn.Module:
    settings = {key: _tuples(value) for key, value in config.items()}
    name = settings.pop("name")
    if name not in modules:
        raise UserError(f"model.{role}.name={name!r} does not exist; there are {sorted(modules)}")
    module = modules[name]
    if module is NoIdentifier:  # the fields of one that is switched off may stay
        return module(**fields)
    check_field_types(f"model.{role}", module, settings)
    try:
        created = module(**settings, **fields)
    except (TypeError, ValueError) as error:  # TypeError, of a field without a default
        raise UserError(f"model.{role}: {str(error).replace('__init__()', name)}") from error
    _check_lists(role, created)
    return created


def _tuples(value: Any) -> Any:
    """Lists, as JSON has them, to tuples, for modules must be hashable."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _generated_size(
    generator: nn.Module, config: Config, char_widths: tuple[float, ...], reference_width: float
) -> dict[str, Any]:
    """The fields of `Networks` on widths, after checking that generated images have the size of real ones."""
    preprocessing, max_width = config.preprocessing, config.data.max_width
    height, pixels = preprocessing.height, preprocessing.pixels_per_character
    if isinstance(generator, CharWidthGenerator):
        scale = generator.upsampling
        generated = generator.first_height * scale
        if generated != height or pixels or not preprocessing.pad_to_line or max_width % scale:
            raise UserError(
                f'model.generator.name="char_width" generates images {generated} pixels high: it needs '
                f"preprocessing.height={generated} (here {height}), preprocessing.pixels_per_character=0 (here "
                f"{pixels}), preprocessing.pad_to_line=True and a data.max_width (here {max_width}) divisible by "
                f"{scale}"
            )
        return {"char_widths": char_widths, "reference_width": reference_width}
    if isinstance(generator, CharGridGenerator | ScrabbleGANGenerator):
        scale = 2 ** (len(generator.block_features) + 1)
        generated = tuple(scale * size for size in generator.cell_shape)
        if generated != (height, pixels):
            raise UserError(
                f"the generator makes {generated[1]} pixels a character, {generated[0]} high, but "
                f"preprocessing.pixels_per_character={pixels} and preprocessing.height={height}"
            )
        return {"pixels_per_character": pixels}
    assert isinstance(generator, AlonsoGenerator)
    generated = tuple(generator.upsampling * size for size in generator.first_shape)
    if generated != (height, max_width):
        raise UserError(
            f"the generator makes images of {generated[0]}x{generated[1]}, but preprocessing.height={height} and "
            f"data.max_width={max_width}"
        )
    return {"canvas_width": max_width}
