"""Writes a checkpoint as ONNX files, each compared with JAX before it is kept, and model.json beside them."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from hwgan.checkpoints.names import PRETRAINED, locate_weights
from hwgan.exporting.image_graphs import reader_model, style_model
from hwgan.exporting.model_json import PRETRAINED_LICENCE, describe_model
from hwgan.exporting.onnx_check import image_error, require_equal, words_of_all_lengths, writer_error
from hwgan.exporting.writer_graph import writer_model
from hwgan.models.networks import Networks
from hwgan.models.recognizer import ConvRecognizer
from hwgan.runtime.files import replace_text, replacing, writing
from hwgan.sampling.open import open_networks, open_sampler_and_step

_CHECKED_WORDS = 42


@dataclasses.dataclass(frozen=True)
class OnnxExport:
    """Networks in ONNX.

    Attributes:
      files: bytes of the models by name: "writer", and where the checkpoint has an identifier and a recognizer "style"
        and "reader".
      errors: the largest difference of each from JAX.
      description: the content of model.json.
    """

    files: dict[str, bytes]
    errors: dict[str, float]
    description: dict[str, Any]

    def write(self, folder: pathlib.Path) -> None:
        """Writes all files to a folder, which is made.

        Raises:
          UserError: they cannot be written.
        """
        for name, data in self.files.items():
            path = folder / f"{name}.onnx"
            with writing(path), replacing(path) as file:
                file.write(data)
        with writing(folder / "model.json"):
            replace_text(folder / "model.json", json.dumps(self.description, ensure_ascii=False) + "\n")


def export_onnx(checkpoint: str, step: int | None = None, temperature: float | None = None) -> OnnxExport:
    """Converts a checkpoint, and compares each network with JAX.

    Args:
      checkpoint: workdir of a run or a weights file; "" for the pretrained weights.
      step: which checkpoint of a run; the newest by default.
      temperature: T of styles; by default that of the checkpoint's config.

    Raises:
      UserError: it has another generator than `char_width`, or a network differs from that in JAX.
    """
    sampler, step = open_sampler_and_step(checkpoint, step, temperature)
    files = {"writer": writer_model(sampler.networks, sampler.variables).SerializeToString()}
    errors = {"writer": writer_error(files["writer"], sampler, words_of_all_lengths(sampler, _CHECKED_WORDS))}
    networks, variables = _encoders(checkpoint, step)
    height = sampler.spec.height
    if "identifier" in variables:
        files["style"] = style_model(networks, variables["identifier"], height).SerializeToString()
        errors["style"] = image_error(files["style"], networks, variables["identifier"], "style", height)
    if "recognizer" in variables:
        files["reader"] = reader_model(networks, variables["recognizer"], height).SerializeToString()
        errors["reader"] = image_error(files["reader"], networks, variables["recognizer"], "reader", height)
    for name, error in errors.items():
        require_equal(error, name)
    licence: Mapping[str, str] = PRETRAINED_LICENCE if locate_weights(checkpoint or PRETRAINED) == PRETRAINED else {}
    return OnnxExport(files, errors, describe_model(sampler, files, licence))


def _encoders(checkpoint: str, step: int | None) -> tuple[Networks, dict[str, Any]]:
    """The networks of a checkpoint, and the variables of its identifier and recognizer, if they can be exported."""
    networks, variables, _, _ = open_networks(checkpoint, step)
    can_read = isinstance(networks.recognizer, ConvRecognizer)
    wanted = {"identifier": networks.has_identifier, "recognizer": networks.has_identifier and can_read}
    return networks, {name: variables[name] for name, use in wanted.items() if use and name in variables}


def describe_export(export: OnnxExport) -> str:
    """A line for each file with its size and its largest difference from JAX."""
    lines = [
        f"{name}.onnx, {len(data) / 1e6:.1f} MB, differs from JAX by at most {export.errors[name]:.1e}"
        for name, data in export.files.items()
    ]
    if "style" not in export.files:
        lines.append("no style.onnx: this checkpoint has no identifier, so styles of real words cannot be computed")
    elif "reader" not in export.files:
        lines.append(
            "no reader.onnx: this checkpoint has no recognizer of the kind `conv`, so the texts of real words must be "
            "typed"
        )
    return "\n".join(lines)
