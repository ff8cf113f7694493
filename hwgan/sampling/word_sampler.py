"""What a model can write, and what it writes badly."""

from collections.abc import Mapping, Sequence

from hwgan.data.charset import Charset
from hwgan.runtime.errors import UserError

LONGEST_WORD = 64  # characters; a model without a fixed canvas has no limit, but longer input is a mistake
_NAMED_WORDS, _NAMED_CHARACTERS = 3, 20


def check_words(words: Sequence[str], charset: Charset, longest: int) -> None:
    """Raises UserError if a word is empty or too long, or if words have characters outside the alphabet."""
    charset.require(words)
    for word in words:
        if not word:
            raise UserError("the text is empty: nothing to write")
        if len(word) > longest:
            raise UserError(f"{word[:80]!r} has {len(word)} characters; this model writes words of up to {longest}")


def describe_cautions(words: Sequence[str], rare_characters: Mapping[str, int], max_length: int) -> list[str]:
    """Sentences on what of these words a model writes badly.

    Args:
      words: to write.
      rare_characters: number of training examples of each character with few of them.
      max_length: characters of the longest training word.
    """
    found = []
    if rare := {c: rare_characters[c] for word in words for c in word if c in rare_characters}:
        shown = [f"{c} ({count})" for c, count in sorted(rare.items())]
        more = f" and {len(shown) - _NAMED_CHARACTERS} more" if len(shown) > _NAMED_CHARACTERS else ""
        found.append(
            "characters with few training examples (in brackets) may be malformed: "
            f"{', '.join(shown[:_NAMED_CHARACTERS])}{more}"
        )
    longer = list(dict.fromkeys(word for word in words if len(word) > max_length))
    if longer:
        more = f" and {len(longer) - _NAMED_WORDS:,} more" if len(longer) > _NAMED_WORDS else ""
        found.append(
            f"training words have at most {max_length} characters; longer ones may be malformed: "
            f"{', '.join(word[:LONGEST_WORD] for word in longer[:_NAMED_WORDS])}{more}"
        )
    return found
