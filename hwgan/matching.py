"""Feature matching: what the readers see in generated words is drawn, on average, to what they see in real ones.

A discriminator judges words one at a time, and a small difference that all of them share is lost beside what sets one
word apart from another. Means over many words show it; and means over many "e" show what is lost in those over words,
where what "e" has too little of another letter may have too much of.

The run's own recognizer is a poor witness after a while: the generator has learned what it looks for. So an onlooker,
a recognizer trained apart that takes no other part, may be asked as well.
"""

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan import losses
from hwgan.models.discriminator import ReadersView
from hwgan.models.layers import mean_inside

Means = dict[str, dict[str, jax.Array]]

_MEMORY = 300.0  # batches, or parts of them (`accumulate`), that the running means look back on
_LEAST_VARIANCE = 1e-3  # of features that hardly vary, as a unit that is silent for most letters
_FEW = 20.0  # of a letter, looked back on: its mean is noise as much as anything, and counts half


@flax.struct.dataclass
class Features:
    """What is seen at some places of each word, and in which group's mean each of them counts how much."""

    rows: Float[Array, "b places d"]
    weights: Float[Array, "b places groups"]


def word_features(seen: ReadersView, by_onlooker: ReadersView | None = None) -> dict[str, Features]:
    """Of each word, by their name: the mean of its frames' states, and the hand where there is an identifier."""
    rows = {"reading": _of_frames(seen)} | ({"hand": seen.hand} if seen.hand.shape[1] else {})
    if by_onlooker is not None:
        rows["onlooking"] = _of_frames(by_onlooker)
    once = jnp.ones((len(seen.lengths), 1, 1))
    return {name: Features(row[:, None], once) for name, row in rows.items()}


def letter_features(
    seen: ReadersView, by_onlooker: ReadersView | None, labels: Int[Array, "b t"], label_lengths: Int[Array, " b"]
) -> dict[str, Features]:
    """The states of the frames where each letter of the alphabet is read: all "e", and all "m", have a mean of theirs.

    Where is what the recognizer thinks when it is told the text, so that letters it cannot read count as well.

    Args:
      seen: in words.
      by_onlooker: in the same words, where there is an onlooker.
      labels: what they are to say, padded with 0.
      label_lengths: of that.
    """
    views = {"letters": seen} | ({} if by_onlooker is None else {"onlookers_letters": by_onlooker})
    where = {
        name: losses.ctc_occupancy(view.logits, view.lengths, labels, label_lengths) for name, view in views.items()
    }
    return {name: Features(view.states.astype(jnp.float32), where[name][..., 1:]) for name, view in views.items()}


def matched_features(
    seen: ReadersView,
    by_onlooker: ReadersView | None,
    labels: Int[Array, "b t"],
    label_lengths: Int[Array, " b"],
    letters: bool,
) -> dict[str, Features]:
    """`word_features`, and with `letters` the `letter_features`."""
    of_letters = letter_features(seen, by_onlooker, labels, label_lengths) if letters else {}
    return word_features(seen, by_onlooker) | of_letters


def start_means(features: dict[str, Features]) -> Means:
    """Running means of nothing yet, for features of this size."""
    means: Means = {"batches": {"seen": jnp.zeros(())}}
    for name, of_words in features.items():
        groups, size = of_words.weights.shape[-1], of_words.rows.shape[-1]
        sums = {kind: jnp.zeros((groups, size)) for kind in ("real", "real_square", "generated")}
        means[name] = sums | {kind: jnp.zeros(groups) for kind in ("real_weight", "generated_weight")}
    return means


def follow_real(means: Means, features: dict[str, Features], counts: Float[Array, " b"]) -> Means:
    """The means once these real words are in them, each of which counts so much."""
    seen = means["batches"]["seen"] + 1.0
    share = _share_of_newest(seen)
    after = means | {"batches": {"seen": seen}}
    for name, of_words in features.items():
        weights = of_words.weights * counts[:, None, None]
        now = {
            "real": _sums(weights, of_words.rows),
            "real_square": _sums(weights, jnp.square(of_words.rows)),
            "real_weight": weights.sum(axis=(0, 1)),
        }
        after[name] = means[name] | {kind: _follow(means[name][kind], value, share) for kind, value in now.items()}
    return after


def match(
    means: Means, features: dict[str, Features], counts: Float[Array, " b"]
) -> tuple[dict[str, Float[Array, ""]], Means]:
    """How far generated words are from real ones on average, by feature, and the means once these are in them.

    The values are those of the running means, groups counted by how often they are in real words, rare ones less; their
    gradients reach the words at hand, as if all in the mean moved with them.

    Args:
      means: in which real words of this step are already.
      features: of generated words.
      counts: how much each of them does; if none does, the running means stay.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, https://arxiv.org/abs/1606.03498, section 3.1: here
      with the readers in the place of the discriminator, and running means in that of the batch's.
    """
    newest = _share_of_newest(means["batches"]["seen"])
    share = jnp.where(counts.any(), newest, 0.0)
    errors, after = {}, dict(means)
    for name, of_words in features.items():
        old = means[name]
        weights = of_words.weights * counts[:, None, None]
        now = _sums(weights, of_words.rows)
        sums = jax.lax.stop_gradient(_follow(old["generated"], now, share))
        weight = _follow(old["generated_weight"], weights.sum(axis=(0, 1)), share)
        after[name] = old | {"generated": sums, "generated_weight": weight}
        moving = _mean(sums + now - jax.lax.stop_gradient(now), weight)
        real = _mean(old["real"], old["real_weight"])
        spread = _mean(old["real_square"], old["real_weight"]) - jnp.square(real)
        distances = losses.mean_error(moving, real, jnp.maximum(spread, 0.0) + _LEAST_VARIANCE)
        remembered = jnp.minimum(weight, old["real_weight"]) / newest
        trust = old["real_weight"] * remembered / (remembered + _FEW)
        errors[name] = (distances * trust).sum() / jnp.maximum(trust.sum(), 1e-6)
    return errors, after


def _of_frames(seen: ReadersView) -> Float[Array, "b d"]:
    return mean_inside(seen.states.astype(jnp.float32), seen.lengths)


def _share_of_newest(batches: jax.Array) -> jax.Array:
    """Of the last of so many batches: all have one share until there are more than are remembered."""
    return 1.0 / jnp.clip(batches, 1.0, _MEMORY)


def _sums(weights: Float[Array, "b places groups"], rows: Float[Array, "b places d"]) -> Float[Array, "groups d"]:
    # Accelerators would round more than two means that are near each other differ by.
    return jnp.einsum("bpg,bpd->gd", weights, rows, precision=jax.lax.Precision.HIGHEST)


def _mean(sums: Float[Array, "groups d"], weight: Float[Array, " groups"]) -> Float[Array, "groups d"]:
    return sums / jnp.maximum(weight, 1e-6)[:, None]  # 0 where nothing was seen


def _follow(before: jax.Array, now: jax.Array, share: jax.Array) -> jax.Array:
    return before + share * (now - before)
