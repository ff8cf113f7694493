"""End to end on the smoke config: train, stop, resume, evaluate."""

import dataclasses
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from PIL import Image

from configs import iam_variable, smoke
from hwgan.checkpoints.run import load_run
from hwgan.data.charset import Charset
from hwgan.data.word_store import WordStore, load_words
from hwgan.evaluation.runs import evaluate
from hwgan.prepare import prepare_dataset
from hwgan.runtime.errors import UserError
from hwgan.runtime.metric_writer import MetricWriter
from hwgan.runtime.monitor import Heartbeat
from hwgan.sampling.model import Model
from hwgan.sampling.open import sampler_from_run
from hwgan.training import loop
from hwgan.training.loop import TrainingDiverged, train_and_evaluate
from hwgan.training.trainer import Trainer
from hwgan.training.workdir import claim_workdir
from tests.processes import COMMAND, metrics_of
from tests.synthetic_data import make_folder, make_iam
from tests.training.test_step import edit_to_alonso


def test_a_run_leaves_what_it_promises(trained):
    _, workdir, metrics = trained
    path = pathlib.Path(workdir)
    assert json.loads((path / "config.json").read_text())["train"]["num_steps"] == 6
    rows = metrics_of(workdir)
    assert [row["step"] for row in rows] == [1, 2, 3, 3, 4, 5, 6, 6]  # evaluated at 3 and 6
    assert "recognizer/loss" in rows[0]
    assert "generator/ctc_loss" not in rows[1]  # the recognizer is pretrained
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert metrics["evaluate/generated_words"] == 10
    with Image.open(path / "samples.png") as grid:
        height = grid.height
    # six styles and two rows of real words, 32 pixels high, 4 between; "received" is cut to six letters
    assert height == 8 * 32 + 7 * 4
    assert (path / "samples" / "samples-0000003.png").exists()
    run = load_run(workdir)
    assert run.state.step == 6
    texts = load_words(run.config.data.data_dir, run.config.data.dataset, "train", run.charset, run.spec).texts
    assert run.rare_characters == run.charset.rare(texts) != {}


def test_resume_equals_no_interruption(trained, config, tmp_path):
    _, whole, _ = trained
    config.train.num_steps = 3
    train_and_evaluate(config, str(tmp_path))
    config.train.num_steps = 6
    train_and_evaluate(config, str(tmp_path))
    assert metrics_of(tmp_path) == metrics_of(whole)  # to the last digit


def test_the_checkpoint_with_the_lowest_error_is_kept_and_faults_are_logged(config, tmp_path, monkeypatch, caplog):
    found = [
        {"evaluate/generated_cer": cer, "evaluate/real_cer": 1 - cer, "evaluate/style_std": 1e-3}
        for cer in (0.9, 0.1, 0.5)
    ]
    measured = iter(found)
    monkeypatch.setattr(Trainer, "evaluate", lambda self: next(measured))
    config.train.update(num_steps=6, evaluate_every=2, checkpoint_every=2, keep_checkpoints=1)
    train_and_evaluate(config, str(tmp_path))
    steps = sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit())
    assert steps == [4, 6]  # the best, and the newest
    assert "mode collapse" in caplog.text


def test_a_finished_run_is_left_alone(trained):
    config, workdir, _ = trained
    before = metrics_of(workdir)
    train_and_evaluate(config, workdir)
    assert metrics_of(workdir) == before


SHORT = [*COMMAND, "--config.train.checkpoint_every=10"]
SHORT += ["--config.train.num_steps=40", "--config.train.evaluate_every=40", "--config.train.sample_every=40"]


@pytest.mark.slow
def test_killed_and_run_again(data_dir, tmp_path):
    """kill -9 in the middle: the same command resumes from a checkpoint and ends with the metrics of an uninterrupted run."""
    arguments = [*SHORT, f"--config.data.data_dir={data_dir}"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen([*arguments, f"--workdir={killed}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        deadline = time.monotonic() + 120
        while not (killed / "checkpoints" / "10").exists():
            assert time.monotonic() < deadline, "no checkpoint in two minutes"
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    assert run.returncode == -signal.SIGKILL
    assert metrics_of(killed)[-1]["step"] < 40
    again = subprocess.run([*arguments, f"--workdir={killed}"], capture_output=True, text=True, check=True)
    assert "training from step" in again.stdout
    assert "training from step 0" not in again.stdout
    subprocess.run([*arguments, f"--workdir={whole}"], capture_output=True, check=True)
    assert metrics_of(killed) == metrics_of(whole)


def test_divergence_names_the_network_and_keeps_the_batch(config, tmp_path):
    config.optimizer.generator.update(learning_rate=1e38, clip_norm=0.0)
    with pytest.raises(TrainingDiverged, match="step 3: the generator's loss or gradient is not finite"):
        train_and_evaluate(config, str(tmp_path))
    batch = np.load(tmp_path / "nonfinite_batch-0.npz")
    assert batch["real/image"].shape == (4, 32, 96, 1)


def test_another_config_is_refused(trained, config):
    _, workdir, _ = trained
    config.model.generator.cell_features = 12
    with pytest.raises(UserError, match=r"holds a run of another config: model.generator"):
        train_and_evaluate(config, workdir)


def test_another_seed_is_refused(trained, config):
    config.seed += 1
    with pytest.raises(UserError, match=r"holds a run of another config: seed was 0 and is now 1"):
        train_and_evaluate(config, trained[1])


def test_unwritable_workdir(config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to the workdir"):
        train_and_evaluate(config, str(tmp_path / "file" / "run"))


def test_batch_must_divide(config, tmp_path):
    config.train.batch_size = 3
    with pytest.raises(UserError, match=r"train.batch_size=3 does not divide by the 2 devices"):
        train_and_evaluate(config, str(tmp_path))


def test_a_temperature_of_zero_is_refused_before_the_first_step(config, tmp_path):
    config.sample.temperature = 0.0
    with pytest.raises(UserError, match="the temperature of styles must be above 0"):
        train_and_evaluate(config, str(tmp_path))
    assert not (tmp_path / "metrics.jsonl").exists()


@pytest.mark.release
def test_buckets_resume_to_the_same_result_and_compile_once_each(config, tmp_path):
    config.data.num_buckets, config.train.recognizer_pretrain_steps = 2, 0

    def steps(trainer, count):
        batches = trainer.batches()
        for batch in itertools.islice(batches, count):
            widths.add(batch.real.image.shape[2])
            yield {name: float(value) for name, value in trainer.advance(batch).items()}

    widths = set()
    trainer = Trainer(config, str(tmp_path))
    whole = list(steps(trainer, 4))
    trainer.save({})
    whole += steps(trainer, 4)
    assert len(widths) > 1
    assert trainer._steps["all"]._cache_size() == len(widths)
    trainer.checkpointer.close()
    resumed = Trainer(config, str(tmp_path))
    assert resumed.step == 4
    assert list(steps(resumed, 4)) == whole[4:]
    resumed.checkpointer.close()


def test_processes_wait_for_each_other_once_a_step_is_compiled(config, tmp_path, monkeypatch, caplog):
    trainer = Trainer(config, str(tmp_path))
    batches = trainer.batches()
    first, second = next(batches), next(batches)
    barriers = []

    def compilations():
        return sum("Finished XLA compilation of jit(train_step)" in record.getMessage() for record in caplog.records)

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr("hwgan.training.base_trainer.barrier", lambda where: barriers.append((where, compilations())))
    with jax.log_compiles():
        trainer.advance(first)
        trainer.advance(second)
    assert barriers == [(f"compiled recognizer {first.real.image.shape}", 1)]
    assert compilations() == 1
    monkeypatch.undo()
    trainer.checkpointer.close()


def test_one_canvas_takes_one_bucket(config, tmp_path):
    edit_to_alonso(config)
    config.data.num_buckets = 0
    with pytest.raises(UserError, match=r"data.num_buckets=0 must be a whole number from 1 to 8"):
        train_and_evaluate(config, str(tmp_path))
    config.data.num_buckets = 2
    with pytest.raises(UserError, match=r"data.num_buckets=2: this generator has one canvas"):
        train_and_evaluate(config, str(tmp_path))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("gradient_balancing", "alonzo", "train.gradient_balancing='alonzo' does not exist"),
        (
            "discriminator_steps_per_generator_step",
            0,
            "train.discriminator_steps_per_generator_step=0 must be a whole number of at least 1",
        ),
        ("sample_every", 0, "train.sample_every=0 must be a whole number of at least 1"),
        ("keep_checkpoints", 0, "train.keep_checkpoints=0 must be a whole number of at least 1"),
        ("updated_networks", ("generater",), "must be some of"),
        ("updated_networks", ("discriminator",), "train.recognizer_pretrain_steps=2 update"),
    ],
)
def test_settings_that_would_train_nothing_are_refused_at_once(config, tmp_path, field, value, message):
    config.train[field] = value
    config.data.dataset = "not/there"  # which would be missed next
    with pytest.raises(UserError, match=message):
        train_and_evaluate(config, str(tmp_path))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (dict(data=dict(max_length=300)), "data.max_length=300 must be a whole number from 1 to 256"),
        (
            dict(train=dict(updated_networks=("identifier",), recognizer_pretrain_steps=0)),
            'updated_networks names "identifier", and model.identifier.name is "none"',
        ),
        (
            dict(train=dict(updated_networks=("recognizer", "identifier", "generator"))),
            "by the gradients of a discriminator that stays as it was initialised, at random",
        ),
        (
            dict(train=dict(updated_networks=("discriminator", "generator"), recognizer_pretrain_steps=0)),
            "by the gradients of a recognizer that stays as it was initialised",
        ),
    ],
)
def test_runs_that_could_not_be_opened_or_train_nothing_are_refused(config, tmp_path, edit, message):
    for section, fields in edit.items():
        config[section].update(fields)
    with pytest.raises(UserError, match=message):
        train_and_evaluate(config, str(tmp_path))


@pytest.fixture
def copied_run(trained, tmp_path):
    """A finished run that a test may continue."""
    shutil.copytree(trained[1], tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("optimizer.recognizer.clip_norm", 0.0, r"optimizer.recognizer.clip_norm=5.0, and now it is 0.0"),
        ("optimizer.generator.decay_steps", 50, r"optimizer.generator.decay_steps=0, and now it is 50"),
        ("optimizer.generator.warmup_steps", 50, r"optimizer.generator.warmup_steps=0, and now it is 50"),
        ("train.feature_matching", 1.0, r"train.feature_matching=0.0, and now it is 1.0"),
        ("train.recognizer_pretrain_steps", 50, "would be pretrained again: continue with .*pretrain_steps=2"),
    ],
)
def test_a_run_is_not_continued_with_what_its_checkpoints_lack(copied_run, config, path, value, message):
    """It is told which field it is, the config of the run stays, and with the old value it continues."""
    before = (copied_run / "config.json").read_text()
    config.train.num_steps = 100
    config.update_from_flattened_dict({path: value})
    with pytest.raises(UserError, match=message):
        train_and_evaluate(config, str(copied_run))
    assert (copied_run / "config.json").read_text() == before


def test_a_run_whose_writers_have_changed_is_not_continued(config, tmp_path, monkeypatch):
    config.model.identifier = dict(name="writers", num_writers=20, features=config.model.z_dim - 1)
    config.train.num_steps, config.train.recognizer_pretrain_steps = 1, 0
    config.train.updated_networks = ("recognizer", "identifier")
    train_and_evaluate(config, str(tmp_path))
    config.train.num_steps = 2
    names = WordStore.writer_names.func
    monkeypatch.setattr(WordStore, "writer_names", property(lambda words: ["aaa", *names(words)][: len(names(words))]))
    with pytest.raises(UserError, match="another list of writers than when the run began"):
        train_and_evaluate(config, str(tmp_path))


def test_the_largest_seed_trains(config, tmp_path):
    config.seed, config.train.num_steps = 2**32 - 1, 1
    config.train.update(recognizer_pretrain_steps=0, updated_networks=("recognizer",))
    train_and_evaluate(config, str(tmp_path))


def test_words_of_one_writer_are_refused_by_an_identifier(config, tmp_path):
    folder = make_folder(tmp_path / "alone", columns=("file", "text", "split"))
    lines = (folder / "words.tsv").read_text(encoding="utf-8").splitlines()
    table = [f"{lines[0]}\twriter", *(f"{line}\tanna" for line in lines[1:])]
    (folder / "words.tsv").write_text("\n".join(table), encoding="utf-8")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    config.data.data_dir, config.data.dataset = str(tmp_path / "data"), "word_folder/alone"
    config.model.identifier = dict(name="writers", num_writers=8, features=config.model.z_dim - 1)
    with pytest.raises(UserError, match=r"are all by one writer.*--config.model.identifier.name=none"):
        train_and_evaluate(config, str(tmp_path / "run"))


def test_words_without_writers_are_refused_by_an_identifier(config, tmp_path):
    folder = make_folder(tmp_path / "nameless", columns=("file", "text", "split"))
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    config.data.data_dir, config.data.dataset = str(tmp_path / "data"), "word_folder/nameless"
    config.model.identifier = dict(name="writers", num_writers=8, features=config.model.z_dim - 1)
    with pytest.raises(UserError, match=r"name no writers.*--config.model.identifier.name=none"):
        train_and_evaluate(config, str(tmp_path / "run"))
    config.model.identifier.name = "none"  # its other fields may stay
    config.train.num_steps = 3
    train_and_evaluate(config, str(tmp_path / "run"))
    assert "discriminator/z_prediction_error" in metrics_of(tmp_path / "run")[-2]


@pytest.mark.release
def test_right_to_left_words_are_trained_on_and_written_as_on_paper(config, tmp_path):
    folder = make_folder(tmp_path / "hebrew")
    table = folder / "words.tsv"
    lines = table.read_text(encoding="utf-8").replace("mot", "אבג").replace("é", "")
    table.write_text(lines, encoding="utf-8")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    config.data.data_dir, config.data.dataset = str(tmp_path / "data"), "word_folder/hebrew"
    config.train.num_steps, config.train.recognizer_pretrain_steps = 1, 0
    train_and_evaluate(config, str(tmp_path / "run"))
    sampler = sampler_from_run(load_run(str(tmp_path / "run")))
    assert sampler.charset.right_to_left
    plain = dataclasses.replace(sampler, charset=Charset(sampler.charset.characters))
    style = sampler.style(0)
    # On paper a word is the mirror image of the network's output, with its number reversed.
    (word,), (drawn,) = sampler.draw(["אב12"], style[None]), plain.draw(["אב21"], style[None])
    np.testing.assert_array_equal(word, drawn[:, ::-1])
    # A line begins at the right, so that its first word is the last in the image.
    line, (first,) = sampler.draw_text("אב גב", style), sampler.draw(["אב"], style[None])
    np.testing.assert_array_equal(line[:, -first.shape[1] :], first)
    # So it does on a page.
    page = Model(sampler).page("אב גב", style=np.asarray(style), width=0, wander=0)
    ends = [page[6:38, page.shape[1] - margin - first.shape[1] : page.shape[1] - margin] for margin in (5, 6, 7)]
    assert any(np.array_equal(end, first) for end in ends)


def test_recognizer_alone(config, tmp_path):
    config.train.updated_networks = ("recognizer",)
    metrics = train_and_evaluate(config, str(tmp_path))
    assert "evaluate/real_cer" in metrics
    assert "evaluate/generated_cer" not in metrics
    assert not (tmp_path / "samples.png").exists()


@pytest.mark.release
def test_alonso_trains_on_a_synthetic_iam_tree(tmp_path):
    """Raw IAM archives to a trained run of Alonso et al.'s networks, small."""
    root = make_iam(tmp_path / "iam", archives=True)
    prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    config = smoke.get_config()
    edit_to_alonso(config)
    config.data.data_dir, config.data.dataset = str(tmp_path / "data"), "iam/words"
    config.train.num_steps, config.train.recognizer_pretrain_steps = 2, 0
    metrics = train_and_evaluate(config, str(tmp_path / "run"))
    assert 0 < metrics["evaluate/real_words"] <= 20
    assert "generator/ctc_loss" in metrics_of(tmp_path / "run")[0]


@pytest.mark.slow
def test_char_width_trains_on_a_synthetic_iam_tree(tmp_path):
    """configs/iam_variable.py at full size, two steps of four words; the crops are noise of any width."""
    root = make_iam(tmp_path / "iam", archives=False)
    prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    config = iam_variable.get_config()
    config.data.update(data_dir=str(tmp_path / "data"), num_buckets=1, rare_character_threshold=5)
    config.data.recognizer_dataset = ""  # it takes some time to draw
    config.train.update(num_steps=2, batch_size=4, recognizer_pretrain_steps=1, log_every=1)
    metrics = train_and_evaluate(config, str(tmp_path / "run"))
    assert metrics["evaluate/real_words"] > 0
    rows = metrics_of(tmp_path / "run")
    assert "generator/style_error" not in rows[0]  # recognizer and identifier are pretrained
    assert 0 < rows[0]["identifier/loss"] < 20
    assert all(np.isfinite(value) for row in rows for value in row.values())


# evaluating


def test_evaluate_writes_results_that_repeat(trained):
    config, workdir, _ = trained
    results = evaluate(config, workdir)
    written = json.loads((pathlib.Path(workdir) / "results.json").read_text())
    assert written == results
    assert written["step"] == 6
    assert written["evaluator"]["name"] == "own"
    counts = written["counts"]["same_words"]
    assert (written["seed"], counts["real"], counts["generated"]) == (0, 20, 20)
    sides = written["metrics"]["same_words"]
    assert sides["generated"]["cer"]["low"] <= sides["generated"]["cer"]["value"] <= sides["generated"]["cer"]["high"]
    assert sides["real"]["frechet/recognizer/whole"]["value"] > 0
    assert set(sides["generated"]) - set(sides["real"]) == {"copies/recognizer"}
    table = (pathlib.Path(workdir) / "results.md").read_text()
    assert "| frechet/recognizer/left |" in table
    again = evaluate(config, workdir)
    assert {k: v for k, v in again.items() if k != "time"} == {k: v for k, v in results.items() if k != "time"}


def test_evaluating_a_run_refuses_fields_without_effect(trained, config):
    _, workdir, _ = trained
    config.sample.temperature = 0.5
    with pytest.raises(UserError, match=r"--config\.sample\.temperature=0\.5: .* of its checkpoint, 1\.0"):
        evaluate(config, workdir, ["seed", "evaluate.words", "sample.temperature"])
    config.preprocessing.contrast = not config.preprocessing.contrast  # whichever of the two is false
    with pytest.raises(UserError, match=r"--config\.preprocessing\.contrast="):
        evaluate(config, workdir, ["preprocessing.contrast"])


@pytest.mark.slow
def test_evaluate_by_a_recognizer_trained_apart(trained, config, tmp_path):
    _, workdir, _ = trained
    evaluator = config.copy_and_resolve_references()
    evaluator.seed = 5
    evaluator.train.updated_networks = ("recognizer",)
    train_and_evaluate(evaluator, str(tmp_path / "evaluator"))
    config.evaluate.evaluator = str(tmp_path / "evaluator")
    by_other = evaluate(config, workdir)
    assert by_other["evaluator"]["name"] == "evaluator"
    config.evaluate.evaluator = "own"
    assert evaluate(config, workdir)["evaluator"]["checksum"] != by_other["evaluator"]["checksum"]
    # A recognizer of its own alphabet, preprocessing and sizes can be the evaluator, too, of the words that it can read.
    evaluator.data.alphabet = "abcdefghijklmnopqrstuvwxé"
    evaluator.preprocessing.update(height=40, pixels_per_character=0, contrast=True)
    evaluator.model.generator.cell_shape = (5, 2)
    evaluator.model.generator.name = "char_grid"
    evaluator.preprocessing.pixels_per_character = 16
    train_and_evaluate(evaluator, str(tmp_path / "other"))
    config.evaluate.evaluator = str(tmp_path / "other")
    other = evaluate(config, workdir)
    assert other["preprocessing"]["height"] == 40
    # A run of a recognizer is evaluated by its error rates.
    config.evaluate.lexicon = True
    metrics = evaluate(config, str(tmp_path / "evaluator"))["metrics"]
    assert list(metrics) == ["reading"]
    assert 0 <= metrics["reading"]["real"]["lexicon_wer"]["value"] <= 1
    config.evaluate.beam_width = 2
    with pytest.raises(UserError, match=r"evaluate\.beam_width=2 is for transducers"):
        evaluate(config, str(tmp_path / "evaluator"))


# the command line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hwgan.prepare", "--dataset=mnist"], "error: no dataset 'mnist'"),
        (
            ["hwgan.prepare", "--dataset=word_folder", "--source=tests", "--preview=tests/preview.png"],
            "error: --preview=tests/preview.png lies in --source=, of whose files it would be one",
        ),
        (
            ["hwgan.sample", "--checkpoint=nowhere", "--text=a", "--output=a.png"],
            "error: 'nowhere' does not exist",
        ),
        (
            ["hwgan.sample", "--text=a", "--interpolate_to=2", "--output=a.png"],
            "error: --interpolate_to needs --num_styles= of at least 2",
        ),
        (
            ["hwgan.evaluate", "--generated=word_folder/none", "--real={}"],
            "error: --generated='word_folder/none' must be a folder or an archive",
        ),
        (
            ["hwgan.main", "--config=configs/iam.py", "--workdir={}/run", "--config.data.data_dir={}/data"],
            "error: no prepared dataset 'iam/words' under ",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, arguments, message):
    command = [sys.executable, "-m", *(argument.format(tmp_path) for argument in arguments)]
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path.cwd())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr


def test_log_lines_are_short():
    """At most 160 characters with the time before them, whatever a run measures."""
    values = dict.fromkeys((*loop._LOGGED, "generator/grad_norm"), -1.2345e-6)
    speed = {"speed/steps_per_second": 1234.5678, "speed/examples_per_second": 1.0}
    left = dict.fromkeys(("speed/pretraining_seconds_left", "speed/seconds_left"), 123456.7)
    training = {name: value for name, value in values.items() if not name.startswith("evaluate/")}
    line = " | ".join(("step 100000/1000000", loop._format_few(training), loop._format_speed(speed | left)))
    assert len(line) + len("12:34:56 ") <= 160, line
    assert "grad_norm" not in line
    evaluation = {name: 2.1 for name in values if name.startswith("evaluate/")}
    line = f"step 1000000: validation: {loop._format_few(evaluation)}"
    assert len(line) + len("12:34:56 ") <= 160, line
    assert "CER of real words 210.0 %" in line


@pytest.mark.parametrize(
    "content", ["{", "[]", "7", '{"data": 7}', '{"data": {}, "model": []}', "[" * 99_999, '{"model": {"z_dim": 1e999}}']
)
def test_a_damaged_config_in_the_workdir_is_named(config, tmp_path, content):
    (tmp_path / "checkpoints" / "3").mkdir(parents=True)
    (tmp_path / "config.json").write_text(content)
    with (
        pytest.raises(UserError, match=r"config\.json|holds a run of another config"),
        claim_workdir(config, str(tmp_path)),
    ):
        pass


def test_links_in_a_workdir_are_not_followed(config, tmp_path):
    own = tmp_path / "own.txt"
    own.write_text("the user's own")
    workdir = tmp_path / "run"
    workdir.mkdir()
    for name in (
        "config.json",
        "metrics.jsonl",
        "heartbeat.json",
        "samples.png",
        ".run-lock.json",
        "config.json.making",
    ):
        (workdir / name).symlink_to(own)
    with claim_workdir(config, str(workdir)):
        writer = MetricWriter(str(workdir), 0)
        writer.write(1, {"a": 1.0})
        writer.write_image(1, "samples", np.zeros((3, 4), np.uint8))
        writer.close()
        Heartbeat(str(workdir)).beat(1)
    assert own.read_text() == "the user's own"
    assert [row["step"] for row in metrics_of(workdir)] == [1]
