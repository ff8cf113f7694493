"""The language model and the `char_width` generator as one ONNX graph: labels and z in, the ink of a word out."""

from typing import Any

import numpy as np

from hwgan.exporting.graph import Graph
from hwgan.models.char_width_generator import CharWidthGenerator
from hwgan.models.language_model import LanguageModel
from hwgan.models.networks import Networks
from hwgan.models.variable_width_layers import GATE_WIDTH
from hwgan.runtime.errors import UserError

_GATES_OF_ONNX = "iofg"  # ONNX calls the last one c


def writer_model(networks: Networks, variables: dict[str, Any]) -> Any:
    """The ONNX model of a writer.

    Inputs: `labels`, int64 [characters], from 1, in the order of the columns; `z`, float32 [z_dim]. Output: `ink`,
    float32 [height, width] in [0, 1], of which 1 is black; a right-to-left word is mirrored.

    Args:
      networks: with a `char_width` generator.
      variables: of "language_model" and "generator".

    Raises:
      UserError: the generator is another one.
    """
    generator, language_model = networks.generator, networks.language_model
    if not isinstance(generator, CharWidthGenerator) or not isinstance(language_model, LanguageModel):
        raise UserError(
            f"ONNX export is for generators of the name char_width with the language model bilstm; this checkpoint has "
            f"{type(generator).__name__} with {type(language_model).__name__}"
        )
    graph = Graph()
    characters = _language_model(graph, language_model, variables["language_model"]["params"])
    ink = _Generator(graph, networks, variables["generator"]["params"], characters).ink()
    inputs = {"labels": (np.int64, ["characters"]), "z": (np.float32, [networks.z_dim])}
    height = generator.first_height * generator.upsampling
    return graph.model(inputs, {"ink": (ink, [height, "width"])})


def _language_model(graph: Graph, module: LanguageModel, parameters: Any) -> str:
    """Features of the characters, [characters, features]."""
    embedded = graph.add("Gather", np.asarray(parameters["embed"]["embedding"], np.float32), "labels", axis=0)
    states, half = graph.add("Unsqueeze", embedded, graph.integers(1)), module.features // 2
    for layer in range(module.num_layers):
        cells = [parameters["lstm"][f"OptimizedLSTMCell_{2 * layer + i}"] for i in range(2)]
        weights = [np.stack([_gates(cell, side, "kernel") for cell in cells]) for side in "ih"]
        # All of the bias is on the side of the state.
        biases = np.stack([_gates(cell, "h", "bias") for cell in cells])
        bias = np.concatenate([np.zeros_like(biases), biases], axis=1)
        states = graph.add("LSTM", states, *weights, bias, direction="bidirectional", hidden_size=half)
        # [characters, directions, 1, half] → [characters, 1, features]
        states = graph.add("Transpose", states, perm=[0, 2, 1, 3])
        states = graph.add("Reshape", states, graph.integers(0, 1, 2 * half))
    return graph.add("Concat", embedded, graph.add("Squeeze", states, graph.integers(1)), axis=1)


def _gates(cell: Any, side: str, part: str) -> np.ndarray:
    """The kernels [4 features, inputs] or biases [4 features] of the gates, in ONNX's order."""
    return np.concatenate([np.asarray(cell[side + gate][part], np.float32).T for gate in _GATES_OF_ONNX])


class _Generator:
    """Emits the generator; the methods are its parts in their order, named as in the modules."""

    def __init__(self, graph: Graph, networks: Networks, parameters: Any, characters: str):
        self.graph, self.networks, self.parameters = graph, networks, parameters
        self.module: CharWidthGenerator = networks.generator
        spans = graph.add("Gather", np.array(networks.char_widths, np.float32), "labels", axis=0)
        self.characters, spans = self._at_places(characters, spans)
        self.width, self.spans = self._widths(spans)

    def _at_places(self, characters: str, spans: str) -> tuple[str, str]:
        """Features and widths of the places: of graphemes, where the alphabet has marks."""
        graph = self.graph
        if not self.networks.marks:
            return characters, spans
        is_mark = graph.add("Gather", np.array(self.networks.marks), "labels", axis=0)
        starts = graph.add("Cast", graph.add("Not", is_mark), to=7)  # int64
        # The first character of a text has a place of its own, also if it is a mark.
        rest = graph.add("Slice", starts, graph.integers(1), graph.integers(2**31), graph.integers(0))
        starts = graph.add("Concat", graph.integers(1), rest, axis=0)
        place = graph.add("Sub", graph.add("CumSum", starts, np.array(0, np.int64)), np.array(1, np.int64))
        count = graph.add("ReduceSum", starts, graph.integers(0), keepdims=0)
        places = graph.add("Range", np.array(0, np.int64), count, np.array(1, np.int64))
        places = graph.add("Unsqueeze", places, graph.integers(1))
        belongs = graph.add("Cast", graph.add("Equal", graph.add("Unsqueeze", place, graph.integers(0)), places), to=1)
        members = graph.add("Div", belongs, graph.total(belongs, 1))
        return graph.add("MatMul", members, characters), graph.add("MatMul", belongs, spans)

    def _widths(self, spans: str) -> tuple[str, str]:
        """Pixels of the word, and of each place (`layout.char_width_layout`)."""
        graph = self.graph
        first = graph.add("Gather", "z", np.array(0, np.int64), axis=0)
        ratio = graph.add("Exp", graph.add("Mul", first, self.module.log_width_std))
        sums = graph.add("Max", graph.add("ReduceSum", spans, graph.integers(0), keepdims=0), 1.0)
        relative = graph.add("Div", sums, self.networks.reference_width)
        wanted = graph.add("Mul", sums, graph.add("Pow", relative, -self.module.width_compression))
        width = graph.add("Ceil", graph.add("Max", graph.add("Mul", wanted, ratio), 1.0))
        return width, graph.add("Mul", spans, graph.add("Div", width, sums))

    def ink(self) -> str:
        """The whole generator; the result is [height, width]."""
        graph, parameters, scale = self.graph, self.parameters, self.module.upsampling
        columns = graph.add("Ceil", graph.add("Div", self.width, float(scale)))
        condition = self._columns(columns, scale)
        x = graph.add("Relu", graph.dense(condition, parameters["mix"]))
        x = graph.dense(x, parameters["first"])
        x = graph.add("Reshape", x, graph.integers(0, self.module.first_height, self.module.first_features))
        x = graph.add("Unsqueeze", graph.add("Transpose", x, perm=[2, 1, 0]), graph.integers(0))
        for i in range(len(self.module.block_features)):
            scale //= 2
            columns = graph.add("Mul", columns, 2.0)
            condition = self._columns(columns, scale)
            condition = graph.add("Relu", graph.dense(condition, parameters[f"mix_{i}"]))
            x = self._block(x, condition, parameters[f"block_{i}"])
        return self._to_image(x)

    def _columns(self, columns: str, scale: int) -> str:
        """The condition of each column, [columns, features]: characters, position, z."""
        graph = self.graph
        spans = graph.add("Max", self.spans, 1e-3)
        ends = graph.add("CumSum", self.spans, np.array(0, np.int64))
        centers = graph.add("Sub", ends, graph.add("Mul", self.spans, 0.5))
        numbers = graph.add("Range", 0.0, columns, 1.0)
        pixels = graph.add("Mul", graph.add("Add", numbers, 0.5), float(scale))
        offsets = graph.add("Sub", graph.add("Unsqueeze", pixels, graph.integers(1)), centers)
        distances = graph.add("Div", offsets, graph.add("Mul", spans, 0.5))
        shares = graph.add("Softmax", graph.add("Mul", graph.add("Mul", distances, distances), -2.0), axis=1)
        clipped = graph.add("Clip", distances, -2.0, 2.0)
        places = graph.total(graph.add("Mul", shares, clipped), 1)
        frequencies = (np.pi / 2) * 2.0 ** np.arange(self.module.position_frequencies)
        angles = graph.add("Mul", places, frequencies)
        characters = graph.add("MatMul", shares, self.characters)
        size = graph.add("Concat", graph.add("Shape", places, start=0, end=1), graph.integers(1), axis=0)
        style = graph.add("Expand", graph.add("Unsqueeze", "z", graph.integers(0)), size)
        waves = graph.add("Sin", angles), graph.add("Cos", angles)
        return graph.add("Concat", characters, *waves, style, axis=1)

    def _block(self, x: str, condition: str, parameters: Any) -> str:
        """`VariableUpBlock`; the condition has a column for each of its results'."""
        graph = self.graph
        h = graph.add("Relu", self._conditional_norm(x, condition, parameters["norm_0"], pooled=True))
        h = self._up_conv(h, parameters["conv_0"]["Conv_0"])
        h = graph.add("Relu", self._conditional_norm(h, condition, parameters["norm_1"], pooled=False))
        h = graph.conv(h, **parameters["conv_1"]["Conv_0"])
        skip = graph.conv(x, **parameters["skip"]["Conv_0"])
        sizes = np.array([1.0, 1.0, 2.0, 2.0], np.float32)
        nearest: dict[str, Any] = dict(
            mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
        )
        return graph.add("Add", h, graph.add("Resize", skip, "", sizes, **nearest))

    def _up_conv(self, x: str, parameters: Any) -> str:
        """2x nearest-neighbour, then a 3x3 convolution, as one transposed convolution: 4 / 9 of the products.

        A pixel x of the small image is spread over 2x2 pixels, then over their 3x3 neighbourhoods: over 4x4 pixels,
        with the kernel turned and summed over 2x2 shifts.
        """
        kernel = np.asarray(parameters["kernel"], np.float32)[::-1, ::-1]
        spread = np.zeros((4, 4, *kernel.shape[2:]), np.float32)
        for row in range(2):
            for column in range(2):
                spread[row : row + 3, column : column + 3] += kernel
        weights, bias = spread.transpose(2, 3, 0, 1), np.asarray(parameters["bias"], np.float32)
        return self.graph.add("ConvTranspose", x, weights, bias, strides=[2, 2], pads=[1, 1, 1, 1])

    def _conditional_norm(self, x: str, condition: str, parameters: Any, *, pooled: bool) -> str:
        """`ConditionalLayerNorm`; `pooled` where the condition has two columns for each of x."""
        graph = self.graph
        if pooled:
            pairs = graph.add("Reshape", condition, graph.integers(-1, 2, self.module.condition_features))
            condition = graph.add("Squeeze", graph.mean(pairs, 1), graph.integers(1))
        both = graph.add("Transpose", graph.dense(condition, parameters["scale_shift"]), perm=[1, 0])
        both = graph.add("Unsqueeze", both, graph.integers(0, 2))  # [1, 2 channels, 1, columns]
        scale, shift = graph.add("Split", both, outputs=2, axis=1)
        normal = graph.layer_norm(x, 1)
        return graph.add("Add", graph.add("Mul", normal, graph.add("Add", scale, 1.0)), shift)

    def _to_image(self, x: str) -> str:
        """`variable_width_layers.to_image`, cut to the word."""
        graph, parameters = self.graph, self.parameters
        x = graph.add("Relu", graph.layer_norm(x, 1, parameters["norm"]))
        x = graph.conv(x, **parameters["output"]["Conv_0"])
        x = graph.add("Tanh", graph.add("DepthToSpace", x, blocksize=2, mode="DCR"))
        ink = graph.add("Mul", graph.add("Sub", 1.0, x), 0.5)
        width = graph.add("Unsqueeze", graph.add("Cast", self.width, to=7), graph.integers(0))
        ink = graph.add("Slice", ink, graph.integers(0), width, graph.integers(3))
        if self.module.ink_threshold:
            tall = graph.add("MaxPool", ink, kernel_shape=[3, 1], pads=[1, 0, 1, 0])
            wide = graph.add("MaxPool", ink, kernel_shape=[1, 3], pads=[0, 1, 0, 1])
            above = graph.add("Sub", graph.add("Max", tall, wide), self.module.ink_threshold)
            gate = graph.add("Sigmoid", graph.add("Mul", above, 1.0 / GATE_WIDTH))
            ink = graph.add("Mul", ink, gate)
        return graph.add("Squeeze", ink, graph.integers(0, 1))
