"""The command that evaluates checkpoints, and images of any method."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from PIL import Image

from hwgan.evaluation.error_rates import character_error_rate
from tests.synthetic_data import make_folder


def evaluate(*arguments):
    """Exit code and stderr of the command."""
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path.cwd())}
    command = [sys.executable, "-m", "hwgan.evaluate", "--geometry_rounds=2", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    path = tmp_path_factory.mktemp("folders")
    return make_folder(path / "real", count=20), make_folder(path / "train", count=24)


def test_images_of_any_method_are_compared_with_real_ones(folders, tmp_path):
    real, train = folders
    generated = make_folder(tmp_path / "generated", count=16)
    for path in generated.glob("*.png"):
        with Image.open(path) as image:
            flipped = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        flipped.save(path)
    arguments = [f"--generated={generated}", f"--real={real}", f"--train={train}"]
    results = []
    for output in (tmp_path / "first.json", tmp_path / "second.json"):
        code, errors = evaluate(*arguments, f"--output={output}")
        assert code == 0, errors
        results.append(json.loads(output.read_text()))
    first, second = results
    assert first["counts"]["words"] == {"generated": 16, "real": 16, "baseline": 16}
    assert first["dropped_generated"] == {}
    assert "no evaluator is given, so it is copiste_evaluator, which was trained on word_folder/copiste" in errors
    assert first["evaluator"]["trained_on"].endswith("copiste")
    assert first["evaluator"]["name"] == "copiste_evaluator"
    assert {**first, "time": ""} == {**second, "time": ""}
    assert "| frechet/identifier/left |" in (tmp_path / "first.md").read_text()
    header, *rows = (line.split("\t") for line in (tmp_path / "first.readings.tsv").read_text().splitlines())
    assert header == ["case", "side", "writer", "text", "reading"] and "readings" not in first
    for side in ("generated", "real"):
        read = [row for row in rows if row[1] == side]
        assert len(read) == 16
        found = character_error_rate([row[3] for row in read], [row[4] for row in read])
        assert found == pytest.approx(first["metrics"]["words"][side]["cer"]["value"])


def test_a_checkpoint_is_evaluated_at_a_temperature(folders, tmp_path):
    real, train = folders
    output = tmp_path / "results.json"
    arguments = [f"--real={real}", f"--train={train}", f"--output={output}", "--protocol=regenerate"]
    code, errors = evaluate(*arguments, "--temperature=0.5")
    assert code == 0, errors
    results = json.loads(output.read_text())
    assert results["temperature"] == 0.5
    assert results["counts"]["regenerate"] == {"generated": 20, "real": 20, "dropped": {}, "baseline": 20}
    assert results["unwritable"] == {"split": 0, "train": 0}
    assert (results["split"], results["train"]) == ("all rows", "train")
    metrics = results["metrics"]["regenerate"]
    assert metrics["generated"]["cer"]["value"] < 0.5  # legible, though no real words end in a digit and é
    assert metrics["real"]["cer"]["value"] > 0.8  # noise


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--generated=", "--real={real}"], "give --train= too"),
        (["--generated={real}", "--real={real}", "--train={real}"], "must be other words than --real="),
        (["--generated={real}", "--real={real}", "--train={real}/"], "must be other words than --real="),
        (["--generated={real}", "--real=iam/words", "--split=train"], "compares with the training words themselves"),
        (["--protocol=style", "--real=iam/words", "--split=train"], "compares with the training words themselves"),
        (
            ["--generated={real}", "--real={real}", "--style=x.npz", "--temperature=1"],
            "--temperature, --style: no effect on the images of --generated=; leave them out",
        ),
        (["--protocol=style", "--real={real}"], "--geometry_rounds: no effect on --protocol=style"),
        (["--protocol=fid", "--real={real}", "--train={train}"], "no protocol 'fid'; there are standard"),
        (["--words=0", "--real={real}"], "--words"),
    ],
)
def test_wrong_flags(folders, arguments, message):
    real, train = folders
    code, errors = evaluate(*(argument.format(real=real, train=train) for argument in arguments))
    assert code in (1, 2)  # 1 of flags that absl refuses
    assert message in errors
