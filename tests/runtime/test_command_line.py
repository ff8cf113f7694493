"""The end of a process: exit code, output, and no wait for abandoned threads."""

import subprocess
import sys
import time

import pytest

PROGRAM = """
import sys, threading, time
from hwgan.runtime.command_line import abandon_threads, run_main
from hwgan.runtime.errors import UserError

def main(argv):
    threading.Thread(target=time.sleep, args=(60,)).start()
    abandon_threads()
    print("printed before the end")
    {ending}

run_main(main)
"""


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        ("pass", 0, ""),
        ("raise UserError('the disk is full')", 2, "error: the disk is full"),
        ("sys.exit(75)", 75, ""),
        ("sys.exit('in words')", 1, "in words"),
        ("raise ValueError('a bug')", 1, "ValueError: a bug"),
    ],
)
def test_nothing_waits_for_abandoned_threads(ending, code, words):
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(ending=ending)], capture_output=True, text=True, timeout=50
    )
    assert run.returncode == code, run.stderr
    assert run.stdout == "printed before the end\n"
    assert words in run.stderr
    assert time.monotonic() - began < 45
