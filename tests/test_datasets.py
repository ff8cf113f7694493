"""Builders, for real: prepared to disk and read back."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import ImageSpec, dataset_directory, load_words, read_summary
from hwgan.data.transforms import decode_grey
from hwgan.datasets.builder import SPLITS, split_of
from hwgan.datasets.iam.parser import parse_forms, parse_rows
from hwgan.datasets.word_folder.table import find_table, parse_table
from hwgan.errors import UserError
from hwgan.prepare import describe, prepare_dataset


def png(seed=0, size=(40, 20)) -> bytes:
    stream = io.BytesIO()
    ink = np.random.default_rng(seed).integers(0, 256, (size[1], size[0]), np.uint8)
    Image.fromarray(ink).save(stream, "PNG")
    return stream.getvalue()


def read_rows(data_dir, dataset, split):
    builder = tfds.builder_from_directory(dataset_directory(str(data_dir), dataset))
    return {row["id"].decode(): row for row in builder.as_data_source(split)}


# penman


def test_penman_writers_and_some_words_are_apart(data_dir):
    summary = read_summary(data_dir, "penman/smoke")
    assert summary["examples"] == {"train": 192, "validation": 24, "test": 24}
    rows = {split: read_rows(data_dir, "penman/smoke", split).values() for split in SPLITS}
    writers = {split: {row["writer"] for row in rows[split]} for split in SPLITS}
    assert not writers["train"] & writers["validation"] | writers["train"] & writers["test"]
    texts = {split: {row["text"] for row in rows[split]} for split in SPLITS}
    assert texts["validation"] - texts["train"]


def test_preparing_twice_reads_what_is_there(data_dir):
    assert prepare_dataset("penman/smoke", data_dir) == read_summary(data_dir, "penman/smoke")


def test_prepared_content_repeats(tmp_path, data_dir):
    prepare_dataset("penman/smoke", str(tmp_path))
    first, again = (read_rows(path, "penman/smoke", "test") for path in (data_dir, str(tmp_path)))
    assert list(first) == list(again)
    assert all(np.array_equal(first[i]["image"], again[i]["image"]) for i in first)


# word_folder


def make_folder(path, count=60, table="words.tsv", columns=("file", "text", "writer")):
    path.mkdir(parents=True)
    separator = "\t" if table.endswith(".tsv") else ","
    lines = [separator.join(columns)]
    for i in range(count):
        (path / f"{i}.png").write_bytes(png(i))
        values = {"file": f"{i}.png", "text": f"mot{i % 10}é", "writer": f"w{i % 20}", "split": SPLITS[i % 3]}
        lines.append(separator.join(values[column] for column in columns))
    (path / table).write_text("\n".join(lines), encoding="utf-8")
    return path


def pack(folder, ending):
    archive = folder.with_suffix(ending)
    if ending == ".zip":
        with zipfile.ZipFile(archive, "w") as file:
            for path in folder.rglob("*"):
                file.write(path, f"inner/{path.name}")
    else:
        with tarfile.open(archive, "w:gz") as file:
            file.add(folder, "inner")
    return archive


@pytest.mark.parametrize("ending", ["folder", ".zip", ".tgz"])
@pytest.mark.parametrize("table", ["words.tsv", "words.csv"])
def test_word_folder_in_every_packing(tmp_path, ending, table):
    source = make_folder(tmp_path / "mine", table=table)
    if ending != "folder":
        source = pack(source, ending)
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(source), "mine")
    assert sum(summary["examples"].values()) == 60
    assert summary["alphabet"] == "0123456789motéé"[:10] + "moté"
    assert summary["skipped"] == {}
    writers = [{r["writer"] for r in read_rows(tmp_path / "data", "word_folder/mine", s).values()} for s in SPLITS]
    assert sum(map(len, writers)) == len(set().union(*writers)) == 20


def test_word_folder_trains_through_the_pipeline(tmp_path):
    prepare_dataset("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine")))
    spec = ImageSpec(height=32, max_width=96, pixels_per_character=16, max_length=6)
    words = load_words(str(tmp_path / "data"), "word_folder/mine", "train", Charset("0123456789moté"), spec)
    assert words.image(0).shape == (32, 16 * 5)


@pytest.mark.parametrize(("columns", "writers"), [(("file", "text"), 0), (("file", "text", "split"), 0)])
def test_word_folder_without_writers(tmp_path, columns, writers):
    summary = prepare_dataset(
        "word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine", columns=columns))
    )
    assert set(summary["examples"]) == set(SPLITS)
    assert sum(summary["writers"].values()) == writers
    assert ("split" in columns) == (summary["examples"]["train"] == 20)


def test_bad_rows_are_counted_and_cost_nothing_else(tmp_path):
    folder = make_folder(tmp_path / "mine")
    (folder / "0.png").write_bytes(png()[:100])
    (folder / "1.png").unlink()
    (folder / "2.png").write_bytes(b"")
    text = (folder / "words.tsv").read_text(encoding="utf-8").replace("\tmot3é\tw3", "\t \tw3", 1)
    (folder / "words.tsv").write_text(text + "\n4.png\tmot4é\tw4\n", encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert {reason: rows["count"] for reason, rows in summary["skipped"].items()} == {
        "unreadable image": 2,
        "missing image": 1,
        "empty text": 1,
        "duplicate row": 1,
    }
    assert summary["skipped"]["missing image"]["first"] == ["1.png"]
    assert sum(summary["examples"].values()) == 56
    assert "skipped, missing image: 1 (first: 1.png)" in describe(summary)


def test_csv_quotes_and_tsv_does_not():
    assert parse_table('file,text\na.png,"1,5 ""x"""\n', "t.csv")[0].text == '1,5 "x"'
    assert parse_table('file\ttext\na.png\t"x\n', "t.tsv")[0].text == '"x'


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image\ttext\na\tb\n", "t.tsv has no column file; its header says"),
        ("file\ttext\na.png\n", "t.tsv line 2: too few columns"),
    ],
)
def test_table_mistakes(table, message):
    with pytest.raises(UserError, match=message):
        parse_table(table, "t.tsv")


def test_find_table():
    assert find_table(["a/b/x.csv", "a/words.tsv", "a/1.png"]) == "a/words.tsv"
    with pytest.raises(UserError, match=r"no .tsv or .csv table"):
        find_table(["1.png"])
    with pytest.raises(UserError, match="several tables"):
        find_table(["a.tsv", "b.csv"])


def test_unknown_split_and_empty_split(tmp_path):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "split"))
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("validation", "dev"), encoding="utf-8")
    with pytest.raises(UserError, match=r"split must be one of train, validation, test, got \['dev'\]"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    table.write_text(text.replace("validation", "train"), encoding="utf-8")
    with pytest.raises(UserError, match="validation split of word_folder is empty"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert not list((tmp_path / "data").rglob("summary.json"))


# iam

FORMS = {f"{letter}01-{number:03d}": f"{k:03d}" for k, (letter, number) in enumerate(
    (letter, number) for letter in "abcdefgh" for number in (0, 3, 7, 14)
)}  # fmt: skip
WORDS = ["A", "MOVE", "to", "stop", "Mr.", "#"]


def make_iam(root, kind="words", archives=False):
    """An invented tree in the exact layout: 32 forms by 32 writers, six words or one line a form."""
    (root / "ascii").mkdir(parents=True)
    header = "#--- words.txt ---#\n#\n# format: a01-000u-00-00 ok 154 1 408 768 27 51 AT A\n#\n"
    words, lines = [header], ["#--- lines.txt ---#\n"]
    for k, form in enumerate(FORMS):
        for i, word in enumerate(WORDS):
            result = "err" if i == 3 else "ok"
            words.append(f"{form}-00-{i:02d} {result} 154 408 768 27 51 AT {word}\n")
        lines.append(f"{form}-00 ok 154 19 408 746 1661 89 {'|'.join(WORDS)}\n")
        for i in range(len(WORDS) if kind == "words" else 1):
            name = f"{form}-00-{i:02d}" if kind == "words" else f"{form}-00"
            path = root / kind / form[:3] / form / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(k))
    (root / "ascii" / "words.txt").write_text("".join(words))
    (root / "ascii" / "lines.txt").write_text("".join(lines))
    forms = "".join(f"{form} {writer} 2 prt 7 5 52 36\n" for form, writer in FORMS.items())
    (root / "ascii" / "forms.txt").write_text("#--- forms.txt ---#\n" + forms)
    if archives:
        for folder in ("ascii", kind):
            with tarfile.open(root / f"{folder}.tgz", "w:gz") as archive:
                for path in sorted((root / folder).iterdir()):
                    archive.add(path, path.name)
            for path in sorted((root / folder).rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            (root / folder).rmdir()
    return root


@pytest.mark.parametrize("archives", [False, True])
def test_iam_words_from_archives_and_extracted(tmp_path, archives):
    root = make_iam(tmp_path / "iam", archives=archives)
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert sum(summary["examples"].values()) == 32 * 6
    assert summary["skipped"] == {}
    assert sum(summary["writers"].values()) == 32
    rows = {k: r for split in SPLITS for k, r in read_rows(tmp_path / "data", "iam/words", split).items()}
    row = rows["a01-000-00-03"]
    assert (row["text"], row["writer"], row["tag"]) == (b"stop", b"000", b"AT")
    assert (row["grey_level"], row["segmentation_ok"]) == (154, False)
    np.testing.assert_array_equal(row["image"][:, :, 0], decode_grey(png(0)))
    assert rows["a01-000-00-05"]["text"] == b"#"


def test_iam_splits_follow_the_writer(tmp_path):
    root = make_iam(tmp_path / "iam")
    prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    for split in SPLITS:
        for row in read_rows(tmp_path / "data", "iam/words", split).values():
            assert split_of(row["writer"].decode()) == split


def test_iam_lines(tmp_path):
    root = make_iam(tmp_path / "iam", kind="lines", archives=True)
    summary = prepare_dataset("iam/lines", str(tmp_path / "data"), str(root))
    assert sum(summary["examples"].values()) == 32
    (row, *_) = read_rows(tmp_path / "data", "iam/lines", "train").values()
    assert row["text"] == b"A MOVE to stop Mr. #"


def test_iam_broken_and_missing_images_are_listed(tmp_path):
    root = make_iam(tmp_path / "iam")
    (root / "words" / "b01" / "b01-003" / "b01-003-00-02.png").write_bytes(b"not a png")
    (root / "words" / "c01" / "c01-007" / "c01-007-00-05.png").unlink()
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert summary["skipped"]["unreadable image"] == {"count": 1, "first": ["b01-003-00-02"]}
    assert summary["skipped"]["missing image"] == {"count": 1, "first": ["c01-007-00-05"]}


def test_iam_badly_segmented_words_are_dropped_in_training(tmp_path, caplog):
    caplog.set_level("INFO", logger="hwgan")
    prepare_dataset("iam/words", str(tmp_path / "data"), str(make_iam(tmp_path / "iam")))
    spec = ImageSpec(height=32, max_width=128, pixels_per_character=0, max_length=6)
    words = load_words(str(tmp_path / "data"), "iam/words", "train", Charset("AMOVEtospr.#"), spec)
    assert "stop" not in words.texts
    assert "badly segmented" in caplog.text


def test_half_extracted_iam(tmp_path):
    root = make_iam(tmp_path / "iam")
    for path in list((root / "words").rglob("*.png"))[:60]:
        path.unlink()
    with pytest.raises(UserError, match=r"60 of the 192 images .* half extracted"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))


def test_missing_parts_of_iam(tmp_path):
    root = make_iam(tmp_path / "iam", archives=True)
    (root / "words.tgz").write_bytes((root / "words.tgz").read_bytes()[:500])
    with pytest.raises(UserError, match=r"cannot read .*words.tgz.*whole"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    (root / "words.tgz").unlink()
    with pytest.raises(UserError, match=r"holds no words\.tgz"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    (root / "ascii.tgz").unlink()
    with pytest.raises(UserError, match=r"holds no ascii.tgz"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))


def test_iam_rows():
    (row,) = parse_rows("# a comment\n\na01-000u-00-00 ok 154 408 768 27 51 AT A B\n", "words.txt")
    assert row.text == "A B"  # everything after the eighth field
    assert (row.form, row.image_name) == ("a01-000u", "a01-000u-00-00.png")
    with pytest.raises(UserError, match=r"words.txt line 1 is not a row"):
        parse_rows("a01-000u-00-00 ok 154\n", "words.txt")
    assert parse_forms("# x\na01-000u 000 2 prt 7 5 52 36\n") == {"a01-000u": "000"}


# by name


@pytest.mark.parametrize(
    ("dataset", "source", "message"),
    [
        ("mnist", None, "no dataset 'mnist'; there are penman"),
        ("penman/none", None, r"penman has \['demo', 'smoke', 'words'\]"),
        ("iam/words", None, "needs --source="),
        ("iam/words", "nowhere", "no such file or folder"),
        ("penman", ".", "has no --source"),
    ],
)
def test_wrong_names(tmp_path, dataset, source, message):
    with pytest.raises(UserError, match=message):
        prepare_dataset(dataset, str(tmp_path), source)


def test_summary_is_json_beside_the_data(data_dir):
    path = dataset_directory(data_dir, "penman/smoke") / "summary.json"
    assert json.loads(path.read_text())["alphabet"] == "abcdefghijklmnopqrstuvwxyz"
