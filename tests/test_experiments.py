"""The commands of experiments: their arguments, the words they compare, the tables they print, how they end."""

import json
import os
import pathlib
import stat
import subprocess
import time

import numpy as np
import pytest

import hwgan
from configs import smoke
from experiments.commands import run_command
from experiments.comparison import compute
from experiments.comparison.run import Words, parse_runs, stores
from experiments.recognition.run import Failed
from experiments.recognition.run import run as run_recognizer
from experiments.recognition.table import table
from experiments.style import pages
from experiments.unaided.run import compare
from hwgan.data.charset import Charset
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.evaluation.evaluator import Evaluator
from hwgan.evaluation.open import open_evaluator
from hwgan.runtime.errors import UserError

LOCAL = pathlib.Path("experiments/launch/local.sh").resolve()
# Stands in for Python: finds a port, or runs until it is stopped, fails, or ends at once.
PROCESS = """#!/usr/bin/env bash
if [[ $1 == -c ]]; then echo 1234; exit; fi
for argument in "$@"; do [[ $argument == --process_id=* ]] && id=${argument#*=}; done
trap 'sleep 0.3; echo "$id saved"; exit 75' TERM
[[ $* == *quick* ]] && exit 0
[[ $* == *fail* && $id == 1 ]] && { sleep 0.5; exit 3; }
echo "$id runs"
for ((i = 0; i < 200; i++)); do sleep 0.05; done
"""


def test_mistakes_end_with_a_sentence(capsys):
    def fail():
        raise UserError("there is no such thing")

    with pytest.raises(SystemExit) as stop:
        run_command(fail)
    assert stop.value.code == 2 and capsys.readouterr().err == "error: there is no such thing\n"
    with pytest.raises(SystemExit) as stop:
        run_command(lambda: 1)
    assert stop.value.code == 1


def test_runs_to_compare():
    assert parse_runs(["a=runs/a", "b = 1=strokes@1", "pretrained="]) == {
        "a": "runs/a", "b = 1": "strokes@1", "pretrained": "",
    }  # fmt: skip
    for wrong in (["runs/a"], ["=runs/a"], ["a=runs/a", "a=runs/b"]):
        with pytest.raises(UserError, match="give NAME=CHECKPOINT"):
            parse_runs(wrong)


def test_all_generators_are_judged_by_the_same_words(small_run, capsys):
    """A word that is far too wide in one writing is left out of all, and their order stays."""
    spec = ImageSpec(Preprocessing(height=16, pixels_per_character=0), max_width=64, max_length=6)
    evaluator = Evaluator(small_run.networks, None, None, Charset("abcdef"), spec)
    texts = ["ab", "cd", "ef", "fa"]
    word, wide = np.full((16, 20), 255, np.uint8), np.full((16, 9000), 255, np.uint8)
    word[4:12, 4:16] = 0
    wide[4:12, 4:8990] = 0
    sets = {
        "good": Words([word] * 4, texts, ["0", "1", "0", "1"]),
        "wide": Words([word, wide, word, word], texts, ["5", "6", "7", "8"]),
    }
    judged, kept = stores(sets, evaluator)
    assert kept == [0, 2, 3]
    assert judged["good"].texts == judged["wide"].texts == ["ab", "ef", "fa"]
    assert (judged["good"].writers, judged["wide"].writers) == (["0", "0", "1"], ["5", "7", "8"])
    assert "wide: 1 words far too wide" in capsys.readouterr().out


def test_the_first_config_needs_a_number_of_steps(monkeypatch):
    monkeypatch.setattr("sys.argv", ["compute", "copiste", "iam=5"])
    with pytest.raises(UserError, match="copiste: give the first config a number of steps"):
        compute.main()
    config = smoke.get_config()
    config.train.recognizer_pretrain_steps = 100
    assert compute.steps_for(config, (1.0, 2.0), 0.301) == 200  # 0.1 TFLOP of pretraining, 0.2 of all
    with pytest.raises(UserError, match="end in the pretraining"):
        compute.steps_for(config, (1.0, 2.0), 0.05)


def write_results(folder, name, **rates):
    (folder / name).mkdir(parents=True)
    metrics = {metric: {"value": value} for metric, value in rates.items()}
    (folder / name / "results.json").write_text(json.dumps({"metrics": {"reading": {"real": metrics}}}))


def test_the_table_of_recognizers(tmp_path):
    for seed, cer in enumerate((0.2, 0.3)):
        write_results(tmp_path, f"real_1_{seed}", cer=cer, wer=0.5, beam_cer=cer / 2, beam_wer=0.25)
    write_results(tmp_path, "other_folder", cer=0.9, wer=0.9)
    write_results(tmp_path, "generated_0_0", cer=0.6, wer=0.9)
    _, _, *rows = table(tmp_path).splitlines()
    assert [row.split(" | ")[:3] for row in rows] == [
        ["| 100 %", "real", "2"], ["| 100 %", "real, by a beam search", "2"], ["| 0 %", "generated alone", "1"],
    ]  # fmt: skip
    assert "| 25.0 ± 63.5 % |" in rows[0] and "| 60.0 %" in rows[2]
    with pytest.raises(UserError, match="no results"):
        table(tmp_path / "nowhere")


def test_a_recognizer_begun_with_other_settings_is_not_continued(tmp_path):
    (tmp_path / "real_1_0").mkdir()
    (tmp_path / "real_1_0" / "settings.txt").write_text("--config.seed=0\n--config.train.recognizer_noise=0.2")
    with pytest.raises(Failed, match="begun with other settings"):
        run_recognizer("real_1_0", ["--config.seed=0"], tmp_path, 0)


def test_a_page_tells_which_words_were_written():
    """Words too wide for the rest of a line are left out, and no box is of another word."""
    rng = np.random.default_rng(0)
    words = []
    for width in rng.integers(60, 500, 60):
        word = np.full((60, width), 255, np.uint8)
        word[10:50, 5:-5] = 0
        words.append(word)
    _, written, _ = pages.compose(pages.Page(12), words, 0)
    assert 20 < len(written) < 60
    for word, (left, _, right, _) in written:
        assert right - left == pytest.approx(pages._SCALE * (word.shape[1] - 10), abs=4)


def launch(folder, *arguments, processes=2):
    python = folder / "python"
    python.write_text(PROCESS)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["bash", str(LOCAL), str(processes), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize(("mode", "code", "saved"), [("quick", 0, 0), ("fail", 3, 2)])
def test_a_process_that_fails_stops_the_others(tmp_path, mode, code, saved):
    began = time.monotonic()
    process = launch(tmp_path, f"--{mode}", processes=3)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == code and output.count("saved") == saved
    assert time.monotonic() - began < 8  # they would run for ten seconds


def test_a_signal_lets_all_processes_save(tmp_path):
    process = launch(tmp_path)
    for _ in range(2):
        assert process.stdout.readline().endswith("runs\n")
    process.terminate()
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 75 and output.count("saved") == 2


def test_words_are_read_with_and_without_their_texts():
    evaluator, model = open_evaluator("").for_scans(), hwgan.load()
    texts = ["maison", "jardin", "il", "on", "que", "toute", "jeune", "plage", "ans", "pays"]
    found = compare(evaluator, model.words(texts, range(10)), texts, [""] * 10)
    aided, unaided = (float(found[kind]["cer"].split()[0]) for kind in ("aided", "unaided"))
    assert aided <= unaided < 50.0  # per cent
