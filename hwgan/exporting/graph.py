"""Builds ONNX graphs from arrays: a node is a call, its result a name that the next call takes.

All graphs are for one word: with no batch there is no padding, and so nothing to mask.
"""

from typing import Any

import numpy as np

from hwgan.runtime.errors import UserError

try:
    import onnx
except ModuleNotFoundError as missing:  # an extra, which most users do not need
    raise UserError('ONNX files need further packages: pip install ".[onnx]"') from missing

OPSET = 17  # the lowest that has all operators used here
_LAYER_NORM_EPSILON = 1e-6  # Flax's default
_IR_VERSION = 8  # of that opset, so that older runtimes read the files as well


class Graph:
    """A graph under construction; images in it are [1, channels, height, width], sequences [columns, features]."""

    def __init__(self):
        self._nodes: list[Any] = []
        self._initializers: dict[tuple[str, bytes], Any] = {}

    def add(self, kind: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Adds a node.

        Args:
          kind: the operator.
          *inputs: names of results, or numbers and arrays, which become constants (Python numbers as float32); "" for
            an optional input that is left out.
          outputs: how many results it has.
          **attributes: of the operator.

        Returns:
          The name of its result, or a tuple of them.
        """
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        results = tuple(f"{kind.lower()}_{len(self._nodes)}_{i}" for i in range(outputs))
        self._nodes.append(onnx.helper.make_node(kind, names, results, name=results[0], **attributes))
        return results[0] if outputs == 1 else results

    def constant(self, value: Any) -> str:
        """The name of a constant; equal ones are stored once."""
        array = np.asarray(value)
        if not isinstance(value, np.ndarray | np.generic) or array.dtype == np.float64:
            array = array.astype(np.float32)
        array = np.array(array, order="C")  # not `ascontiguousarray`, which makes scalars vectors
        key = f"{array.dtype}{array.shape}", array.tobytes()
        if key not in self._initializers:
            self._initializers[key] = onnx.numpy_helper.from_array(array, f"constant_{len(self._initializers)}")
        return self._initializers[key].name

    def integers(self, *values: int) -> str:
        """An int64 vector, as axes, shapes and sizes are."""
        return self.constant(np.array(values, np.int64))

    def total(self, x: str, axis: int) -> str:
        """Sums over an axis, which is kept."""
        return self.add("ReduceSum", x, self.integers(axis), keepdims=1)

    def mean(self, x: str, axis: int) -> str:
        """The mean over an axis, which is kept."""
        return self.add("ReduceMean", x, axes=[axis], keepdims=1)

    def dense(self, x: str, parameters: Any) -> str:
        """A linear layer on the last axis."""
        return self.add("Add", self.add("MatMul", x, _float32(parameters["kernel"])), _float32(parameters["bias"]))

    def conv(self, x: str, kernel: Any, bias: Any, **attributes: Any) -> str:
        """A 2D convolution.

        Args:
          x: image.
          kernel: [rows, columns, inputs, outputs], as Flax has it.
          bias: [outputs].
          **attributes: `pads` (begin, then end, of rows and columns; SAME at stride 1 by default), `strides`.
        """
        height, width = kernel.shape[:2]
        same = [(height - 1) // 2, (width - 1) // 2, height // 2, width // 2]
        weights = _float32(kernel).transpose(3, 2, 0, 1)
        return self.add("Conv", x, weights, _float32(bias), **{"pads": same, **attributes})

    def layer_norm(self, x: str, axis: int, parameters: Any | None = None) -> str:
        """Flax's LayerNorm over one axis of an image (1) or of a sequence (the last)."""
        centered = self.add("Sub", x, self.mean(x, axis))
        variance = self.mean(self.add("Mul", centered, centered), axis)
        normal = self.add("Div", centered, self.add("Sqrt", self.add("Add", variance, _LAYER_NORM_EPSILON)))
        if parameters is None:
            return normal
        shape = (1, -1, 1, 1) if axis == 1 else (-1,)
        scaled = self.add("Mul", normal, _float32(parameters["scale"]).reshape(shape))
        return self.add("Add", scaled, _float32(parameters["bias"]).reshape(shape))

    def model(self, inputs: dict[str, tuple[type, list[Any]]], outputs: dict[str, tuple[str, list[Any]]]) -> Any:
        """The finished model, checked.

        Args:
          inputs: type and shape of each input; a string in a shape is a size that may vary.
          outputs: name of the result and its shape (float32), by the name that it shall have.
        """
        for name, (result, _) in outputs.items():
            self._nodes.append(onnx.helper.make_node("Identity", [result], [name], name=name))
        graph = onnx.helper.make_graph(
            self._nodes,
            "hwgan",
            [_value(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [_value(name, np.float32, shape) for name, (_, shape) in outputs.items()],
            list(self._initializers.values()),
        )
        opsets = [onnx.helper.make_opsetid("", OPSET)]
        model = onnx.helper.make_model(graph, producer_name="hwgan", opset_imports=opsets, ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def _value(name: str, kind: type, shape: list[Any]) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)


def _float32(array: Any) -> np.ndarray:
    return np.asarray(array, np.float32)
