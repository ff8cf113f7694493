"""How often words are met: rare characters oftener, in the real words that teach to read and in the words to write; and
generated words beside real ones."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

_MOST_REPEATS = 10
_LONGEST_RANDOM = 4
_VARIANTS = 40  # words made for each rare character
_OPENING = "([{«“\"'’"  # punctuation that begins a word; the rest ends one


def repeats_of_rare(texts: Sequence[str], plentiful: int) -> Int[np.ndarray, " n"]:
    """How often each text should come where others come once: the rarer its rarest character, the oftener.

    A character in `n` texts, with `n` below `plentiful`, is met as if it were in about `sqrt(n * plentiful)`: more than
    it is, so that it is learned, and less than the others, so that its few images are not learned by heart.

    Args:
      texts: the training words.
      plentiful: characters in so many texts or more need no help.

    Returns:
      1 to 10 for each text.
    """
    counts = Counter(character for text in texts for character in set(text))
    rarest = np.array([min((counts[c] for c in text), default=plentiful) for text in texts])
    repeats = np.rint(np.sqrt(plentiful / np.maximum(rarest, 1)))
    return np.clip(repeats, 1, _MOST_REPEATS).astype(np.int64)


def repeats_of_mixture(num_real: int, num_generated: int, generated_share: float) -> Int[np.ndarray, " n"]:
    """How often real and then generated words come, so that about `generated_share` of what is met is generated.

    The fewer come several times; none is left out.

    Args:
      num_real: words, at least 1.
      num_generated: words, at least 1.
      generated_share: in (0, 1).
    """
    ratio = num_generated * (1.0 - generated_share) / (generated_share * num_real)
    real, generated = (max(1, round(ratio)), 1) if ratio >= 1.0 else (1, max(1, round(1.0 / ratio)))
    return np.repeat([real, generated], [num_real, num_generated]).astype(np.int64)


def words_with_rare(words: Sequence[str], characters: str, share: float, seed: int = 0) -> list[str]:
    """Invented words to write beside those of a lexicon, so that each character comes up in enough of them.

    A capital begins a word of the lexicon, or is in one all in capitals; a digit stands in a number; an accented letter
    takes the place of its plain one; punctuation stands where it does in texts.

    Args:
      words: the lexicon.
      characters: the alphabet.
      share: what part of the lexicon should have each character.
      seed: of drawing.

    Returns:
      Words to add; none that is longer than the longest of the lexicon.
    """
    rng = np.random.default_rng(seed)
    counts = Counter(character for word in words for character in set(word))
    wanted = int(share * len(words))
    longest = max(map(len, words))
    invented = []
    for character in characters:
        hosts = _hosts(words, character)
        missing = wanted - counts[character]
        if missing <= 0 or not hosts:
            continue
        variants = [_with(hosts[rng.integers(len(hosts))], character, rng) for _ in range(min(missing, _VARIANTS))]
        variants = [word for word in variants if len(word) <= longest and not set(word) - set(characters)]
        if variants:
            invented += [variants[i % len(variants)] for i in range(missing)]
    return invented


def random_words(characters: str, count: int, seed: int = 0) -> list[str]:
    """So many words of one to four characters of an alphabet, all as likely, which nobody can guess from a part."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, _LONGEST_RANDOM + 1, size=count)
    return ["".join(rng.choice(list(characters), size=length)) for length in lengths]


def _hosts(words: Sequence[str], character: str) -> list[str]:
    """Words in which the character can be put."""
    plain = [word for word in words if word.isalpha()]
    base = unicodedata.normalize("NFD", character)[0]
    if base != character and character.islower():
        return [word for word in plain if base in word]
    if character.isalpha():
        return [word for word in plain if character.casefold() in word.casefold()] or plain
    return plain


def _with(word: str, character: str, rng: np.random.Generator) -> str:
    """The word changed so that it has the character."""
    base = unicodedata.normalize("NFD", character)[0]
    if character.isdigit():
        digits = [str(d) for d in rng.integers(10, size=rng.integers(4))]
        digits.insert(int(rng.integers(len(digits) + 1)), character)
        return "".join(digits)
    if base != character and character.islower():
        return word.replace(base, character, 1)
    if character.isupper():
        tail = (
            word[word.casefold().find(character.casefold()) + 1 :] if character.casefold() in word.casefold() else word
        )
        return character + (tail.upper() if rng.random() < 0.25 else tail.lower())
    if character.isalpha():
        return word[: int(rng.integers(len(word) + 1))] + character
    if character == "-":
        return word + character + word[:2].lower()
    return character + word if character in _OPENING and rng.random() < 0.7 else word + character
