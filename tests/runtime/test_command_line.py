"""Flags, configs and help; the end of a process: exit code, output, and no wait for abandoned threads."""

import importlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from absl import flags

import hwgan.main  # defines its flags
from hwgan.runtime import command_line
from hwgan.runtime.config_file import configs_folder, describe_fields, find_config, shipped_config

PROGRAM = """
import sys, threading, time
from hwgan.runtime.command_line import run_main
from hwgan.runtime.errors import UserError
from hwgan.runtime.process_end import abandon_threads

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
        ("raise PermissionError(13, 'Permission denied', '/root/x')", 2, "error: '/root/x' cannot be used: Permission"),
        ("open('/' + 300 * 'x')", 2, "cannot be used: File name too long"),
        ("open('/nowhere')", 1, "FileNotFoundError"),
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


@pytest.fixture
def parse(monkeypatch):
    """Parses flags as `hwgan.main` does."""

    def parse(*arguments):
        argv = ["hwgan.main", "--workdir=w", *arguments]
        monkeypatch.setattr(sys, "argv", argv)
        command_line._parse_flags(argv)
        return hwgan.main._CONFIG.value

    yield parse
    for name in list(flags.FLAGS):
        if name.startswith("config."):  # an override of a field
            delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config=smoke", "--config.train.num_stepz=3"], 'no such field: num_stepz. Did you mean "num_steps"'),
        (["--config=smoke", "--config.trian.num_steps=3"], "no such field"),
        (["--config=nosuch"], "no such file, and no config of that name; there are char_grid, copiste"),
        (["--config=elsewhere/smoke.py"], "no such file"),
        (["--config=smoke", "--config.train.num_steps=abc"], "num_steps=abc: 'abc' is not a whole number"),
        (["--config=smoke", "--config.data.random_text_fraction=x"], "fraction=x: 'x' is not a number"),
        (["--config=smoke", "--config.train=3"], "is not a dict"),
        (["--config=smoke", "--workdirr=w"], "Unknown command line flag 'workdirr'. Did you mean: workdir"),
        (["--config=smoke", "--mode=trian"], "should be one of <train|evaluate>"),
    ],
)
def test_a_mistake_in_the_flags_is_one_sentence(parse, capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        parse(*arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("error: ") and error.count("\n") == 1


def test_the_home_folder_is_meant_by_a_tilde(monkeypatch):
    """Shells leave it as it is after --name=."""
    values = flags.FlagValues()
    flags.DEFINE_string("output", "~/a.png", "", flag_values=values)
    flags.DEFINE_string("text", "~/a", "", flag_values=values)
    flags.DEFINE_list("checkpoint", ["~/x", "~y", "z"], "", flag_values=values)
    values(["program"])
    monkeypatch.setattr(flags.FlagValues, "get_flags_for_module", lambda self, _: [self[name] for name in self])
    monkeypatch.setattr(command_line.flags, "FLAGS", values)
    monkeypatch.setenv("HOME", "/home/anna")
    command_line._expand_home()
    assert (values.output, values.text) == ("/home/anna/a.png", "~/a")
    assert values.checkpoint == ["/home/anna/x", "~y", "z"]


@pytest.mark.parametrize("name", ["smoke", "smoke.py", "configs/smoke.py", "configs/smoke"])
def test_configs_are_found_by_name_from_anywhere(parse, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert parse(f"--config={name}", "--config.train.num_steps=7").train.num_steps == 7


def test_configs_import_each_other_where_they_are_not_on_the_path(monkeypatch):
    """As in an installation, started outside of the clone."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    elsewhere = [path for path in sys.path if path and not (pathlib.Path(path) / "configs").exists()]
    monkeypatch.setattr(sys, "path", elsewhere)
    with pytest.raises(ImportError):
        importlib.import_module("configs.common")
    assert shipped_config("demo") == str(configs_folder() / "demo.py")
    assert importlib.import_module("configs.demo").get_config().data.dataset == "penman/demo"


def test_a_file_in_the_current_folder_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke.py").write_text("")
    assert find_config(["main", "--config=smoke.py"])[1] == "smoke.py"
    assert find_config(["main", "--config", "smoke"])[0][2] == str(configs_folder() / "smoke.py")
    assert find_config(["main", "--mode=train"]) == (["main", "--mode=train"], "")


def test_a_mistake_in_a_config_file_keeps_its_traceback(parse, tmp_path):
    """It is code of the user, who needs to see the line."""
    path = tmp_path / "mine.py"
    path.write_text("def get_config():\n    return [].items()\n")
    with pytest.raises(AttributeError, match="items"):
        parse(f"--config={path}")


def test_help_lists_flags_and_fields(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line._parse_flags(["hwgan.main", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "  data.max_width=160\n      pixels; wider words are dropped\n" in text
    lines = describe_fields().splitlines()
    assert lines == [line for line in text.splitlines() if line in lines]
    assert "  evaluate.lexicon=False\n      a recognizer is also evaluated" in text
    assert "  data.lexicon=''\n      file of texts to generate" in text


def test_help_with_a_config_of_strokes_lists_its_fields(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line._parse_flags(["hwgan.main", "--config=strokes_demo", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "Fields of configs that train on strokes, with the values of configs/strokes_common.py" in text
    assert "  train.weight_noise=0.0\n" in text
    assert "ctc_weight" not in text


_PACKAGE = pathlib.Path(hwgan.__file__).parent
MODULES = sorted(path.stem for path in _PACKAGE.glob("*.py") if '__name__ == "__main__"' in path.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_help_of_every_entry_point(module, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path.cwd())}
    command = [sys.executable, "-m", f"hwgan.{module}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert any(flag in done.stdout for flag in ("--output", "--workdir", "--source", "--port"))


def test_a_missing_flag_is_named_with_what_it_is(parse, capsys):
    flags.DEFINE_string("needed", None, "the file to write", required=True)
    try:
        with pytest.raises(SystemExit):
            parse("--config=smoke")
        assert capsys.readouterr().err == "error: --needed is missing: the file to write (--help lists the flags)\n"
    finally:
        delattr(flags.FLAGS, "needed")


@pytest.mark.parametrize(("number", "code", "said"), [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")])
def test_a_signal_ends_a_command_without_a_traceback_and_without_its_temporary_files(tmp_path, number, code, said):
    """At once, although a thread, such as one of XLA that compiles, would go on."""
    program = f"""
import os, signal, tempfile, threading, time
from hwgan.runtime.command_line import run_main
from hwgan.runtime.process_end import temporary_folder

def main(argv):
    threading.Thread(target=time.sleep, args=[100]).start()
    tempfile.tempdir = {str(tmp_path)!r}
    (temporary_folder() / "unpacked").write_text("a tar")
    with tempfile.TemporaryDirectory(dir={str(tmp_path)!r}):
        os.kill(os.getpid(), {int(number)})
        time.sleep(100)

signal.signal(signal.SIGINT, signal.default_int_handler)
run_main(main)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=90)
    assert (run.returncode, run.stderr) == (code, said)
    assert not list(tmp_path.iterdir())
