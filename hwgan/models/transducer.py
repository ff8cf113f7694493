"""A recognizer with a memory of what it has read: the transducer."""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from hwgan.models.recognizer import CRNNEncoder, RecognizerOutput
from hwgan.models.transducer_loss import transducer


class LabelPredictor(nn.Module):
    """Distributions over the next label, given a frame and the labels so far: prediction network and joint network.

    Labels so far are embedded and read by an LSTM. Its output and the frame are mapped linearly and added; the logits
    are a linear map of the tanh of that.

    Attributes:
      num_labels: size of the alphabet, the blank included; the embedding of the blank is the start of every text.
      embedding_features: of each label.
      lstm_features: of the LSTM.
      joint_features: of the hidden layer of the joint.
    """

    num_labels: int
    embedding_features: int
    lstm_features: int
    joint_features: int
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def setup(self):
        kinds: dict[str, Any] = dict(dtype=self.dtype, param_dtype=self.param_dtype)
        self.embedding = nn.Embed(self.num_labels, self.embedding_features, **kinds)
        self.cell = nn.OptimizedLSTMCell(self.lstm_features, **kinds)
        self.lstm = nn.RNN(self.cell)
        self.from_frame = nn.Dense(self.joint_features, **kinds)
        self.from_labels = nn.Dense(self.joint_features, use_bias=False, **kinds)
        self.logits = nn.Dense(self.num_labels, param_dtype=self.param_dtype)

    def __call__(self, states: Float[Array, "b f d"], labels: Int[Array, "b t"]) -> Float[Array, "b f n v"]:
        """Logits at each frame after each number of labels, n = t + 1; those after padding are of no use."""
        predictions: Any = self.lstm(self.embedding(jnp.pad(labels, ((0, 0), (1, 0)))))
        return self.join(states[:, :, None], predictions[:, None])

    def join(self, states: Float[Array, "*#b d"], predictions: Float[Array, "*#b p"]) -> Float[Array, "*b v"]:
        """Logits of frames with outputs of the LSTM."""
        hidden = nn.tanh(self.from_frame(states) + self.from_labels(predictions))
        return self.logits(hidden.astype(jnp.float32))

    def start(self, size: int) -> tuple[Any, Float[Array, "b p"]]:
        """State and output of the LSTM for so many rows without a label."""
        carry = self.cell.initialize_carry(jax.random.key(0), (size, self.embedding_features))
        return self.advance(carry, jnp.zeros(size, jnp.int32))

    def advance(self, carry: Any, labels: Int[Array, " b"]) -> tuple[Any, Float[Array, "b p"]]:
        """State and output of the LSTM after one more label in each row."""
        return self.cell(carry, self.embedding(labels))


class Transducer(CRNNEncoder):
    """The encoder of the CRNN, with `LabelPredictor` in place of a distribution for each frame.

    CTC takes the labels of frames as independent. A transducer gives p(label | image, labels before it), a language
    model included. As R of a GAN that is a risk: what the prediction network expects, it reads even where the letter is
    bad, and the generator then gets no gradient to write it better.

    Attributes:
      prediction_features: of the embeddings of labels, of the LSTM over them, and of the hidden layer of the joint.
      max_symbols_per_frame: limit of decoding.

    References:
      Graves, Sequence Transduction with Recurrent Neural Networks, 2012, https://arxiv.org/abs/1211.3711; with the
      joint network of Graves et al., Speech Recognition with Deep Recurrent Neural Networks, 2013,
      https://arxiv.org/abs/1303.5778

    Raises:
      ValueError: `max_symbols_per_frame` is below 1.
    """

    prediction_features: int = 128
    max_symbols_per_frame: int = 4

    loss_name: ClassVar[str] = "transducer"

    def __post_init__(self):
        if self.max_symbols_per_frame < 1:
            raise ValueError(f"max_symbols_per_frame={self.max_symbols_per_frame} must be at least 1")
        super().__post_init__()

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 1"], widths: Int[Array, " b"], *, train: bool) -> RecognizerOutput:
        states, lengths = self.encode(image, widths, train=train)
        if self.is_initializing():
            self._predictor(name="predictor")(states, jnp.zeros((len(image), 1), jnp.int32))
        return RecognizerOutput(None, lengths, states)

    @nn.nowrap
    def loss(
        self, variables: Any, output: RecognizerOutput, labels: Int[Array, "b t"], label_lengths: Int[Array, " b"]
    ) -> Float[Array, " b"]:
        """-log p(labels | images) in nats a word; 0 where `can_align` is False."""
        logits = self.predict(variables, output.states, labels)
        return transducer(logits, output.lengths, labels, label_lengths)

    @nn.nowrap
    def can_align(
        self, num_frames: Int[Array, " b"], labels: Int[Array, "b t"], label_lengths: Int[Array, " b"]
    ) -> Bool[Array, " b"]:
        """Whether so many frames can be read as these labels: one can be read as any number of them."""
        del labels, label_lengths
        return num_frames > 0

    @nn.nowrap
    def decode(self, variables: Any, output: RecognizerOutput) -> Int[Array, "b n"]:
        """The labels that are read, greedily: in their order, with zeros anywhere between them.

        Each row takes the most probable label until that is the blank, or `max_symbols_per_frame` labels were taken;
        then it goes to its next frame.
        """
        states, num_frames = output.states, output.lengths
        rows, limit = jnp.arange(len(states)), self.max_symbols_per_frame
        columns = states.shape[1] * limit

        def unfinished(carry):
            return (carry[0] < num_frames).any()

        def step(carry):
            frames, counts, (memory, prediction), labels = carry
            now = states[rows, jnp.minimum(frames, states.shape[1] - 1)]
            best = self.predict(variables, now, prediction, method="join").argmax(axis=-1)
            taken = (best != 0) & (frames < num_frames) & (counts < limit)
            places = jnp.where(taken, frames * limit + counts, columns)  # one outside of the array is not written
            labels = labels.at[rows, places].set(best.astype(jnp.int32), mode="drop")
            after = self.predict(variables, memory, best, method="advance")
            memory, prediction = jax.tree.map(
                lambda new, old: jnp.where(taken[:, None], new, old), after, (memory, prediction)
            )
            return frames + ~taken, jnp.where(taken, counts + 1, 0), (memory, prediction), labels

        zeros = jnp.zeros(len(states), jnp.int32)
        start = self.predict(variables, len(states), method="start")
        first = zeros, zeros, start, jnp.zeros((len(states), columns), jnp.int32)
        return jax.lax.while_loop(unfinished, step, first)[3]

    @nn.nowrap
    def predict(self, variables: Any, *inputs: Any, method: str = "__call__") -> Any:
        """A method of the `LabelPredictor`, given the variables of the whole module."""
        return self._predictor(parent=None).apply({"params": variables["params"]["predictor"]}, *inputs, method=method)

    @nn.nowrap
    def _predictor(self, **place: Any) -> LabelPredictor:
        return LabelPredictor(
            self.num_labels,
            embedding_features=self.prediction_features,
            lstm_features=self.prediction_features,
            joint_features=self.prediction_features,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            **place,
        )
