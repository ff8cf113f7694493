"""Where word_folder takes texts from: every usual way in which collections store them, and never a silent guess."""

import json

import pytest

from hwgan.datasets.splits import SPLITS
from hwgan.prepare import describe, prepare_dataset
from hwgan.runtime.errors import UserError
from tests.synthetic_data import pack, png, read_rows

WORDS = ["apple", "bread", "chair", "dance", "eagle", "fruit", "grape", "house", "ink pen", "juice", "kite", "été"]


def make(root, names, files=()):
    """A folder of images of these names, and of text files: content by path."""
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(i))
    for name, text in dict(files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def prepare(root):
    """The summary, and texts by id."""
    summary = prepare_dataset("word_folder", f"{root}.data", str(root), "mine")
    splits = summary["examples"]
    rows = {k: r for s in splits for k, r in read_rows(f"{root}.data", "word_folder/mine", s).items()}
    return summary, {key: row["text"].decode() for key, row in rows.items()}


def numbered(pattern, count=12):
    return [pattern.format(i) for i in range(count)]


def lines(pattern, names):
    return "".join(pattern.format(name, word) + "\n" for name, word in zip(names, WORDS, strict=True))


# lists without a header


@pytest.mark.parametrize(
    "name", ["gt.txt", "labels.txt", "train/gt.txt", "transcription.lst", "list.csv", "anything.txt"]
)
@pytest.mark.parametrize("pattern", ["{}\t{}", "{},{}", '{}, "{}"', "{};{}", "{} {}", "{}   {}", '"{}","{}"'])
def test_lists_of_files_and_texts(tmp_path, name, pattern):
    names = numbered("img/word_{}.png")
    root = make(tmp_path / "in", names, {name: lines(pattern, [f"{'../' * name.count('/')}{n}" for n in names])})
    summary, texts = prepare(root)
    assert texts == dict(zip(names, WORDS, strict=True))
    assert summary["texts"] == f"list {name}, 12 rows"
    assert summary["skipped"] == {}


def test_lists_in_the_words_of_icdar(tmp_path):
    text = '\ufeffword_1.png, "Tiredness"\r\nword_2.png, "a, \\"b\\""\r\nword_3.png, "\u00a35"\r\n'
    _, texts = prepare(make(tmp_path / "in", ["word_1.png", "word_2.png", "word_3.png"], {"gt.txt": text}))
    assert texts == {"word_1.png": "Tiredness", "word_2.png": 'a, "b"', "word_3.png": "£5"}


def test_a_list_of_names_whose_images_lie_in_another_folder(tmp_path):
    names = numbered("word {}.jpg")
    root = make(tmp_path / "in", [f"set/images/{name}" for name in names], {"set/gt/gt.txt": lines("{} {}", names)})
    _, texts = prepare(root)
    assert sorted(texts.values()) == sorted(WORDS)
    assert texts["set/images/word 8.jpg"] == "ink pen"


def test_missing_images_and_odd_lines_of_a_list_are_named(tmp_path):
    names = numbered("{}.png")
    root = make(tmp_path / "in", names[:8], {"gt.txt": lines("{}\t{}", names).replace("\tfruit", "")})
    summary, texts = prepare(root)
    assert len(texts) == 7
    assert summary["skipped"]["missing image"]["count"] == 4
    assert summary["skipped"]["empty text"]["first"] == ["5.png (gt.txt line 6)"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}\t{}\tw1", "gt.txt has 3 columns and no header; give it a first line that names them"),
        ("{},{},w1", "gt.txt has 3 columns and no header"),
        ("{} 10 20 30 40", "gt.txt gives '10 20 30 40' for the first image: these are numbers, not texts"),
        ('{}\t[{{"transcription": "{}", "points": []}}]', "gt.txt gives JSON for each image"),
        ("{} ok 154 408 768 27 51 AT {}", "is a table of IAM; prepare it with --dataset=iam/words"),
        ("nowhere/{}\t{}", "gt.txt names none of the 12 images that are there"),
    ],
)
def test_lists_that_are_no_texts(tmp_path, line, message):
    names = numbered("word_{}.png")
    listed = [name.replace("word", "other") for name in names] if "nowhere" in line else names
    text = "".join(line.format(name, word) + "\n" for name, word in zip(listed, WORDS, strict=True))
    with pytest.raises(UserError, match=message):
        prepare(make(tmp_path / "in", names, {"gt.txt": text}))


@pytest.mark.parametrize("header", ["file,writer", "file,x,writer", "image;inhalt", "Filename\tinhalt\twriter"])
def test_a_header_without_a_column_of_texts_is_no_list(tmp_path, header):
    """The writers became the transcriptions."""
    names = numbered("{}.png")
    separator = next(mark for mark in "\t,;" if mark in header)
    row = separator.join(["{}", "{}", "anna"][: header.count(separator) + 1])
    table = header + "\n" + lines(row, names)
    with pytest.raises(UserError, match=r"words\.csv has (no column|the columns)"):
        prepare(make(tmp_path / "in", names, {"words.csv": table}))


# Kaldi and PyLaia


def spelled(word):
    return " ".join("<space>" if c == " " else c for c in word)


@pytest.mark.parametrize("ending", ["png", "jpg", "TIF"])
@pytest.mark.parametrize("folders", ["lines/{}", "{}", "img/{}/x"])
def test_kaldi_texts_are_joined(tmp_path, ending, folders):
    ids = numbered("u-{:03d}")
    paths = [
        folders.format(i % 3).replace("x", name) if "x" in folders else folders.format(name)
        for i, name in enumerate(ids)
    ]
    text = "".join(f"{name} {spelled(word)}\n" for name, word in zip(ids, WORDS, strict=True))
    root = make(tmp_path / "in", [f"{path}.{ending}" for path in paths], {"text": text, "train.lst": "u-000\nu-001\n"})
    summary, texts = prepare(root)
    assert texts == {f"{path}.{ending}": word for path, word in zip(paths, WORDS, strict=True)}
    assert summary["texts"] == "list text, 12 rows"


def test_kaldi_texts_of_whole_words_keep_their_blanks(tmp_path):
    text = "u1 put down a resolution\nu2 A MOVE to stop\nu3 a\n"
    _, texts = prepare(make(tmp_path / "in", ["l/u1.png", "l/u2.png", "l/u3.png"], {"data/train/text": text}))
    assert texts == {"l/u1.png": "put down a resolution", "l/u2.png": "A MOVE to stop", "l/u3.png": "a"}


def test_kaldi_texts_one_for_each_split(tmp_path):
    files = {f"{part}.txt": f"{part}-1 a <space> b\n{part}-2 c d\n" for part in ("train", "val", "test")}
    images = [f"img/{part}-{i}.png" for part in ("train", "val", "test") for i in (1, 2)]
    summary, texts = prepare(make(tmp_path / "in", images, files))
    assert summary["examples"] == dict.fromkeys(SPLITS, 2)
    assert (texts["img/val-1.png"], texts["img/val-2.png"]) == ("a b", "cd")


# text files beside the images


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("book_0001_{:03d}.png", "book_0001_{:03d}.gt.txt"),  # tesstrain, Calamari
        ("0001/01{:04d}.bin.png", "0001/01{:04d}.gt.txt"),  # ocropy
        ("{}.nrm.png", "{}.gt.txt"),
        ("page.v2/{}.JPG", "page.v2/{}.txt"),
        ("{}.png", "{}.png.txt"),
        ("images/{}.tif", "labels/{}.txt"),
    ],
)
def test_text_files_beside_images(tmp_path, image, text):
    names = numbered(image)
    files = {name: f"{word}\r\n" for name, word in zip(numbered(text), WORDS, strict=True)}
    summary, texts = prepare(make(tmp_path / "in", names, {**files, "README.txt": "how\nit was made\n"}))
    assert texts == dict(zip(names, WORDS, strict=True))
    assert summary["texts"].startswith("text files beside the images (x.")


def test_of_several_images_of_a_line_one_is_taken_and_ground_truth_is_better_than_output(tmp_path):
    names = [f"{i}.{kind}" for i in range(12) for kind in ("bin.png", "nrm.png")]
    files = {f"{i}.gt.txt": word for i, word in enumerate(WORDS)} | {f"{i}.txt": "what ocr read" for i in range(12)}
    summary, texts = prepare(make(tmp_path / "in", names, files))
    assert texts == {f"{i}.nrm.png": word for i, word in enumerate(WORDS)}
    assert summary["skipped"]["another image of the same line"]["count"] == 12


def test_images_without_text_and_texts_without_image_are_counted(tmp_path):
    files = {f"{i}.gt.txt": word for i, word in enumerate(WORDS)} | {"4.gt.txt": "two\nlines", "99.gt.txt": "x"}
    summary, texts = prepare(make(tmp_path / "in", [*numbered("{}.png", 10), "extra.png"], files))
    assert len(texts) == 9
    counts = {reason: skipped["count"] for reason, skipped in summary["skipped"].items()}
    assert counts == {"image without text": 1, "text without image": 3, "unreadable row": 1}
    assert "4.gt.txt: it has 2 lines" in summary["skipped"]["unreadable row"]["first"][0]


@pytest.mark.parametrize("ending", [".zip", ".tgz"])
def test_pairs_in_archives(tmp_path, ending):
    files = {f"{i}.gt.txt": word for i, word in enumerate(WORDS)}
    root = make(tmp_path / "in", numbered("{}.png"), files)
    summary = prepare_dataset("word_folder", str(tmp_path / "data"), str(pack(root, ending)))
    assert sum(summary["examples"].values()) == 12


# JSON beside the images


@pytest.mark.parametrize("key", ["text", "transcription", "description", "label", "ground_truth", "value", "Text"])
def test_json_beside_images(tmp_path, key):
    files = {f"{i}.json": json.dumps({"name": str(i), key: word, "writer": f"w{i}"}) for i, word in enumerate(WORDS)}
    summary, texts = prepare(make(tmp_path / "in", numbered("{}.png"), files))
    assert texts == {f"{i}.png": word for i, word in enumerate(WORDS)}
    assert summary["texts"] == "JSON files beside the images, 12 rows"
    assert sum(summary["writers"].values()) >= 10


@pytest.mark.parametrize("content", [{"annotator": "x", "boxes": []}, {"text": {"value": 1}}, []])
def test_json_without_texts_is_a_short_message(tmp_path, content):
    files = {f"{i}.json": json.dumps(content) for i in range(200)}
    with pytest.raises(UserError, match="none of the 200 JSON files beside the images has a text") as error:
        prepare(make(tmp_path / "in", numbered("{}.png", 200), files))
    assert len(str(error.value)) < 500


# Hugging Face, and one table for each split


@pytest.mark.parametrize("table", ["metadata.csv", "metadata.jsonl"])
@pytest.mark.parametrize("folders", [("train", "validation", "test"), ("Training", "val", "eval")])
def test_metadata_in_the_folder_of_each_split(tmp_path, table, folders):
    rows = [{"file_name": f"{i}.png", "text": word} for i, word in enumerate(WORDS[:4])]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if table.endswith("csv"):
        text = "file_name,text\n" + "".join(f"{row['file_name']},{row['text']}\n" for row in rows)
    root = make(
        tmp_path / "in", [f"{f}/{i}.png" for f in folders for i in range(4)], {f"{f}/{table}": text for f in folders}
    )
    summary, texts = prepare(root)
    assert summary["examples"] == dict.fromkeys(SPLITS, 4)
    assert texts[f"{folders[2]}/3.png"] == "dance"
    assert summary["splits"] == "one table for each split"


def test_metadata_at_the_root_whose_images_lie_in_folders_of_splits(tmp_path):
    names = [f"data/{part}/{i}.png" for part in ("train", "test") for i in range(20)]
    text = "file_name,text\n" + "".join(f"{name},word\n" for name in names)
    summary, _ = prepare(make(tmp_path / "in", names, {"metadata.csv": text}))
    assert summary["examples"]["test"] == 20
    assert 1 <= summary["examples"]["validation"] <= 4
    assert summary["splits"].startswith("folders named after splits, and a tenth of train as validation")


@pytest.mark.parametrize(
    "names", [("train.csv", "val.csv", "test.csv"), ("gt_train.tsv", "gt_valid.tsv", "gt_test.tsv")]
)
def test_one_table_for_each_split(tmp_path, names):
    mark = "," if names[0].endswith("csv") else "\t"
    files = {name: f"file{mark}text\n{k}.png{mark}{WORDS[k]}\n" for k, name in enumerate(names)}
    summary, texts = prepare(make(tmp_path / "in", numbered("{}.png", 3), files))
    assert summary["examples"] == dict.fromkeys(SPLITS, 1)
    assert texts == {"0.png": "apple", "1.png": "bread", "2.png": "chair"}


# tables as spreadsheets and other systems write them


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_separators_and_encodings_of_a_csv(tmp_path, encoding, mark):
    bom = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    text = f"File Name{mark}Text{mark}\r\n" + "".join(f"{i}.png{mark}{word}{mark}\r\n" for i, word in enumerate(WORDS))
    _, texts = prepare(make(tmp_path / "in", numbered("{}.png"), {"words.csv": bom + text.encode(encoding)}))
    assert texts == {f"{i}.png": word for i, word in enumerate(WORDS)}


@pytest.mark.parametrize(
    ("there", "named"),
    [
        ("img/{}.png", "img\\{}.png"),
        ("img/{}.png", ".\\img\\{}.png"),
        ("img/{}.png", "C:\\data\\img\\{}.png"),
        ("img/{}.png", "/home/anna/words/img/{}.png"),
        ("img/{}.png", "{}.png"),
        ("img a/{} ä.png", "img%20a/{}%20%C3%A4.png"),
        ("img/{}.JPG", "img/{}.jpg"),
        ("IMG/{}.Png", "img/{}.PNG"),
        ("img/{}.tif", "img/{}"),
    ],
)
def test_spellings_of_paths(tmp_path, there, named):
    text = "file,text\r\n" + "".join(f"{named.format(i)},{word}\r\n" for i, word in enumerate(WORDS))
    summary, texts = prepare(make(tmp_path / "in", numbered(there), {"words.csv": text}))
    assert texts == {there.format(i): word for i, word in enumerate(WORDS)}
    assert summary["skipped"] == {}


def test_a_spelling_that_fits_two_images_is_not_guessed(tmp_path):
    names = ["a.JPG", "A.jpg", "b.png", "c.png", "d.png", "x/e.png", "y/e.png"]
    text = "file,text\na.jpg,one\nb.png,two\nc.png,three\nd.png,four\ne.png,five\n"
    summary, texts = prepare(make(tmp_path / "in", names, {"words.csv": text}))
    assert sorted(texts) == ["b.png", "c.png", "d.png"]
    assert summary["skipped"]["missing image"]["first"] == ["a.jpg (words.csv line 2)", "e.png (words.csv line 6)"]


def test_an_image_of_the_same_name_elsewhere_does_not_stand_for_a_missing_one(tmp_path):
    text = "file,text\n" + "".join(f"train/{i}.png,{word}\n" for i, word in enumerate(WORDS))
    names = [name for name in numbered("train/{}.png") if name != "train/5.png"] + ["thumbs/5.png"]
    _, texts = prepare(make(tmp_path / "in", names, {"words.csv": text}))
    assert "eagle" in texts.values()
    assert "fruit" not in texts.values()


def test_rows_of_a_missing_folder_do_not_take_the_images_of_another(tmp_path):
    """A part of a collection whose names repeat in each folder."""
    there = [f"p1/line_{i}.png" for i in range(4)]
    named = [f"p{page}/line_{i}.png" for page in range(3) for i in range(4)]
    text = "file,text\n" + lines("{},{}", named)
    for prefix in ("", "C:/data/"):
        table = {"words.csv": text.replace("\np", f"\n{prefix}p")}
        summary, texts = prepare(make(tmp_path / f"in{len(prefix)}", there, table))
        assert texts == dict(zip(there, WORDS[4:8], strict=True))
        assert {reason: entry["count"] for reason, entry in summary["skipped"].items()} == {"missing image": 8}


def test_two_folders_that_fit_all_names_are_told(tmp_path):
    names = [f"{folder}/{i}.png" for folder in ("gray", "binary") for i in range(12)]
    table = {"words.csv": "file,text\n" + lines("{},{}", numbered("{}.png"))}
    with pytest.raises(UserError, match="fit images in each of binary/ and gray/: leave one of these folders"):
        prepare(make(tmp_path / "in", names, table))


def test_the_text_beside_an_image_wins_over_one_of_another_folder(tmp_path):
    names = [f"b/line_{i}.png" for i in range(12)]
    texts = {f"b/line_{i}.gt.txt": word for i, word in enumerate(WORDS)} | {"a/line_1.gt.txt": "of another image"}
    _, found = prepare(make(tmp_path / "in", names, texts))
    assert found == dict(zip(names, WORDS, strict=True))
    read = {f"b/line_{i}.txt": "what a recognizer read" for i in range(12)}  # beside the image, but no ground truth
    truth = {f"gt/line_{i}.gt.txt": word for i, word in enumerate(WORDS)}
    _, found = prepare(make(tmp_path / "apart", names, read | truth))
    assert found == dict(zip(names, WORDS, strict=True))


def test_a_csv_with_blanks_after_its_commas(tmp_path):
    text = "file , text\n" + "".join(f'{i}.png , "{word}, you"\n' for i, word in enumerate(WORDS))
    text += '12.png, "oui" dit-il\n'  # here they quote nothing
    summary, texts = prepare(make(tmp_path / "in", numbered("{}.png", 13), {"words.csv": text}))
    assert texts == {f"{i}.png": f"{word}, you" for i, word in enumerate(WORDS)} | {"12.png": '"oui" dit-il'}
    assert summary["skipped"] == {}


@pytest.mark.parametrize("beside", [False, True])
def test_json_of_a_program_that_writes_nan_for_no_value(tmp_path, beside):
    records = [{"file": f"{i}.png", "text": word, "writer": float("nan")} for i, word in enumerate(WORDS[:-2])]
    records += [{"file": "10.png", "text": 1.5, "writer": 3.0}, {"file": "11.png", "text": float("nan"), "writer": "x"}]
    dumped = [json.dumps(record).replace("1.5", "1.50") for record in records]
    files = {f"{i}.json": text for i, text in enumerate(dumped)} if beside else {"words.jsonl": "\n".join(dumped)}
    summary, texts = prepare(make(tmp_path / "in", numbered("{}.png"), files))
    assert texts == {f"{i}.png": word for i, word in enumerate(WORDS[:-2])} | {"10.png": "1.50"}
    assert sum(summary["writers"].values()) == 1


def test_a_text_file_with_a_header_is_a_table(tmp_path):
    text = "image_path\twords\tauthor\n" + "".join(f"{i}.png\t{word}\tw{i}\n" for i, word in enumerate(WORDS))
    summary, texts = prepare(make(tmp_path / "in", numbered("{}.png"), {"labels.txt": text}))
    assert texts == {f"{i}.png": word for i, word in enumerate(WORDS)}
    assert sum(summary["writers"].values()) == 12
    assert summary["texts"] == "table labels.txt, 12 rows"


def test_the_line_that_tells_a_spreadsheet_the_separator_is_no_header(tmp_path):
    text = "sep=;\r\nfile;text\r\n" + "".join(f"{i}.png;{word}\r\n" for i, word in enumerate(WORDS))
    _, texts = prepare(make(tmp_path / "in", numbered("{}.png"), {"words.csv": text}))
    assert texts == {f"{i}.png": word for i, word in enumerate(WORDS)}


def test_numbers_for_texts_are_warned_of(tmp_path):
    text = "".join(f"{i}.png {i * 997}\n" for i in range(12))
    summary, texts = prepare(make(tmp_path / "in", numbered("{}.png"), {"annotation.txt": text}))
    assert texts["3.png"] == "2991"
    assert any("if they number the entries of a lexicon" in warning for warning in summary["warnings"])


def test_json_of_files_and_texts(tmp_path):
    text = json.dumps({f"{i}.png": word for i, word in enumerate(WORDS)})
    _, texts = prepare(make(tmp_path / "in", numbered("images/{}.png"), {"labels.json": text}))
    assert texts == {f"images/{i}.png": word for i, word in enumerate(WORDS)}


# several sources, and names


def test_the_better_source_wins_and_the_others_are_named(tmp_path):
    names = numbered("wrong_{}.png")
    files = {name.replace("png", "gt.txt"): "pair" for name in names}
    files |= {"gt.txt": lines("{}\t{}", names), "words.tsv": "file\ttext\n" + lines("{}\tt{}", names)}
    summary, texts = prepare(make(tmp_path / "in", names, {**files, "a/stats.csv": "epoch,loss\n1,2\n"}))
    assert texts["wrong_0.png"] == "tapple"
    assert summary["texts"] == ("table words.tsv, 12 rows; ignored: gt.txt, 12 text files beside images, a/stats.csv")
    assert summary["texts"] in describe(summary)


@pytest.mark.parametrize("other", ["words2.csv", "train.csv"])
def test_tables_that_contradict_each_other_are_refused_in_short(tmp_path, other):
    header = "file,text\n"
    files = {
        "words.csv": header + lines("{},{}", numbered("{}.png")),
        other: header + lines("{},x{}", numbered("{}.png")),
    }
    with pytest.raises(UserError, match=r"several tables: .*leave one, or one for each split"):
        prepare(make(tmp_path / "in", numbered("{}.png"), files))
    more = {f"{i}.csv": f"file,text\n1.png,{i}\n" for i in range(40)}
    with pytest.raises(UserError, match="and 38 more; leave one") as error:
        prepare(make(tmp_path / "more", numbered("{}.png"), {**more, "words.csv": files["words.csv"]}))
    assert len(str(error.value)) < 300


def test_two_tables_of_the_same_content_are_one(tmp_path):
    rows = {f"{i}.png": word for i, word in enumerate(WORDS)}
    files = {
        "words.csv": "file,text\n" + "".join(f"{name},{word}\n" for name, word in rows.items()),
        "words.jsonl": "".join(json.dumps({"file": name, "text": word}) + "\n" for name, word in rows.items()),
    }
    summary, texts = prepare(make(tmp_path / "in", list(rows), files))
    assert texts == rows
    assert summary["texts"] == "table words.csv, 12 rows; ignored: words.jsonl"
    split = ["train"] * 10 + ["validation", "test"]
    full = "".join(f"{name},{word},w,{split[i]}\n" for i, (name, word) in enumerate(rows.items()))
    files["words_full.csv"] = "file,text,writer,split\n" + full
    summary, texts = prepare(make(tmp_path / "full", list(rows), files))
    assert texts == rows
    assert summary["texts"] == "table words_full.csv, 12 rows; ignored: words.csv, words.jsonl"
    assert summary["examples"] == {"train": 10, "validation": 1, "test": 1}


@pytest.mark.parametrize(
    "pattern", ["word_{}.png", "book_0001_{:03d}.png", "img/line_{}.png", "p{0}_l{0}_{0}.jpg", "000{0}_{0}.png"]
)
def test_names_that_are_no_words_are_refused(tmp_path, pattern):
    with pytest.raises(UserError, match=r"their names are no texts \(.*\); put the texts into a table words.tsv"):
        prepare(make(tmp_path / "in", numbered(pattern), {"README.txt": "hello"}))


def test_a_list_that_cannot_be_used_stops_the_guess_from_names(tmp_path):
    names = [f"{word}_1.png" for word in WORDS]
    with pytest.raises(UserError, match=r"labels.txt names none of the 12 images"):
        prepare(make(tmp_path / "in", names, {"labels.txt": "apple\nbread\n"}))
    with pytest.raises(UserError, match=r"t.csv has no column file and text; its header says \['epoch', 'loss'\]"):
        prepare(make(tmp_path / "in2", names, {"t.csv": "epoch,loss\n1,2\n"}))


def test_no_texts_at_all(tmp_path):
    with pytest.raises(UserError, match=r"no texts are there: .* for 1 image, and no image is called text_number.png"):
        prepare(make(tmp_path / "in", ["1.png"]))


def test_no_images_at_all(tmp_path):
    with pytest.raises(UserError, match=r"there are no images; known are files with the endings \.png.*: words.tsv$"):
        prepare(make(tmp_path / "in", [], {"words.tsv": "file\ttext\na.heic\tapple\n"}))


@pytest.mark.parametrize("table", ["words.tsv", "gt.txt"])
def test_images_that_no_row_names_are_counted(tmp_path, table):
    names = numbered("{}.png")
    header = "file\ttext\n" if table == "words.tsv" else ""
    listed = "".join(lines("{}\t{}", names).splitlines(keepends=True)[:9])
    summary, texts = prepare(make(tmp_path / "in", names, {table: header + listed}))
    assert len(texts) == 9
    kind = "table" if header else "list"
    assert summary["skipped"] == {
        f"image in no row of the {kind}": {"count": 3, "first": ["10.png", "11.png", "9.png"]}
    }


@pytest.mark.parametrize(("table", "warned"), [("words.tsv", True), ("words.csv", False)])
def test_quotation_marks_of_a_spreadsheet(tmp_path, table, warned):
    names = numbered("{}.png")
    separator = "\t" if warned else ","
    text = f"file{separator}text\n" + lines(f'{{}}{separator}"the ""{{}}"""', names)
    summary, texts = prepare(make(tmp_path / "in", names, {table: text}))
    assert any("12 texts stand in quotation marks" in warning for warning in summary["warnings"]) == warned
    assert (texts["0.png"] == 'the "apple"') != warned


def test_a_misspelt_column_is_told(tmp_path):
    names = numbered("{}.png")
    table = "file,text,wirter\n" + "".join(f"{name},{word},w1\n" for name, word in zip(names, WORDS, strict=True))
    summary, _ = prepare(make(tmp_path / "in", names, {"words.csv": table}))
    assert summary["texts"] == "table words.csv, 12 rows; columns that are not read: wirter (writer?)"
