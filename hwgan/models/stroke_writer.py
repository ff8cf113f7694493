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

_POINT = 3  # numbers of a point: offset x, offset y, end of stroke
_FIRST_STEP = 0.06  # characters that the window moves in a step of an untrained network
_MIN_LOG_STD, _MAX_LOG_STD = -5.0, 5.0  # of an offset; a point that is always the same has no unbounded density
_MAX_LOG_WINDOW = 5.0  # of the window's parameters


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
    """

    hidden: tuple[Float[Array, "b f"], ...]
    cells: tuple[Float[Array, "b f"], ...]
    window: Float[Array, "b a"]
    position: Float[Array, "b k"]


@flax.struct.dataclass
class WindowWeights:
    """How much the window shows of each character; float32.

    Attributes:
      characters: 0 at padding.
      after: of the place after the last character.
    """

    characters: Float[Array, "b t"]
    after: Float[Array, " b"]


class StrokeWriter(nn.Module):
    """The network.

    Attributes:
      num_labels: size of the alphabet, the padding (0) included.
      features: cells of each LSTM layer.
      num_layers: LSTM layers.
      window_components: K, Gaussians of the window.
      mixture_components: M, Gaussians of the offset.
      num_writers: writers that are embedded, beside the unknown one; 0: none are, and style follows from the strokes
        so far alone.
      writer_features: of a writer's embedding.
    """

    num_labels: int
    features: int = 400
    num_layers: int = 3
    window_components: int = 10
    mixture_components: int = 20
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
        inputs = self._static(jnp.concatenate([start, points[:, :-1]], axis=1), writers).swapaxes(0, 1)
        carry, text = self.initial_carry(size), self._text(labels, lengths)
        gates = self.layer_inputs[0](inputs)

        def first(carry, gates):
            carry, _ = self._window_step(carry, gates, text)
            return carry, (carry[0], carry[2])

        _, (below, window) = jax.lax.scan(first, (carry.hidden[0], carry.cells[0], carry.window, carry.position), gates)
        hidden = [below]
        for i in range(1, self.num_layers):
            gates = self.layer_inputs[i](jnp.concatenate([inputs, window, below], axis=-1))
            kernel = self.recurrent_kernels[i].astype(self.dtype)

            def further(carry, gates, kernel=kernel):
                carry = _cell(carry, gates + carry[0] @ kernel)
                return carry, carry[0]

            _, below = jax.lax.scan(further, (carry.hidden[i], carry.cells[i]), gates)
            hidden.append(below)
        return self._mixture(jnp.concatenate(hidden, axis=-1).swapaxes(0, 1))

    def initial_carry(self, size: int) -> WriterCarry:
        """The carry before the first point of `size` writings."""
        zeros = tuple(jnp.zeros((size, self.features), self.dtype) for _ in range(self.num_layers))
        window = jnp.zeros((size, self.num_labels), self.dtype)
        return WriterCarry(zeros, zeros, window, jnp.zeros((size, self.window_components), jnp.float32))

    def step(
        self,
        carry: WriterCarry,
        point: Float[Array, "b 3"],
        labels: Int[Array, "b t"],
        lengths: Int[Array, " b"],
        writers: Int[Array, " b"],
    ) -> tuple[WriterCarry, Mixture, WindowWeights]:
        """The distribution of the point after `point`; a step of `__call__`."""
        inputs = self._static(point[:, None], writers)[:, 0]
        first = carry.hidden[0], carry.cells[0], carry.window, carry.position
        (below, cell, window, position), weights = self._window_step(
            first, self.layer_inputs[0](inputs), self._text(labels, lengths)
        )
        hidden, cells = [below], [cell]
        for i in range(1, self.num_layers):
            gates = self.layer_inputs[i](jnp.concatenate([inputs, window, below], axis=-1))
            gates += carry.hidden[i] @ self.recurrent_kernels[i].astype(self.dtype)
            below, cell = _cell((carry.hidden[i], carry.cells[i]), gates)
            hidden.append(below)
            cells.append(cell)
        mixture = self._mixture(jnp.concatenate(hidden, axis=-1))
        return WriterCarry(tuple(hidden), tuple(cells), window, position), mixture, weights

    def _static(self, points: Float[Array, "b n 3"], writers: Int[Array, " b"]) -> Float[Array, "b n d"]:
        """The inputs of all layers that do not depend on the window."""
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

    def _window_step(self, carry, gates, text):
        """A step of the first layer: LSTM, then the window that its output moves."""
        hidden, cell, window, position = carry
        kernel = self.recurrent_kernels[0].astype(self.dtype)
        hidden, cell = _cell((hidden, cell), gates + jnp.concatenate([hidden, window], axis=-1) @ kernel)
        parameters = hidden.astype(jnp.float32) @ self.window_kernel + self.window_bias[None]
        onehot, inside, lengths = text
        weights, position = soft_window(parameters, position, inside)
        after = jnp.take_along_axis(weights, lengths[:, None], axis=1)[:, 0]
        places = jnp.arange(onehot.shape[1])
        characters = jnp.where(places[None] < lengths[:, None], weights[:, :-1], 0.0)
        window = jnp.einsum("bt,bta->ba", characters.astype(self.dtype), onehot)
        return (hidden, cell, window, position), WindowWeights(characters, after)

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


def _cell(carry, gates):
    """LSTM: (output, state) of the step before and the sums of all gates → output and state."""
    _, state = carry
    into, forget, candidate, out = jnp.split(gates, 4, axis=-1)
    state = jax.nn.sigmoid(forget) * state + jax.nn.sigmoid(into) * jnp.tanh(candidate)
    return jax.nn.sigmoid(out) * jnp.tanh(state), state


def soft_window(
    parameters: Float[Array, "b k3"], position: Float[Array, "b k"], inside: Bool[Array, "b u"]
) -> tuple[Float[Array, "b u"], Float[Array, "b k"]]:
    """Weights of the places of a text: φ(u) = Σ_k α_k exp(-β_k (κ_k - u)²), and the new κ.

    Args:
      parameters: logarithms of α, of β, and of the steps of κ.
      position: κ of the step before.
      inside: places that count; the weights of others are 0.

    References:
      Graves 2013, equations 46 to 51
    """
    alpha, beta, step = jnp.split(jnp.exp(jnp.minimum(parameters, _MAX_LOG_WINDOW)), 3, axis=-1)
    position = position + step
    places = jnp.arange(inside.shape[1], dtype=jnp.float32)
    distances = position[:, None, :] - places[None, :, None]
    weights = (alpha[:, None] * jnp.exp(-beta[:, None] * jnp.square(distances))).sum(axis=-1)
    return jnp.where(inside, weights, 0.0), position


def log_density(mixture: Mixture, offset: Float[Array, "*rest 2"]) -> Float[Array, "*rest"]:
    """Logarithm of the density of offsets, in float32.

    References:
      Graves 2013, equations 23 to 25
    """
    scaled = (offset[..., None, :] - mixture.means) * jnp.exp(-mixture.log_stds)
    x, y = scaled[..., 0], scaled[..., 1]
    rest = 1.0 - jnp.square(mixture.correlation)
    distance = (jnp.square(x) + jnp.square(y) - 2.0 * mixture.correlation * x * y) / rest
    log_normal = -0.5 * distance - math.log(2.0 * math.pi) - mixture.log_stds.sum(axis=-1) - 0.5 * jnp.log(rest)
    return jax.nn.logsumexp(mixture.log_weights + log_normal, axis=-1)
