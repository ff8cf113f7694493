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
from jaxtyping import Array, Float

from hwgan.models.networks import Networks
from hwgan.models.optimizers import create_optimizer
from hwgan.models.state import NetworkState
from hwgan.runtime.progress import with_progress
from hwgan.sampling.style_delta import add_delta, check_delta, tunable
from hwgan.sampling.style_encoder import EMPHASIS, EncodedWords, StyleEncoder
from hwgan.sampling.style_files import Style
from hwgan.training import losses
from hwgan.training.character_means import CharacterMeans, Texts, character_images, character_means, character_occupancy

_MIN_VARIANCE = 1e-3  # of a feature


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """How a style is fine-tuned; the weights were chosen on validation writers of Copiste (experiments/style).

    Attributes:
      steps: of Adam.
      batch_size: generated words a step; half of them are the writer's own texts, half are others.
      learning_rate: at its highest: it rises over `warmup_steps` and falls to a tenth by a cosine.
      b1: of Adam.
      b2: of Adam.
      clip_norm: of the gradients; 0 for no limit.
      warmup_steps: of the learning rate.
      style_weight: of the distance between the identifier's mean output and the emphasised mean of the writer's words.
      character_weight: of the distances between the recognizer's mean states of each character.
      shape_weight: of the distances between the mean images of each character.
      text_weight: of the recognizer's loss, in nats a character.
      decay: of the mean squared change of a parameter.
      seed: of the order of words.
    """

    steps: int = 100
    batch_size: int = 16
    learning_rate: float = 0.004
    b1: float = 0.9
    b2: float = 0.99
    clip_norm: float = 0.0
    warmup_steps: int = 10
    style_weight: float = 4.0
    character_weight: float = 1.0
    shape_weight: float = 3.0
    text_weight: float = 1.0
    decay: float = 1.0
    seed: int = 0

    @property
    def decay_steps(self) -> int:
        """Steps over which the learning rate falls; see `create_optimizer`."""
        return self.steps


@dataclasses.dataclass(frozen=True)
class _Setup:
    """What is the same in every step: modules, settings, pixels of the generated images."""

    networks: Networks
    settings: FineTuning
    canvas_width: int


class _Fixed(flax.struct.PyTreeNode):
    """What fine-tuning does not change.

    Attributes:
      generating: variables of language model and generator.
      recognizer: its variables.
      identifier: its variables.
      style: float32 [s], the identifier's mean output over the writer's words, emphasised.
      characters: of the writer's words.
      variances: over all characters of the writer's words, of each state, and mean over the pixels of images; the same
        for each character.
    """

    generating: Any
    recognizer: Any
    identifier: Any
    style: Any
    characters: CharacterMeans
    variances: CharacterMeans


@functools.partial(jax.jit, static_argnums=0)
def _read(networks: Networks, recognizer: Any, image: Any, widths: Any) -> tuple[jax.Array, ...]:
    output = networks.recognizer.apply(recognizer, image, widths, train=False)
    return output.states, output.lengths, output.logits, character_images(image, networks.recognizer.frame_width)


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

    Raises:
      UserError: it has left the range of styles, as where the objective is not finite.
    """
    settings = settings or FineTuning()
    others = encoder.fit_texts(words)
    widths_of_others = np.full(len(others), style.z[0], np.float32)
    all_texts = [*words.texts, *others]
    texts = _texts(encoder, all_texts, np.concatenate([words.z[:, 0], widths_of_others]))
    compiled = dataclasses.replace(settings, seed=0)  # one program for all seeds
    z = jnp.tile(jnp.asarray(style.z)[None], (len(texts.lengths), 1)).at[:, 0].set(texts.log_widths)
    # Wide enough for all texts, so that one program is compiled.
    sampler = encoder.sampler
    setup = _Setup(encoder.networks, compiled, sampler.canvas_width(int(sampler.widths(all_texts, z).max())))
    fixed = _writer(encoder, words)
    changes = {name: jnp.zeros_like(leaf) for name, leaf in tunable(fixed.generating).items()}
    params = {"z": jnp.asarray(style.z[1:]), "delta": changes}
    state = NetworkState(params, {}, create_optimizer(settings).init(params))
    values = []
    for rows in with_progress(_batches(len(words.texts), len(others), settings), "fine-tuning", "steps"):
        state, value = _step(setup, state, jax.tree.map(lambda array, rows=rows: array[rows], texts), fixed)
        values.append(value)
    tuned = jax.device_get(state.params)
    delta = {name: change.astype(np.float16) for name, change in tuned["delta"].items()}
    tuned_z = np.concatenate([style.z[:1], tuned["z"]])
    sampler.check_style(tuned_z, "the fine-tuned style")
    check_delta(delta, sampler.variables, "the fine-tuned style")
    return dataclasses.replace(style, z=tuned_z, delta=delta), [float(value) for value in values]


@functools.partial(jax.jit, static_argnums=0)
def _step(setup: _Setup, state: NetworkState, texts: Texts, fixed: _Fixed) -> tuple[NetworkState, Array]:
    """One step of Adam; returns the objective before it, too."""
    value, gradients = jax.value_and_grad(_objective)(state.params, setup, texts, fixed)
    return state.apply_gradients(gradients, create_optimizer(setup.settings)), value


def _objective(params: dict[str, Any], setup: _Setup, texts: Texts, fixed: _Fixed) -> Float[Array, ""]:
    """The weighted sum of the distances of generated words from the writer's; see `FineTuning`."""
    networks, settings = setup.networks, setup.settings
    z = jnp.tile(params["z"][None], (len(texts.lengths), 1))
    z = jnp.concatenate([texts.log_widths[:, None], z], axis=1)
    layout = networks.layout(texts.labels, texts.lengths, z, setup.canvas_width)
    generating = add_delta(fixed.generating, params["delta"])
    image, _ = networks.generate(generating, z, texts.labels, layout, train=False)
    read = networks.recognizer.apply(fixed.recognizer, image, layout.widths, train=False)
    nats = networks.recognizer.loss(fixed.recognizer, read, texts.labels, texts.lengths)
    style = networks.identifier.apply(fixed.identifier, image, layout.widths, train=False).style.mean(axis=0)
    occupancy = character_occupancy(read.states, read.lengths, read.logits, texts)
    shapes = character_images(image, networks.recognizer.frame_width)
    characters, real = character_means(read.states, shapes, occupancy), fixed.characters
    counted = characters.weights * (real.weights > 0)
    shares = counted / jnp.maximum(counted.sum(), 1e-6)
    state_errors = losses.mean_error(characters.states, real.states, fixed.variances.states)
    shape_errors = losses.mean_error(characters.shapes, real.shapes, fixed.variances.shapes)
    changes = jnp.concatenate([change.ravel() for change in jax.tree.leaves(params["delta"])])
    return (
        settings.style_weight * jnp.square(style - fixed.style).mean()
        + settings.character_weight * (shares * state_errors).sum()
        + settings.shape_weight * (shares * shape_errors).sum()
        + settings.text_weight * (nats / texts.lengths).mean()
        + settings.decay * jnp.square(changes).mean()
    )


def _writer(encoder: StyleEncoder, words: EncodedWords) -> _Fixed:
    """The variables of the networks, and the statistics of the writer's words."""
    texts = _texts(encoder, words.texts, words.z[:, 0])
    states, lengths, logits, shapes = map(jnp.asarray, encoder.apply(_read, encoder.recognizer, words.images))
    occupancy = character_occupancy(states, lengths, logits, texts)
    characters = character_means(states, shapes, occupancy)
    squares = character_means(jnp.square(states), jnp.square(shapes), occupancy)
    shares = characters.weights / jnp.maximum(characters.weights.sum(), 1e-6)

    def variances(squares: Float[Array, "v d"], means: Float[Array, "v d"]) -> Float[Array, " d"]:
        return jnp.maximum(shares @ squares - jnp.square(shares @ means), 0.0) + _MIN_VARIANCE

    state_variances = variances(squares.states, characters.states)
    shape_variance = variances(squares.shapes, characters.shapes).mean()
    return _Fixed(
        encoder.sampler.variables,
        encoder.recognizer,
        encoder.identifier,
        jnp.asarray(EMPHASIS * words.z[:, 1:].mean(axis=0)),
        characters,
        CharacterMeans(
            jnp.broadcast_to(state_variances, characters.states.shape),
            jnp.full_like(characters.shapes, shape_variance),
            characters.weights,
        ),
    )


def _texts(encoder: StyleEncoder, texts: list[str], log_widths: np.ndarray) -> Texts:
    labels, lengths = encoder.charset.encode_batch(texts)
    return Texts(jnp.asarray(labels), jnp.asarray(lengths), jnp.asarray(log_widths))


def _batches(num_own: int, num_others: int, settings: FineTuning) -> list[np.ndarray]:
    """The rows of each step: half of them the writer's texts, each as often as any other, half other texts."""
    rng = np.random.default_rng(settings.seed)

    def rows(count: int, size: int) -> np.ndarray:
        needed = size * settings.steps
        return np.concatenate([rng.permutation(count) for _ in range(-(-needed // count))])[:needed].reshape(-1, size)

    half = settings.batch_size // 2
    own, others = rows(num_own, half), rows(num_others, settings.batch_size - half)
    return list(np.concatenate([own, num_own + others], axis=1))
