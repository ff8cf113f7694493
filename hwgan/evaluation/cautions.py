"""What a user should know before believing an evaluation, as warnings."""

import logging
import pathlib
from collections.abc import Mapping

from hwgan.checkpoints.learned import Learned
from hwgan.evaluation.evaluator import Evaluator

logger = logging.getLogger(__name__)


def warn_of_default(name: str, evaluator: Evaluator, words: str) -> None:
    """Warns where the evaluator was taken by default, and learned from another dataset than the words to evaluate."""
    if not name and pathlib.Path(evaluator.trained_on).name not in pathlib.Path(words).name:
        logger.warning(
            "no evaluator is given, so it is %s, which was trained on %s and means little for other languages: for "
            "English give --evaluator=iam_evaluator (of a run --config.evaluate.evaluator=iam_evaluator), for others "
            "train one (docs/evaluation.md)",
            evaluator.name,
            evaluator.trained_on,
        )


def warn_of_training_words(
    learners: Mapping[str, Learned], contents: Mapping[str, str], writers: Mapping[str, frozenset[str]]
) -> dict[str, int]:
    """Warns where networks may have learned from the words to evaluate, because these were split otherwise then.

    Args:
      learners: what each of the networks learned from, by their names in the warning.
      contents: the checksums of the prepared datasets to evaluate, by name; {} for a folder.
      writers: digests of the writers of the words, by dataset or folder (`writers_by_dataset`).

    Returns:
      For each of the networks the number of these writers that it learned from, where it is known; 0 where the data are
      the same as in training, with their splits.
    """
    found: dict[str, int] = {}
    for learner, learned in learners.items():
        for name, digests in writers.items():
            before = learned.contents.get(name)
            if before is not None and before == contents.get(name):
                found.setdefault(learner, 0)
                continue
            own, known = digests - {""}, learned.writers_of(name)
            shared = 0 if known is None else len(own & known)
            if known is not None and own:
                found[learner] = found.get(learner, 0) + shared
            if shared:
                logger.warning(
                    "%s learned from words of %d of the %d writers of these words of %s, which was split otherwise "
                    "then: its metrics flatter it; split it as in training (hwgan.prepare --splits=)",
                    learner,
                    shared,
                    len(own),
                    name,
                )
            elif before is not None and (known is None or own != digests):
                logger.warning(
                    "%s was prepared otherwise when %s learned from it: words of this split may have been training "
                    "words",
                    name,
                    learner,
                )
    return found


def warn_of_left_out(what: str, left_out: Mapping[str, int], kept: int) -> None:
    """Warns of words that are not evaluated.

    Args:
      what: names all words.
      left_out: how many are not evaluated, by reason.
      kept: how many are.
    """
    if left_out:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in left_out.items())
        count = sum(left_out.values())
        logger.warning("of %s, %s of %s are not evaluated: %s", what, f"{count:,}", f"{kept + count:,}", reasons)
