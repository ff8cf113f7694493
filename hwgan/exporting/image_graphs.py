"""The identifier and the recognizer as ONNX graphs: the ink of one word in."""

from typing import Any

import numpy as np

from hwgan.exporting.graph import Graph
from hwgan.models.identifier import MIN_COLUMN_VARIANCE, MIN_VARIANCE, WriterIdentifier
from hwgan.models.networks import Networks
from hwgan.models.recognizer import ConvRecognizer

_BATCH_NORM_EPSILON = 1e-5  # Flax's default


def style_model(networks: Networks, variables: Any, height: int) -> Any:
    """The ONNX model of an identifier.

    Input: `ink`, float32 [height, width] in [0, 1], of which 1 is black: a preprocessed word in reading direction.
    Output: `style`, float32 [z_dim - 1], which is z without its first entry, the log width.

    Args:
      networks: with a `WriterIdentifier`.
      variables: of the identifier.
      height: of the images.
    """
    module: WriterIdentifier = networks.identifier
    graph, parameters, statistics = Graph(), variables["params"], variables["batch_stats"]
    x = _stem(graph, parameters["conv_0"]["Conv_0"], module.stem)
    for i in range(len(module.conv_features)):
        if i:
            x = graph.conv(x, **parameters[f"conv_{i}"]["Conv_0"])
        x = graph.add("Relu", graph.layer_norm(x, 1, parameters[f"norm_{i}"]))
        # An odd last row or column is averaged with zeros; an even one leaves them out.
        x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1)
    x = graph.add("Relu", graph.conv(x, **parameters["conv_last"]["Conv_0"]))
    columns = _as_columns(graph, x)
    mean = graph.mean(columns, 0)
    centered = graph.add("Sub", columns, mean)
    variance = graph.add("Add", graph.mean(graph.add("Mul", centered, centered), 0), MIN_COLUMN_VARIANCE)
    raw = graph.add("Concat", mean, graph.add("Sqrt", variance), axis=1)
    kernel, bias = _linear_map(module, parameters["features"], statistics)
    style = graph.add("Squeeze", graph.dense(raw, {"kernel": kernel, "bias": bias}), graph.integers(0))
    inputs = {"ink": (np.float32, [height, "width"])}
    return graph.model(inputs, {"style": (style, [networks.z_dim - 1])})


def reader_model(networks: Networks, variables: Any, height: int) -> Any:
    """The ONNX model of a recognizer; input as of `style_model`.

    Output: `logits`, float32 [frames, labels], of which label 0 is the CTC blank.

    Args:
      networks: with a `ConvRecognizer`.
      variables: of the recognizer.
      height: of the images.
    """
    module: ConvRecognizer = networks.recognizer
    graph, parameters = Graph(), variables["params"]

    def normalized(x: str, name: str, axis: int) -> str:
        if module.norm == "layer":
            return graph.layer_norm(x, axis, parameters[name])
        scale, shift = _batch_norm(variables["batch_stats"][name], parameters[name])
        shape = (1, -1, 1, 1) if axis == 1 else (-1,)
        return graph.add("Add", graph.add("Mul", x, scale.reshape(shape)), shift.reshape(shape))

    x = _stem(graph, parameters["conv_0"]["Conv_0"], module.stem)
    for i, (rows, columns) in enumerate(module.pools):
        if i:
            x = graph.conv(x, **parameters[f"conv_{i}"]["Conv_0"])
        x = graph.add("Relu", normalized(x, f"norm_{i}", 1))
        # Values are not negative, so that padding changes no maximum; rows that do not fill a pool are left out.
        pads = [0, 0, 0, columns - 1]
        x = graph.add("MaxPool", x, kernel_shape=[rows, columns], strides=[rows, columns], pads=pads)
    x = _as_columns(graph, x)
    if not module.column_kernels:
        x = graph.add("Relu", normalized(graph.dense(x, parameters["dense"]), "norm_dense", -1))
    for i in range(len(module.column_kernels)):
        y = _column_conv(graph, x, parameters[f"column_{i}"])
        y = graph.add("Relu", normalized(y, f"norm_column_{i}", -1))
        x = graph.add("Add", x, y) if i else y
    logits = graph.dense(x, parameters["logits"])
    inputs = {"ink": (np.float32, [height, "width"])}
    return graph.model(inputs, {"logits": (logits, ["frames", module.num_labels])})


def _stem(graph: Graph, parameters: Any, stem: int) -> str:
    """Space-to-depth by `stem` and a SAME convolution of the result, as one strided convolution of the image."""
    kernel = np.asarray(parameters["kernel"], np.float32)
    size, outputs = kernel.shape[0], kernel.shape[3]
    kernel = kernel.reshape(size, size, stem, stem, outputs).transpose(0, 2, 1, 3, 4)
    kernel = kernel.reshape(size * stem, size * stem, 1, outputs)
    before = (size - 1) // 2 * stem
    # The last columns of a width that `stem` does not divide are filled with paper.
    after = (size // 2 + 1) * stem - 1
    image = graph.add("Unsqueeze", "ink", graph.integers(0, 1))
    pads = [before, before, after, after]
    return graph.conv(image, kernel, parameters["bias"], strides=[stem, stem], pads=pads)


def _as_columns(graph: Graph, x: str) -> str:
    """[1, channels, height, width] → [width, height * channels]."""
    x = graph.add("Squeeze", graph.add("Transpose", x, perm=[0, 3, 2, 1]), graph.integers(0))
    return graph.add("Flatten", x, axis=1)


def _column_conv(graph: Graph, x: str, parameters: Any) -> str:
    """A 1D convolution over columns, [columns, features]."""
    image = graph.add("Unsqueeze", graph.add("Transpose", x, perm=[1, 0]), graph.integers(0, 2))
    y = graph.conv(image, np.asarray(parameters["kernel"])[None], parameters["bias"])
    return graph.add("Transpose", graph.add("Squeeze", y, graph.integers(0, 2)), perm=[1, 0])


def _batch_norm(statistics: Any, parameters: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of a batch norm with running statistics."""
    scale = 1.0 / np.sqrt(np.asarray(statistics["var"], np.float64) + _BATCH_NORM_EPSILON)
    scale *= np.asarray(parameters["scale"]) if "scale" in parameters else 1.0
    shift = -np.asarray(statistics["mean"]) * scale
    return scale, shift + (np.asarray(parameters["bias"]) if "bias" in parameters else 0.0)


def _linear_map(module: WriterIdentifier, parameters: Any, statistics: Any) -> tuple[np.ndarray, np.ndarray]:
    """The last linear layer, the norm of its features and their whitening, as one kernel and bias."""
    scale, shift = _batch_norm(statistics["feature_norm"], {})
    kernel = np.asarray(parameters["kernel"], np.float64) * scale
    bias = np.asarray(parameters["bias"], np.float64) * scale + shift
    if module.whitened:
        whitening = statistics["whitening"]
        covariance = np.asarray(whitening["covariance"], np.float64)
        root = np.linalg.cholesky(covariance + MIN_VARIANCE * np.eye(len(covariance)))
        inverse = np.linalg.inv(root).T
        kernel, bias = kernel @ inverse, (bias - np.asarray(whitening["mean"])) @ inverse
    return kernel, bias
