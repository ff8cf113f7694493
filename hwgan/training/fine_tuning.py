"""Adapts the generator to one writer, by words whose texts are known: trains z and a small delta of parameters.

The weights stay as they are. What is trained are the writer's latent and the changes of `style_delta`, by Adam, against
the recognizer and the identifier that were trained with the generator.
"""

import dataclasses
import functools
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hwgan.data.charset import pad_labels
from hwgan.models.batch import WordFeatures
from hwgan.models.networks import Networks
from hwgan.models.optimizers import create_optimizer
from hwgan.models.state import NetworkState
from hwgan.runtime.progress import with_progress
from hwgan.sampling.style_delta import add_delta, tunable
from hwgan.sampling.style_encoder import EMPHASIS, EncodedWords, StyleEncoder
from hwgan.sampling.style_files import Style
from hwgan.training import losses
from hwgan.training.feature_matching import character_features

_CANVAS_STEP = 64  # pixels
_ANY_WIDTH = 2**20  # pixels
_MIN_VARIANCE = 1e-3  # of a feature


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """How a style is fine-tuned.

    Attributes:
      steps: of Adam.
      batch_size: generated words a step; half of them are the writer's own texts, half are others.
      learning_rate: at first; it falls to a tenth by a cosine.
      style_weight: of the distance between the identifier's mean output and the emphasised mean of the writer's words.
      character_weight: of the distances between the recognizer's mean states of each character.
      text_weight: of the recognizer's loss, in nats a character.
      decay: of the mean squared change of a parameter.
      seed: of the order of words.
    """

    steps: int = 120
    batch_size: int = 16
    learning_rate: float = 0.002
    b1: float = 0.9
    b2: float = 0.99
    clip_norm: float = 0.0
    warmup_steps: int = 10
    style_weight: float = 1.0
    character_weight: float = 1.0
    text_weight: float = 1.0
    decay: float = 1.0
    seed: int = 0

    @property
    def decay_steps(self) -> int:
        """Steps over which the learning rate falls; see `create_optimizer`."""
        return self.steps


class Targets(flax.struct.PyTreeNode):
    """What generated words are to have in common with the writer's.

    Attributes:
      style: the identifier's mean output over real words, emphasised.
      characters: the recognizer's mean states of each character of the alphabet in real words.
      variances: of the recognizer's states, over all characters of real words.
      weights: how many examples of each character real words have.
    """

    style: Float[Array, " s"]
    characters: Float[Array, "v d"]
    variances: Float[Array, " d"]
    weights: Float[Array, " v"]


class Texts(flax.struct.PyTreeNode):
    """Texts to generate, with z[:, 0] of each."""

    labels: Int[Array, "b t"]
    lengths: Int[Array, " b"]
    log_widths: Float[Array, " b"]


class Fixed(flax.struct.PyTreeNode):
    """What fine-tuning does not change."""

    generating: Any
    recognizer: Any
    identifier: Any
    targets: Targets


@functools.partial(jax.jit, static_argnums=0)
def _read(networks: Networks, recognizer: Any, image: Any, widths: Any) -> tuple[jax.Array, ...]:
    output = networks.recognizer.apply(recognizer, image, widths, train=False)
    return output.states, output.lengths, output.logits


def fine_tune(
    encoder: StyleEncoder, words: EncodedWords, style: Style, settings: FineTuning | None = None
) -> tuple[Style, list[float]]:
    """A style with a delta of the generator's parameters.

    Args:
      encoder: of styles for the generator.
      words: of the writer; their texts must be right.
      style: of the same words, from which tuning begins.
      settings: of the training; None for the defaults.

    Returns:
      The tuned style, and the objective at each step.
    """
    settings = settings or FineTuning()
    networks, variables = encoder.networks, encoder.sampler.variables
    fixed = Fixed(variables, encoder.recognizer, encoder.identifier, _targets(encoder, words))
    others = encoder.fit_texts(words)
    own_widths = np.concatenate([words.z[:, 0], np.full(len(others), style.z[0], np.float32)])
    texts = _texts(encoder, [*words.texts, *others], own_widths)
    canvas = _canvas_width(networks, texts, style)
    params = {
        "z": jnp.asarray(style.z[1:]),
        "delta": {name: jnp.zeros_like(leaf) for name, leaf in tunable(variables).items()},
    }
    state = NetworkState(params, {}, create_optimizer(settings).init(params))

    step = functools.partial(_step, networks=networks, settings=settings, canvas_width=canvas)
    values = []
    for rows in with_progress(_batches(len(words.texts), len(others), settings), "fine-tuning", "steps"):
        state, value = step(state, jax.tree.map(lambda array, rows=rows: array[rows], texts), fixed)
        values.append(value)
    tuned = jax.device_get(state.params)
    delta = {name: change.astype(np.float16) for name, change in tuned["delta"].items()}
    z = np.concatenate([style.z[:1], tuned["z"]])
    return dataclasses.replace(style, z=z, delta=delta), [float(value) for value in values]


@functools.partial(jax.jit, static_argnames=("networks", "settings", "canvas_width"))
def _step(
    state: NetworkState, part: Texts, fixed: Fixed, *, networks: Networks, settings: FineTuning, canvas_width: int
) -> tuple[NetworkState, Array]:
    """One step of Adam; returns the objective before it, too."""
    objective = functools.partial(_objective, networks=networks, settings=settings, canvas_width=canvas_width)
    value, gradients = jax.value_and_grad(objective)(state.params, part, fixed)
    return state.apply_gradients(gradients, create_optimizer(settings)), value


def _objective(
    params: dict[str, Any], part: Texts, fixed: Fixed, *, networks: Networks, settings: FineTuning, canvas_width: int
) -> Float[Array, ""]:
    """The weighted sum of the distances of generated words from the writer's; see `FineTuning`."""
    count = len(part.lengths)
    z = jnp.concatenate([part.log_widths[:, None], jnp.tile(params["z"][None], (count, 1))], axis=1)
    layout = networks.layout(part.labels, part.lengths, z, canvas_width)
    generating = add_delta(fixed.generating, params["delta"])
    image, _ = networks.generate(generating, z, part.labels, layout, train=False)
    read = networks.recognizer.apply(fixed.recognizer, image, layout.widths, train=False)
    nats = networks.recognizer.loss(fixed.recognizer, read, part.labels, part.lengths)
    style = networks.identifier.apply(fixed.identifier, image, layout.widths, train=False).style.mean(axis=0)
    targets = fixed.targets
    means, weights = _character_means(read.states, read.lengths, read.logits, part)
    counted = weights * (targets.weights > 0)
    errors = losses.mean_error(means, targets.characters, targets.variances[None])
    changes = jax.tree.leaves(params["delta"])
    squares, size = sum(jnp.square(change).sum() for change in changes), sum(change.size for change in changes)
    return (
        settings.style_weight * jnp.square(style - targets.style).mean()
        + settings.character_weight * (counted * errors).sum() / jnp.maximum(counted.sum(), 1e-6)
        + settings.text_weight * (nats / part.lengths).mean()
        + settings.decay * squares / size
    )


def _targets(encoder: StyleEncoder, words: EncodedWords) -> Targets:
    """The statistics of the writer's words."""
    texts = _texts(encoder, words.texts, words.z[:, 0])
    states, lengths, logits = map(jnp.asarray, encoder.apply(_read, encoder.recognizer, words.images))
    means, weights = _character_means(states, lengths, logits, texts)
    squares, _ = _character_means(jnp.square(states), lengths, logits, texts)
    shares = weights / jnp.maximum(weights.sum(), 1e-6)
    center = shares @ means
    variances = shares @ squares - jnp.square(center) + _MIN_VARIANCE
    style = EMPHASIS * words.z[:, 1:].mean(axis=0)
    return Targets(jnp.asarray(style), means, variances, weights)


def _character_means(
    states: Float[Array, "b f d"], num_frames: Int[Array, " b"], logits: Float[Array, "b f v1"], texts: Texts
) -> tuple[Float[Array, "v d"], Float[Array, " v"]]:
    """The mean state of the frames that emit each character, and how many frames these are."""
    nothing = jnp.zeros((len(num_frames), 0))
    features = WordFeatures(states, num_frames, nothing, logits)
    grouped = character_features(features, texts.labels, texts.lengths)["characters"]
    weights = grouped.weights.sum(axis=(0, 1))
    sums = jnp.einsum("bfv,bfd->vd", grouped.weights, grouped.vectors, precision=jax.lax.Precision.HIGHEST)
    return sums / jnp.maximum(weights, 1e-3)[:, None], weights


def _texts(encoder: StyleEncoder, texts: list[str], log_widths: np.ndarray) -> Texts:
    labels = [encoder.charset.encode(text) for text in texts]
    lengths = np.array([len(row) for row in labels], np.int32)
    return Texts(jnp.asarray(pad_labels(labels, int(lengths.max()))), jnp.asarray(lengths), jnp.asarray(log_widths))


def _canvas_width(networks: Networks, texts: Texts, style: Style) -> int:
    """Wide enough for all texts, so that one program is compiled."""
    z = jnp.tile(jnp.asarray(style.z)[None], (len(texts.lengths), 1)).at[:, 0].set(texts.log_widths)
    widest = int(networks.layout(texts.labels, texts.lengths, z, _ANY_WIDTH).widths.max())
    return networks.canvas_width or _CANVAS_STEP * -(-widest // _CANVAS_STEP)


def _batches(num_own: int, num_others: int, settings: FineTuning) -> list[np.ndarray]:
    """The rows of each step: half of them the writer's texts, each as often as any other, half other texts."""
    rng = np.random.default_rng(settings.seed)
    half = settings.batch_size // 2

    def rows(count: int, size: int) -> np.ndarray:
        needed = size * settings.steps
        return np.concatenate([rng.permutation(count) for _ in range(-(-needed // count))])[:needed].reshape(-1, size)

    own, others = rows(num_own, half), rows(num_others, settings.batch_size - half)
    return list(np.concatenate([own, num_own + others], axis=1))
