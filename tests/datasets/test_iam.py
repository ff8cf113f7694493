"""IAM, on synthetic trees in its exact layout."""

import functools
import json
import zipfile

import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.data.prepared import dataset_directory
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.transforms import decode_grey
from hwgan.data.word_store import load_words
from hwgan.datasets.iam.builder import whiten_paper
from hwgan.datasets.iam.parser import join_tokens, parse_forms, parse_rows
from hwgan.datasets.splits import SPLITS, split_of
from hwgan.prepare import prepare_dataset
from hwgan.runtime.errors import UserError
from tests.synthetic_data import FORMS, make_iam, png, read_rows

TASK = "largeWriterIndependentTextLineRecognitionTask"


@pytest.mark.parametrize("archives", [False, True])
def test_words_from_archives_and_from_extracted_files(tmp_path, archives):
    root = make_iam(tmp_path / "iam", archives=archives)
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert sum(summary["examples"].values()) == 32 * 6
    assert summary["skipped"] == {}
    assert sum(summary["writers"].values()) == 32
    rows = {k: r for split in SPLITS for k, r in read_rows(tmp_path / "data", "iam/words", split).items()}
    row = rows["a01-000-00-03"]
    assert (row["text"], row["writer"], row["tag"], row["form"]) == (b"stop", b"000", b"AT", b"a01-000")
    assert (row["grey_level"], row["segmentation_ok"]) == (154, False)
    assert row["box"].tolist() == [408, 768, 27, 51]
    np.testing.assert_array_equal(row["image"][:, :, 0], decode_grey(png(0)))
    assert rows["a01-000-00-05"]["text"] == b"#"


def test_form_metadata_is_stored_with_the_dataset(tmp_path):
    prepare_dataset("iam/words", str(tmp_path / "data"), str(make_iam(tmp_path / "iam")))
    path = dataset_directory(str(tmp_path / "data"), "iam/words") / "forms.jsonl"
    forms = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(forms) == 32
    assert forms[1] == dict(
        id="a01-003", writer="001", num_sentences=2, segmentation="prt", num_lines=7, num_lines_ok=5, num_words=52,
        num_words_ok=36,
    )  # fmt: skip


def test_splits_follow_the_writer(tmp_path):
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(make_iam(tmp_path / "iam")))
    assert summary["splits"] == "by hash of writer"
    for split in SPLITS:
        for row in read_rows(tmp_path / "data", "iam/words", split).values():
            assert split_of(row["writer"].decode()) == split


def test_splits_do_not_move_when_images_are_missing(tmp_path):
    root = make_iam(tmp_path / "iam")
    prepare_dataset("iam/words", str(tmp_path / "whole"), str(root))
    for path in sorted((root / "words").rglob("*-04.png"))[::2]:
        path.unlink()
    prepare_dataset("iam/words", str(tmp_path / "less"), str(root))
    for split in SPLITS:
        whole, less = (set(read_rows(tmp_path / kind, "iam/words", split)) for kind in ("whole", "less"))
        assert less <= whole


@pytest.mark.parametrize("packed", [False, True])
def test_the_official_split_is_used_where_present(tmp_path, packed):
    root, forms = make_iam(tmp_path / "iam"), sorted(FORMS)
    parts = {"trainset": forms[:10], "validationset1": forms[10:12], "validationset2": forms[12:14]}
    parts["testset"] = forms[14:20]
    folder = root / TASK
    folder.mkdir()
    for name, part in parts.items():
        (folder / f"{name}.txt").write_text("".join(f"{form}-00\n" for form in part))
    if packed:
        with zipfile.ZipFile(root / f"{TASK}.zip", "w") as archive:
            for path in folder.iterdir():
                archive.write(path, path.name)
                path.unlink()
        folder.rmdir()
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert summary["splits"] == TASK
    assert summary["examples"] == {"train": 60, "validation": 24, "test": 36}
    assert summary["skipped"]["in no split list"]["count"] == 12 * 6
    assert "a01-000-00-00 (words.txt line 5)" not in summary["skipped"]["in no split list"]["first"]


@pytest.mark.parametrize("ending", ["", "-00"])
def test_lists_of_forms_or_lines(tmp_path, ending):
    root, lists, forms = make_iam(tmp_path / "iam"), tmp_path / "lists", sorted(FORMS)
    lists.mkdir()
    for k, split in enumerate(SPLITS):
        (lists / f"{split}.txt").write_text("".join(f"{form}{ending}\n" for form in forms[k:30:3]))
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root), splits=str(lists))
    assert summary["examples"] == dict.fromkeys(SPLITS, 60)
    assert summary["skipped"]["in no split list"]["count"] == 12
    assert "10/10/10 ids" in summary["options"]["splits"]


def test_an_incomplete_official_split_is_an_error(tmp_path):
    root = make_iam(tmp_path / "iam")
    (root / TASK).mkdir()
    (root / TASK / "trainset.txt").write_text("a01-000-00\n")
    with pytest.raises(UserError, match=r"holds no validationset1.txt and no validationset2.txt"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))


def test_lines_as_written_and_as_tokens(tmp_path):
    root = make_iam(tmp_path / "iam", kind="lines", archives=True)
    summary = prepare_dataset("iam/lines", str(tmp_path / "data"), str(root))
    assert sum(summary["examples"].values()) == 32
    (row, *_) = read_rows(tmp_path / "data", "iam/lines", "train").values()
    assert row["text"] == b"A MOVE to stop Mr. #"
    assert row["tokens"] == b"A MOVE to stop Mr. #"


@pytest.mark.parametrize(
    ("tokens", "written"),
    [
        ("put|down|a|resolution|,|he|said|.", "put down a resolution, he said."),
        ('"|We|do|not|,|"|he|said|(|again|)|:|no|!', '"We do not," he said (again): no!'),
        ('he|said|,|"|We', 'he said, "We'),
        ('and|so|it|was|.|"', 'and so it was."'),
        ("Gaitskell|'s|men|did|n't|go|;|'|no|'|?", "Gaitskell's men didn't go; 'no'?"),
        ("so|-|called|...|end", "so - called... end"),
        (",", ","),
    ],
)
def test_punctuation_is_joined_as_it_is_written(tokens, written):
    # After a comma, a quotation mark closes if one is open, which in the third line it is not.
    assert join_tokens(tokens.split("|")) == written


def test_whitening_is_an_option_that_the_summary_records(tmp_path):
    root = make_iam(tmp_path / "iam")
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root), whiten=True)
    assert summary["options"] == {"whiten": True}
    rows = {k: r for split in SPLITS for k, r in read_rows(tmp_path / "data", "iam/words", split).items()}
    grey, white = decode_grey(png(0)), rows["a01-000-00-00"]["image"][:, :, 0]
    assert (white[grey >= 154] == 255).all()
    np.testing.assert_array_equal(white[grey <= 134], grey[grey <= 134])
    assert (white >= grey).all()
    with pytest.raises(UserError, match="and you ask for"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))


def test_whiten_paper_keeps_the_order_of_grey_levels():
    levels = np.arange(256, dtype=np.uint8)[None]
    white = whiten_paper(levels, 150)[0].astype(int)
    assert (np.diff(white) >= 0).all()
    assert (white[:131] == levels[0, :131]).all()
    assert (white[150:] == 255).all()


def test_broken_and_missing_images_are_listed(tmp_path):
    root = make_iam(tmp_path / "iam")
    (root / "words" / "b01" / "b01-003" / "b01-003-00-02.png").write_bytes(b"not a png")
    (root / "words" / "c01" / "c01-007" / "c01-007-00-05.png").unlink()
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert summary["skipped"]["unreadable image"]["count"] == 1
    assert summary["skipped"]["unreadable image"]["first"][0].startswith("b01-003-00-02 (words.txt line ")
    assert summary["skipped"]["missing image"]["first"][0].startswith("c01-007-00-05 (words.txt line ")


def test_bad_rows_are_counted_and_the_rest_is_kept(tmp_path):
    root = make_iam(tmp_path / "iam")
    table = root / "ascii" / "words.txt"
    lines = table.read_text().split("\n")
    lines[10] = "a01-000u ok"
    lines.insert(12, "z99-000-00-00 ok 154 408 768 27 51 AT A")
    table.write_bytes("\r\n".join(lines).encode())
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert summary["skipped"]["unreadable row"] == {"count": 1, "first": ["words.txt line 11"]}
    assert summary["skipped"]["form not in forms.txt"]["first"] == ["z99-000-00-00: words.txt line 13"]
    assert sum(summary["examples"].values()) == 191


def test_badly_segmented_words_are_dropped_in_training(tmp_path, caplog):
    caplog.set_level("INFO", logger="hwgan")
    prepare_dataset("iam/words", str(tmp_path / "data"), str(make_iam(tmp_path / "iam")))
    spec = ImageSpec(Preprocessing(height=32), max_width=128, max_length=6)
    load = functools.partial(load_words, str(tmp_path / "data"), "iam/words", "train", Charset("AMOVEtospr.#"), spec)
    words, every = load(), load(doubtful=True)
    assert "stop" not in words.texts and "stop" in every.texts
    assert "badly segmented" in caplog.text
    assert words.left_out["badly segmented"] == len(every) - len(words) > 0
    assert every.left_out == {name: count for name, count in words.left_out.items() if name != "badly segmented"}


def test_a_part_of_the_images_needs_consent_and_is_counted(tmp_path):
    root = make_iam(tmp_path / "iam")
    for path in sorted((root / "words").rglob("*.png"))[:60]:
        path.unlink()
    with pytest.raises(UserError, match=r"^60 of the 192 words that words.txt name .* add --allow_missing"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root), allow_missing=True)
    assert sum(summary["examples"].values()) == 132
    assert summary["skipped"]["missing image"]["count"] == 60
    assert "60 of the 192 words that words.txt name have no image (31.2%) and are left out" in summary["warnings"]


def test_a_few_missing_images_are_a_warning(tmp_path):
    root = make_iam(tmp_path / "iam")
    for path in sorted((root / "words").rglob("*.png"))[:3]:
        path.unlink()
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert "3 of the 192 words that words.txt name have no image (1.6%) and are left out" in summary["warnings"]


@pytest.mark.parametrize("as_path", [False, True])
def test_lists_of_the_images_that_are_there_miss_nothing(tmp_path, as_path):
    root, lists = make_iam(tmp_path / "iam"), tmp_path / "lists"
    for path in sorted((root / "words").rglob("*.png"))[::2]:
        path.unlink()
    there = sorted((root / "words").rglob("*.png"))
    lists.mkdir()
    for k, split in enumerate(SPLITS):  # with their endings, as `ls` and `find` list them
        names = [path.relative_to(root / "words").as_posix() if as_path else path.name for path in there[k::3]]
        (lists / f"{split}.txt").write_text("\n".join(names) + "\n")
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root), splits=str(lists))
    assert summary["examples"] == dict.fromkeys(SPLITS, 32)
    assert list(summary["skipped"]) == ["in no split list"]
    assert not any("no image" in warning for warning in summary["warnings"])
    for path in there[:20]:
        path.unlink()
    with pytest.raises(UserError, match="20 of the 96 words that the split lists name have no image"):
        prepare_dataset("iam/words", str(tmp_path / "less"), str(root), splits=str(lists))


def test_without_forms_the_forms_are_dealt(tmp_path):
    root = make_iam(tmp_path / "iam")
    (root / "ascii" / "forms.txt").unlink()
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert sum(summary["examples"].values()) == 192
    assert summary["writers"] == dict.fromkeys(SPLITS, 0)
    assert summary["splits"] in ("by hash of form", "by form, dealt in turn")
    assert "writers are unknown" in summary["warnings"][0]
    rows = {split: read_rows(tmp_path / "data", "iam/words", split).values() for split in SPLITS}
    forms = [{row["form"] for row in rows[split]} for split in SPLITS]
    assert sum(map(len, forms)) == len(set().union(*forms)) == 32


def test_words_of_one_form_alone(tmp_path):
    root = tmp_path / "iam"
    whole = make_iam(tmp_path / "whole")
    (whole / "words" / "a01" / "a01-000").rename(tmp_path / "form")
    (root / "words" / "a01").mkdir(parents=True)
    (tmp_path / "form").rename(root / "words" / "a01" / "a01-000")
    rows = (whole / "ascii" / "words.txt").read_text().splitlines()
    (root / "words.txt").write_text("\n".join(row for row in rows if row.startswith("a01-000-")))
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    assert summary["examples"] == {"train": 4, "validation": 1, "test": 1}
    assert summary["splits"] == "by word, dealt in turn (too few forms: 1)"


def test_the_images_of_two_writers_make_three_splits(tmp_path):
    root = make_iam(tmp_path / "iam")
    for path in (root / "words").rglob("*.png"):
        if path.parent.name not in ("a01-000", "a01-003"):
            path.unlink()
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root), allow_missing=True)
    assert summary["examples"] == {"train": 10, "validation": 1, "test": 1}
    assert summary["splits"].startswith("by word")


def test_tokens_with_a_blank_are_named(tmp_path):
    root = make_iam(tmp_path / "iam")
    table = root / "ascii" / "words.txt"
    table.write_text(table.read_text().replace(" AT MOVE\n", " NP B B C\n", 2))
    summary = prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    (warning,) = [warning for warning in summary["warnings"] if "blank" in warning]
    assert warning.startswith("2 tokens with a blank in them are no words, such as 'B B C' (a01-000-00-01), ")
    assert sum(summary["examples"].values()) == 192


def test_missing_archives_are_an_error(tmp_path):
    root = make_iam(tmp_path / "iam", archives=True)
    (root / "words.tgz").write_bytes((root / "words.tgz").read_bytes()[:500])
    with pytest.raises(UserError, match=r"cannot read .*words.tgz.*whole"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    (root / "words.tgz").unlink()
    with pytest.raises(UserError, match=r"holds no words\.tgz"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    (root / "ascii.tgz").unlink()
    with pytest.raises(UserError, match=r"holds no words.txt, neither in IAM's ascii.tgz nor extracted"):
        prepare_dataset("iam/words", str(tmp_path / "data"), str(root))


def test_rows_and_forms_are_parsed():
    (row,), bad = parse_rows("# a comment\n\na01-000u-00-00 ok 154 408 768 27 51 AT A B\n", "words.txt")
    assert row.text == "A B"  # everything after the eighth field
    assert (row.form, row.image_name, row.line_number) == ("a01-000u", "a01-000u-00-00.png", 3)
    assert not bad
    with pytest.raises(UserError, match=r"1 rows cannot be read, the first is words.txt line 1"):
        parse_rows("a01-000u-00-00 ok 154\n", "words.txt")
    forms, bad = parse_forms("# x\na01-000u 000 2 prt 7 5 52 36\n")
    assert (forms["a01-000u"].writer, bad) == ("000", [])
    with pytest.raises(UserError, match=r"1 rows cannot be read, the first is forms.txt line 1"):
        parse_forms("a01-000u\n")
    rows, bad = parse_rows("a01-000u-00-00 ok 154 408 768 27 51 AT A\n" * 20 + "b 1\n", "words.txt")
    assert (len(rows), bad) == (20, ["words.txt line 21"])


def test_segmentation_is_part_of_the_content(tmp_path):
    contents = set()
    for name in ("a", "b"):
        root = make_iam(tmp_path / name / "iam")
        table = root / "ascii" / "words.txt"
        table.write_text(table.read_text().replace(" err ", " ok ") if name == "b" else table.read_text())
        contents.add(prepare_dataset("iam/words", str(tmp_path / name / "data"), str(root))["content"])
    assert len(contents) == 2
