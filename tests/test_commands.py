"""Documented commands from their flags to what they write, on a run of the smoke config."""

import json

import numpy as np
import pytest
from PIL import Image

import hwgan
from hwgan.checkpoints.weights_file import read_weights
from hwgan.sampling.open import open_sampler
from hwgan.sampling.style_files import read_style
from tests.processes import command_output as run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workdir(data_dir, tmp_path_factory):
    """A finished run, made by the command."""
    folder = tmp_path_factory.mktemp("commands") / "run"
    assert "trained in" in run("main", "--config=smoke", f"--workdir={folder}", f"--config.data.data_dir={data_dir}")
    return folder


def test_a_run_is_evaluated_with_the_fields_of_its_checkpoint(workdir, data_dir):
    command = ["--config=smoke", f"--workdir={workdir}", "--mode=evaluate", f"--config.data.data_dir={data_dir}"]
    assert "| cer |" in run("main", *command, "--config.evaluate.words=10", "--config.train.num_steps=6")
    assert json.loads((workdir / "results.json").read_text())["counts"]["same_words"]["generated"] == 10
    message = run("main", *command, "--config.sample.temperature=0.5", code=2)
    assert message.splitlines()[-1].startswith("error: --config.sample.temperature=0.5: a run is evaluated with")


def test_weights_are_exported_as_the_flags_say(workdir, tmp_path):
    run("export", f"--checkpoint={workdir}", "--temperature=0.7", f"--output={tmp_path / 'generator.npz'}")
    assert open_sampler(str(tmp_path / "generator.npz")).temperature == 0.7
    assert set(read_weights(str(tmp_path / "generator.npz")).variables) == {"generator", "language_model"}
    run("export", f"--checkpoint={workdir}", "--networks=all", f"--output={tmp_path / 'all.npz'}")
    assert set(read_weights(str(tmp_path / "all.npz")).variables) == {
        "generator", "language_model", "discriminator", "recognizer",
    }  # fmt: skip
    run("export", f"--checkpoint={workdir},{workdir}", f"--output={tmp_path / 'mean.npz'}")
    draw = [
        open_sampler(str(path)).draw_text("abc", open_sampler(str(path)).style(0))
        for path in (workdir, tmp_path / "mean.npz")
    ]
    np.testing.assert_allclose(draw[0].astype(int), draw[1].astype(int), atol=1)  # the mean of one run is that run


def test_words_are_generated_for_a_training_set(workdir, data_dir, tmp_path):
    shared = [f"--checkpoint={workdir}", "--dataset=penman/smoke", f"--data_dir={data_dir}"]
    run("generate", *shared, "--num_images=5", f"--output={tmp_path / 'five'}")
    table = (tmp_path / "five" / "words.tsv").read_text().splitlines()
    assert len(table) == 6 and table[0].split("\t")[:2] == ["file", "text"]
    for line in table[1:]:
        with Image.open(tmp_path / "five" / line.split("\t")[0]) as image:
            assert np.asarray(image.convert("L")).min() < 200
    run("generate", *shared, "--split=test", "--once", f"--output={tmp_path / 'once'}")
    texts = [line.split("\t")[1] for line in (tmp_path / "once" / "words.tsv").read_text().splitlines()[1:]]
    assert len(texts) == len(set(texts)) > 5


def test_a_style_is_made_of_images_without_those_left_out(tmp_path):
    model = hwgan.load()
    folder = tmp_path / "words"
    folder.mkdir()
    for number, word in enumerate(("station", "bonjour", "maison", "garden")):
        Image.fromarray(np.pad(model.word(word, 3), 20, constant_values=255)).save(folder / f"{number}.png")
    output = tmp_path / "mine.npz"
    run(
        "style",
        f"--images={folder}",
        "--layout=words",
        "--leave_out=2",
        f"--output={output}",
        f"--preview={tmp_path / 'cut.png'}",
    )
    assert read_style(str(output), model.sampler).num_words == 3 and (tmp_path / "cut.png").exists()
    run("sample", f"--style={output}", "--text=fox", f"--output={tmp_path / 'fox.png'}")
    assert np.asarray(Image.open(tmp_path / "fox.png").convert("L")).min() < 80
