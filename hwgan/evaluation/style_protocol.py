"""The protocol `style`: words written in the styles of writers that are given by a few of their words.

The words of each test writer are dealt into references, from which the style is encoded, a gallery, whose mean feature
stands for the writer, and words whose texts are generated in the style. The evaluator's identifier, which had no part
in training the generator, ranks the writers by the distance of their gallery's mean from the feature of a generated
word.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from hwgan.data.charset import normalize_text
from hwgan.data.word_store import WordStore
from hwgan.evaluation.cautions import warn_of_left_out
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.intervals import Estimate, bootstrap_ratio
from hwgan.evaluation.results import as_results
from hwgan.evaluation.set_metrics import SetMetrics, error_rate_estimates
from hwgan.models.state import variables_digest
from hwgan.runtime.errors import UserError
from hwgan.sampling.sampler import Sampler
from hwgan.sampling.style_encoder import StyleEncoder

logger = logging.getLogger(__name__)

PROTOCOL = "style"
_REFERENCES = (1, 5, 15)  # words from which a style is made
_GALLERY, _WRITTEN = 30, 20  # words of each writer
_MIN_WRITERS = 2


@dataclasses.dataclass(frozen=True)
class StyleTask:
    """The words of n writers, dealt.

    Attributes:
      references: images from which the style of each writer is encoded, with the original margins and resolution.
      gallery: mean feature of other words of each writer.
      words: further real words of each writer, whose texts are generated in its style; `writers` are their indices.
      features: of `words`.
      left_out: number of words of the split that were not dealt for another reason than that there are enough.
    """

    references: list[list[np.ndarray]]
    gallery: Float[np.ndarray, "n f"]
    words: WordStore
    features: Float[np.ndarray, "words f"]
    left_out: Mapping[str, int]

    @property
    def owners(self) -> Int[np.ndarray, " words"]:
        """The writer of each of `words`, as an index."""
        return np.array(list(map(int, self.words.writers)))


def deal(
    images: Sequence[np.ndarray],
    texts: Sequence[str],
    writers: Sequence[str],
    evaluator: Evaluator,
    sampler: Sampler,
    seed: int,
) -> StyleTask:
    """Deals the words of a split; those of a width that is implausible for their text, and writers with too few words,
    are left out. A warning counts the words.

    Args:
      images: uint8 [height, width] each, as in the dataset.
      texts: of the images.
      writers: of the images; "" where unknown.
      evaluator: with an identifier.
      sampler: which must be able to write the texts.
      seed: of the order of words.

    Raises:
      UserError: fewer than two writers have enough words, or the evaluator has no identifier.
    """
    if not evaluator.has_identifier:
        raise UserError(
            f"the protocol {PROTOCOL!r} needs an evaluator with an identifier of writers; this one has none"
        )
    fits = [row for row, text in enumerate(map(normalize_text, texts)) if writers[row] and sampler.can_write(text)]
    if not fits:
        state = "can be written by the generator" if any(writers) else "has a known writer"
        raise UserError(f"the protocol {PROTOCOL!r}: none of the {len(images)} words {state}")
    # The index of an image stands in place of its writer, to find it again.
    store, dropped = evaluator.store([images[row] for row in fits], [texts[row] for row in fits], list(map(str, fits)))
    rows_of: dict[str, list[int]] = {}
    for row, image in enumerate(map(int, store.writers)):
        if evaluator.spec.is_plausible(store.texts[row], int(store.widths[row])):
            rows_of.setdefault(writers[image], []).append(row)
    need = max(_REFERENCES) + _GALLERY + _WRITTEN
    enough = {writer: rows for writer, rows in sorted(rows_of.items()) if len(rows) >= need}
    if len(enough) < _MIN_WRITERS:
        raise UserError(
            f"the protocol {PROTOCOL!r} needs {need} words of each of at least {_MIN_WRITERS} writers; "
            f"{len(enough)} of {len(rows_of)} writers have as many"
        )
    left_out = {
        "of unknown writers, or not in the alphabet of the generator": len(images) - len(fits),
        **dropped,
        "of implausible width for their text": len(store) - sum(map(len, rows_of.values())),
        "of writers with too few words": sum(len(rows) for name, rows in rows_of.items() if name not in enough),
    }
    left_out = {reason: count for reason, count in left_out.items() if count}
    warn_of_left_out("the words of the split", left_out, len(images) - sum(left_out.values()))
    rng = np.random.default_rng(seed)
    dealt = [rng.permutation(rows)[:need].tolist() for rows in enough.values()]
    first, last = max(_REFERENCES), max(_REFERENCES) + _GALLERY
    references = [[images[int(store.writers[row])] for row in rows[:first]] for rows in dealt]
    gallery = evaluator.style_features(store.take([row for rows in dealt for row in rows[first:last]]))
    words = store.take([row for rows in dealt for row in rows[last:]])
    owners = [str(number) for number in range(len(dealt)) for _ in range(_WRITTEN)]
    words = dataclasses.replace(words, writers=owners)
    means = gallery.reshape(len(dealt), _GALLERY, -1).mean(axis=1)
    return StyleTask(references, means, words, evaluator.style_features(words), left_out)


def write_in_styles(
    task: StyleTask, z: Float[np.ndarray, "n z"], sampler: Sampler, evaluator: Evaluator
) -> tuple[WordStore, np.ndarray]:
    """Writes the texts of a task in one style a writer; returns the words and their features."""
    images = sampler.draw(task.words.texts, jnp.asarray(z[task.owners]))
    words, _ = evaluator.store(images, task.words.texts, task.words.writers)
    return words, evaluator.style_features(words)


def style_metrics(
    task: StyleTask, words: WordStore, features: Float[np.ndarray, "m f"], evaluator: Evaluator, seed: int
) -> dict[str, Estimate]:
    """How well the writers of words are recognized, how far the words are from theirs, and how legible they are.

    Args:
      task: the writers.
      words: real or written ones; `writers` are indices of the task's writers.
      features: of the words.
      evaluator: which reads them.
      seed: of the intervals, over writers.

    Returns:
      `top1`, `top5`: share of words whose writer is the nearest, or, of more than five writers, among the five nearest,
        of the gallery.
      `top1_mean`, `top5_mean`: the same for the mean feature of the words of each writer.
      `distance`: between this mean and the gallery's of the same writer.
      `distance_to_others`: between this mean and the gallery's of the other writers.
      `cer`: of the evaluator's readings.
    """
    owners = np.array(list(map(int, words.writers)))
    found = np.unique(owners)
    means = np.stack([features[owners == owner].mean(axis=0) for owner in found])
    distances = _distances(means, task.gallery)
    own = distances[np.arange(len(found)), found]
    others = (distances.sum(axis=1) - own) / (len(task.gallery) - 1)
    metrics = {}
    for name, rows, writers in (("", features, owners), ("_mean", means, found)):
        ranks = _ranks(rows, task.gallery, writers)
        for top in (1, 5):
            if top >= len(task.gallery):  # every writer would be among them
                continue
            metrics[f"top{top}{name}"] = _mean(ranks < top, writers, seed)
    metrics |= {"distance": _mean(own, found, seed), "distance_to_others": _mean(others, found, seed)}
    metrics["cer"] = error_rate_estimates(*evaluator.read(words), words.writers, seed)["cer"]
    return metrics


def evaluate_styles(
    sampler: Sampler, encoder: StyleEncoder, evaluator: Evaluator, task: StyleTask, seed: int
) -> dict[str, Any]:
    """The metrics of words in the styles of 1, 5 and 15 words, in random styles, and of the writers' own words.

    Args:
      sampler: the generator to evaluate.
      encoder: of styles for it.
      evaluator: with an identifier; it must not be the encoder's.
      task: the writers.
      seed: of random styles and intervals.

    Returns:
      Results as JSON types.
    """
    if variables_digest(evaluator.identifier) == variables_digest(encoder.identifier):
        logger.warning("the evaluator is the network that encodes the styles, which flatters them; give another one")
    count = len(task.references)
    sides: dict[str, dict[str, Estimate]] = {}
    counts: dict[str, int] = {}
    styles = _encode(task, encoder)
    styles["random"] = np.asarray(sampler.sample_styles(jax.random.key(seed), count))
    for name, z in styles.items():
        words, features = write_in_styles(task, z, sampler, evaluator)
        sides[name], counts[name] = style_metrics(task, words, features, evaluator, seed), len(words)
    sides["real"] = style_metrics(task, task.words, task.features, evaluator, seed)
    results = as_results({PROTOCOL: sides}, SetMetrics(evaluator, [], seed))
    return results | {
        "protocol": PROTOCOL,
        "counts": {PROTOCOL: counts | {"real": len(task.words)}},
        "writers": count,
        "dropped_real": dict(task.left_out),
        **sampler.facts(),
    }


def _encode(task: StyleTask, encoder: StyleEncoder) -> dict[str, np.ndarray]:
    """The styles [n, z_dim] of the writers by their first 1, 5 and 15 usable references, by the name of the side."""
    styles: dict[str, list[np.ndarray]] = {f"k = {k}": [] for k in _REFERENCES}
    for number, images in enumerate(task.references):
        words = encoder.encode_words(images)
        if not len(words.z):
            reasons = "; ".join(dict.fromkeys(words.left_out.values()))
            raise UserError(f"no reference of writer {number} of {len(task.references)} gives a style: {reasons}")
        for k in _REFERENCES:
            styles[f"k = {k}"].append(encoder.fit(words.first(k)).z)
    return {name: np.stack(zs) for name, zs in styles.items()}


def _distances(rows: Float[np.ndarray, "m f"], gallery: Float[np.ndarray, "n f"]) -> Float[np.ndarray, "m n"]:
    return np.linalg.norm(rows[:, None] - gallery[None], axis=-1)


def _ranks(
    rows: Float[np.ndarray, "m f"], gallery: Float[np.ndarray, "n f"], writers: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " m"]:
    """How many other writers of the gallery are as near to each row as its own, or nearer."""
    distances = _distances(rows, gallery)
    return (distances <= distances[np.arange(len(rows)), writers][:, None]).sum(axis=1) - 1


def _mean(values: np.ndarray, writers: Int[np.ndarray, " m"], seed: int) -> Estimate:
    """The mean with an interval over writers."""
    return bootstrap_ratio(values.astype(float).tolist(), [1.0] * len(values), list(map(str, writers)), seed)
