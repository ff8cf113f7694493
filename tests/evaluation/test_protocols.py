"""The texts and real words of each protocol."""

import pytest

from hwgan.evaluation.protocols import PROTOCOLS, Case, choose, find_protocol
from hwgan.runtime.errors import UserError
from tests.evaluation.words import noise_words

TRAIN = noise_words(["ab", "cd", "ef", "ab"])
SPLIT = noise_words(["ab", "gh", "cd", "hg", "ab"])


def test_standard():
    same, oov = PROTOCOLS["standard"]
    assert choose(same, SPLIT, TRAIN, 4, 0)[0] == ["ab", "gh", "cd", "hg"]
    texts, real = choose(oov, SPLIT, TRAIN, 10, 0)
    assert set(texts) == set(real.texts) == {"gh", "hg"}
    texts, real = choose(oov, SPLIT, TRAIN, 1, 0)
    assert texts == real.texts == ["gh"]  # of fewer real words their own texts


def test_ganwriting():
    cases = {case.name: choose(case, SPLIT, TRAIN, 10, 0) for case in PROTOCOLS["ganwriting"]}
    assert set(cases["iv_words_unseen_writers"][0]) == {"ab", "cd"}
    assert cases["iv_words_unseen_writers"][1].texts == ["ab", "cd", "ab"]
    assert cases["iv_words_seen_writers"][1].texts == TRAIN.texts
    texts, real = cases["oov_words_seen_writers"]
    assert set(texts) == {"gh", "hg"}
    assert real.texts == TRAIN.texts  # no training word is out of vocabulary
    assert cases["oov_words_unseen_writers"][1].texts == ["gh", "hg"]


def test_regenerate_has_no_limit():
    texts, real = choose(PROTOCOLS["regenerate"][0], SPLIT, TRAIN, 2, 0)
    assert texts == real.texts == SPLIT.texts


def test_alonso_compares_with_training_words():
    texts, real = choose(PROTOCOLS["alonso"][0], SPLIT, TRAIN, 2, 0)
    assert real.texts == TRAIN.texts
    assert sorted(set(texts)) == ["ab", "cd", "ef"]


def test_errors():
    with pytest.raises(UserError, match="no protocol 'fid'; there are standard, ganwriting"):
        find_protocol("fid")
    with pytest.raises(UserError, match=r"the split has no words outside of the training texts \(OOV\)"):
        choose(Case("x", "oov"), TRAIN, TRAIN, 10, 0)
