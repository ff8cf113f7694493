"""Styles: the latent z of a writer, encoded from real words or drawn from the prior."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from hwgan.models.batch import FakeTexts, RealWords
from hwgan.models.networks import Networks
from hwgan.models.state import NetworkState


class Styles(flax.struct.PyTreeNode):
    """One style for each text of a batch.

    Attributes:
      z: float32 [b, z], the latent; z[:, 0] is the log width ratio in units of `log_width_std` where the generator has
        widths of its own, else 0 if encoded and N(0, 1) if drawn.
      from_prior: bool [b], whether z was drawn from N(0, I), and not encoded from a real word.
    """

    z: Any
    from_prior: Any


def prior_rows(count: int) -> Bool[np.ndarray, " count"]:
    """Which rows of a batch get a style from the prior: the first half; the others get that of their real word.

    Halves and not alternate rows, because gradient accumulation assigns rows to parts in turn.
    """
    return np.arange(count) < count / 2


def encode_styles(networks: Networks, identifier: NetworkState, words: RealWords) -> Float[Array, "b z"]:
    """The style of each real word: 0 for the log width ratio, then the identifier's output.

    Args:
      networks: with an identifier.
      identifier: its state.
      words: whose styles are encoded.
    """
    widths = networks.input_widths(words)
    encoded = networks.identifier.apply(identifier.variables, words.image, widths, train=False).style
    return jnp.concatenate([jnp.zeros((encoded.shape[0], 1)), encoded], axis=1)


def sample_styles(
    networks: Networks,
    texts: FakeTexts,
    encoded: Float[Array, "b z"] | None,
    key: jax.Array,
    temperature: float = 1.0,
    without_style: Bool[Array, " b"] | None = None,
) -> Styles:
    """Draws z ~ N(0, I) for the first half of the rows and takes encoded styles for the second.

    Args:
      networks: for the size of z.
      texts: to be generated. Those of random characters get z, drawn or encoded, times `temperature`; `log_widths`,
        which come with the texts so that each fits its canvas, replace z[:, 0].
      encoded: styles of the real words of the batch (`encode_styles`); None draws all from the prior.
      key: of the draws from the prior.
      temperature: factor on z of random texts; 1 changes nothing.
      without_style: rows whose real word has no style to encode, so that z is drawn for them too; None for none.
    """
    count = texts.labels.shape[0]
    z, from_prior = jax.random.normal(key, (count, networks.z_dim)), jnp.ones(count, bool)
    if encoded is not None:
        from_prior = jnp.array(prior_rows(count))
        from_prior = from_prior if without_style is None else from_prior | without_style
        z = jnp.where(from_prior[:, None], z, encoded)
    if texts.is_random is not None:
        z = jnp.where(texts.is_random[:, None], temperature * z, z)
    if texts.log_widths is not None:
        z = z.at[:, 0].set(texts.log_widths)
    return Styles(z, from_prior)
