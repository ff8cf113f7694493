"""Everything that training changes, in one struct."""

import dataclasses
import hashlib
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int

from hwgan.models.feature_statistics import FeatureStatistics, init_feature_statistics
from hwgan.models.networks import Networks, at_places

GENERATING_NETWORKS = ("language_model", "generator")  # updated together, averaged in `ema`
NETWORK_NAMES = (*GENERATING_NETWORKS, "discriminator", "recognizer", "identifier")


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
      step: int32 scalar, finished steps.
      language_model: φ.
      generator: G.
      discriminator: D.
      recognizer: R.
      identifier: I; without parameters where a run has none.
      ema: exponential moving averages of the parameters of G and φ, by network; what is sampled from.
      feature_statistics: running moments for feature matching; None where nothing is matched.
    """

    step: Any
    language_model: NetworkState
    generator: NetworkState
    discriminator: NetworkState
    recognizer: NetworkState
    identifier: NetworkState
    ema: dict[str, Any]
    feature_statistics: FeatureStatistics | None = None

    @property
    def ema_variables(self) -> dict[str, Any]:
        """What to sample with, by network: averaged parameters, and the generator's running statistics."""
        return {name: {"params": self.ema[name], **getattr(self, name).collections} for name in GENERATING_NETWORKS}


@dataclasses.dataclass(frozen=True)
class Optimizers:
    """One a network."""

    language_model: optax.GradientTransformation
    generator: optax.GradientTransformation
    discriminator: optax.GradientTransformation
    recognizer: optax.GradientTransformation
    identifier: optax.GradientTransformation


@dataclasses.dataclass(frozen=True)
class StateShape:
    """Sizes that a fresh state depends on beside its networks.

    Attributes:
      image: height and width of a batch of real images, pixels.
      max_length: of a text, characters.
      feature_statistics: whether moments of features are kept.
      character_statistics: whether those of each character are kept, too.
    """

    image: tuple[int, int]
    max_length: int
    feature_statistics: bool = False
    character_statistics: bool = False


def create_train_state(networks: Networks, optimizers: Optimizers, key: jax.Array, shape: StateShape) -> TrainState:
    """A fresh state; to be called under `jit`, so that it is created with its sharding.

    Args:
      networks: the modules.
      optimizers: their optimizers.
      key: of the initial parameters.
      shape: sizes of inputs, and what is kept.
    """
    keys = dict(zip(NETWORK_NAMES, jax.random.split(key, len(NETWORK_NAMES)), strict=True))
    labels, lengths = jnp.ones((1, shape.max_length), jnp.int32), jnp.full((1,), shape.max_length, jnp.int32)
    image, widths = jnp.ones((1, *shape.image, 1)), jnp.full((1,), shape.image[1], jnp.int32)

    text, language_variables = networks.language_model.init_with_output(keys["language_model"], labels, lengths)
    z = jnp.zeros((1, networks.z_dim))
    layout = networks.layout(labels, lengths, z, shape.image[1])
    variables = {
        "language_model": language_variables,
        "generator": networks.generator.init(keys["generator"], z, at_places(text, layout), layout, train=True),
        "recognizer": networks.recognizer.init(keys["recognizer"], image, widths, train=True),
        "identifier": networks.identifier.init(keys["identifier"], image, widths, train=True),
    }
    inputs = variables["recognizer"], variables["identifier"], image, widths
    features = networks.discriminator_features(*inputs)
    variables["discriminator"] = networks.discriminator.init(keys["discriminator"], image, widths, features, train=True)
    statistics = None
    if shape.feature_statistics:
        features = networks.word_features(*inputs)
        statistics = init_feature_statistics(features, characters=shape.character_statistics)
    states = {}
    for name, collections in variables.items():
        params = collections.pop("params", {})  # a network without parameters has none
        states[name] = NetworkState(params, collections, getattr(optimizers, name).init(params))
    # A copy: averages that alias the parameters could not be donated beside them.
    ema = {name: jax.tree.map(jnp.copy, states[name].params) for name in GENERATING_NETWORKS}
    return TrainState(step=jnp.zeros((), jnp.int32), ema=ema, feature_statistics=statistics, **states)


def update_ema(ema: Any, params: Any, steps: Int[Array, ""], decay: float) -> Any:
    """An exponential moving average of parameters; it forgets faster at first, so that it is of use from early on.

    Args:
      ema: the average so far.
      params: of the same structure.
      steps: that it is of already.
      decay: the share of the average that stays, in the long run.
    """
    share = jnp.minimum(decay, (1.0 + steps) / (10.0 + steps))
    return jax.tree.map(lambda old, new: share * old + (1.0 - share) * new, ema, params)


def variables_digest(variables: Any) -> str:
    """A name for the numbers of networks: 16 hexadecimal digits over their names and values."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()[:16]
