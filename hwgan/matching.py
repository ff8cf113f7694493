"""Feature matching: what the readers see in generated words is drawn, on average, to what they see in real ones.

A discriminator judges words one at a time, and a small difference that all of them share is lost beside what sets one
word apart from another. Means over many words show it.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from hwgan import losses
from hwgan.models.discriminator import ReadersView
from hwgan.models.layers import mean_inside

Means = dict[str, dict[str, jax.Array]]

_MEMORY = 100.0  # batches, or parts of them (`accumulate`), that the running means look back on
_LEAST_VARIANCE = 1e-3  # of features that hardly vary, as a unit that is silent for most letters


def word_features(seen: ReadersView) -> dict[str, Float[Array, "b d"]]:
    """Of each word, by their name: the mean of its frames' states, and the hand where there is an identifier."""
    reading = mean_inside(seen.states.astype(jnp.float32), seen.lengths)
    return {"reading": reading} | ({"hand": seen.hand} if seen.hand.shape[1] else {})


def start_means(features: dict[str, Float[Array, "b d"]]) -> Means:
    """Running means of nothing yet, for features of this size."""
    means: Means = {
        kind: {name: jnp.zeros(rows.shape[1]) for name, rows in features.items()}
        for kind in ("real", "real_square", "generated")
    }
    return means | {"batches": {"seen": jnp.zeros(())}}


def follow_real(means: Means, features: dict[str, Float[Array, "b d"]]) -> Means:
    """The means once these real words are in them, all of which count."""
    seen = means["batches"]["seen"] + 1.0
    share = _share_of_newest(seen)
    square = {name: jnp.square(rows) for name, rows in features.items()}
    return means | {
        "real": _follow(means["real"], features, share),
        "real_square": _follow(means["real_square"], square, share),
        "batches": {"seen": seen},
    }


def match(
    means: Means, features: dict[str, Float[Array, "b d"]], counts: Bool[Array, " b"]
) -> tuple[Float[Array, ""], Means]:
    """How far generated words are from real ones on average, and the means once these are in them.

    The value is that of the running means; its gradient reaches the words at hand, as if all in the mean moved with
    them.

    Args:
      means: in which real words of this step are already.
      features: of generated words.
      counts: which of them do; if none does, the running means stay.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, https://arxiv.org/abs/1606.03498, section 3.1: here
      with the readers in the place of the discriminator, and running means in that of the batch's.
    """
    share = jnp.where(counts.any(), _share_of_newest(means["batches"]["seen"]), 0.0)
    errors, generated = [], {}
    for name, rows in features.items():
        now = losses.mean_where(rows, counts)
        before = means["generated"][name]
        generated[name] = jax.lax.stop_gradient(before + share * (now - before))
        mean = generated[name] + now - jax.lax.stop_gradient(now)
        real = means["real"][name]
        variance = jnp.maximum(means["real_square"][name] - jnp.square(real), 0.0) + _LEAST_VARIANCE
        errors.append(losses.mean_error(mean, real, variance))
    return jnp.stack(errors).mean(), means | {"generated": generated}


def _share_of_newest(batches: jax.Array) -> jax.Array:
    """Of the last of so many batches: all have one share until there are more than are remembered."""
    return 1.0 / jnp.clip(batches, 1.0, _MEMORY)


def _follow(means: dict[str, jax.Array], features: dict[str, jax.Array], share: jax.Array) -> dict[str, jax.Array]:
    return {name: mean + share * (features[name].mean(axis=0) - mean) for name, mean in means.items()}
