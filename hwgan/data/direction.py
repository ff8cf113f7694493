"""Reading direction. Networks see every script in the order it is read: column 0 is where reading starts.

A right-to-left word is mirrored on its way in and back on its way out, so that padding falls to its left on paper and
neither masks nor CTC need to know. Its characters are put in the order of their columns: numbers, and words of another
script, run left to right within a right-to-left text, so their characters come in reverse.
"""

import unicodedata
from collections.abc import Mapping

from bidi import algorithm as bidi

_RIGHT_TO_LEFT, _LEFT_TO_RIGHT = ("R", "AL"), ("L",)


def is_right_to_left(character_counts: Mapping[str, int]) -> bool:
    """Whether most letters of a text, given as counts by character, are of right-to-left scripts."""
    directions = {c: unicodedata.bidirectional(c) for c in character_counts}
    return sum(n for c, n in character_counts.items() if directions[c] in _RIGHT_TO_LEFT) > sum(
        n for c, n in character_counts.items() if directions[c] in _LEFT_TO_RIGHT
    )


def column_order(text: str) -> str:
    """The characters of a right-to-left text in the order in which its mirrored image shows them.

    Done twice it gives nearly every text back, so it serves both ways. Where punctuation or marks stand between numbers
    and words of a left-to-right script it may not; `word_store.load_words` leaves such texts out.

    References:
      Unicode Standard Annex 9, https://www.unicode.org/reports/tr9/
    """
    storage = bidi.get_empty_storage()
    storage["base_level"], storage["base_dir"] = 1, "R"
    bidi.get_embedding_levels(text, storage)
    for character in storage["chars"]:
        if character["type"] == "BN":  # a joiner: it stays beside its letter, as a mark does
            character["type"] = character["orig"] = "NSM"
    # All of the algorithm but its last rule, which swaps brackets: the mirrored image has them as they were written.
    bidi.explicit_embed_and_overrides(storage)
    bidi.resolve_weak_types(storage)
    bidi.resolve_neutral_types(storage, debug=False)
    bidi.resolve_implicit_levels(storage, debug=False)
    bidi.reorder_resolved_levels(storage, debug=False)
    return "".join(character["ch"] for character in reversed(storage["chars"]))
