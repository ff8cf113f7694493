"""Reading direction: network inputs are in reading order, that is, a word starts at column 0 in every script.

Images of right-to-left words are mirrored before they enter a network, and generated ones are mirrored back. Padding is
therefore always on the right of a network's input, and masks and CTC need no special case. Labels follow the columns of
the mirrored image: numbers and left-to-right words inside a right-to-left text are mirrored too, so the order of their
characters is reversed.
"""

import functools
import unicodedata
from collections.abc import Mapping

from bidi import algorithm as bidi

from hwgan.data.graphemes import split_graphemes

_RIGHT_TO_LEFT, _LEFT_TO_RIGHT = ("R", "AL"), ("L",)


def is_right_to_left(character_counts: Mapping[str, int]) -> bool:
    """Whether right-to-left characters outnumber left-to-right ones, given the count of each character."""
    directions = {c: unicodedata.bidirectional(c) for c in character_counts}
    return sum(n for c, n in character_counts.items() if directions[c] in _RIGHT_TO_LEFT) > sum(
        n for c, n in character_counts.items() if directions[c] in _LEFT_TO_RIGHT
    )


@functools.lru_cache(maxsize=1 << 17)  # the texts of a large dataset, which are asked for several times
def column_order(text: str) -> str:
    """The characters of a right-to-left text, ordered by their columns in the mirrored image.

    Marks follow their base, also in numbers and left-to-right words.

    The function is its own inverse for nearly all texts, so it both encodes and decodes. Exceptions are some texts with
    punctuation or marks between numbers and left-to-right words; `word_store.load_words` drops these.

    References:
      Unicode Standard Annex 9, https://www.unicode.org/reports/tr9/
    """
    storage = bidi.get_empty_storage()
    storage["base_level"], storage["base_dir"] = 1, "R"
    graphemes = split_graphemes(text)
    bidi.get_embedding_levels("".join(grapheme[0] for grapheme in graphemes), storage)
    for character, grapheme in zip(storage["chars"], graphemes, strict=True):
        character["ch"] = grapheme
        if character["type"] == "BN":  # would be removed; only one without a base is left, as others are in graphemes
            character["type"] = character["orig"] = "NSM"
    # The last rule of the algorithm, which swaps brackets, is left out: mirroring the image already swaps their shapes.
    bidi.explicit_embed_and_overrides(storage)
    bidi.resolve_weak_types(storage)
    bidi.resolve_neutral_types(storage, debug=False)
    bidi.resolve_implicit_levels(storage, debug=False)
    bidi.reorder_resolved_levels(storage, debug=False)
    return "".join(character["ch"] for character in reversed(storage["chars"]))
