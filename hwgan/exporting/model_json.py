"""What a program needs to know beside the networks: alphabet, replacements, preprocessing, sizes, licence."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from hwgan.data.charset import Charset
from hwgan.data.letterforms import BOTTOM, TOP, character_extent, vertical_extent
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.replacements import replacement
from hwgan.exporting.onnx_check import known_word, measure_line
from hwgan.models.networks import Networks
from hwgan.models.state import variables_digest
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_encoder import READING_BIAS, WIDTH_PRIOR
from hwgan.sampling.word_reader import EXTENTS

FORMAT = 1  # must be raised when a reader of older files would misread new ones
_LAST_WITH_LOOKALIKES = 0x1FFFF  # code point
PRETRAINED_LICENCE = {
    "en": "Weights for research and non-commercial use, trained on the IAM Handwriting Database (Marti and Bunke, "
    "2002), free for non-commercial research, and on “Copiste d’un jour” (Bibliothèque et Archives nationales du "
    "Québec, CC BY 4.0), whose volunteers agreed to free use for non-commercial purposes.",
    "fr": "Poids pour la recherche et l’usage non commercial, appris sur la base IAM (Marti et Bunke, 2002), libre "
    "pour la recherche non commerciale, et sur « Copiste d’un jour » (Bibliothèque et Archives nationales du Québec, "
    "CC BY 4.0), dont les bénévoles ont consenti à un usage libre à des fins non commerciales.",
}


def describe_model(sampler: Sampler, files: Mapping[str, bytes], licence: Mapping[str, str]) -> dict[str, Any]:
    """The content of model.json.

    Args:
      sampler: of the generator, whose networks have character widths of their own.
      files: the ONNX files by name, without ending.
      licence: a sentence on the weights by language; empty if it is not known.
    """
    networks, charset, spec = sampler.networks, sampler.charset, sampler.spec
    return {
        "format": FORMAT,
        "weights": variables_digest(sampler.variables),
        "licence": dict(licence),
        "files": {
            name: {"name": f"{name}.onnx", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        },
        "alphabet": charset.characters,
        "right_to_left": charset.right_to_left,
        "replacements": _replacements(charset),
        "rare_characters": sampler.rare_characters,
        "max_length": spec.max_length,
        "longest_word": sampler.longest_word,
        "z_dim": networks.z_dim,
        "temperature": sampler.temperature,
        "image": _image(spec, measure_line(files["writer"], sampler)),
        "characters": _characters(networks, charset),
        "check": known_word(files["writer"], sampler),
    }


def _replacements(charset: Charset) -> dict[str, str]:
    """What each character outside the alphabet is replaced by, of those that something looks like."""
    found = {}
    for code in range(_LAST_WITH_LOOKALIKES):
        character = chr(code)
        if character in charset.characters or character in " \t\n\r" or 0xD800 <= code <= 0xDFFF:
            continue
        other = replacement(character, charset.characters)
        if other is not None:
            found[character] = other
    return found


def _image(spec: ImageSpec, measured: tuple[float, float] | None) -> dict[str, Any]:
    """The preprocessing of word images, and row of the baseline and x-height of generated ones, in pixels."""
    steps, x_height = spec.preprocessing, spec.height / (TOP - BOTTOM)
    baseline, x_height = measured or (TOP * x_height, x_height)
    return {
        "height": spec.height,
        "max_width": spec.max_width,
        "frame": [TOP, BOTTOM],
        "baseline": round(baseline, 2),
        "x_height": round(x_height, 2),
        "contrast": steps.contrast,
        "trim": steps.trim,
        "pad_to_line": steps.pad_to_line,
    }


def _characters(networks: Networks, charset: Charset) -> dict[str, Any]:
    """Widths in pixels and vertical extents in x-heights, by the place of a character in the alphabet."""
    extents = [[value if np.isfinite(value) else None for value in character_extent(c)] for c in charset.characters]
    return {
        "widths": [round(width, 4) for width in networks.char_widths[1:]],
        "extents": extents,
        "reference_width": networks.reference_width,
        "width_compression": networks.generator.width_compression,
        "log_width_std": networks.generator.log_width_std,
        "reading_bias": READING_BIAS,
        "width_prior": WIDTH_PRIOR,
        "word_extents": [vertical_extent(text) for text in EXTENTS],
    }
