"""Whether images of words are handwriting, by one writer, and have the texts that they are said to have.

All limits are from words of validation writers.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from rapidfuzz.distance import Levenshtein
from scipy.cluster.vq import ClusterError, kmeans2

from hwgan.runtime.command_line import warn
from hwgan.runtime.errors import UserError
from hwgan.runtime.wording import some
from hwgan.sampling.style_encoder import EncodedWords
from hwgan.sampling.style_files import Style

_MIN_CONFIDENCE = 0.5  # mean probability of what is read, below which images are no handwriting
_MAX_SIZE = 1.4  # root mean square of the entries of the identifier's output, in which training words have 1
_MIN_LETTERS = 2.2  # in the mean over words of a page; 3.1 to 6 for validation writers
_MIN_AGREEMENT, _AGREEING_WORDS = 0.45, 8  # of 8 or 12 words of validation writers 99 % have more, of 16 words all
_GROUP_WORDS, _GROUP_LETTERS = 12, 3  # at least, to tell two groups
# Share of the variance of n words that lies between two groups of them. Where all are by one validation writer, 0 to
# 1 % of such sets have more than 0.2 + 2.4 / n; where half are by another, 61 to 71 % for n = 12 and 80 to 89 % for
# n = 20 (20 writers of Copiste, 20 of IAM).
_GROUP_SHARE, _GROUP_SHARE_OF_ONE = 0.2, 2.4
_CLUSTERINGS, _LEAST_GROUP = 10, 0.2  # tries of k-means; share of the words
_NAMED = 10
_CHECKED_LETTERS = 3  # of a text at least
# Edits / letters of readings in the mean, above which texts are doubted, and refused: 0.26 of a sheet that was filled
# in, 0.95 where each word has the text of the next.
_DOUBTED, _MAX_UNLIKE = 0.5, 0.75


def check_texts(readings: Sequence[str], texts: Sequence[str]) -> None:
    """Raises UserError if words are read quite unlike the texts that they are said to have; warns of fewer differences.

    Both are so of a sheet that was printed for the alphabet of another checkpoint, whose boxes lie elsewhere.
    """
    pairs = [(reading, text) for reading, text in zip(readings, texts, strict=True) if len(text) >= _CHECKED_LETTERS]
    unlike = [Levenshtein.normalized_distance(reading, text) for reading, text in pairs]
    if len(pairs) < _AGREEING_WORDS or np.mean(unlike) <= _DOUBTED:
        return
    reading, text = pairs[int(np.argmax(unlike))]
    message = (
        f"the words are read unlike their texts, such as {reading!r} for {text!r}: was the sheet printed with another "
        "--checkpoint=, or do the texts belong to other images?"
    )
    if np.mean(unlike) > _MAX_UNLIKE:
        raise UserError(message)
    warn(message)


def check_handwriting(words: EncodedWords) -> None:
    """Raises UserError if words are read with little confidence, have few letters, or styles unlike those of words."""
    confidence, letters = float(words.confidences.mean()), float(np.mean(list(map(len, words.texts))))
    size = float(np.linalg.norm(words.z[:, 1:], axis=1).mean() / np.sqrt(words.z.shape[1] - 1))
    if confidence < _MIN_CONFIDENCE:
        reason = f"letters are read with a mean probability of {confidence:.0%}, not of at least {_MIN_CONFIDENCE:.0%}"
    elif size > _MAX_SIZE:
        reason = (
            f"the styles of its words are {size:.1f} times as far from the mean style as those of handwritten words, "
            f"not at most {_MAX_SIZE:g} times"
        )
    elif len(words.z) >= _AGREEING_WORDS and letters < _MIN_LETTERS:
        reason = f"what is cut has {letters:.1f} letters in the mean, not at least {_MIN_LETTERS:g} as words have"
    else:
        return
    raise UserError(f"this does not look like handwriting: {reason}; --preview= shows what is cut")


def cautions(style: Style) -> list[str]:
    """Sentences on why a style may not be that of its writer."""
    found = style.cautions()
    if style.agreement is not None and style.num_words >= _AGREEING_WORDS and style.agreement < _MIN_AGREEMENT:
        found.append(
            f"the words agree little with each other ({style.agreement:.2f}, words of one writer usually 0.5 to 0.8): "
            "they may be by several writers, printed, or cut badly; see --preview=cut.png"
        )
    return found


def caution_of_groups(words: EncodedWords, numbers: Sequence[int] | None = None) -> str:
    """A sentence on words that seem to be by two writers, or "".

    Args:
      words: one at least.
      numbers: of the images in the sentence, as the preview shows them; from 1 by default.
    """
    rows = [i for i, text in enumerate(words.texts) if len(text) >= _GROUP_LETTERS]  # signs are unlike words
    if len(rows) < _GROUP_WORDS:
        return ""
    share, smaller = two_groups(words.z[rows])
    if share <= _GROUP_SHARE + _GROUP_SHARE_OF_ONE / len(rows):
        return ""
    images = words.rows[np.array(rows)[smaller]].tolist()
    named = some([str(image + 1 if numbers is None else numbers[image]) for image in images], _NAMED)
    return (
        f"the words fall into two groups, as if by two writers or two pens; the smaller one has the words {named}: see "
        "--preview=cut.png, and leave out those of others with --leave_out="
    )


def two_groups(z: Float[np.ndarray, "n z"]) -> tuple[float, Bool[np.ndarray, " n"]]:
    """Words divided into two groups, as those of two writers would be, by k-means on the identifier's outputs.

    Args:
      z: of each word; z[:, 0], the log width, is left out.

    Returns:
      The share of the words' variance that lies between the groups, in [0, 1]; and which words are in the smaller one.
      The share is 0 where no group has a fifth of the words.
    """
    features = z[:, 1:].astype(np.float64)
    variance = float(((features - features.mean(axis=0)) ** 2).sum())
    best, smaller = 0.0, np.zeros(len(z), bool)
    for seed in range(_CLUSTERINGS if variance > 0 else 0):
        try:
            centers, groups = kmeans2(features, 2, minit="++", seed=seed, missing="raise")
        except ClusterError:  # one of the groups is empty
            continue
        second = groups == 1
        if not _LEAST_GROUP <= second.mean() <= 1 - _LEAST_GROUP:
            continue
        share = 1.0 - float(((features - centers[groups]) ** 2).sum()) / variance
        if share > best:
            best, smaller = share, second if second.mean() <= 0.5 else ~second
    return best, smaller
