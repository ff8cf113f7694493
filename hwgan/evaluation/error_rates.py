"""Character and word error rates."""

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein


def character_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """CER = edits / characters, both summed over all references; in [0, ∞).

    Edits are insertions, deletions and substitutions of the Levenshtein distance.

    Raises:
      ValueError: the references have no characters.
    """
    total = sum(map(len, references))
    if not total:
        raise ValueError("no reference characters")
    return sum(Levenshtein.distance(r, h) for r, h in zip(references, hypotheses, strict=True)) / total


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """WER = edits of words / words, both summed over all references; of single words the share that is not exact.

    Raises:
      ValueError: the references have no words.
    """
    counts = [word_edits(reference, hypothesis) for reference, hypothesis in zip(references, hypotheses, strict=True)]
    total = sum(words for _, words in counts)
    if not total:
        raise ValueError("no reference words")
    return sum(edits for edits, _ in counts) / total


def word_edits(reference: str, hypothesis: str) -> tuple[int, int]:
    """The edits of words between two texts, whose words stand apart by white space, and the words of the reference."""
    words = reference.split()
    return Levenshtein.distance(words, hypothesis.split()), len(words)


_LENGTH_GROUPS = ((1, 3), (4, 7), (8, 12), (13, None))
_ACCENTS = {202, 214, 216, 220, 230}  # combining classes of marks below, above and across letters


def _has_accent(character: str) -> bool:
    """Whether it is a letter with a mark, such as é or ç; parts of Korean syllables, for instance, are no marks."""
    parts = unicodedata.normalize("NFD", character)
    return character.isalpha() and any(unicodedata.combining(part) in _ACCENTS for part in parts)


_CHARACTER_GROUPS: dict[str, Callable[[str], bool]] = {
    "capitals": str.isupper,
    "digits": str.isdigit,
    "accents": _has_accent,
    "punctuation": lambda character: unicodedata.category(character)[0] in "PS",
}


def error_rates_by_group(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, float]:
    """Error rates by length of the word, and by kind of the character.

    Returns:
      `cer_1_3`, `cer_4_7`, `cer_8_12`, `cer_13_up`: CER of words with that many characters.
      `missed_capitals`, `missed_digits`, `missed_accents`, `missed_punctuation`: share of these characters of the
      references that are substituted or deleted, in [0, 1]. Empty groups are left out.
    """
    pairs = list(zip(references, hypotheses, strict=True))
    metrics = {}
    for shortest, longest in _LENGTH_GROUPS:
        group = [(r, h) for r, h in pairs if len(r) >= shortest and (longest is None or len(r) <= longest)]
        if group:
            metrics[f"cer_{shortest}_{longest or 'up'}"] = character_error_rate(*zip(*group, strict=True))
    missed = [_missed(reference, hypothesis) for reference, hypothesis in pairs]
    for name, belongs in _CHARACTER_GROUPS.items():
        missed_in_group = [
            m for (r, _), row in zip(pairs, missed, strict=True) for c, m in zip(r, row, strict=True) if belongs(c)
        ]
        if missed_in_group:
            metrics[f"missed_{name}"] = float(np.mean(missed_in_group))
    return metrics


def _missed(reference: str, hypothesis: str) -> list[bool]:
    """For each character of the reference, whether the minimum edit path substitutes or deletes it."""
    missed = [False] * len(reference)
    for edit in Levenshtein.editops(reference, hypothesis):
        if edit.tag != "insert":
            missed[edit.src_pos] = True
    return missed
