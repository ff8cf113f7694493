"""Everything that training changes, in one struct."""

import dataclasses
import hashlib
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from hwgan.matching import matched_features, start_means
from hwgan.models import Networks

WRITING_NETWORKS = ("language_model", "generator")  # which learn as one
NETWORK_NAMES = (*WRITING_NETWORKS, "discriminator", "recognizer", "identifier")


class NetworkState(flax.struct.PyTreeNode):
    """One network.

    Attributes:
      params: trained by its optimizer.
      collections: the rest: batch statistics, spectral vectors.
      opt_state: of its optimizer.
    """

    params: Any
    collections: Any
    opt_state: Any

    @property
    def variables(self) -> dict[str, Any]:
        """What `apply` takes."""
        return {"params": self.params, **self.collections}

    def apply_gradients(self, gradients: Any, optimizer: optax.GradientTransformation) -> "NetworkState":
        """One optimizer step."""
        updates, opt_state = optimizer.update(gradients, self.opt_state, self.params)
        return self.replace(params=optax.apply_updates(self.params, updates), opt_state=opt_state)


class TrainState(flax.struct.PyTreeNode):
    """The state of a run.

    Attributes:
      step: number of finished steps.
      ema: moving averages of the parameters of the generator and its language model, what is sampled from; and
        "means" of features, where they are matched.
      onlooker: the recognizer that does not learn here; None where a run has none.
    """

    step: Any  # an int32 scalar
    language_model: NetworkState
    generator: NetworkState
    discriminator: NetworkState
    recognizer: NetworkState
    identifier: NetworkState  # empty where a run has none
    ema: dict[str, Any]
    onlooker: NetworkState | None = None


@dataclasses.dataclass(frozen=True)
class Optimizers:
    """One a network."""

    language_model: optax.GradientTransformation
    generator: optax.GradientTransformation
    discriminator: optax.GradientTransformation
    recognizer: optax.GradientTransformation
    identifier: optax.GradientTransformation


def create_train_state(
    networks: Networks,
    optimizers: Optimizers,
    key: jax.Array,
    *,
    image_shape: tuple[int, int],
    max_length: int,
    matches_features: bool = False,
    matches_letters: bool = False,
) -> TrainState:
    """A fresh state; to be called under `jit`, so that it is born where it is to live.

    Args:
      networks: the modules.
      optimizers: their optimizers.
      key: for the initial parameters.
      image_shape: height and width of a batch of real images.
      max_length: of a text.
      matches_features: whether means of features are followed.
      matches_letters: whether those of letters are, too.
    """
    keys = dict(zip(NETWORK_NAMES, jax.random.split(key, len(NETWORK_NAMES)), strict=True))
    labels, lengths = jnp.ones((1, max_length), jnp.int32), jnp.full((1,), max_length, jnp.int32)
    image, widths = jnp.ones((1, *image_shape, 1)), jnp.full((1,), image_shape[1], jnp.int32)

    text, language_variables = networks.language_model.init_with_output(keys["language_model"], labels, lengths)
    z = jnp.zeros((1, networks.z_dim))
    layout = networks.layout(labels, lengths, z, image_shape[1])
    variables = {
        "language_model": language_variables,
        "generator": networks.generator.init(keys["generator"], z, text, layout, train=True),
        "recognizer": networks.recognizer.init(keys["recognizer"], image, widths, train=True),
        "identifier": networks.identifier.init(keys["identifier"], image, widths, train=True),
    }
    shown = networks.shown_to_discriminator(variables, image, widths, labels, lengths)
    variables["discriminator"] = networks.discriminator.init(keys["discriminator"], image, widths, *shown, train=True)
    onlooker = None
    if networks.onlooker is not None:
        collections = dict(networks.onlooker.init(key, image, widths, train=True))
        onlooker = NetworkState(collections.pop("params"), collections, opt_state=())
    features = {}
    if matches_features:
        readers = variables["recognizer"], variables["identifier"]
        views = (
            networks.readers_view(*readers, image, widths),
            networks.onlookers_view(onlooker and onlooker.variables, image, widths),
        )
        features = matched_features(*views, labels, lengths, matches_letters)
    states = {}
    for name, collections in variables.items():
        params = collections.pop("params", {})  # a network that is none has none
        states[name] = NetworkState(params, collections, getattr(optimizers, name).init(params))
    # A copy: averages that alias the parameters could not be donated beside them.
    ema = {name: jax.tree.map(jnp.copy, states[name].params) for name in WRITING_NETWORKS}
    if matches_features:
        ema["means"] = start_means(features)
    return TrainState(step=jnp.zeros((), jnp.int32), ema=ema, onlooker=onlooker, **states)


def variables_digest(variables: Any) -> str:
    """A name for the numbers of networks: 16 hexadecimal digits over their names and values."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()[:16]
