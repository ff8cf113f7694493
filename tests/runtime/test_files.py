"""Files of unknown origin are not opened, and links at predictable names are not followed."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from hwgan.runtime.errors import UserError
from hwgan.runtime.files import (
    check_output_file,
    check_output_folder,
    read_regular,
    replace_image,
    replace_text,
    replacing,
    user_path,
)
from hwgan.runtime.locking import exclusive_lock, run_lock


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "own.txt").write_text("the user's own")
    (tmp_path / "results.json").symlink_to(tmp_path / "own.txt")
    replace_text(tmp_path / "results.json", "new")
    assert (tmp_path / "own.txt").read_text() == "the user's own"
    assert (tmp_path / "results.json").read_text() == "new"
    assert not (tmp_path / "results.json").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    replace_text(tmp_path / "a.txt", "old")
    with pytest.raises(OSError, match="no room"), replacing(tmp_path / "a.txt") as file:
        file.write(b"half")
        raise OSError("no room")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_what_is_no_file_is_not_replaced(tmp_path):
    """A rename would replace even /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="is not a file"):
            replace_text(tmp_path / name, "x")


def test_images(tmp_path):
    image = Image.fromarray(np.zeros((3, 4), np.uint8))
    replace_image(tmp_path / "a.PNG", image)
    with Image.open(tmp_path / "a.PNG") as written:
        assert written.size == (4, 3)
    for name in ("a.xyz", "a", "a.mpo2"):
        with pytest.raises(ValueError, match="cannot be written as"):
            replace_image(tmp_path / name, image)


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(b"x" * 101)
    for name in ("pipe", "endless", "large"):
        with pytest.raises(OSError, match=r"regular|more than"):
            read_regular(tmp_path / name, 100)
    assert read_regular(tmp_path / "large", 101) == b"x" * 101


@pytest.mark.parametrize("lock", [exclusive_lock, run_lock])
@pytest.mark.parametrize("name", [".lock", ".run-lock"])
def test_locks_do_not_truncate_and_do_not_follow(tmp_path, lock, name):
    own = tmp_path / "own.txt"
    own.write_text("the user's own")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).symlink_to(own)
    try:
        with lock(folder):
            pass
    except OSError:
        pass  # this is the lock of that name
    (folder / name).unlink()
    os.link(own, folder / name)  # a hard link is a regular file
    with lock(folder):
        pass
    assert own.read_text() == "the user's own"


def test_a_second_run_is_told_who_holds_the_workdir(tmp_path):
    refused = pytest.raises(UserError, match=f"is in use by process {os.getpid()} on .* since")
    with run_lock(tmp_path), refused, run_lock(tmp_path):
        pass
    with run_lock(tmp_path):  # it ended
        pass


HOLDER = """
import pathlib, sys, time
from hwgan.runtime.locking import run_lock
with run_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_run_leaves_no_lock_behind(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=f"process {process.pid}"), run_lock(tmp_path):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    with run_lock(tmp_path):
        pass


TERMINATED = """
import pathlib, sys, time
from absl import flags
from hwgan.runtime.command_line import run_main
from hwgan.runtime.files import replacing

def main(argv):
    with replacing(pathlib.Path(sys.argv[1])) as file:
        file.write(b"half")
        print("writing", flush=True)
        time.sleep(60)

run_main(main, positional=True)
"""


def test_sigterm_leaves_no_temporary_files(tmp_path):
    command = [sys.executable, "-c", TERMINATED, str(tmp_path / "a.txt")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    assert list(tmp_path.iterdir())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    process.stdout.close()
    assert not list(tmp_path.iterdir())


def test_two_threads_replace_one_file(tmp_path):
    """Their temporary files have names of their own."""
    path, end = tmp_path / "a.txt", time.monotonic() + 0.3

    def write(letter):
        while time.monotonic() < end:
            replace_text(path, letter * 1000)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ("a" * 1000, "b" * 1000)


def test_outputs_are_checked_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for path, settings, words in (
        ("a.xyz", dict(image=True), "its name ends in none of"),
        ("a.png", dict(endings=(".json",)), r"its name must end in \.json"),
        ("folder.png", dict(image=True), "is a folder"),
        ("file/a.png", dict(image=True), "is no folder"),
    ):
        with pytest.raises(UserError, match=words):
            check_output_file("output", str(tmp_path / path), **settings)
    check_output_file("output", str(tmp_path / "new" / "a.png"), image=True)
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(UserError, match=r"--output: '.*file' is no folder"):
        check_output_folder("output", str(tmp_path / "file"))


def test_names_of_characters_of_several_bytes(tmp_path):
    for name in ("字" * 80 + ".txt", "é" * 120 + ".txt"):
        replace_text(tmp_path / name, "x")
        assert (tmp_path / name).read_text() == "x"


def test_the_home_of_an_unknown_user_is_no_error(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert user_path("~/words") == pathlib.Path("/home/anna/words")
    assert user_path("~nobody-of-this-name/words") == pathlib.Path("~nobody-of-this-name/words")
