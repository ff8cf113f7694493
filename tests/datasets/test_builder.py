"""What all builders share: datasets prepared to disk and read back."""

import contextlib
import json
import os
import pathlib
import resource
import signal
import tarfile
import tempfile
import time

import numpy as np
import pytest
from PIL import Image

from hwgan.data.prepared import dataset_directory, read_summary
from hwgan.datasets import Request, create_builder, write
from hwgan.datasets.builder import clean_text
from hwgan.datasets.splits import SPLITS, SplitLists, parse_list, read_split_lists
from hwgan.datasets.write import write_dataset
from hwgan.prepare import describe, prepare_dataset, preview, preview_steps
from hwgan.runtime.errors import UserError
from tests.synthetic_data import CHILDREN, make_folder, read_rows

# penman


def test_penman_splits_share_no_writer_and_leave_words_out_of_vocabulary(data_dir):
    summary = read_summary(data_dir, "penman/smoke")
    assert summary["examples"] == {"train": 192, "validation": 24, "test": 24}
    rows = {split: read_rows(data_dir, "penman/smoke", split).values() for split in SPLITS}
    writers = {split: {row["writer"] for row in rows[split]} for split in SPLITS}
    assert not writers["train"] & writers["validation"] | writers["train"] & writers["test"]
    texts = {split: {row["text"] for row in rows[split]} for split in SPLITS}
    assert texts["validation"] - texts["train"]


# preparing again, with other options, interrupted, on a full disk


def test_preparing_twice_gives_the_same_summary(data_dir):
    assert prepare_dataset("penman/smoke", data_dir) == read_summary(data_dir, "penman/smoke")


def test_preparation_is_deterministic(tmp_path, data_dir):
    summary = prepare_dataset("penman/smoke", str(tmp_path))
    first, again = (read_rows(path, "penman/smoke", "test") for path in (data_dir, str(tmp_path)))
    assert list(first) == list(again)
    assert all(np.array_equal(first[i]["image"], again[i]["image"]) for i in first)
    assert summary["content"] == read_summary(data_dir, "penman/smoke")["content"]


def test_preparing_leaves_no_temporary_folder_behind(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "mine", count=60)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert not list((tmp_path / "temporary").iterdir())


def test_content_checksum_depends_on_texts_and_writers(tmp_path):
    folder = make_folder(tmp_path / "mine", count=60)
    contents = {prepare_dataset("word_folder", str(tmp_path / "0"), str(folder))["content"]}
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8")
    for i, changed in enumerate([text.replace("mot3é\tw3", "mot3e\tw3", 1), text.replace("\tw3\n", "\tw33\n", 1)]):
        table.write_text(changed, encoding="utf-8")
        contents.add(prepare_dataset("word_folder", str(tmp_path / f"{i + 1}"), str(folder))["content"])
    assert len(contents) == 3


def test_preparing_from_another_source_is_an_error(tmp_path):
    prepare_dataset("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine")), "words")
    with pytest.raises(UserError, match=r"was made from mine with options \{\}, and you ask for yours"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "yours")), "words")


def test_a_changed_source_is_an_error(tmp_path):
    folder = make_folder(tmp_path / "x" / "mine")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    with pytest.raises(UserError, match="when its files were others in name, number or size; remove that folder"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "y" / "mine", count=50)))
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))


def test_a_corrected_text_of_the_same_length_is_an_error(tmp_path):
    folder = make_folder(tmp_path / "mine")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    table = folder / "words.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("mot3", "mat3", 1), encoding="utf-8")
    with pytest.raises(
        UserError, match="was made from mine when its texts or archives were others; remove that folder"
    ):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))


def test_a_corrected_archive_of_the_same_size_is_an_error(tmp_path):
    """Tar files are padded, so that a correction seldom changes their size."""
    folder, archive = make_folder(tmp_path / "mine"), tmp_path / "mine.tar"
    table = folder / "words.tsv"
    for corrected in (False, True):
        if corrected:
            table.write_text(table.read_text(encoding="utf-8").replace("mot3", "mat3", 1), encoding="utf-8")
        with tarfile.open(archive, "w") as file:
            file.add(folder, "mine")
        if not corrected:
            size = archive.stat().st_size
            prepare_dataset("word_folder", str(tmp_path / "data"), str(archive))
    assert archive.stat().st_size == size
    with pytest.raises(UserError, match="when its texts or archives were others; remove that folder"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(archive))


def test_a_dataset_of_a_version_without_checksum_of_texts_is_taken(tmp_path):
    folder = make_folder(tmp_path / "mine")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    path = dataset_directory(str(tmp_path / "data"), "word_folder/mine") / "summary.json"
    summary = json.loads(path.read_text())
    del summary["source_content"]
    path.write_text(json.dumps(summary))
    assert prepare_dataset("word_folder", str(tmp_path / "data"), str(folder)) == summary


def test_the_summary_of_an_older_version_is_an_error(tmp_path):
    prepare_dataset("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine")))
    path = dataset_directory(str(tmp_path / "data"), "word_folder/mine") / "summary.json"
    summary = json.loads(path.read_text())
    del summary["content"]
    path.write_text(json.dumps(summary))
    with pytest.raises(UserError, match="was prepared by an older version of hwgan; remove it"):
        read_summary(str(tmp_path / "data"), "word_folder/mine")


def test_a_folder_without_summary_is_prepared_again(tmp_path):
    # What is left when the process dies after tfds has moved its files into place.
    folder = make_folder(tmp_path / "mine")
    whole = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    directory = dataset_directory(str(tmp_path / "data"), "word_folder/mine")
    (directory / "summary.json").unlink()
    next(directory.glob("*train*")).unlink()
    (directory.parent / "incomplete.ABC_1.1.0").mkdir()
    assert prepare_dataset("word_folder", str(tmp_path / "data"), str(folder)) == whole
    assert len(read_rows(tmp_path / "data", "word_folder/mine", "train")) == whole["examples"]["train"]
    assert not list(directory.parent.glob("incomplete*"))


def test_where_nothing_can_be_locked_the_work_of_another_process_stays(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def no_lock(_):
        yield False

    monkeypatch.setattr(write, "exclusive_lock", no_lock)
    folder = make_folder(tmp_path / "mine")
    (tmp_path / "data" / "word_folder" / "mine" / "incomplete.ABC_1.1.0").mkdir(parents=True)
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert (tmp_path / "data" / "word_folder" / "mine" / "incomplete.ABC_1.1.0").exists()


def _prepare_in_child(data_dir, source, limit=None):
    if limit:  # a file system that refuses to grow a file: the error of a full disk, on any machine
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        prepare_dataset("word_folder", data_dir, source)
    except UserError as error:
        pathlib.Path(f"{data_dir}.error").write_text(str(error))
        os._exit(2)
    os._exit(0)


@pytest.mark.slow
def test_killed_at_any_moment_no_incomplete_dataset_has_a_summary(tmp_path):
    folder, data = make_folder(tmp_path / "mine", count=3000), str(tmp_path / "data")
    rng, killed = np.random.default_rng(0), 0
    for _ in range(12):
        child = CHILDREN.Process(target=_prepare_in_child, args=(data, str(folder)))
        child.start()
        time.sleep(rng.uniform(0.05, 0.8))
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        for path in (tmp_path / "data").rglob("summary.json"):  # this one must be complete
            assert sum(json.loads(path.read_text())["examples"].values()) == 3000
            path.unlink()
    assert killed >= 6
    assert sum(prepare_dataset("word_folder", data, str(folder))["examples"].values()) == 3000
    assert sum(len(read_rows(data, "word_folder/mine", split)) for split in SPLITS) == 3000


@pytest.mark.parametrize("limit", [4_000, 30_000])
def test_a_full_disk_is_reported_and_leaves_no_summary(tmp_path, limit):
    folder, data = make_folder(tmp_path / "mine", count=200), tmp_path / "data"
    child = CHILDREN.Process(target=_prepare_in_child, args=(str(data), str(folder), limit))
    child.start()
    child.join()
    assert child.exitcode == 2
    message = pathlib.Path(f"{data}.error").read_text()
    assert message.startswith(f"cannot prepare word_folder under '{data}': ")
    assert "File too large" in message or "array_record" in message
    assert not list(data.rglob("summary.json"))
    assert sum(prepare_dataset("word_folder", str(data), str(folder))["examples"].values()) == 200


# splits


def test_split_lists_decide_and_unlisted_rows_are_counted(tmp_path):
    folder, lists = make_folder(tmp_path / "mine"), tmp_path / "lists"
    lists.mkdir()
    for k, split in enumerate(SPLITS):
        (lists / f"{split}.txt").write_text("# mine\r\n" + "".join(f"{i}.png\r\n" for i in range(k, 45, 3)) + "\n")
    (lists / "test.txt").write_text((lists / "test.txt").read_text() + "99.png\n")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder), splits=str(lists))
    assert summary["examples"] == {"train": 15, "validation": 15, "test": 15}
    assert summary["skipped"]["in no split list"]["count"] == 15
    assert summary["skipped"]["listed for a split, but not there"] == {"count": 1, "first": ["99.png"]}
    assert summary["splits"] == "lists in lists"
    with pytest.raises(UserError, match="and you ask for"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))


def test_lists_name_examples_or_groups_of_them():
    lists = SplitLists(
        {"train": ["a01-000u"], "validation": ["b02-001-03"], "test": ["c03-007-00-01"]}, "here", nested=True
    )
    assert lists.find("a01-000u-00-02") == lists.find("a01-000u-07") == "train"
    assert lists.find("b02-001-03-11") == "validation"
    assert lists.find("b02-001-04") is None
    assert lists.unmatched() == ["c03-007-00-01"]
    with pytest.raises(UserError, match="'x' is in both train and test"):
        SplitLists({"train": ["x"], "test": ["x"]}, "here", nested=False)


def test_split_lists_must_be_complete(tmp_path):
    with pytest.raises(UserError, match=r"is no folder; it should hold train.txt, validation.txt, test.txt"):
        read_split_lists(str(tmp_path / "none"), nested=False)
    (tmp_path / "train.txt").write_text("a\n")
    with pytest.raises(UserError, match=r"cannot read validation.txt"):
        read_split_lists(str(tmp_path), nested=False)
    (tmp_path / "validation.txt").write_text("# nothing\n")
    (tmp_path / "test.txt").write_text("c\n")
    with pytest.raises(UserError, match=r"validation.txt lists nothing"):
        read_split_lists(str(tmp_path), nested=False)


# by name


@pytest.mark.parametrize(
    ("dataset", "source", "options", "message"),
    [
        ("mnist", None, {}, "no dataset 'mnist'; there are penman"),
        ("penman/none", None, {}, r"penman has \['demo', 'signs', 'smoke', 'words'\]"),
        ("iam/words", None, {}, "needs --source="),
        ("iam/words", "nowhere", {}, "no such file or folder"),
        ("penman", ".", {}, "has neither --source nor --splits"),
        ("word_folder", ".", {"whiten": True}, "--whiten is no option of word_folder"),
        ("iam/words", ".", {"unit": "word"}, "--unit is no option of iam"),
        ("word_folder", ".", {"name": "a/../b"}, "cannot be the name of a folder"),
    ],
)
def test_wrong_requests_are_errors(tmp_path, dataset, source, options, message):
    with pytest.raises(UserError, match=message):
        prepare_dataset(dataset, str(tmp_path), source, **options)


def test_summary_is_json_beside_the_data(data_dir):
    path = dataset_directory(data_dir, "penman/smoke") / "summary.json"
    assert json.loads(path.read_text())["alphabet"] == "abcdefghijklmnopqrstuvwxyz"


def test_a_damaged_summary_is_an_error(tmp_path):
    prepare_dataset("word_folder", str(tmp_path), str(make_folder(tmp_path / "mine")))
    path = dataset_directory(str(tmp_path), "word_folder/mine") / "summary.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(UserError, match=r"cannot be read .* prepare the dataset again"):
        read_summary(str(tmp_path), "word_folder/mine")


def test_newest_version_by_number(tmp_path):
    for version in ("1.9.0", "1.10.0"):
        (tmp_path / "iam" / "words" / version).mkdir(parents=True)
        (tmp_path / "iam" / "words" / version / "summary.json").write_text("{}")
    assert dataset_directory(str(tmp_path), "iam/words").name == "1.10.0"
    assert dataset_directory(str(tmp_path), "iam").name == "1.10.0"  # by the config that hwgan.prepare takes
    with pytest.raises(UserError, match=r"no prepared dataset 'iam/lines' .*, where there is iam/words; make it with"):
        dataset_directory(str(tmp_path), "iam/lines")
    with pytest.raises(UserError, match=r"where there is iam/words; did you mean iam/words\?$"):
        dataset_directory(str(tmp_path), "words")
    with pytest.raises(UserError, match=r"did you mean iam/words\? If not, make it with: python -m hwgan.prepare"):
        dataset_directory(str(tmp_path), "iam/wrods")


def test_a_preview_shows_what_training_leaves_out(tmp_path):
    folder = make_folder(tmp_path / "mine", count=3)
    for path in folder.glob("*.png"):
        Image.fromarray(np.where(np.arange(64)[:, None] // 7 == 4, 0, np.full((64, 1400), 255)).astype(np.uint8)).save(
            path
        )
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    preview_steps(str(tmp_path / "data"), "word_folder/mine", str(tmp_path / "steps.png"))
    assert (tmp_path / "steps.png").exists()


# description and preview


def test_description_has_counts_options_and_characters(tmp_path):
    builder = create_builder(Request("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine"))))
    text = describe(write_dataset(builder))
    assert "  splits: by hash of writer" in text
    assert "alphabet (14): 0:6 1:6" in text
    assert "skipped: none" in text


def test_preview_draws_examples_and_finds_suspicious_rows(tmp_path):
    folder = make_folder(tmp_path / "mine")
    table = folder / "words.tsv"
    rows = table.read_text(encoding="utf-8").splitlines()
    rows[3] = "2.png\t" + "much too long for it" + "\tw2"
    table.write_text("\n".join(rows) + "\ncopy.png\tmot1é\tw1\nblank.png\tx\tw1\n", encoding="utf-8")
    (folder / "copy.png").write_bytes((folder / "7.png").read_bytes())
    Image.new("L", (60, 20), 250).save(folder / "blank.png")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    text = preview(str(tmp_path / "data"), summary["dataset"], list(SPLITS), str(tmp_path / "out" / "grid.png"))
    assert "text too long for its width: 1 (first: 2.png)" in text
    assert "same image as another: 1 (first: " in text
    assert "near-blank image: 1 (first: blank.png)" in text
    assert "x 1" in text  # a rare character
    with Image.open(tmp_path / "out" / "grid.png") as grid:
        assert grid.width > 600
        assert np.asarray(grid).min() < 60
    with pytest.raises(UserError, match=r"cannot write '.*grid\.nothing'"):
        preview(str(tmp_path / "data"), summary["dataset"], ["test"], str(tmp_path / "grid.nothing"))


def test_previews_of_extreme_images_stay_small(tmp_path):
    folder = make_folder(tmp_path / "mine")
    lines = [f"{i}.png\t{'x' * (1 + 30 * (i % 2))}\tw{i % 20}" for i in range(60)]
    (folder / "words.tsv").write_text("file\ttext\twriter\n" + "\n".join(lines), encoding="utf-8")
    for i in range(0, 60, 3):
        Image.new("L", (60_000, 1)).save(folder / f"{i}.png")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    preview(str(tmp_path / "data"), "word_folder/mine", list(SPLITS), str(tmp_path / "a.png"))
    preview_steps(str(tmp_path / "data"), "word_folder/mine", str(tmp_path / "b.png"))
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / name) as grid:
            assert grid.width < 15_000


def test_ids_in_split_lists_may_contain_hashes(tmp_path):
    assert parse_list("# all\np#0.png\np#1.png # the first\n\n") == ["p#0.png", "p#1.png"]
    assert SplitLists({"train": ["ms-1"]}, "here", nested=False).find("ms-1-2") is None


def test_clean_text():
    assert clean_text("\ufeff e\u0301te\u0301 \r\n") == "été"
    assert clean_text("\u00a010\u202f000\u2009km\u00a0") == "10 000 km"
    assert clean_text("\u200fשלום\u202c") == "שלום"
    assert clean_text("a\u200cb") == "a\u200cb"  # a joiner changes how letters are written


def test_an_empty_held_out_split_is_left_out_with_a_warning(tmp_path):
    """Its images cannot be read: that is no reason to refuse the training words."""
    folder = make_folder(tmp_path / "mine", count=60)
    rows = [line.split("\t") for line in (folder / "words.tsv").read_text(encoding="utf-8").splitlines()]
    table = ["\t".join([*rows[0][:3], "split"])]
    for number, row in enumerate(rows[1:]):
        split = "train" if number < 50 else "validation"
        table.append("\t".join([*row[:3], split]))
        if split == "validation":
            (folder / row[0]).write_bytes(b"no image")
    (folder / "words.tsv").write_text("\n".join(table) + "\n", encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder), "mine")
    assert summary["examples"] == {"train": 50}
    assert summary["skipped"]["unreadable image"]["count"] == 10
    assert any("the validation split" in warning and "is empty" in warning for warning in summary["warnings"])
