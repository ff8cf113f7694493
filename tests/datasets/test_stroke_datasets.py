"""Datasets of strokes: penman's, a folder of JSON and InkML, IAM-OnDB; whatever is broken is named."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest

from hwgan.data.charset import Charset
from hwgan.data.ink import split_strokes
from hwgan.data.ink_cache import read_ink
from hwgan.data.ink_cleaning import Cleaning, InkSpec
from hwgan.data.ink_store import load_ink
from hwgan.data.prepared import dataset_directory
from hwgan.datasets.iam_ondb.parser import parse_transcription
from hwgan.datasets.penman import pen
from hwgan.datasets.penman.strokes_builder import connect
from hwgan.datasets.stroke_folder.parser import parse_stroke_file
from hwgan.prepare import prepare_dataset, preview, preview_steps
from hwgan.runtime.errors import UserError
from tests.data.lines_of_ink import TEXTS, written_lines

STROKES = [[[0, 0], [3, 4.5]], [[5, 5]]]
INKML = """<ink xmlns="http://www.w3.org/2003/InkML"><annotation type="truth">ab c</annotation>
<traceFormat><channel name="T"/><channel name="X"/><channel name="Y"/></traceFormat>
<trace>0 10 20, 1 11 21</trace><trace>5 -3 4.5</trace></ink>"""


def ink_of(data_dir, dataset, split="train"):
    return {
        row_id: (text, writer, split_strokes(ink)) for row_id, text, writer, ink in read_ink(data_dir, dataset, split)
    }


def test_penman_strokes_are_those_of_its_writers(tmp_path):
    summary = prepare_dataset("penman_strokes/smoke", str(tmp_path))
    assert summary["examples"] == {"train": 192, "validation": 24, "test": 24}
    assert summary["kind"] == "ink"
    text, writer, strokes = ink_of(str(tmp_path), "penman_strokes/smoke")["train-000003"]
    words = prepare_dataset("penman/smoke", str(tmp_path))
    assert words["alphabet"] == summary["alphabet"]  # the same words
    number = int(writer[1:])
    from hwgan.datasets.penman import words as vocabulary

    rng = np.random.default_rng((0, number, 3))
    lexicon = tuple(w for w in vocabulary.vocabulary() if len(w) <= 6 and vocabulary.is_train_word(w))
    assert vocabulary.draw_text(lexicon, rng, True) == text
    expected = connect(pen.word_strokes(pen.Writer((0, number)), text, rng))
    for found, stroke in zip(strokes, expected, strict=True):
        np.testing.assert_allclose(found, stroke, atol=1e-5)


def test_pen_up_traces_and_missing_writers():
    hover = INKML.replace("<trace>5", '<trace type="penUp">0 1 1, 0 2 2</trace><trace>5')
    for found, stroke in zip(
        parse_stroke_file(hover.encode(), "a.inkml").strokes,
        parse_stroke_file(INKML.encode(), "a.inkml").strokes,
        strict=True,
    ):
        np.testing.assert_array_equal(found, stroke)
    named = parse_stroke_file(json.dumps({"strokes": STROKES, "text": 7, "writer": None}).encode(), "a.json")
    assert (named.text, named.writer) == ("7", "")
    with pytest.raises(ValueError, match="its writer is neither text nor number"):
        parse_stroke_file(json.dumps({"strokes": STROKES, "writer": ["a"]}).encode(), "a.json")


def test_a_table_of_strokes_spells_names_as_it_likes(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(12):
        (folder / f"{i}.JSON").write_text(json.dumps(STROKES))
    rows = [f"{i}\tmot\n" if i % 2 else f"{i}.json\tmot\n" for i in range(12)]
    (folder / "words.tsv").write_text("file\ttext\n" + "".join(rows))
    summary = prepare_dataset("stroke_folder", str(tmp_path / "data"), str(folder), "mine")
    assert sum(summary["examples"].values()) == 12 and summary["skipped"] == {}


def test_the_dot_of_an_i_comes_before_the_next_letter():
    for seed in range(30):
        writer = pen.Writer((0, seed))
        strokes = connect(pen.word_strokes(writer, "in", np.random.default_rng(0)))
        heights = [stroke[:, 1].max() for stroke in strokes]
        dot = int(np.argmin(heights))
        assert heights[dot] < -1.0
        assert dot < len(strokes) - 1


def test_connect_joins_what_touches():
    strokes = connect([np.zeros((2, 2)), np.full((2, 2), 0.05), np.ones((3, 2))])
    assert [len(stroke) for stroke in strokes] == [4, 3]


def test_inkml_and_json():
    found = parse_stroke_file(INKML.encode(), "a.inkml")
    assert found.text == "ab c"
    assert [stroke.tolist() for stroke in found.strokes] == [[[10, 20], [11, 21]], [[-3, 4.5]]]
    for value in ({"strokes": STROKES, "text": "x"}, STROKES, {"strokes": [[[*p, 99] for p in s] for s in STROKES]}):
        assert [s.tolist() for s in parse_stroke_file(json.dumps(value).encode(), "a.JSON").strokes] == STROKES
    dot = [[[10, 20, 0, 0.5, 30], [11, 21, 8, 0.5, 30]]]  # x, y, time, pressure, tilt
    assert parse_stroke_file(json.dumps(dot).encode(), "a.json").strokes[0].tolist() == [[10, 20], [11, 21]]
    for written, meant in ((3.0, "3"), (3, "3"), (float("nan"), ""), (None, ""), ("w", "w")):
        value = {"strokes": STROKES, "writer": written}
        assert parse_stroke_file(json.dumps(value).encode(), "a.json").writer == meant


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b"{", "Expecting"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b'{"text": "a"}', "no list"),
        ("a.json", b'[[["1", 2]]]', "no list of two numbers"),
        ("a.json", b"[[[true, 2]]]", "no list of two numbers"),
        (
            "a.json",
            b"[[[1, 2, 3], [1, 2, 3]], [[1, 2, 3, 4], [1, 2, 3, 4]]]",
            "lists of x and of y; write each as a list",
        ),
        ("a.json", json.dumps([[[*range(30)], [*range(30)]]]).encode(), "lists of x and of y; write each as a list"),
        ("a.json", b"[[[1" + b"0" * 400 + b", 2]]]", "a coordinate is too large"),
        ("a.json", b'{"strokes": [[[1, 2]]], "text": ["a"]}', "is neither text nor number"),
        ("a.inkml", b"<ink/>", "no trace"),
        ("a.inkml", b"<ink><trace>1 2, '3 4</trace></ink>", "as differences"),
        ("a.inkml", b"<ink><trace>1</trace></ink>", "too few numbers"),
        ("a.inkml", b'<!DOCTYPE x [<!ENTITY a "b">]><ink><trace>&a;</trace></ink>', "Entit"),
    ],
)
def test_damaged_files_have_a_reason(name, content, reason):
    with pytest.raises(ValueError, match=reason):
        parse_stroke_file(content, name)


def make_strokes(path, count=30, table=True):
    path.mkdir()
    rows = ["file\ttext\twriter"]
    for i in range(count):
        own = {} if table else {"text": f"mot{i % 7}", "writer": f"w{i % 15}"}
        (path / f"{i}.json").write_text(json.dumps({"strokes": STROKES, **own}))
        rows.append(f"{i}.json\tmot{i % 7}\tw{i % 15}")
    if table:
        (path / "table.tsv").write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("table", [True, False])
def test_a_folder_with_and_without_a_table(tmp_path, table):
    source = make_strokes(tmp_path / "mine", table=table)
    (source / "3.json").write_text('{"strokes": [[[NaN, 1]]], "text": "mot3", "writer": "w3"}')
    (source / "4.json").write_text("{")
    (source / "5.json").write_text('{"strokes": [[]], "text": "mot5", "writer": "w5"}')
    summary = prepare_dataset("stroke_folder", str(tmp_path / "data"), source=str(source))
    assert sum(summary["examples"].values()) == 27
    skipped = {reason: rows["first"] for reason, rows in summary["skipped"].items()}
    assert any("3.json" in row and "not finite" in row for row in skipped["unreadable ink"])
    assert any("5.json" in row and "0 points" in row for row in skipped["unreadable ink"])
    assert any("4.json" in row for rows in skipped.values() for row in rows)
    text, writer, strokes = ink_of(str(tmp_path / "data"), "stroke_folder/mine")["0.json"]
    assert (text, writer) == ("mot0", "w0")
    assert [stroke.tolist() for stroke in strokes] == STROKES


def test_an_archive_of_strokes(tmp_path):
    source = make_strokes(tmp_path / "mine")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for path in source.iterdir():
            archive.write(path, path.name)
    summary = prepare_dataset("stroke_folder", str(tmp_path / "data"), source=str(tmp_path / "packed.zip"))
    assert sum(summary["examples"].values()) == 30


def test_a_folder_without_strokes_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="holds no files of strokes"):
        prepare_dataset("stroke_folder", str(tmp_path / "data"), source=str(tmp_path), name="a")


def make_ondb(path, *, writers=True):
    """Forms of two lines by ten writers, as the database has them."""
    for i in range(20):
        form = f"a{i:02d}-000u"
        folder = f"a{i:02d}/a{i:02d}-000"
        lines, texts = path / "lineStrokes" / folder, path / "ascii" / folder
        lines.mkdir(parents=True)
        texts.mkdir(parents=True)
        for number in (1, 2):
            points = "".join(f'<Point x="{x}" y="{x % 3}" time="1"/>' for x in range(5))
            (lines / f"{form}-{number:02d}.xml").write_text(
                '<?xml version="1.0" encoding="ISO-8859-1"?><WhiteboardCaptureSession><StrokeSet>'
                f'<Stroke colour="black">{points}</Stroke></StrokeSet></WhiteboardCaptureSession>'
            )
        (texts / f"{form}.txt").write_text(f"OCR:\n\nnot this\n\nCSR:\r\n\r\nline one {i}\r\nline two .\r\n")
        if writers:
            original = path / "original" / folder
            original.mkdir(parents=True)
            (original / "strokesu.xml").write_text(
                f'<Session><General><Form id="" writerID="{i % 10}"/></General></Session>'
            )
    return path


def test_transcriptions_are_those_under_csr():
    assert parse_transcription("OCR:\nx\n\nCSR:\n\n a \n\nb") == ["a", "b"]
    assert parse_transcription("a\nb") == []


def test_iam_ondb(tmp_path):
    source = make_ondb(tmp_path / "ondb")
    lines = source / "lineStrokes" / "a03" / "a03-000"
    (lines / "a03-000u-01.xml").write_text("<Whiteboard")
    (lines / "a03-000u-03.xml").write_text((lines / "a03-000u-02.xml").read_text())
    summary = prepare_dataset("iam_ondb", str(tmp_path / "data"), source=str(source))
    assert sum(summary["examples"].values()) == 39
    assert summary["splits"].startswith("by ")
    assert "writer" in summary["splits"]
    assert summary["skipped"]["line without transcription"]["first"] == ["a03-000u-03"]
    assert "a03-000u-01" in summary["skipped"]["unreadable ink"]["first"][0]
    found = {
        k: v
        for split in summary["examples"]
        for k, v in ink_of(str(tmp_path / "data"), "iam_ondb/lines", split).items()
    }
    text, writer, strokes = found["a11-000u-01"]
    assert (text, writer, len(strokes), len(strokes[0])) == ("line one 11", "1", 1, 5)


def test_iam_ondb_in_archives_with_its_lists(tmp_path):
    source = make_ondb(tmp_path / "ondb", writers=False)
    packed = tmp_path / "packed"
    packed.mkdir()
    for part in ("lineStrokes", "ascii"):
        with tarfile.open(packed / f"{part}-all.tar.gz", "w:gz") as archive:
            archive.add(source / part, part)
    names = {"trainset": range(10), "testset_v": range(10, 13), "testset_t": range(13, 15), "testset_f": range(15, 20)}
    for name, numbers in names.items():
        (packed / f"{name}.txt").write_text("\n".join(f"a{i:02d}-000u" for i in numbers))
    summary = prepare_dataset("iam_ondb", str(tmp_path / "data"), source=str(packed))
    assert summary["examples"] == {"train": 20, "validation": 10, "test": 10}
    assert any("writers are unknown" in warning for warning in summary["warnings"])


def test_iam_ondb_as_words(tmp_path):
    source = make_ondb(tmp_path / "ondb")
    lines = source / "lineStrokes"
    for folder in sorted(lines.glob("*/*")):
        for number, strokes in enumerate(written_lines(2)[0], 1):
            points = ["".join(f'<Point x="{x:.0f}" y="{y:.0f}"/>' for x, y in stroke) for stroke in strokes]
            content = "<W>" + "".join(f"<Stroke>{part}</Stroke>" for part in points) + "</W>"
            (folder / f"{folder.name}u-{number:02d}.xml").write_text(content)
    for path in source.rglob("*.txt"):
        path.write_text("CSR:\n\n" + "\n".join(TEXTS) + "\n")
    (lines / "a03" / "a03-000" / "a03-000u-01.xml").write_text("<Whiteboard")
    summary = prepare_dataset("iam_ondb/words", str(tmp_path / "data"), source=str(source))
    assert sum(summary["examples"].values()) >= 20 * 14  # of 360 in all
    assert "a03-000u-01" in summary["skipped"]["unreadable ink"]["first"][0]
    assert "writer" in summary["splits"]
    found = {
        k: v
        for split in summary["examples"]
        for k, v in ink_of(str(tmp_path / "data"), "iam_ondb/words", split).items()
    }
    text, writer, strokes = found["a11-000u-02-04"]
    assert (text, writer) == ("garden", "1")
    assert 0.7 < np.ptp(np.concatenate(strokes)[:, 1]) < 5.0  # x-heights


def _savez(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def test_a_run_reads_what_fits(tmp_path):
    prepare_dataset("penman_strokes/smoke", str(tmp_path))
    charset = Charset("abcdefghijklmnopqrstuvwxyz")
    spec = InkSpec(Cleaning(step=0.4), max_points=60, max_length=5, min_length=2)
    store = load_ink(str(tmp_path), "penman_strokes/smoke", "train", charset, spec)
    assert 0 < len(store) < 192
    assert store.num_points.max() <= 60
    assert {len(text) for text in store.texts} <= set(range(2, 6))
    batch = store.batch(np.array([3, 0]), 64, store.writer_names, store.offset_scale)
    ink = store.ink(3)
    np.testing.assert_allclose(batch.points[0, : len(ink), :2] * store.offset_scale, ink[:, :2], rtol=1e-5)
    assert not batch.points[0, len(ink) :].any()
    assert store.writer_names[batch.writers[0] - 1] == store.writers[3]
    (cached,) = (dataset_directory(str(tmp_path), "penman_strokes/smoke") / "cache").glob("*/train-ink.npz")
    for damage in (b"", cached.read_bytes()[:-100], b"PK\x05\x06" + bytes(18), _savez(points=np.zeros((3, 3)))):
        cached.write_bytes(damage)
        again = load_ink(str(tmp_path), "penman_strokes/smoke", "train", charset, spec)
        np.testing.assert_array_equal(again.ink(3), ink)
        assert again.texts == store.texts
    with pytest.raises(UserError, match=r"no ink of penman_strokes/smoke train fits"):
        load_ink(str(tmp_path), "penman_strokes/smoke", "train", Charset("xyz"), spec)


def test_images_are_no_strokes(tmp_path, data_dir):
    spec = InkSpec(Cleaning(), 60, 5)
    with pytest.raises(UserError, match="it is a dataset of images"):
        load_ink(data_dir, "penman/smoke", "train", Charset("a"), spec)


def test_previews(tmp_path):
    prepare_dataset("penman_strokes/smoke", str(tmp_path))
    text = preview(str(tmp_path), "penman_strokes/smoke", ["train", "test"], str(tmp_path / "preview.png"))
    assert "points" in text
    preview_steps(str(tmp_path), "penman_strokes/smoke", str(tmp_path / "steps.png"))
    assert (tmp_path / "steps.png").stat().st_size > 1000


@pytest.mark.parametrize(("name", "content"), [("labels.csv", "id,text\n0.json,mot\n"), ("gt.txt", "0.json mot\n")])
def test_a_file_of_texts_that_is_no_table_is_named(tmp_path, name, content):
    source = make_strokes(tmp_path / "mine", table=False)
    for path in source.glob("*.json"):
        path.write_text(json.dumps(STROKES))
    (source / name).write_text(content)
    with pytest.raises(UserError, match=f"have no texts, and {name} is no table: its first line must name a column"):
        prepare_dataset("stroke_folder", str(tmp_path / "data"), str(source))
