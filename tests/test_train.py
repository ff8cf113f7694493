"""End to end on the smoke config: train, stop, go on, sample, evaluate."""

import dataclasses
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from configs import iam_variable, smoke
from hwgan.data.charset import Charset
from hwgan.errors import UserError
from hwgan.evaluate import evaluate
from hwgan.prepare import prepare_dataset
from hwgan.run import load_run
from hwgan.sample import write_text_file, write_text_image
from hwgan.sampler import create_sampler
from hwgan.train import TrainingDiverged, _format_speed, train_and_evaluate
from hwgan.trainer import Trainer
from tests.made_up import make_folder, make_iam
from tests.runs import COMMAND, metrics_of
from tests.test_train_step import edit_to_fixed


@pytest.fixture(scope="module")
def trained(data_dir, tmp_path_factory):
    config = smoke.get_config()
    config.data.data_dir = data_dir
    workdir = str(tmp_path_factory.mktemp("run"))
    figures = train_and_evaluate(config, workdir)
    return config, workdir, figures


def test_a_run_leaves_what_it_promises(trained):
    _, workdir, figures = trained
    path = pathlib.Path(workdir)
    assert json.loads((path / "config.json").read_text())["train"]["num_steps"] == 6
    rows = metrics_of(workdir)
    assert [row["step"] for row in rows] == [1, 2, 3, 3, 4, 5, 6, 6]  # evaluated at 3 and 6
    assert "recognizer/loss" in rows[0]
    assert "generator/ctc_loss" not in rows[1]  # the recognizer starts alone
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert figures["evaluate/generated_words"] == 10
    with Image.open(path / "samples.png") as sheet:
        height = sheet.height
    # six hands and two rows of real words, 32 pixels high, 4 between; "received" is cut to six letters
    assert height == 8 * 32 + 7 * 4
    assert (path / "samples" / "samples-0000003.png").exists()
    assert load_run(workdir).state.step == 6


def test_resume_equals_no_interruption(trained, config, tmp_path):
    _, whole, _ = trained
    config.train.num_steps = 3
    train_and_evaluate(config, str(tmp_path))
    config.train.num_steps = 6
    train_and_evaluate(config, str(tmp_path))
    assert metrics_of(tmp_path) == metrics_of(whole)  # to the last digit


def test_a_finished_run_is_left_alone(trained):
    config, workdir, _ = trained
    before = metrics_of(workdir)
    train_and_evaluate(config, workdir)
    assert metrics_of(workdir) == before


SHORT = [*COMMAND, "--config.train.checkpoint_every=10"]
SHORT += ["--config.train.num_steps=40", "--config.train.evaluate_every=40", "--config.train.sample_every=40"]


@pytest.mark.slow
def test_killed_and_run_again(data_dir, tmp_path):
    """kill -9 in the middle: the same command goes on from a checkpoint and ends as if nothing had been."""
    arguments = [*SHORT, f"--config.data.data_dir={data_dir}"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen([*arguments, f"--workdir={killed}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        deadline = time.monotonic() + 120
        while not (killed / "checkpoints" / "10").exists() and time.monotonic() < deadline:
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
    config.optimizer.generator.learning_rate = float("nan")
    with pytest.raises(TrainingDiverged, match="step 3: the generator's loss or gradient is not finite"):
        train_and_evaluate(config, str(tmp_path))
    batch = np.load(tmp_path / "nonfinite_batch-0.npz")
    assert batch["image"].shape == (4, 32, 96, 1)


def test_another_config_is_refused(trained, config):
    _, workdir, _ = trained
    config.model.generator.cell_features = 12
    with pytest.raises(UserError, match=r"holds a run of another config: model.generator"):
        train_and_evaluate(config, workdir)


def test_unwritable_workdir(config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to the workdir"):
        train_and_evaluate(config, str(tmp_path / "file" / "run"))


def test_batch_must_divide(config, tmp_path):
    config.train.batch_size = 3
    with pytest.raises(UserError, match=r"train.batch_size=3 does not divide by the 2 devices"):
        train_and_evaluate(config, str(tmp_path))


def test_a_spread_that_is_none_is_refused_before_the_first_step(config, tmp_path):
    config.sample.spread = 0.0
    with pytest.raises(UserError, match="the spread of hands must be above 0"):
        train_and_evaluate(config, str(tmp_path))
    assert not (tmp_path / "metrics.jsonl").exists()


def test_buckets_resume_to_the_same_result_and_compile_once_each(config, tmp_path):
    config.data.num_buckets, config.train.recognizer_first_steps = 3, 0

    def steps(trainer, count):
        batches = trainer.batches()
        for batch in itertools.islice(batches, count):
            widths.add(batch["image"].shape[2])
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


def test_processes_meet_once_a_step_is_compiled(config, tmp_path, monkeypatch, caplog):
    trainer = Trainer(config, str(tmp_path))
    batches = trainer.batches()
    first, second = next(batches), next(batches)
    met = []

    def compilations():
        return sum("Finished XLA compilation of jit(train_step)" in record.getMessage() for record in caplog.records)

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr("hwgan.trainer.meet", lambda where: met.append((where, compilations())))
    with jax.log_compiles():
        trainer.advance(first)
        trainer.advance(second)
    assert met == [(f"compiled {('recognizer', first['image'].shape)}", 1)]
    assert compilations() == 1
    monkeypatch.undo()
    trainer.checkpointer.close()


def test_the_time_left_has_days():
    speed = {"speed/steps_per_second": 1.0, "speed/images_per_second": 16.0, "speed/seconds_left": 49 * 3600.4}
    assert _format_speed(speed) == "| 1.00 steps/s, 16 images/s, 2 days, 1:00:20 left"


def test_one_canvas_takes_one_bucket(config, tmp_path):
    edit_to_fixed(config)
    config.data.num_buckets = 0
    with pytest.raises(UserError, match=r"data.num_buckets=0 must be at least 1"):
        train_and_evaluate(config, str(tmp_path))
    config.data.num_buckets = 2
    with pytest.raises(UserError, match=r"data.num_buckets=2: this generator draws on one canvas"):
        train_and_evaluate(config, str(tmp_path))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("num_steps", 2, "train.num_steps=2 leaves the generator no step"),
        ("balance_rule", "alonzo", "train.balance_rule='alonzo' does not exist"),
        ("discriminator_steps", 0, "train.discriminator_steps=0 must be at least 1"),
        ("sample_every", 0, "train.sample_every=0 must be at least 1"),
        ("step_backs", -1, "train.step_backs=-1 must be at least 0"),
        ("updated_networks", ("generater",), "must be some of"),
        ("updated_networks", ("discriminator",), "train.recognizer_first_steps=2 are of"),
    ],
)
def test_settings_that_would_train_nothing_are_refused_at_once(config, tmp_path, field, value, message):
    config.train[field] = value
    config.data.dataset = "not/there"  # which would be missed next
    with pytest.raises(UserError, match=message):
        train_and_evaluate(config, str(tmp_path))


def test_words_without_writers_are_refused_by_networks_that_learn_hands_from_them(config, tmp_path):
    folder = make_folder(tmp_path / "nameless", columns=("file", "text", "split"))
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    config.data.data_dir, config.data.dataset = str(tmp_path / "data"), "word_folder/nameless"
    config.model.identifier = dict(name="writers", num_writers=8, features=config.model.z_dim - 1)
    with pytest.raises(UserError, match=r"do not say who wrote them.*--config.model.identifier.name=none"):
        train_and_evaluate(config, str(tmp_path / "run"))
    config.model.identifier.name = "none"  # its other fields may stay
    config.train.num_steps = 3
    train_and_evaluate(config, str(tmp_path / "run"))
    assert "discriminator/style_error" in metrics_of(tmp_path / "run")[-2]


def test_right_to_left_words_are_trained_on_and_written_as_on_paper(config, tmp_path):
    folder = make_folder(tmp_path / "hebrew")
    table = folder / "words.tsv"
    lines = table.read_text(encoding="utf-8").replace("mot", "אבג").replace("é", "")
    table.write_text(lines, encoding="utf-8")
    prepare_dataset("word_folder", str(tmp_path / "data"), str(folder))
    config.data.data_dir, config.data.dataset = str(tmp_path / "data"), "word_folder/hebrew"
    config.train.num_steps, config.train.recognizer_first_steps = 1, 0
    train_and_evaluate(config, str(tmp_path / "run"))
    sampler = create_sampler(load_run(str(tmp_path / "run")))
    assert sampler.charset.right_to_left
    plain = dataclasses.replace(sampler, charset=Charset(sampler.charset.characters))
    hand = sampler.hand(0)
    # On paper a word is the mirror image of what the networks drew, with its number turned.
    (word,), (drawn,) = sampler.draw(["אב12"], hand[None]), plain.draw(["אב21"], hand[None])
    np.testing.assert_array_equal(word, drawn[:, ::-1])
    # A line begins at the right, so that its first word is the last in the image.
    line, (first,) = sampler.draw_text("אב גב", hand), sampler.draw(["אב"], hand[None])
    np.testing.assert_array_equal(line[:, -first.shape[1] :], first)
    write_text_image(sampler, "אב", tmp_path / "out.png", [sampler.hand(0), sampler.hand(1)])


def test_recognizer_alone(config, tmp_path):
    config.train.updated_networks = ("recognizer",)
    figures = train_and_evaluate(config, str(tmp_path))
    assert "evaluate/real_cer" in figures
    assert "evaluate/generated_cer" not in figures
    assert not (tmp_path / "samples.png").exists()


@pytest.mark.slow
def test_trains_on_an_invented_iam_tree(tmp_path):
    """Raw IAM archives to a trained founding-paper run, small."""
    root = make_iam(tmp_path / "iam", archives=True)
    prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    config = smoke.get_config()
    edit_to_fixed(config)
    config.data.data_dir, config.data.dataset = str(tmp_path / "data"), "iam/words"
    config.train.num_steps, config.train.recognizer_first_steps = 2, 0
    figures = train_and_evaluate(config, str(tmp_path / "run"))
    assert 0 < figures["evaluate/real_words"] <= 20
    assert "generator/ctc_loss" in metrics_of(tmp_path / "run")[0]


@pytest.mark.slow
def test_letters_train_on_an_invented_iam_tree(tmp_path):
    """configs/iam_variable.py at full size, two steps of four words; the crops are noise of any width."""
    root = make_iam(tmp_path / "iam", archives=False)
    prepare_dataset("iam/words", str(tmp_path / "data"), str(root))
    config = iam_variable.get_config()
    config.data.update(data_dir=str(tmp_path / "data"), num_buckets=1, plentiful=5)
    config.train.update(num_steps=2, batch_size=4, recognizer_first_steps=1, log_every=1)
    figures = train_and_evaluate(config, str(tmp_path / "run"))
    assert figures["evaluate/real_words"] > 0
    rows = metrics_of(tmp_path / "run")
    assert "generator/hand_error" not in rows[0]  # reader and identifier start alone
    assert 0 < rows[0]["identifier/loss"] < 20
    assert all(np.isfinite(value) for row in rows for value in row.values())


# sampling


@pytest.fixture(scope="module")
def sampler(trained):
    return create_sampler(load_run(trained[1]))


def test_sample_image_has_a_line_a_hand(sampler, tmp_path):
    write_text_image(sampler, "hello brave new world", tmp_path / "out.png", [sampler.hand(i) for i in range(3)])
    with Image.open(tmp_path / "out.png") as file:
        image = np.asarray(file)
    assert image.shape == (3 * 32 + 2 * 12, 16 * 18 + 3 * 10)  # letters, and a gap between words
    assert not np.array_equal(image[:32], image[44:76])


def test_sampling_repeats_and_does_not_depend_on_company(sampler):
    hand = sampler.hand(5)
    (alone,) = sampler.draw(["cab"], hand[None])
    together = sampler.draw(["cab", "fed", "deface"], jnp.stack([hand] * 3))
    # One is drawn by a program for one word, the other in a batch: the same but for rounding to grey levels.
    assert np.abs(alone.astype(int) - together[0].astype(int)).max() <= 1
    np.testing.assert_array_equal(sampler.draw(["cab"], hand[None])[0], alone)


def test_words_longer_than_in_training(sampler):
    assert sampler.draw_text("extraordinary", sampler.hand(0)).shape == (32, 16 * 13)


def test_text_file(sampler, tmp_path):
    write_text_file(sampler, ["one", "two words"], tmp_path / "images", seed=0)
    table = (tmp_path / "images" / "labels.tsv").read_text(encoding="utf-8")
    assert table == "file\ttext\n000000.png\tone\n000001.png\ttwo words\n"
    with Image.open(tmp_path / "images" / "000000.png") as image:
        assert image.size == (48, 32)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("naïve", r"character 'ï' \(U\+00EF, position 3 of 'naïve'\) is outside the alphabet"),
        ("  ", "the text is empty"),
        ("a" * 65, "65 characters; this model writes words of up to 64"),
    ],
)
def test_bad_texts(sampler, text, message):
    with pytest.raises(UserError, match=message):
        sampler.draw_text(text, sampler.hand(0))


def test_bad_line_of_a_file_is_named_and_nothing_is_written(sampler, tmp_path):
    with pytest.raises(UserError, match="line 2, 'tw1': character '1'"):
        write_text_file(sampler, ["one", "tw1"], tmp_path / "images", seed=0)
    assert not (tmp_path / "images").exists()


# evaluating


def test_evaluate_writes_results_that_repeat(trained):
    config, workdir, _ = trained
    results = evaluate(config, workdir)
    written = json.loads((pathlib.Path(workdir) / "results.json").read_text())
    assert written == results
    assert written["step"] == 6
    assert written["judge"]["name"] == "own"
    counts = written["counts"]["same_words"]
    assert (written["seed"], counts["real"], counts["generated"]) == (0, 20, 20)
    sides = written["figures"]["same_words"]
    assert sides["generated"]["cer"]["low"] <= sides["generated"]["cer"]["value"] <= sides["generated"]["cer"]["high"]
    assert sides["real"]["frechet/reader/whole"]["value"] > 0
    assert set(sides["generated"]) - set(sides["real"]) == {"copies/reader"}
    table = (pathlib.Path(workdir) / "results.md").read_text()
    assert "| frechet/reader/left |" in table
    again = evaluate(config, workdir)
    assert {k: v for k, v in again.items() if k != "time"} == {k: v for k, v in results.items() if k != "time"}


@pytest.mark.slow
def test_evaluate_by_a_recognizer_trained_apart(trained, config, tmp_path):
    _, workdir, _ = trained
    judge = config.copy_and_resolve_references()
    judge.seed = 5
    judge.train.updated_networks = ("recognizer",)
    train_and_evaluate(judge, str(tmp_path / "judge"))
    config.evaluate.judge = str(tmp_path / "judge")
    by_judge = evaluate(config, workdir)
    assert by_judge["judge"]["name"] == "judge"
    config.evaluate.judge = "own"
    assert evaluate(config, workdir)["judge"]["checksum"] != by_judge["judge"]["checksum"]
    # A recognizer of its own alphabet, preprocessing and sizes can judge too, of the words that it can read.
    judge.data.alphabet = "abcdefghijklmnopqrstuvwxé"
    judge.preprocessing.update(height=40, pixels_per_character=0, contrast=True)
    judge.model.generator.cell_shape = (5, 2)
    judge.model.generator.name = "variable"
    judge.preprocessing.pixels_per_character = 16
    train_and_evaluate(judge, str(tmp_path / "other"))
    config.evaluate.judge = str(tmp_path / "other")
    other = evaluate(config, workdir)
    assert other["preprocessing"]["height"] == 40
    # A run that only learns to read is scored by how it reads.
    config.evaluate.lexicon = True
    figures = evaluate(config, str(tmp_path / "judge"))["figures"]
    assert list(figures) == ["reading"]
    assert 0 <= figures["reading"]["real"]["lexicon_wer"]["value"] <= 1


# the command line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hwgan.prepare", "--dataset=mnist"], "error: no dataset 'mnist'"),
        (
            ["hwgan.sample", "--checkpoint=nowhere", "--text=a", "--output=a.png"],
            "error: 'nowhere' holds no checkpoints",
        ),
        (
            ["hwgan.sample", "--text=a", "--to_seed=2", "--output=a.png"],
            "error: --to_seed passes from hand to hand: give how many hands with --count=",
        ),
        (
            ["hwgan.evaluate", "--generated=word_folder/none", "--real={}"],
            "error: --generated='word_folder/none' must be a folder or an archive",
        ),
        (
            ["hwgan.main", "--config=configs/iam.py", "--workdir={}/run"],
            "error: no prepared dataset 'iam/words' under 'data'",
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
