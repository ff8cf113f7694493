"""The cache of decoded images on disk."""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile
import time

import numpy as np
import pytest

from hwgan.data import cache
from hwgan.data.cache import read_split
from hwgan.data.prepared import dataset_directory
from hwgan.data.preprocessing import Preprocessing
from hwgan.data.transforms import decode_grey
from hwgan.prepare import prepare_dataset
from hwgan.runtime.errors import UserError
from tests.hostile import file_damages, held
from tests.synthetic_data import CHILDREN, make_folder, make_words, read_rows

PREPROCESSING = Preprocessing(height=16)


@pytest.fixture
def data(tmp_path):
    prepare_dataset("word_folder", str(tmp_path), str(make_folder(tmp_path / "mine")))
    return str(tmp_path)


def read(data, preprocessing=PREPROCESSING, split="train", **options):
    return read_split(data, "word_folder/mine", split, preprocessing, **({"right_to_left": False} | options))


def folders(data):
    return sorted((dataset_directory(data, "word_folder/mine") / "cache").glob("*/[a-z]*"))


def image(decoded, index):
    size = decoded.height * decoded.widths[index]
    return decoded.pixels[decoded.starts[index] :][:size].reshape(decoded.height, decoded.widths[index])


def test_the_cache_holds_each_preprocessed_row(data):
    decoded, rows = read(data), list(read_rows(data, "word_folder/mine", "train").values())
    assert decoded.texts == [row["text"].decode() for row in rows]
    assert decoded.writers == [row["writer"].decode() for row in rows]
    for index, row in enumerate(rows):
        np.testing.assert_array_equal(image(decoded, index), PREPROCESSING(row["image"][:, :, 0], "words"))
    assert decoded.pixels.dtype == np.uint8
    assert not decoded.pixels.flags.writeable


def test_the_index_takes_a_byte_for_each_byte_of_the_texts(tmp_path):
    texts = ["слово" * 8, "ещё" * 16, "и" * 60] * 4
    source = make_words(tmp_path / "words", texts, [40] * len(texts))
    prepare_dataset("word_folder", str(tmp_path), str(source), name="mine")
    decoded = read(str(tmp_path))
    assert set(decoded.texts) == set(texts)
    (folder,) = folders(str(tmp_path))
    with np.load(folder / cache._INDEX) as index:
        assert index["texts"].nbytes < sum(len(text.encode()) + 5 for text in decoded.texts)


def test_the_second_run_decodes_nothing(data, monkeypatch):
    first = read(data)
    monkeypatch.setattr(cache, "_decode_row", None)
    again = read(data)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert (first.texts, first.dropped) == (again.texts, again.dropped)


def test_other_preprocessing_other_cache(data):
    read(data)
    read(data, Preprocessing(height=16, trim="sides"))
    mirrored = read(data, right_to_left=True)
    assert len(folders(data)) == 3
    np.testing.assert_array_equal(image(mirrored, 0), image(read(data), 0)[:, ::-1])


def test_other_content_other_cache(data, tmp_path):
    elsewhere = str(tmp_path / "caches")
    read(data, cache_dir=elsewhere)
    prepare_dataset("word_folder", str(tmp_path / "two"), str(make_folder(tmp_path / "b", count=58)), "mine")
    again = read(str(tmp_path / "two"), cache_dir=elsewhere)
    assert len(again.texts) < 60
    assert len(list((tmp_path / "caches").iterdir())) == 2


def test_a_truncated_cache_is_reported_and_written_again(data, caplog):
    read(data)
    (folder,) = folders(data)
    pixels = folder / "pixels.bin"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    assert "pixels.bin holds" in written_again(data, caplog)


@pytest.mark.parametrize("name", ["index.npz", "cache.json", "pixels.bin"])
@pytest.mark.parametrize("rest", [b"", b"{}", None])
def test_a_damaged_cache_is_written_again(data, caplog, name, rest):
    read(data)
    (folder,) = folders(data)
    path = folder / name
    path.write_bytes(path.read_bytes()[:-20] if rest is None else rest)
    assert "are damaged" in written_again(data, caplog)


@pytest.mark.parametrize(
    ("change", "message"),
    [(lambda arrays: arrays | {"texts": np.array('["a"]')}, "its parts do not fit"), (dict, "it is compressed")],
)
def test_a_cache_of_unknown_origin_is_held_to_what_hwgan_writes(data, caplog, change, message):
    read(data)
    (folder,) = folders(data)
    with np.load(folder / "index.npz") as stored:
        arrays = dict(stored)
    save = np.savez_compressed if change is dict else np.savez
    save(folder / "index.npz", **change(arrays))
    assert message in written_again(data, caplog)


def written_again(data, caplog):
    whole = read(data, cache_dir=f"{data}/other")
    np.testing.assert_array_equal(read(data).pixels, whole.pixels)
    return caplog.text


def test_a_damaged_row_is_dropped_alone(data):
    directory = dataset_directory(data, "word_folder/mine")
    (path,) = directory.glob("*train*")
    content = bytearray(path.read_bytes())
    content[5000] ^= 0xFF
    path.write_bytes(content)
    decoded = read(data)
    assert decoded.dropped["unreadable"] >= 1
    assert len(decoded.texts) >= 20
    path.write_bytes(content[: len(content) // 2])
    assert read(data, Preprocessing(height=8)).dropped["unreadable"] > decoded.dropped["unreadable"]


def test_leftovers_of_killed_processes_are_deleted(data):
    whole = read(data)
    (folder,) = folders(data)
    shutil.rmtree(folder)
    (folder.parent / ".train.dead").mkdir()
    np.testing.assert_array_equal(read(data).pixels, whole.pixels)
    assert sorted(path.name for path in folder.parent.iterdir()) == [".lock", "train"]


def test_an_incomplete_cache_is_written_again(data):
    whole = read(data)
    (folder,) = folders(data)
    (folder / "cache.json").unlink()
    np.testing.assert_array_equal(read(data).pixels, whole.pixels)
    assert folders(data) == [folder]


def test_a_cache_folder_that_cannot_be_written_is_an_error(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write the decoded images .* give --config.data.cache_dir="):
        read(data, cache_dir=str(tmp_path / "file"))


def test_unusable_rows_are_counted(data, monkeypatch):
    decode, calls = decode_grey, []

    def broken(encoded):
        calls.append(encoded)
        if len(calls) == 1:
            raise OSError("cut short")
        return np.zeros((1, 5000), np.uint8) if len(calls) == 2 else decode(encoded)

    monkeypatch.setattr(cache.transforms, "decode_grey", broken)
    monkeypatch.setattr(cache.os, "cpu_count", lambda: 1)
    decoded = read(data)
    assert decoded.dropped == {"unreadable": 1, "far too wide": 1}
    assert len(decoded.texts) == len(read_rows(data, "word_folder/mine", "train")) - 2


def _read_in_child(data):
    read(data)


@pytest.mark.slow
def test_killed_at_any_moment_and_several_at_once(tmp_path):
    prepare_dataset("word_folder", str(tmp_path), str(make_folder(tmp_path / "mine", count=3000)))
    data, rng = str(tmp_path), np.random.default_rng(0)
    killed = 0
    for _ in range(8):
        child = CHILDREN.Process(target=_read_in_child, args=(data,))
        child.start()
        time.sleep(rng.uniform(0.01, 0.15))
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
    assert killed >= 4
    children = [CHILDREN.Process(target=_read_in_child, args=(data,)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert len(read(data).texts) == len(read_rows(data, "word_folder/mine", "train"))


@contextlib.contextmanager
def read_only(folder):
    """Nothing in the folder can be written, not even by root, who becomes nobody meanwhile."""
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def public():
    """A folder that others may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        yield folder


def test_a_dataset_in_a_read_only_place_is_usable(public, monkeypatch):
    data, home = public / "data", public / "home"
    home.mkdir()
    home.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    prepare_dataset("word_folder", str(data), str(make_folder(public / "mine")))
    with read_only(data):
        summary = prepare_dataset("word_folder", str(data), str(public / "mine"))  # there is nothing to do
        decoded = read(str(data))
    assert len(decoded.texts) == summary["examples"]["train"]
    assert list(home.rglob("pixels.bin"))
    assert not list(data.rglob("pixels.bin"))
    with read_only(data), pytest.raises(UserError, match=r"cannot (prepare|write)"):
        prepare_dataset("word_folder", str(data), str(public / "mine"), "other")


@pytest.mark.parametrize("name", ["cache.json", "index.npz", "pixels.bin"])
def test_a_cache_of_unknown_origin(data, name):
    """It may have come with the dataset: whatever it is, it is written again."""
    read(data)
    file = folders(data)[0] / name
    for number in range(len(list(file_damages(file)))):
        _, damage = list(file_damages(file))[number]
        damage()
        with held():
            assert read(data).texts[0].startswith("mot")
