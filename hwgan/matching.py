"""Feature matching: what the readers see in generated words is drawn, on average, to what they see in real ones.

A discriminator judges words one at a time, and a small difference that all of them share is lost beside what sets one
word apart from another. Means over many words show it. Those over many "e", over many "e" between "d" and the end of a
word, and over many "de" show what is lost in the mean over all words, where what "e" has too little of another letter
may have too much of.
"""

import dataclasses

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from hwgan import losses
from hwgan.models.discriminator import ReadersView
from hwgan.models.layers import mean_inside

Means = dict[str, dict[str, jax.Array]]

_MEMORY = 300.0  # batches, or parts of them (`accumulate`), that the running means look back on
_LEAST_VARIANCE = 1e-3  # of features that hardly vary
_FEW = 20.0  # of a letter, looked back on: its mean is noise as much as anything, and counts half
_BUCKET_BITS = 12  # more buckets than texts that are met often enough to have a mean: sharing one does little harm


@flax.struct.dataclass
class Features:
    """What is seen at some places of each word, how much each counts, and in the mean of which of `num_groups`."""

    rows: Float[Array, "b places d"]
    weights: Float[Array, "b places"]
    groups: Int[Array, "b places"]
    num_groups: int = flax.struct.field(pytree_node=False)


def word_features(seen: ReadersView) -> dict[str, Features]:
    """Of each word, by their name: the mean of its frames' states, and the hand where there is an identifier."""
    reading = _mean_state(seen)
    rows = {"reading": reading} | ({"hand": seen.hand} if seen.hand.shape[1] else {})
    all_in_one = jnp.zeros((len(reading), 1), jnp.int32)
    return {name: Features(row[:, None], jnp.ones(all_in_one.shape), all_in_one, 1) for name, row in rows.items()}


def text_features(seen: ReadersView, labels: Int[Array, "b t"], label_lengths: Int[Array, " b"]) -> dict[str, Features]:
    """The same states by what they are to say, so that each letter and each frequent word has a mean of its own.

    Where a letter is, is what the recognizer thinks when it is told the text, so that those it cannot read count too.

    Args:
      seen: in words.
      labels: what they are to say, padded with 0.
      label_lengths: of that.

    Returns:
      `letters`, each the mean of its frames; `contexts`, the same, but a letter between other neighbours is another;
      and `texts`, the mean over all frames of the word.
    """
    where = losses.ctc_alignment(seen.logits, seen.lengths, labels, label_lengths)
    frames = where.sum(axis=1)
    states = jnp.einsum("bft,bfd->btd", where, seen.states, precision=jax.lax.Precision.HIGHEST)
    letters = states / jnp.maximum(frames, 1e-6)[..., None]
    met = (frames > 0.0).astype(jnp.float32)
    around = jnp.pad(labels, ((0, 0), (1, 1)))
    contexts = _buckets(jnp.stack([around[:, :-2], labels, around[:, 2:]], axis=2))
    text = _mean_state(seen)[:, None]
    return {
        "letters": Features(letters, met, labels, seen.logits.shape[-1]),
        "contexts": Features(letters, met, contexts, 2**_BUCKET_BITS),
        "texts": Features(text, jnp.ones((len(text), 1)), _buckets(labels)[:, None], 2**_BUCKET_BITS),
    }


def matched_features(
    seen: ReadersView, labels: Int[Array, "b t"], label_lengths: Int[Array, " b"], texts: bool
) -> dict[str, Features]:
    """`word_features`, and with `texts` the `text_features`."""
    return word_features(seen) | (text_features(seen, labels, label_lengths) if texts else {})


def start_means(features: dict[str, Features]) -> Means:
    """Running means of nothing yet, for features of this size."""
    means: Means = {"batches": {"seen": jnp.zeros(())}}
    for name, of_words in features.items():
        groups, size = of_words.num_groups, of_words.rows.shape[-1]
        sums = {kind: jnp.zeros((groups, size)) for kind in ("real", "real_square", "generated")}
        means[name] = sums | {kind: jnp.zeros(groups) for kind in ("real_weight", "generated_weight")}
    return means


def follow_real(means: Means, features: dict[str, Features]) -> Means:
    """The means once these real words are in them, all of which count."""
    seen = means["batches"]["seen"] + 1.0
    share = _share_of_newest(seen)
    after = means | {"batches": {"seen": seen}}
    for name, of_words in features.items():
        now = {
            "real": _sums(of_words, of_words.rows),
            "real_square": _sums(of_words, jnp.square(of_words.rows)),
            "real_weight": _weights(of_words),
        }
        after[name] = means[name] | {kind: _follow(means[name][kind], value, share) for kind, value in now.items()}
    return after


def match(
    means: Means, features: dict[str, Features], counts: Bool[Array, " b"]
) -> tuple[dict[str, Float[Array, ""]], Means]:
    """How far generated words are from real ones on average, by feature, and the means once these are in them.

    The values are those of the running means, groups counted by how often they are in real words, rare ones less; their
    gradients reach the words at hand, as if all in the mean moved with them.

    Args:
      means: in which real words of this step are already.
      features: of generated words.
      counts: which of them do; if none does, the running means stay.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, https://arxiv.org/abs/1606.03498, section 3.1: here
      with the readers in the place of the discriminator, and running means in that of the batch's.
    """
    newest = _share_of_newest(means["batches"]["seen"])
    share = jnp.where(counts.any(), newest, 0.0)
    errors, after = {}, dict(means)
    for name, of_words in features.items():
        old = means[name]
        counted = dataclasses.replace(of_words, weights=of_words.weights * counts[:, None])
        now = _sums(counted, counted.rows)
        sums = jax.lax.stop_gradient(_follow(old["generated"], now, share))
        weight = _follow(old["generated_weight"], _weights(counted), share)
        after[name] = old | {"generated": sums, "generated_weight": weight}
        moving = _mean(sums + now - jax.lax.stop_gradient(now), weight)
        real = _mean(old["real"], old["real_weight"])
        # Within groups, all together: the variance of one that was met twice is noise.
        around = old["real_square"].sum(axis=0) - (old["real_weight"][:, None] * jnp.square(real)).sum(axis=0)
        spread = jnp.maximum(around / jnp.maximum(old["real_weight"].sum(), 1e-6), 0.0) + _LEAST_VARIANCE
        distances = losses.mean_error(moving, real, spread)
        remembered = jnp.minimum(weight, old["real_weight"]) / newest
        trust = old["real_weight"] * remembered / (remembered + _FEW)
        errors[name] = (distances * trust).sum() / jnp.maximum(trust.sum(), 1e-6)
    return errors, after


def _share_of_newest(batches: jax.Array) -> jax.Array:
    """Of the last of so many batches: all have one share until there are more than are remembered."""
    return 1.0 / jnp.clip(batches, 1.0, _MEMORY)


def _mean_state(seen: ReadersView) -> Float[Array, "b d"]:
    return mean_inside(seen.states.astype(jnp.float32), seen.lengths)


def _buckets(labels: Int[Array, "*b n"]) -> Int[Array, "*b"]:
    """In which of 2^12 groups each sequence of labels is, equal ones in the same."""
    mixed = jnp.zeros(labels.shape[:-1], jnp.uint32)
    for place in range(labels.shape[-1]):
        mixed = mixed * jnp.uint32(0x9E3779B1) + labels[..., place].astype(jnp.uint32)
    return ((mixed ^ (mixed >> 15)) * jnp.uint32(0x85EBCA6B) >> (32 - _BUCKET_BITS)).astype(jnp.int32)


def _sums(of_words: Features, rows: Float[Array, "b places d"]) -> Float[Array, "groups d"]:
    weighted = rows * of_words.weights[..., None]
    flat = weighted.reshape(-1, rows.shape[-1])
    return jax.ops.segment_sum(flat, of_words.groups.reshape(-1), of_words.num_groups)


def _weights(of_words: Features) -> Float[Array, " groups"]:
    return jax.ops.segment_sum(of_words.weights.reshape(-1), of_words.groups.reshape(-1), of_words.num_groups)


def _mean(sums: Float[Array, "groups d"], weight: Float[Array, " groups"]) -> Float[Array, "groups d"]:
    return sums / jnp.maximum(weight, 1e-6)[:, None]  # 0 where nothing was seen


def _follow(before: jax.Array, now: jax.Array, share: jax.Array) -> jax.Array:
    return before + share * (now - before)
