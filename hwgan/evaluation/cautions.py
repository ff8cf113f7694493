"""What a user should know before believing an evaluation, as warnings."""

import logging
import pathlib
from collections.abc import Mapping

from hwgan.checkpoints.record import learned_from
from hwgan.data.word_store import WordStore
from hwgan.evaluation.evaluator import Evaluator

logger = logging.getLogger(__name__)


def warn_of_default(name: str, evaluator: Evaluator, words: str) -> None:
    """Warns where the evaluator was taken by default, and learned from another dataset than the words to evaluate."""
    if not name and pathlib.Path(evaluator.trained_on).name not in pathlib.Path(words).name:
        logger.warning(
            "no evaluator is given, so %s reads the words, which learned from %s: for English words give "
            "iam_evaluator, for others train one (docs/evaluation.md)",
            evaluator.name,
            evaluator.trained_on,
        )


def warn_of_other_content(words: str, content: str, learned: Mapping[str, str]) -> None:
    """Warns of datasets that were prepared otherwise when a checkpoint learned from them.

    Args:
      words: names of the datasets to evaluate.
      content: their checksums, joined by "+".
      learned: the checksum of each dataset when the checkpoint learned from it, by its name.
    """
    for name, now in learned_from(words, content).items():
        if learned.get(name, now) != now:
            logger.warning(
                "%s was prepared otherwise when this checkpoint learned from it: words of this split may have been "
                "training words",
                name,
            )


def warn_of_left_out(what: str, words: WordStore) -> None:
    """Warns of words that are not evaluated; `what` names them all."""
    if words.left_out:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in words.left_out.items())
        left_out = sum(words.left_out.values())
        logger.warning("%s of %s of %s are left out: %s", f"{left_out:,}", f"{len(words) + left_out:,}", what, reasons)
