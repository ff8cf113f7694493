"""The statistics of a prepared dataset, as text."""

import shlex
from collections import Counter

from hwgan.data.survey import Survey, describe_survey


def test_the_characters_with_enough_examples_are_told_as_a_flag():
    counts = Counter({"a": 50, "'": 30, "é": 20, "!": 19})
    found = Survey({"train": 40}, {"train": 2}, [9] * 5, [9] * 5, [9] * 5, counts, counts, {})
    (line,) = [line for line in describe_survey(found).splitlines() if "alphabet" in line]
    assert shlex.split(line.removeprefix("the others: ")) == ["--config.data.alphabet='aé"]
    every_character = Survey({}, {}, [9] * 5, [9] * 5, [9] * 5, Counter(a=50), Counter(a=50), {})
    assert "alphabet" not in describe_survey(every_character)
