"""Feature matching: the mean features of generated words are matched to those of real words.

A discriminator scores one word at a time, and a small difference that all generated words share is lost in the
variation between words. Means over many batches show it; means for each character show what cancels in means over
words.

References:
  Salimans et al., Improved Techniques for Training GANs, 2016, https://arxiv.org/abs/1606.03498, section 3.1: here with
  features of recognizer and identifier in place of the discriminator's, and running means in place of the batch's.
"""

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hwgan.models.batch import WordFeatures
from hwgan.models.ctc import ctc_occupancy
from hwgan.models.feature_statistics import FeatureStatistics, follow
from hwgan.models.layers import mean_inside
from hwgan.training import losses

_MIN_VARIANCE = 1e-3  # of features that hardly vary, such as a unit that is 0 for most characters
_PRIOR_COUNT = 20.0  # a group with so many effective examples counts half: its mean is mostly noise


class GroupedFeatures(flax.struct.PyTreeNode):
    """Feature vectors at some places of each word, and the weight of each place in each group.

    Attributes:
      vectors: one a place: the word itself, or a frame.
      weights: of the places in the groups.
    """

    vectors: Float[Array, "b places d"]
    weights: Float[Array, "b places groups"]


def word_features(features: WordFeatures) -> dict[str, GroupedFeatures]:
    """One vector a word: the mean of the recognizer's states, "recognizer", and the identifier's features, "style"."""
    once = jnp.ones((len(features.lengths), 1, 1))
    vectors = {"recognizer": mean_inside(features.states.astype(jnp.float32), features.lengths)}
    if features.style_features.shape[1]:
        vectors["style"] = features.style_features
    return {name: GroupedFeatures(vector[:, None], once) for name, vector in vectors.items()}


def character_features(
    features: WordFeatures, labels: Int[Array, "b t"], lengths: Int[Array, " b"]
) -> dict[str, GroupedFeatures]:
    """The recognizer's states of each frame, "characters", weighted by p(frame emits the character | text).

    Args:
      features: of the words.
      labels: their texts, padded with 0.
      lengths: of the texts.
    """
    assert features.logits is not None  # a run with another kind of recognizer is refused
    occupancy = ctc_occupancy(features.logits, features.lengths, labels, lengths)
    return {"characters": GroupedFeatures(features.states.astype(jnp.float32), occupancy[..., 1:])}


def update_real_statistics(
    statistics: FeatureStatistics, features: dict[str, GroupedFeatures], weights: Float[Array, " b"]
) -> FeatureStatistics:
    """The statistics with one more batch of real words.

    Args:
      statistics: before.
      features: of the words, for each of its moments.
      weights: of the words.
    """
    statistics = statistics.replace(num_batches=statistics.num_batches + 1.0)
    moments = dict(statistics.moments)
    for name, grouped in features.items():
        now = {
            "real": _sums(grouped, weights),
            "real_square": _sums(grouped.replace(vectors=jnp.square(grouped.vectors)), weights),
            "real_weight": _group_weights(grouped, weights),
        }
        before = moments[name]
        share = statistics.newest_share
        moments[name] = before.replace(**{key: follow(getattr(before, key), new, share) for key, new in now.items()})
    return statistics.replace(moments=moments)


def match(
    statistics: FeatureStatistics, features: dict[str, GroupedFeatures], weights: Float[Array, " b"]
) -> tuple[dict[str, Float[Array, ""]], FeatureStatistics]:
    """Distances of the running means of generated words from those of real ones, and the statistics with these words.

    A distance is Σ_g c_g ‖(mean_g - real mean_g) / real std_g‖² / d, with c_g the share of group g among real words,
    less for rare groups. Values are those of the running means. Gradients are those of this batch's sums divided
    by the running weight: they are not scaled down by the batch's small share of the running mean.

    Args:
      statistics: with the real words of this step.
      features: of generated words.
      weights: of the words; if all are 0, the statistics stay.
    """
    newest = statistics.newest_share
    share = jnp.where(weights.any(), newest, 0.0)
    distances, moments = {}, dict(statistics.moments)
    for name, grouped in features.items():
        old = moments[name]
        now = _sums(grouped, weights)
        sums = jax.lax.stop_gradient(follow(old.fake, now, share))
        weight = follow(old.fake_weight, _group_weights(grouped, weights), share)
        moments[name] = old.replace(fake=sums, fake_weight=weight)
        moving = _mean(sums + now - jax.lax.stop_gradient(now), weight)
        real = _mean(old.real, old.real_weight)
        variance = _mean(old.real_square, old.real_weight) - jnp.square(real)
        errors = losses.mean_error(moving, real, jnp.maximum(variance, 0.0) + _MIN_VARIANCE)
        examples = jnp.minimum(weight, old.real_weight) / newest
        trust = old.real_weight * examples / (examples + _PRIOR_COUNT)
        distances[name] = (errors * trust).sum() / jnp.maximum(trust.sum(), 1e-6)
    return distances, statistics.replace(moments=moments)


def _sums(grouped: GroupedFeatures, weights: Float[Array, " b"]) -> Float[Array, "groups d"]:
    # Accelerators would round by more than two close means differ.
    place_weights = grouped.weights * weights[:, None, None]
    return jnp.einsum("bpg,bpd->gd", place_weights, grouped.vectors, precision=jax.lax.Precision.HIGHEST)


def _group_weights(grouped: GroupedFeatures, weights: Float[Array, " b"]) -> Float[Array, " groups"]:
    return (grouped.weights * weights[:, None, None]).sum(axis=(0, 1))


def _mean(sums: Float[Array, "groups d"], weight: Float[Array, " groups"]) -> Float[Array, "groups d"]:
    return sums / jnp.maximum(weight, 1e-6)[:, None]  # 0 for a group without examples
