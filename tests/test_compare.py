"""Evaluation from end to end: protocols, folders of other methods, and a judge that looks at paper."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.data.word_store import WordStore
from hwgan.errors import UserError
from hwgan.evaluation.compare import evaluate_words
from hwgan.evaluation.features import left_squares
from hwgan.evaluation.folder import is_folder_of_words, read_folder
from hwgan.evaluation.protocols import PROTOCOLS, Case, choose, find_protocol
from hwgan.evaluation.provenance import commit
from hwgan.judge import Judge
from hwgan.release import PACKAGED_JUDGE, read_judge, read_release
from tests.made_up import make_folder

LETTERS = Charset("abcdefgh")
SPEC = ImageSpec(Preprocessing(height=16), max_width=64, max_length=6)


def store(texts, writers=None):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (16, 8 * len(text)), dtype=np.uint8) for text in texts]
    return WordStore.from_images(SPEC, images, texts, writers or [""] * len(texts), charset=LETTERS)


TRAIN = store(["ab", "cd", "ef", "ab"])
SPLIT = store(["ab", "gh", "cd", "hg", "ab"])


def test_every_protocol_says_what_it_compares():
    assert choose(PROTOCOLS["standard"][0], SPLIT, TRAIN, 4, 0)[0] == ["ab", "gh", "cd", "hg"]
    texts, real = choose(PROTOCOLS["standard"][1], SPLIT, TRAIN, 10, 0)
    assert set(texts) == set(real.texts) == {"gh", "hg"}
    cases = {case.name: choose(case, SPLIT, TRAIN, 10, 0) for case in PROTOCOLS["ganwriting"]}
    assert set(cases["known_words_unseen_writers"][0]) == {"ab", "cd"}
    assert cases["known_words_unseen_writers"][1].texts == ["ab", "cd", "ab"]
    assert cases["known_words_seen_writers"][1].texts == TRAIN.texts
    texts, real = cases["unknown_words_seen_writers"]
    assert set(texts) == {"gh", "hg"}
    assert real.texts == TRAIN.texts  # no training word is unknown
    assert cases["unknown_words_unseen_writers"][1].texts == ["gh", "hg"]
    texts, real = choose(PROTOCOLS["regenerate"][0], SPLIT, TRAIN, 2, 0)
    assert texts == real.texts == SPLIT.texts  # all of it, whatever the limit
    texts, real = choose(PROTOCOLS["alonso"][0], SPLIT, TRAIN, 2, 0)
    assert real.texts == TRAIN.texts
    assert sorted(set(texts)) == ["ab", "cd", "ef"]
    with pytest.raises(UserError, match="no protocol 'fid'; there are standard, ganwriting"):
        find_protocol("fid")
    with pytest.raises(UserError, match="the split has no unknown words"):
        choose(Case("x", "unknown"), TRAIN, TRAIN, 10, 0)


def test_left_squares():
    squares = left_squares(SPLIT)
    assert squares.widths.tolist() == [16] * 5
    np.testing.assert_array_equal(squares.image(1), SPLIT.image(1)[:, :16])
    short = left_squares(store(["a"]))
    np.testing.assert_array_equal(short.image(0)[:, 8:], np.full((16, 8), 255))


def test_a_judge_looks_at_paper(small_run):
    """What it is shown is preprocessed as its own words were; what it cannot read is counted."""
    judge = Judge.of_state(small_run.networks, small_run.state, small_run.charset, small_run.spec)
    image = np.random.default_rng(0).integers(0, 256, (50, 30), dtype=np.uint8)
    words, dropped = judge.store(
        [image, image, image[:2].repeat(400, axis=1), image], ["ab", "a1", "a", "abcdefghi"], [""] * 4
    )
    assert words.texts == ["ab"]
    assert words.image(0).shape == (32, 32)  # 16 pixels a character
    assert dropped == {"outside the alphabet of the judge": 1, "longer than the judge's words": 1, "far too wide": 1}
    with pytest.raises(UserError, match="no word can be judged: 1 outside the alphabet"):
        judge.store([image], ["é"], [""])
    assert (
        judge.checksum
        == Judge.of_state(small_run.networks, small_run.state, small_run.charset, small_run.spec).checksum
    )


def test_figures_do_not_depend_on_the_order_of_batches(small_run):
    judge = Judge.of_state(small_run.networks, small_run.state, small_run.charset, small_run.spec)
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdef"), rng.integers(1, 7))) for _ in range(70)]
    images = [rng.integers(0, 256, (32, 16 * len(text)), dtype=np.uint8) for text in texts]
    words, _ = judge.store(images, texts, [""] * 70)
    turned = words.take(range(69, -1, -1))
    np.testing.assert_allclose(judge.features(words), judge.features(turned)[::-1], atol=1e-5)
    assert judge.read(words)[1] == judge.read(turned)[1][::-1]
    assert judge.read(words, 5)[0] == texts[:5]


def test_the_package_has_a_judge():
    judge = read_judge(PACKAGED_JUDGE)
    assert judge.knows_writers
    assert judge.spec.preprocessing.frame
    blank = np.full((30, 60), 255, np.uint8)
    words, _ = judge.store([blank] * 8, ["mot"] * 8, [""] * 8)
    figures = evaluate_words(words, words, None, judge, seed=0)["figures"]["words"]["generated"]
    assert figures["cer"]["value"] >= 0.9  # nothing is there to be read
    with pytest.raises(UserError, match="are of identifier and recognizer; here a generator is needed"):
        read_release(PACKAGED_JUDGE)


def test_folders(tmp_path):
    folder = make_folder(tmp_path / "mine", count=12)
    assert is_folder_of_words(str(folder))
    assert not is_folder_of_words("word_folder/nowhere")
    images, texts, writers = read_folder(str(folder))
    assert (len(images), texts[3], writers[3]) == (12, "mot3é", "w3")
    with_splits = make_folder(tmp_path / "splits", count=12, columns=("file", "text", "split"))
    assert len(read_folder(str(with_splits))[0]) == 12
    assert len(read_folder(str(with_splits), "test")[0]) == 4
    with pytest.raises(UserError, match="no rows of split 'dev'; it has test, train, validation"):
        read_folder(str(with_splits), "dev")
    assert len(read_folder(str(folder), "test")[0]) == 12  # no column, so all
    (folder / "3.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"the image '3.png' of the table cannot be read"):
        read_folder(str(folder))


def test_commit(tmp_path):
    assert commit(tmp_path) == ""
    package = tmp_path / "package"
    (package / "evaluation").mkdir(parents=True)
    (package / "evaluation" / "provenance.py").write_text("")
    (package / "judge.py").write_text("")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert commit(package) == ""  # in somebody else's checkout
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "all"], check=True)
    clean = commit(package)
    assert len(clean) == 40
    (package / "judge.py").write_text("changed")
    assert commit(package) == clean + "+changes"


def test_size_of_the_image_does_not_matter():
    """One word scanned at two resolutions, with and without paper around, is one word to the judge."""
    judge = read_judge(PACKAGED_JUDGE).looking_at_paper()
    word = np.full((40, 60), 255, np.uint8)
    word[10:30, 10:14] = word[10:14, 10:50] = 0
    large = word.repeat(4, axis=0).repeat(4, axis=1)
    images = [word, large, np.pad(word, 30, constant_values=255)]
    words, _ = judge.store(images, ["mot"] * 3, [""] * 3)
    assert np.ptp(words.widths) <= 1
    for row in (1, 2):
        width = int(min(words.widths[0], words.widths[row]))
        difference = np.abs(words.image(0)[:, :width].astype(int) - words.image(row)[:, :width])
        assert difference.mean() < 12  # of 255: edges lie half a pixel elsewhere


@pytest.mark.slow
def test_images_of_any_method_are_held_against_real_ones(tmp_path):
    real, other = make_folder(tmp_path / "real", count=20), make_folder(tmp_path / "other", count=16)
    train = make_folder(tmp_path / "train", count=24)
    for path in other.glob("*.png"):
        with Image.open(path) as image:
            turned = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        turned.save(path)
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path.cwd())}
    output = tmp_path / "results.json"
    command = [sys.executable, "-m", "hwgan.evaluate", f"--real={real}", f"--train={train}", f"--output={output}"]
    command += ["--geometry_rounds=2"]
    done = subprocess.run([*command, f"--generated={other}"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text())
    assert results["counts"]["words"] == {"generated": 16, "real": 16}
    assert results["dropped_generated"] == {}
    assert results["judge"]["name"] == "copiste_judge"
    first = output.read_text()
    subprocess.run([*command, f"--generated={other}"], check=True, capture_output=True, env=environment)
    again = json.loads(output.read_text())
    assert {**json.loads(first), "time": ""} == {**again, "time": ""}
    assert "| frechet/writer/left |" in output.with_suffix(".md").read_text()
    done = subprocess.run([*command, "--generated=", "--train="], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "give --train= too" in done.stderr
    done = subprocess.run([*command, f"--train={real}"], capture_output=True, text=True, env=environment)
    assert "must be other words than --real=" in done.stderr
