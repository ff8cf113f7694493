"""Compiled programs are kept for the next call, whoever the user is."""

import os
import subprocess
import sys

PROGRAM = """
import jax
from hwgan.runtime.command_line import run_main

run_main(lambda argv: print(jax.jit(lambda x: x + 1)(1)))
"""


COUNTED = """
import jax
from hwgan.runtime.compilation_cache import loaded_programs

loaded_programs()
jax.jit(lambda x: x + 1).lower(1).compile()
print(loaded_programs())
"""


def call(home, program=PROGRAM, output="2\n", **environment):
    inherited = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=100,
        env=inherited | {"HOME": str(home)} | environment,
    )
    assert (run.returncode, run.stdout) == (0, output), run.stderr
    return run.stderr


def programs(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*-cache")}


def test_small_programs_too_are_compiled_once(tmp_path):
    call(tmp_path)
    kept = programs(tmp_path / ".cache" / "hwgan" / "xla")
    assert kept
    call(tmp_path)
    assert programs(tmp_path) == kept


def test_what_the_user_has_set_stays(tmp_path):
    call(tmp_path, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"))
    assert programs(tmp_path / "own")
    assert not (tmp_path / ".cache").exists()


def test_a_home_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cache" not in call(tmp_path / "file")


def test_programs_that_come_from_the_cache_are_counted(tmp_path):
    settings = dict(JAX_COMPILATION_CACHE_DIR=str(tmp_path), JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0")
    assert call(tmp_path, program=COUNTED, output="0\n", **settings) == ""
    assert call(tmp_path, program=COUNTED, output="1\n", **settings) == ""
