"""How groups are dealt to the splits."""

from collections import Counter

import pytest

from hwgan.datasets.splits import SPLITS, SplitLists, deal_groups, split_of
from hwgan.runtime.errors import UserError


@pytest.mark.parametrize("count", [3, 4, 7, 10, 25, 60, 200, 1000])
def test_held_out_parts_are_small_and_not_empty(count):
    splits, _ = deal_groups([("image", [f"{i}.png" for i in range(count)])])
    counts = Counter(splits)
    assert set(counts) == set(SPLITS)
    assert all(counts[split] <= max(1, 0.2 * count) for split in SPLITS[1:])


@pytest.mark.parametrize(("count", "split"), [(1, ["train"]), (2, ["train", "validation"])])
def test_too_few_examples_serve_training_first(count, split):
    assert sorted(deal_groups([("image", [str(i) for i in range(count)])])[0]) == split


@pytest.mark.parametrize("writers", [7, 12, 40, 300])
def test_no_group_is_in_two_splits(writers):
    keys = [f"w{i % writers}" for i in range(writers * 5)]
    splits, how = deal_groups([("writer", keys), ("image", [str(i) for i in range(len(keys))])])
    assert "writer" in how
    assert len(set(zip(keys, splits, strict=True))) == writers
    assert set(splits) == set(SPLITS)


def test_a_writer_of_most_words_stays_in_training():
    keys = ["much"] * 900 + [f"w{i % 30}" for i in range(300)]
    splits, how = deal_groups([("writer", keys), ("image", [str(i) for i in range(len(keys))])])
    assert "writer" in how
    assert splits[0] == "train"
    assert 0.03 * len(keys) <= Counter(splits)["test"] <= 0.2 * len(keys)


@pytest.mark.parametrize("writers", [1, 2, 4, 6])
def test_too_few_groups_leave_the_choice_to_the_next_grouping(writers):
    keys = [f"w{i % writers}" for i in range(100)]
    splits, how = deal_groups([("writer", keys), ("image", [str(i) for i in range(100)])])
    assert "image" in how
    assert Counter(splits)["train"] >= 60


def test_what_is_said_is_what_was_done():
    keys = [f"w{i}" for i in range(500)]
    splits, how = deal_groups([("writer", keys)])
    assert how == "by hash of writer"
    assert splits == [split_of(key) for key in keys]
    keys = [f"w{i}" for i in range(8)]
    splits, how = deal_groups([("writer", keys)])
    assert how == "by writer, dealt in turn"
    assert splits != [split_of(key) for key in keys]


def test_only_a_validation_split():
    splits, _ = deal_groups([("image", [str(i) for i in range(40)])], held_out=("validation",))
    assert set(splits) == {"train", "validation"}
    assert Counter(splits)["validation"] <= 8


def test_lists_may_name_images():
    lists = SplitLists(
        {"train": ["a01-000u-00-02.png"], "test": ["words/b01/b01-000/b01-000-01-00.png"]}, "", nested=True
    )
    assert lists.find("a01-000u-00-02") == "train"
    assert lists.find("b01-000-01-00") == "test"
    assert lists.unmatched() == []
    lists = SplitLists({"train": ["u-1", "img\\2.png"], "test": ["a.png"], "validation": ["a.jpg"]}, "", nested=False)
    assert (lists.find("u-1.png"), lists.find("img/2.png")) == ("train", "train")
    assert (lists.find("a.png"), lists.find("a.jpg")) == ("test", "validation")
    lists = SplitLists({"train": ["./img/e\u0301.png"], "test": ["b//c"]}, "", nested=False)
    assert (lists.find("img/é.png"), lists.find("b/c.png")) == ("train", "test")
    with pytest.raises(UserError, match=r"'a\.png' is in both train and test"):
        SplitLists({"train": ["a.png"], "test": ["./a.png"]}, "lists", nested=False)
