"""Graves' synthesis network: text and the strokes so far → the distribution of the pen's next point.

Stacked LSTM layers with skip connections; a soft window over the characters, which the first layer moves; a mixture of
bivariate Gaussians for the offset, and probabilities that the stroke and the writing end.

Training knows all points, so that only the recurrences themselves are in a scan: what the points add to each layer's
gates, and the mixture of all steps, are one matrix product each.

References:
  Graves, Generating Sequences With Recurrent Neural Networks, https://arxiv.org/abs/1308.0850, section 5
"""

import math
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from hwgan.models.recurrence import lstm_cell, lstm_step, scan_steps
from hwgan.models.soft_window import WindowWeights, move_window, window_step

_POINT = 3  # numbers of a point: offset x, offset y, end of stroke
_FIRST_STEP = 0.06  # characters that the window moves in a step of an untrained network
_MIN_LOG_STD, _MAX_LOG_STD = -5.0, 5.0  # of an offset; a point that is always the same has no unbounded density


@flax.struct.dataclass
class Mixture:
    """Distribution of the next point, for any leading axes; all float32.

    Attributes:
      log_weights: of the Gaussians, normalised.
      means: of the offset, for each Gaussian.
      log_stds: likewise.
      correlation: in (-1, 1), of x and y.
      ends: logits that the next point ends its stroke, and that it ends the writing.
    """

    log_weights: Float[Array, "*rest m"]
    means: Float[Array, "*rest m 2"]
    log_stds: Float[Array, "*rest m 2"]
    correlation: Float[Array, "*rest m"]
    ends: Float[Array, "*rest 2"]


@flax.struct.dataclass
class WriterCarry:
    """What the network remembers between points.

    Attributes:
      hidden: output of each LSTM layer.
      cells: state of each LSTM layer.
      window: mixture of one-hot characters that the window showed last.
      position: of the window's Gaussians, in characters.
      height: the pen's y, the sum of all offsets.
    """

    hidden: tuple[Float[Array, "b f"], ...]
    cells: tuple[Float[Array, "b f"], ...]
    window: Float[Array, "b a"]
    position: Float[Array, "b k"]
    height: Float[Array, " b"]


class StrokeWriter(nn.Module):
    """The network.

    Attributes:
      num_labels: size of the alphabet, the padding (0) included.
      features: cells of each LSTM layer.
      num_layers: LSTM layers.
      window_components: K, Gaussians of the window.
      mixture_components: M, Gaussians of the offset.
      height_input: whether all layers are also given the pen's height over the baseline, which offsets alone make them
        sum up; lines then stay level with few training steps. Graves' network has no such input.
      num_writers: writers that are embedded, beside the unknown one; 0: none are, and style follows from the strokes
        so far alone.
      writer_features: of a writer's embedding.
    """

    num_labels: int
    features: int = 400
    num_layers: int = 3
    window_components: int = 10
    mixture_components: int = 20
    height_input: bool = False
    num_writers: int = 0
    writer_features: int = 32
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def setup(self):
        if min(self.features, self.num_layers, self.window_components, self.mixture_components) < 1:
            raise ValueError("features, num_layers, window_components and mixture_components must be at least 1")
        gates = 4 * self.features
        dense = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        self.layer_inputs = [
            nn.Dense(gates, name=f"input_{i}", bias_init=_forget_bias, **dense) for i in range(self.num_layers)
        ]
        fan_in = self.features + self.num_labels
        self.recurrent_kernels = [
            self.param(
                f"recurrent_{i}",
                nn.initializers.variance_scaling(1.0, "fan_in", "normal"),
                (fan_in if i == 0 else self.features, gates),
                self.param_dtype,
            )
            for i in range(self.num_layers)
        ]
        # A parameter, not a layer, for it is used within a scan, where flax cannot make one.
        self.window_kernel = self.param(
            "window_kernel", nn.initializers.lecun_normal(), (self.features, 3 * self.window_components), jnp.float32
        )
        self.window_bias = self.param("window_bias", self._init_window_bias)
        self.output = nn.Dense(6 * self.mixture_components + 2, name="output", dtype=jnp.float32)
        if self.num_writers:
            self.embedding = nn.Embed(self.num_writers + 1, self.writer_features, name="writers", **dense)

    def _init_window_bias(self, key: jax.Array) -> Float[Array, " k3"]:
        """Log importance, log width and log step of an untrained network's window."""
        del key
        parts = (-math.log(self.window_components), 0.0, math.log(_FIRST_STEP))
        return jnp.concatenate([jnp.full((self.window_components,), value, jnp.float32) for value in parts])

    def __call__(
        self,
        points: Float[Array, "b n 3"],
        labels: Int[Array, "b t"],
        lengths: Int[Array, " b"],
        writers: Int[Array, " b"],
    ) -> Mixture:
        """The distribution of every point, given those before it.

        Args:
          points: offset ink, padded on the right.
          labels: label ids of the texts, padded with 0.
          lengths: of the texts.
          writers: ids from 1; 0 for unknown.

        Returns:
          [b, n]: the distribution of `points`.
        """
        size = points.shape[0]
        # The first point is predicted from a pen that has just been lifted.
        start = jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0], points.dtype), (size, 1, _POINT))
        before = jnp.concatenate([start, points[:, :-1]], axis=1)
        heights = jnp.cumsum(before[:, :, 1], axis=1)
        inputs = self._static(before, heights, writers).swapaxes(0, 1)
        carry, text = self.initial_carry(labels), self._text(labels, lengths)
        first = _first_carry(carry)
        recurrent = [kernel.astype(self.dtype) for kernel in self.recurrent_kernels]
        window_weights = self.window_kernel, self.window_bias
        gates = self.layer_inputs[0](inputs)
        shown: Any = scan_steps(window_step, recurrent[0], window_weights, gates, first, text)
        window, hidden = shown[..., self.features :], [shown[..., : self.features]]
        for i in range(1, self.num_layers):
            gates = self.layer_inputs[i](jnp.concatenate([inputs, window, hidden[-1]], axis=-1))
            layer: Any = scan_steps(lstm_step, recurrent[i], (), gates, (carry.hidden[i], carry.cells[i]), ())
            hidden.append(layer)
        return self._mixture(jnp.concatenate(hidden, axis=-1).swapaxes(0, 1))

    def initial_carry(self, labels: Int[Array, "b t"]) -> WriterCarry:
        """The carry before the first point of texts.

        The window shows the first character, which a single layer would not know of otherwise when it predicts the
        first point: its window moves after its output. Graves' network begins with an empty window.

        Args:
          labels: label ids of the texts, padded with 0.
        """
        size = labels.shape[0]
        hidden, cells = (
            tuple(jnp.zeros((size, self.features), dtype) for _ in range(self.num_layers))
            for dtype in (self.dtype, jnp.float32)
        )
        window = jax.nn.one_hot(labels[:, 0], self.num_labels, dtype=self.dtype)
        position = jnp.zeros((size, self.window_components), jnp.float32)
        return WriterCarry(hidden, cells, window, position, jnp.zeros((size,), jnp.float32))

    def step(
        self,
        carry: WriterCarry,
        point: Float[Array, "b 3"],
        labels: Int[Array, "b t"],
        lengths: Int[Array, " b"],
        writers: Int[Array, " b"],
    ) -> tuple[WriterCarry, Mixture, WindowWeights]:
        """The distribution of the point after `point`; a step of `__call__`."""
        height = carry.height + point[:, 1]
        inputs = self._static(point[:, None], height[:, None], writers)[:, 0]
        first, text = _first_carry(carry), self._text(labels, lengths)
        recurrent = [kernel.astype(self.dtype) for kernel in self.recurrent_kernels]
        gates = self.layer_inputs[0](inputs) + first[0] @ recurrent[0]
        (shown, cell, position), weights = move_window(first, gates, (self.window_kernel, self.window_bias), text)
        below, window = shown[:, : self.features], shown[:, self.features :]
        hidden, cells = [below], [cell]
        for i in range(1, self.num_layers):
            gates = self.layer_inputs[i](jnp.concatenate([inputs, window, below], axis=-1))
            below, cell = lstm_cell(gates + carry.hidden[i] @ recurrent[i], carry.cells[i])
            hidden.append(below)
            cells.append(cell)
        mixture = self._mixture(jnp.concatenate(hidden, axis=-1))
        return WriterCarry(tuple(hidden), tuple(cells), window, position, height), mixture, weights

    def _static(
        self, points: Float[Array, "b n 3"], heights: Float[Array, "b n"], writers: Int[Array, " b"]
    ) -> Float[Array, "b n d"]:
        """The inputs of all layers that do not depend on the window."""
        points = jnp.concatenate([points, heights[..., None]], axis=-1) if self.height_input else points
        points = points.astype(self.dtype)
        if not self.num_writers:
            return points
        style = self.embedding(writers)[:, None]
        return jnp.concatenate([points, jnp.broadcast_to(style, (*points.shape[:2], style.shape[2]))], axis=-1)

    def _text(
        self, labels: Int[Array, "b t"], lengths: Int[Array, " b"]
    ) -> tuple[Float[Array, "b t a"], Bool[Array, "b u"], Int[Array, " b"]]:
        """One-hot characters, which places are inside or just after the text, and the lengths."""
        places = jnp.arange(labels.shape[1] + 1)
        onehot = jax.nn.one_hot(labels, self.num_labels, dtype=self.dtype)
        return onehot, places[None] <= lengths[:, None], lengths

    def _mixture(self, hidden: Float[Array, "*rest f"]) -> Mixture:
        """The distribution that the outputs of all layers stand for."""
        count = self.mixture_components
        out = self.output(hidden.astype(jnp.float32))
        weights, means, log_stds, correlation, ends = jnp.split(out, [count, 3 * count, 5 * count, 6 * count], axis=-1)
        pairs = (*out.shape[:-1], count, 2)
        return Mixture(
            log_weights=jax.nn.log_softmax(weights),
            means=means.reshape(pairs),
            log_stds=log_stds.reshape(pairs).clip(_MIN_LOG_STD, _MAX_LOG_STD),
            correlation=0.99 * jnp.tanh(correlation),
            ends=ends,
        )


def _forget_bias(key: jax.Array, shape: Any, dtype: Any) -> jax.Array:
    """Zeros, and 1 for the forget gates: an untrained cell keeps what it has."""
    del key
    quarter = shape[0] // 4
    return jnp.zeros(shape, dtype).at[quarter : 2 * quarter].set(1.0)


def _first_carry(carry: WriterCarry) -> tuple[jax.Array, ...]:
    """What the first layer remembers: its output and the window side by side, its state, the window's position."""
    return jnp.concatenate([carry.hidden[0], carry.window], axis=-1), carry.cells[0], carry.position
