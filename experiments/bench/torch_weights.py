"""Converts a workload to PyTorch: networks with the same weights, and the batch; and compares outputs."""

from typing import Any

import jax
import numpy as np
import torch
from torch import nn

from experiments.bench import torch_networks, torch_variable_width
from experiments.bench.programs import network_arguments, network_functions
from experiments.bench.torch_layers import BatchNorm, BidirectionalLSTM, ChannelNorm, Conv, Dense
from experiments.bench.workload import Workload
from hwgan.runtime.errors import UserError

PORTED = {
    "language_model": ("bilstm",),
    "generator": ("alonso", "char_grid"),
    "discriminator": ("alonso", "columns"),
    "recognizer": ("crnn", "conv"),
}
_NOT_PORTED = ("gradient_penalty", "feature_matching", "character_feature_matching", "ctc_length_exponent", "augment")


def build(workload: Workload) -> dict[str, nn.Module]:
    """The networks of a workload in PyTorch, with its weights.

    Raises:
      UserError: a network or a setting of the training step has not been ported, or numbers of parameters differ.
    """
    model, train = workload.config.model, workload.config.train
    for name in workload.network_names():
        kind = model[name].name
        if kind not in PORTED.get(name, ()):
            raise UserError(f"no PyTorch port of {name} {kind!r}; there are {PORTED}: choose another config")
    if settings := [name for name in _NOT_PORTED if train[name]]:
        raise UserError(f"the PyTorch step ignores {', '.join(settings)} of config.train: choose another config")
    labels, height = workload.charset.num_labels, workload.config.preprocessing.height
    text, discriminator, recognizer = model.language_model, model.discriminator, model.recognizer
    modules: dict[str, nn.Module] = {
        "language_model": torch_networks.LanguageModel(
            labels, text.embedding_features, text.features, text.num_layers, text.get("normalize_word", False)
        ),
        "generator": torch_networks.AlonsoGenerator(model.z_dim, text.features, model.generator)
        if model.generator.name == "alonso"
        else torch_variable_width.CharGridGenerator(
            model.z_dim, text.embedding_features + text.features, model.generator
        ),
        "discriminator": torch_networks.AlonsoDiscriminator(discriminator)
        if discriminator.name == "alonso"
        else torch_variable_width.ColumnDiscriminator(height, discriminator),
        "recognizer": torch_networks.CRNN(labels, recognizer)
        if recognizer.name == "crnn"
        else torch_variable_width.ConvRecognizer(labels, height, recognizer),
    }
    for name, module in modules.items():
        state = getattr(workload.state, name)
        expected, found = jax_parameters(state.params), torch_parameters(module)
        if expected != found:
            raise UserError(f"{name} has {expected} parameters, its PyTorch port {found}: update torch_*.py")
        copy_weights(module, state.variables)
        module.to(memory_format=torch.channels_last)
    return modules


def jax_parameters(params: Any) -> int:
    """The number of trained parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def torch_parameters(module: nn.Module) -> int:
    """The number of trained parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@torch.no_grad()
def copy_weights(module: nn.Module, variables: dict[str, Any]) -> None:
    """Copies flax variables to a module whose submodules have the same names."""
    for path, part in module.named_modules():
        trees = {name: _at(tree, path) for name, tree in variables.items()}
        if isinstance(part, Conv | Dense):
            _copy_layer(part, trees)
        elif isinstance(part, BatchNorm | ChannelNorm | nn.LayerNorm):
            _copy_norm(part, trees)
        elif isinstance(part, BidirectionalLSTM):
            _copy_lstm(part.lstm, trees["params"])
        elif isinstance(part, nn.Embedding):
            part.weight.copy_(_tensor(trees["params"]["embedding"]))
        elif isinstance(getattr(part, "gate", None), nn.Parameter):
            part.gate.copy_(_tensor(trees["params"]["gate"]))


def _at(tree: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        tree = tree.get(name, {})
    return tree


def _tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def _copy_layer(part: Conv | Dense, trees: dict[str, Any]) -> None:
    inner = type(part).__name__ + "_0"
    params = trees["params"].get(inner, trees["params"])  # a plain nn.Dense has no inner module
    kernel = _tensor(params["kernel"])
    part.weight.copy_(kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T)
    if part.bias is not None:
        part.bias.copy_(_tensor(params["bias"]))
    if part.spectral_norm:
        part.u.copy_(_tensor(trees["spectral_stats"]["SpectralNorm_0"][f"{inner}/kernel/u"])[0])


def _copy_norm(part: nn.Module, trees: dict[str, Any]) -> None:
    scale = part.weight if isinstance(part, nn.LayerNorm) else part.scale
    if scale is not None:
        scale.copy_(_tensor(trees["params"]["scale"]))
        part.bias.copy_(_tensor(trees["params"]["bias"]))
    if isinstance(part, BatchNorm):
        part.mean.copy_(_tensor(trees["batch_stats"]["mean"]))
        part.var.copy_(_tensor(trees["batch_stats"]["var"]))


def _copy_lstm(lstm: nn.LSTM, params: Any) -> None:
    for layer in range(lstm.num_layers):
        for direction, ending in enumerate(("", "_reverse")):
            cell = params[f"OptimizedLSTMCell_{2 * layer + direction}"]

            def gates(source, field, cell=cell):
                return torch.cat([_tensor(np.transpose(cell[source + gate][field])) for gate in "ifgo"])

            getattr(lstm, f"weight_ih_l{layer}{ending}").copy_(gates("i", "kernel"))
            getattr(lstm, f"weight_hh_l{layer}{ending}").copy_(gates("h", "kernel"))
            getattr(lstm, f"bias_hh_l{layer}{ending}").copy_(gates("h", "bias"))


def batch_to_torch(workload: Workload) -> dict[str, torch.Tensor]:
    """The batch of a workload, images as [b, 1, h, w], and the z of `network_inputs`."""
    real, fake = workload.batch.real, workload.batch.fake
    images = torch.from_numpy(np.array(real.image)).permute(0, 3, 1, 2)
    integers = {
        "widths": real.widths,
        "labels": real.labels,
        "lengths": real.lengths,
        "fake_labels": fake.labels,
        "fake_lengths": fake.lengths,
    }
    return {
        "image": images.contiguous(memory_format=torch.channels_last),
        "z": torch.from_numpy(np.array(workload.sample_z(0))),
        **{name: torch.from_numpy(np.array(rows)).long() for name, rows in integers.items()},
    }


def network_calls(workload: Workload, modules: dict[str, nn.Module]) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
    """Each network and its arguments, which correspond to `network_arguments`, in training mode."""
    batch = batch_to_torch(workload)
    texts = batch["fake_labels"], batch["fake_lengths"]
    widths = batch["widths"] if workload.networks.has_variable_width else None
    with torch.no_grad():
        features = tuple(part.clone().requires_grad_() for part in modules["language_model"](*texts))
    image = batch["image"].clone().requires_grad_()
    return {
        "language_model": (modules["language_model"], texts),
        "generator": (modules["generator"], (batch["z"], features, batch["fake_lengths"], False)),
        "discriminator": (modules["discriminator"], (image, widths, False)),
        "recognizer": (modules["recognizer"], (image, widths, True)),
    }


@torch.no_grad()
def output_differences(workload: Workload, modules: dict[str, nn.Module]) -> dict[str, float]:
    """Largest difference of any output of each network in training mode, relative to the largest output."""
    differences = {}
    for name, (module, inputs) in network_calls(workload, modules).items():
        if name == "recognizer":
            statistics = {key: value.clone() for key, value in module.state_dict().items()}
        found = [part.numpy() for part in _floats(module(*inputs))]
        if name == "recognizer":  # its call changes the batch statistics
            module.load_state_dict(statistics)
        forward, _ = network_functions(workload, name)
        expected = jax.tree.leaves(jax.jit(forward)(*network_arguments(workload, name)))
        expected = [np.asarray(part) for part in expected if part.dtype == np.float32]
        expected = [part.transpose(0, 3, 1, 2) if part.ndim == 4 else part for part in expected]
        pairs = list(zip(_by_rank(expected), _by_rank(found), strict=True))
        scale = max(float(np.abs(one).max(initial=1e-6)) for one, _ in pairs)
        differences[name] = max(float(np.abs(one - other).max(initial=0.0)) for one, other in pairs) / scale
    return differences


def _floats(output: Any) -> list[torch.Tensor]:
    parts = output if isinstance(output, tuple) else (output,)
    return [part for part in parts if part.is_floating_point()]


def _by_rank(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Sorted by rank and size: fields of a flax struct come in the order of their names."""
    return sorted(arrays, key=lambda array: (array.ndim, array.size))
