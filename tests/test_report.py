"""The report of several runs."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hwgan.report import RunReport, write_report
from hwgan.runtime.errors import UserError
from hwgan.runtime.untrusted import reading
from tests.hostile import file_damages, held, mutations

METRICS = {"words": {"generated": {"cer": {"value": 0.12, "low": 0.1, "high": 0.14}}, "real": {"cer": {"value": 0.2}}}}
RESULTS = {
    "metrics": METRICS,
    "evaluator": {"name": "evaluator", "checksum": "0123"},
    "features": {},
    "seed": 0,
    "step": 7,
}


@pytest.fixture
def runs(tmp_path):
    for name, rate in (("first", 1e-3), ("second <b>", 2e-3)):
        folder = tmp_path / name
        folder.mkdir()
        rows = [{"step": i, "recognizer/loss": 1.0 / i} for i in range(1, 4)]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "config.json").write_text(json.dumps({"train": {"ctc_weight": 1.0}, "optimizer": {"rate": rate}}))
        (folder / "results.json").write_text(json.dumps(RESULTS))
        Image.fromarray(np.zeros((4, 6), np.uint8)).save(folder / "samples.png")
    (tmp_path / "others.json").write_text(json.dumps(RESULTS))
    return [str(tmp_path / name) for name in ("first", "second <b>", "others.json")]


def test_a_report_shows_what_there_is(runs):
    page = write_report([RunReport.read(source) for source in runs], "Ours & theirs")
    assert "<title>Ours &amp; theirs</title>" in page
    assert "<b>" not in page  # names are text
    assert page.count("12.0 % (10.0 to 14.0)") == 3
    assert "<td>optimizer.rate</td><td>0.001</td><td>0.002</td><td></td>" in page.replace("\n", "")
    assert page == write_report([RunReport.read(source) for source in runs], "Ours & theirs")
    assert "train.ctc_weight" not in page  # the same in all runs
    assert page.count("<svg") == 1  # of the one metric there is
    assert page.count("data:image/png;base64,") == 2
    assert "evaluator 0123 (preprocessing revision before 3)" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )  # nothing is fetched


def test_runs_of_several_seeds_have_a_mean(runs, tmp_path):
    """Where the seed is all that differs; not of runs of other configs or evaluators, nor of one seed twice."""
    config = {"seed": 0, "train": {"ctc_weight": 1.0}}

    def page_of(*variants):
        sources = []
        for number, (changed, rate, checksum) in enumerate(variants):
            folder = tmp_path / f"run{number}"
            folder.mkdir(exist_ok=True)
            metrics = {"words": {"generated": {"cer": {"value": rate}, "frechet": {"value": rate}}}}
            name = "own" if checksum.startswith("own") else "evaluator"
            results = RESULTS | {"metrics": metrics, "evaluator": {"name": name, "checksum": checksum}}
            (folder / "results.json").write_text(json.dumps(results))
            (folder / "config.json").write_text(json.dumps(config | changed))
            sources.append(RunReport.read(str(folder)))
        return write_report(sources, "Seeds")

    page = page_of(({}, 0.10, "a"), ({"seed": 1}, 0.12, "a"), ({"seed": 2}, 0.14, "a"))
    assert "mean ± standard deviation over 3 seeds (run0, run1, run2), generated" in page
    assert "12.0 ± 2.0 %" in page
    assert "0.12 ± 0.02" in page
    assert "mean ±" in page_of(({}, 0.10, "own a"), ({"seed": 1}, 0.12, "own b"))  # recognizers evaluate themselves
    for other in (({"seed": 1}, 0.12, "b"), ({}, 0.12, "a"), ({"seed": 1, "train": {"ctc_weight": 2.0}}, 0.12, "a")):
        assert "mean ±" not in page_of(({}, 0.10, "a"), other)


def test_what_is_no_run_is_named(tmp_path):
    for source in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"no workdir of a run and no results\.json"):
            RunReport.read(str(source))
    for broken in ("{", "[]", '{"metrics": []}', '{"metrics": {"words": {"real": {"cer": {}}}}}'):
        (tmp_path / "results.json").write_text(broken)
        with pytest.raises(UserError, match=r"cannot read|malformed|no JSON object"):
            RunReport.read(str(tmp_path))


def test_a_run_in_progress(runs, tmp_path):
    """Its last line may be incomplete; and any folder name can label a curve."""
    odd = tmp_path / r"_a$\frac$"
    (tmp_path / "first").rename(odd)
    with (odd / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "recog')
    page = write_report([RunReport.read(str(odd))], "One")
    assert page.count("<svg") == 1
    assert "optimizer.rate" not in page  # one run has no differences


def test_the_command(runs, tmp_path):
    output = tmp_path / "out" / "report.html"
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path.cwd())}
    command = [sys.executable, "-m", "hwgan.report"]
    done = subprocess.run([*command, *runs, f"--output={output}"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "second &lt;b&gt;" in output.read_text()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: name one or several runs")


RESULT_FIELDS = (
    "metrics",
    "metrics.words",
    "metrics.words.generated",
    "metrics.words.generated.cer",
    "evaluator",
    "features",
    "step",
)


def hostile_folders(folder):
    """(name, function) that make something of a run's folder that no honest program makes."""
    for name, results in mutations(RESULTS, RESULT_FIELDS):
        yield f"results {name}", lambda results=results: (folder / "results.json").write_text(json.dumps(results))
    for file in ("results.json", "config.json", "metrics.jsonl", "samples.png"):
        for name, damage in file_damages(folder / file):
            yield f"{file} {name}", damage
    for row in (
        "[]",
        "7",
        '{"step": "x"}',
        '{"step": null}',
        '{"recognizer/loss": 1}',
        '{"step": 1e999}',
        "[" * 99_999,
    ):
        yield f"row {row[:30]}", lambda row=row: (folder / "metrics.jsonl").write_text(row + "\n")
    for value in (None, "x", [], {}, 1e308, float("nan")):
        rows = json.dumps({"step": 1, "recognizer/loss": value}) + "\n"
        yield f"loss {value}", lambda rows=rows: (folder / "metrics.jsonl").write_text(rows)
    for config in ("[]", "7", "{" * 9999, json.dumps({"a": {"b": [1e308]}}), '{"a": "' + "x" * 10**6 + '"}'):
        yield f"config {config[:30]}", lambda config=config: (folder / "config.json").write_text(config)


@pytest.mark.slow
def test_hostile_folders(runs, tmp_path):
    """Each is one sentence or a page."""
    honest, folder = tmp_path / "honest", tmp_path / "first"
    shutil.copytree(folder, honest)
    number, tried = 0, None
    while tried is None or number < tried:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(honest, folder)
        damages = list(hostile_folders(folder))
        tried = len(damages)
        damages[number][1]()
        number += 1
        with held(), reading("these runs"):
            write_report([RunReport.read(str(folder))], "One")
    assert tried > 130


def test_only_pictures_of_the_run_get_into_the_page(runs, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the user's own")
    grid = tmp_path / "first" / "samples.png"
    grid.unlink()
    grid.symlink_to(secret)
    with pytest.raises(UserError, match="a link that leads out of the run"):
        RunReport.read(str(tmp_path / "first"))
    grid.unlink()
    grid.write_text("the user's own")  # no picture
    with pytest.raises(UserError, match="sample grid"):
        RunReport.read(str(tmp_path / "first"))
    picture = PngInfo()
    picture.add_text("comment", "the user's own")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(grid, pnginfo=picture)
    assert b"own" not in base64.b64decode(RunReport.read(str(tmp_path / "first")).sample_grid)
