"""Word images of the user, in folders and archives with tables of several formats."""

import json
import os
import zipfile

import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import load_words
from hwgan.datasets.raw_files import RawFiles
from hwgan.datasets.splits import SPLITS
from hwgan.datasets.word_folder.table import parse_table
from hwgan.prepare import describe, prepare_dataset
from hwgan.runtime.errors import UserError
from tests.synthetic_data import make_folder, pack, png, read_rows


@pytest.mark.parametrize("ending", ["folder", ".zip", ".tgz"])
@pytest.mark.parametrize("table", ["words.tsv", "words.csv", "words.json", "words.jsonl"])
def test_every_packing_and_table_format(tmp_path, ending, table):
    source = make_folder(tmp_path / "mine", table=table)
    if ending != "folder":
        source = pack(source, ending)
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(source), "mine")
    assert sum(summary["examples"].values()) == 60
    assert summary["alphabet"] == "0123456789moté"
    assert summary["character_counts"]["m"] == 60
    assert not summary["right_to_left"]
    assert summary["skipped"] == {}
    writers = [{r["writer"] for r in read_rows(tmp_path / "data", "word_folder/mine", s).values()} for s in SPLITS]
    assert sum(map(len, writers)) == len(set().union(*writers)) == 20


def test_prepared_words_load_for_training(tmp_path):
    prepare_dataset("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine")))
    spec = ImageSpec(Preprocessing(height=32, pixels_per_character=16), max_width=96, max_length=6)
    words = load_words(str(tmp_path / "data"), "word_folder/mine", "train", Charset("0123456789moté"), spec)
    assert words.image(0).shape == (32, 16 * 5)


@pytest.mark.parametrize(("columns", "writers"), [(("file", "text"), 0), (("file", "text", "split"), 0)])
def test_without_writers(tmp_path, columns, writers):
    summary = prepare_dataset(
        "word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine", columns=columns))
    )
    assert set(summary["examples"]) == set(SPLITS)
    assert sum(summary["writers"].values()) == writers
    assert ("split" in columns) == (summary["examples"]["train"] == 20)
    assert summary["splits"] == ("column of the table" if "split" in columns else "by hash of file name")


@pytest.mark.parametrize("folders", [False, True])
def test_images_named_by_their_text(tmp_path, folders):
    for i in range(40):
        folder = tmp_path / "mine" / (f"w{i % 5}" if folders else "")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{['pomme', 'prune', 'a_b'][i % 3]}_{i}.png").write_bytes(png(i))
    (tmp_path / "mine" / "README.txt").write_text("words")
    (folder / "without.png").write_bytes(png())
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(tmp_path / "mine"))
    assert sum(summary["examples"].values()) == 40
    assert summary["alphabet"] == "_abemnopru"
    assert summary["skipped"]["not called text_number"]["count"] == 1
    assert sum(summary["writers"].values()) >= (5 if folders else 0)
    rows = [row for s in SPLITS for row in read_rows(tmp_path / "data", "word_folder/mine", s).values()]
    assert {row["text"] for row in rows} == {b"pomme", b"prune", b"a_b"}
    (warning,) = [w for w in summary["warnings"] if w.startswith("THE TEXTS COME FROM THE NAMES OF THE IMAGES")]
    assert all(f"is {text!r}" in warning for text in ("pomme", "prune", "a_b"))


def test_bad_rows_are_counted_and_the_rest_is_kept(tmp_path):
    folder = make_folder(tmp_path / "mine")
    (folder / "0.png").write_bytes(png()[:100])
    (folder / "1.png").unlink()
    (folder / "2.png").write_bytes(b"")
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8").replace("\tmot3é\tw3", "\t \tw3", 1)
    table.write_text(text + "\n4.png\tmot4é\tw4\nalone.png\n", encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert {reason: rows["count"] for reason, rows in summary["skipped"].items()} == {
        "unreadable image": 2,
        "missing image": 1,
        "empty text": 1,
        "duplicate id": 1,
        "unreadable row": 1,
    }
    assert summary["skipped"]["missing image"]["first"] == ["1.png (words.tsv line 3)"]
    assert summary["skipped"]["unreadable row"]["first"] == ["words.tsv line 64: it has no text"]
    assert summary["skipped"]["unreadable image"]["first"][0].startswith("0.png (words.tsv line 2): ")
    assert sum(summary["examples"].values()) == 56
    assert "skipped, missing image: 1 (first: 1.png (words.tsv line 3))" in describe(summary)


def test_csv_has_quotes_and_tsv_has_none():
    assert parse_table('file,text\na.png,"1,5 ""x"""\n', "t.csv")[0][0].text == '1,5 "x"'
    assert parse_table('file\ttext\na.png\t"x\n', "t.tsv")[0][0].text == '"x'


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_windows_line_ends_and_odd_breaks(name):
    mark = "\t" if name == "t.tsv" else ","
    rows, bad = parse_table(f"file{mark}text\r\na.png{mark}one\r\n\r\nb.png{mark}t\u2028wo\x0b\r\n", name)
    assert [row.text for row in rows] == ["one", "t\u2028wo\x0b"]
    assert [row.place for row in rows] == [f"{name} line 2", f"{name} line 4"]
    assert not bad


def test_columns_by_their_usual_names():
    rows, _ = parse_table("File_Name,Transcription,writer_id\na.png,one,w1\n", "t.csv")
    assert (rows[0].file, rows[0].text, rows[0].writer) == ("a.png", "one", "w1")
    rows, bad = parse_table('{"image": "a.png", "text": 12}\n[]\nnonsense\n{"image": "b.png"}\n', "t.jsonl")
    assert [row.text for row in rows] == ["12"]
    assert [place.partition(":")[0] for place in bad] == ["t.jsonl line 2", "t.jsonl line 3", "t.jsonl line 4"]


@pytest.mark.parametrize(
    ("table", "name", "message"),
    [
        ("picture\ttext\na\tb\n", "t.tsv", "t.tsv has no column file; its header says"),
        ("", "t.csv", "t.csv has no column file and text"),
        ("{}", "t.json", "is no list of objects"),
        ("{", "t.json", "t.json is not JSON"),
    ],
)
def test_table_mistakes(table, name, message):
    with pytest.raises(UserError, match=message):
        parse_table(table, name)


def test_one_huge_field_drops_one_row():
    rows, bad = parse_table("file,text\na.png," + "x" * 200_000 + "\nb.png,two\n", "t.csv")
    assert [row.file for row in rows] == ["b.png"]
    assert "field larger than field limit" in bad[0]


def test_unknown_split_and_empty_split(tmp_path):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "split"))
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("\ttest\n", "\tfold3\n", 3), encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "one"), str(folder))
    assert summary["skipped"]["unknown split"]["count"] == 3
    assert "(words.tsv line 4): 'fold3' is not one of train" in summary["skipped"]["unknown split"]["first"][0]
    table.write_text(text.replace("validation", "c").replace("train", "a").replace("test", "b"), encoding="utf-8")
    with pytest.raises(UserError, match=r"split must be one of train, validation, test, got a, b, c"):
        prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert not list((tmp_path / "data").rglob("summary.json"))


@pytest.mark.parametrize("words", [("Train", "Val", "Test"), ("training", "dev", "eval"), ("train", "valid", "test")])
def test_usual_words_for_splits(tmp_path, words):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "writer", "split"))
    text = (folder / "words.tsv").read_text(encoding="utf-8")
    for split, word in zip(SPLITS, words, strict=True):
        text = text.replace(f"\t{split}\n", f"\t{word}\n")
    (folder / "words.tsv").write_text(text, encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert summary["examples"] == dict.fromkeys(SPLITS, 20)
    assert summary["skipped"] == {} and summary["warnings"] == []


def test_a_test_split_alone_needs_no_training_writers(tmp_path):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "writer", "split"))
    text = (folder / "words.tsv").read_text(encoding="utf-8")
    (folder / "words.tsv").write_text(text.replace("train\n", "test\n").replace("validation\n", "test\n"), "utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert summary["examples"] == {"test": 60} and summary["warnings"] == []


def test_a_name_that_is_not_utf_8_drops_one_image(tmp_path):
    folder = make_folder(tmp_path / "mine", columns=("file", "text"))
    try:
        (folder / os.fsdecode(b"caf\xe9_1.png")).write_bytes(png())
    except OSError:
        pytest.skip("this file system has no such names")
    (folder / "words.tsv").unlink()
    for i in range(60):
        (folder / f"{i}.png").rename(folder / f"mot_{i}.png")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert sum(summary["examples"].values()) == 60
    assert summary["skipped"]["control character"]["count"] == 1


def test_why_no_row_of_a_table_can_be_used(tmp_path):
    for name, text in (
        ("labels.csv", "file,text\n0.png,Mr,Smith\n1.png,a,b\n"),
        ("labels.jsonl", '{"img": "0.png", "reading": "a"}\n'),
    ):
        folder = make_folder(tmp_path / name)
        (folder / "words.tsv").unlink()
        (folder / name).write_text(text)
        with pytest.raises(UserError, match=rf"no row of {name} can be used; {name} line"):
            prepare_dataset("word_folder", str(tmp_path / "data"), str(folder), "mine")


def test_keys_of_json_are_named_as_columns_are():
    rows, bad = parse_table('{"Image": "a.png", "Label": "mot"}\n{"File Name": "b.png", "TEXT": "été"}\n', "t.jsonl")
    assert [(row.file, row.text) for row in rows] == [("a.png", "mot"), ("b.png", "été")] and not bad


def test_a_zip_with_the_separators_of_windows(tmp_path):
    folder = make_folder(tmp_path / "mine")
    with zipfile.ZipFile(tmp_path / "mine.ZIP", "w") as file:
        for path in folder.iterdir():
            member = zipfile.ZipInfo()
            member.filename = f"data\\{path.name}"
            file.writestr(member, path.read_bytes())
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(tmp_path / "mine.ZIP"), "mine")
    assert sum(summary["examples"].values()) == 60 and summary["skipped"] == {}


def test_a_zip_whose_names_are_utf_8_without_saying_so(tmp_path):
    """As `zip -r` of Unix writes them: Python then reads the bytes as code page 437."""
    folder = make_folder(tmp_path / "mine")
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as file:
        for image in folder.iterdir():
            file.write(image, f"été/{image.name}")
    plain = bytearray(path.read_bytes())
    for header, place in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        start = plain.find(header)
        while start >= 0:
            plain[start + place] &= ~0x08
            start = plain.find(header, start + 4)
    path.write_bytes(bytes(plain))
    assert not any(info.flag_bits & 0x800 for info in zipfile.ZipFile(path).infolist())
    assert all(name.startswith("été/") for name in RawFiles(path).names())
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(path), "mine")
    assert sum(summary["examples"].values()) == 60 and summary["skipped"] == {}


def test_a_linked_folder_of_images_is_named(tmp_path, caplog):
    folder = make_folder(tmp_path / "mine")
    (tmp_path / "elsewhere").mkdir()
    (folder / "img").symlink_to(tmp_path / "elsewhere")
    RawFiles(folder)
    assert "folders that are links are not followed: img; replace each" in caplog.text


def test_the_same_source_by_another_path_is_the_same(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "mine")
    first = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder), "mine")
    (folder / ".DS_Store").write_bytes(b"left behind")
    (folder / ".git").mkdir()
    (folder / ".git" / "FETCH_HEAD").write_text("changes with each git fetch")
    monkeypatch.chdir(folder)
    assert prepare_dataset("word_folder", str(tmp_path / "data"), ".", "mine") == first


def test_a_column_of_train_and_test_gets_a_small_validation_split(tmp_path):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "split"))
    table = folder / "words.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("validation", "train"), encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert summary["examples"]["test"] == 20
    assert 1 <= summary["examples"]["validation"] <= 8
    assert sum(summary["examples"].values()) == 60
    assert summary["splits"] == "column of the table, and a tenth of train as validation, by hash of file name"


def test_a_column_without_test_is_prepared_with_a_warning(tmp_path):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "split"))
    table = folder / "words.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("test", "train"), encoding="utf-8")
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert summary["examples"] == {"train": 40, "validation": 20}
    assert "there is no test split" in summary["warnings"]


def test_a_table_may_have_one_split(tmp_path):
    folder = make_folder(tmp_path / "mine", columns=("file", "text", "split"))
    table = folder / "words.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("validation\n", "train\n").replace("test\n", "train\n"), encoding="utf-8")
    assert prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))["examples"] == {"train": 60}


def test_right_to_left_words_are_mirrored_for_networks(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = [{"file": f"{i}.png", "text": ["שלום", "בית 12", "ספר"][i % 3], "writer": f"w{i}"} for i in range(60)]
    for row in rows:
        (folder / row["file"]).write_bytes(png(int(row["file"].split(".")[0]), size=(80, 32)))
    (folder / "words.json").write_text(json.dumps(rows))
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert summary["right_to_left"]
    assert "right to left" in describe(summary)
    charset = Charset(summary["alphabet"], right_to_left=True)
    spec = ImageSpec(Preprocessing(), max_width=160, max_length=8)
    words = load_words(str(tmp_path / "data"), "word_folder/mine", "train", charset, spec)
    row = words.texts.index("בית 12")
    on_paper = words.image(row)
    stored = read_rows(tmp_path / "data", "word_folder/mine", "train")
    assert any((image["image"][:, :, 0] == on_paper).all() for image in stored.values())
    batch = words.batch(np.array([row]))
    np.testing.assert_array_equal(batch.image[0, :, 80:], 1.0)
    # Mirrored back, the padding is to the left, and the word ends at the right edge.
    mirrored = batch.image[0, :, ::-1, 0]
    assert (mirrored[:, :80] == 1.0).all()
    np.testing.assert_allclose(mirrored[:, 80:], on_paper / 127.5 - 1.0, atol=1e-6)
    assert charset.decode(batch.labels[0]) == "בית 12"
    assert [charset.characters[i - 1] for i in batch.labels[0] if i] == list("בית 21")


def test_white_space_around_writer_names_is_ignored(tmp_path):
    folder = make_folder(tmp_path / "mine")
    table = folder / "words.tsv"
    lines = table.read_text(encoding="utf-8").splitlines()
    lines = [line.replace("\tw", "\t  w") if i % 2 else line for i, line in enumerate(lines)]
    table.write_text("\n".join(lines), encoding="utf-8")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    writers = [{r["writer"] for r in read_rows(tmp_path / "data", "word_folder/mine", s).values()} for s in SPLITS]
    assert sum(map(len, writers)) == len(set().union(*writers)) == 20


def few_writers(path, count, writers):
    folder = make_folder(path, count=count)
    lines = [f"{i}.png\tmot\tw{i % writers}" for i in range(count)]
    (folder / "words.tsv").write_text("file\ttext\twriter\n" + "\n".join(lines), encoding="utf-8")
    return folder


def test_four_writers_lose_few_words_to_the_held_out_parts(tmp_path):
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(few_writers(tmp_path / "mine", 60, 4)))
    assert summary["examples"]["train"] >= 42
    assert min(summary["examples"].values()) >= 1
    assert "file name" in summary["splits"]
    assert any("the 4 writers are too few to hold some of them out" in warning for warning in summary["warnings"])
    assert any("by 4 writers only: few styles can be learned" in warning for warning in summary["warnings"])


def test_one_writer_and_none_known_are_told_apart(tmp_path):
    one = prepare_dataset("word_folder", str(tmp_path / "data"), str(few_writers(tmp_path / "one", 60, 1)))
    none = make_folder(tmp_path / "none", columns=("file", "text"))
    none = prepare_dataset("word_folder", str(tmp_path / "data"), str(none))
    assert [w.partition(":")[0] for w in one["warnings"]] == ["all training examples are by one writer, 'w0'"]
    assert [w.partition(",")[0] for w in none["warnings"]] == ["no writer is known"]


def test_few_images_still_make_three_splits(tmp_path):
    folder = make_folder(tmp_path / "mine", count=8, columns=("file", "text"))
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert summary["examples"] == {"train": 6, "validation": 1, "test": 1}
    assert summary["splits"] == "by file name, dealt in turn"


@pytest.mark.parametrize(("count", "absent"), [(2, ["test"]), (1, [])])
def test_too_little_for_three_splits(tmp_path, count, absent):
    folder = make_folder(tmp_path / "mine", count=count)
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert sum(summary["examples"].values()) == count
    assert summary["examples"]["train"] == 1
    assert [w for w in summary["warnings"] if "there is no" in w] == [f"there is no {split} split" for split in absent]


def test_words_of_unknown_writers_leave_the_known_ones_in_one_split_each(tmp_path):
    folder = few_writers(tmp_path / "mine", 400, 50)
    table = folder / "words.tsv"
    lines = [line if i % 7 else line.rpartition("\t")[0] + "\t" for i, line in enumerate(table.read_text().split("\n"))]
    table.write_text("\n".join(["file\ttext\twriter", *lines[1:]]))
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    assert summary["splits"] == "by hash of writer" and set(summary["examples"]) == set(SPLITS)
    writers = [{r["writer"] for r in read_rows(tmp_path / "data", "word_folder/mine", s).values()} for s in SPLITS]
    known = [names - {b""} for names in writers]
    assert sum(map(len, known)) == len(set().union(*known)) == 50
    assert any("training examples name no writer" in warning for warning in summary["warnings"])


def test_the_folder_that_one_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(make_folder(tmp_path / "mine"))
    assert prepare_dataset("word_folder", str(tmp_path / "data"), ".")["dataset"] == "word_folder/mine"


def test_what_does_not_fit_a_config_is_told_with_the_fields_that_decide(tmp_path):
    prepare_dataset("word_folder", str(tmp_path / "data"), str(make_folder(tmp_path / "mine")))
    spec = ImageSpec(Preprocessing(height=32), max_width=96, max_length=3)
    with pytest.raises(UserError, match=r"dropped: \d+ too long; give --config.data.max_length=$"):
        load_words(str(tmp_path / "data"), "word_folder/mine", "train", Charset("0123456789moté"), spec)
