"""A run knows the prepared data and the writers that it learned from, and tells when they are others."""

import dataclasses
import json
import shutil

import pytest

from hwgan.checkpoints.learned import (
    Learned,
    contents_by_name,
    digests_of_writers,
    writers_by_dataset,
    writers_for_record,
)
from hwgan.checkpoints.record import learned_of_checkpoint
from hwgan.checkpoints.run import load_run
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.data.prepared import SUMMARY_FILE, combined_summary, dataset_directory, open_rows, row_text
from hwgan.evaluation.cautions import warn_of_training_words
from hwgan.evaluation.runs import evaluate
from hwgan.runtime.errors import UserError
from hwgan.training.trainer import Trainer

DATASET = "penman/smoke"


def test_a_run_and_its_weights_name_the_data(trained, data_dir, tmp_path):
    content = combined_summary(data_dir, DATASET)["content"]
    rows = open_rows(data_dir, DATASET, "train")
    writers = digests_of_writers(row_text(rows[i], "writer") for i in range(len(rows)))
    assert content and learned_of_checkpoint(trained[1]) == Learned({DATASET: content}, {DATASET: writers})
    write_weights_file(load_run(trained[1]), str(tmp_path / "weights.npz"))
    assert learned_of_checkpoint(str(tmp_path / "weights.npz")) == learned_of_checkpoint(trained[1])


def test_a_run_that_starts_from_another_has_its_writers_too(trained, config, tmp_path):
    other = tmp_path / "other.npz"
    run = load_run(trained[1])
    learned = dataclasses.replace(run.learned, writers={"word_folder/theirs": digests_of_writers(["anna"])})
    write_weights_file(dataclasses.replace(run, learned=learned), str(other), ["all"])
    config.train.init_from = str(other)
    trainer = Trainer(config, str(tmp_path / "run"))
    trainer.advance(next(trainer.batches()))
    trainer.save({})
    trainer.checkpointer.close()
    expected = {**run.learned.writers, **learned.writers}
    assert load_run(str(tmp_path / "run")).learned.writers == expected
    config.train.init_from = ""
    again = Trainer(config, str(tmp_path / "run"))  # continued, the other file may be gone
    again.checkpointer.close()
    assert again._training_writers == expected


def test_names_and_checksums_go_together():
    assert contents_by_name("iam/words, word_folder/mine", "1+2") == {"iam/words": "1", "word_folder/mine": "2"}
    assert contents_by_name("iam/words", "") == {}


def test_writers_of_several_datasets_are_kept_apart():
    names = ["a/x 7", "b/y 7", "b/y 8"]
    found = writers_by_dataset("a/x,b/y", names)
    assert found == {"a/x": digests_of_writers(["7"]), "b/y": digests_of_writers(["7", "8"])}
    assert writers_by_dataset("a/x", ["7", ""]) == {"a/x": digests_of_writers(["7", ""])}


@pytest.mark.parametrize(
    ("dataset", "content", "names", "shared", "warning"),
    [
        ("iam/words", "1", "abc", 0, ""),  # the same data: these writers have words in several splits
        ("iam/words", "2", "abc", 2, "learned from words of 2 of the 3 writers"),
        ("iam/words", "2", "c", 0, ""),
        ("iam/words", "2", ("c", ""), 0, "was prepared otherwise when the checkpoint learned from it"),
        ("iam/words", "2", ("",), None, "was prepared otherwise when the checkpoint learned from it"),
        ("iam/lines", "3", "ac", 1, "learned from words of 1 of the 2 writers"),  # of the same collection
        ("word_folder/mine", "3", "ab", None, ""),  # other people may have the same names
        ("word_folder/words_iam", "3", "ab", None, ""),
        ("iam_test.tar.gz", "", "ab", 2, "learned from words of 2 of the 2 writers"),  # an archive
    ],
)
def test_words_of_training_writers_are_warned_of(caplog, dataset, content, names, shared, warning):
    learned = Learned({"iam/words": "1"}, {"iam/words": digests_of_writers("ab")})
    contents = contents_by_name(dataset, content)
    found = warn_of_training_words({"the checkpoint": learned}, contents, {dataset: digests_of_writers(names)})
    assert found == ({} if shared is None else {"the checkpoint": shared})
    assert warning in caplog.text and bool(caplog.text) == bool(warning)


def test_a_record_with_other_writers_is_refused():
    record = {"config": {"data": {"dataset": "a/x"}}, "content": "1"}
    writers = {"a/x": digests_of_writers("ab")}
    assert Learned.of_record({**record, "training_writers": writers_for_record(writers)}).writers == writers
    for malformed in (7, ["a"], {"a/x": "ab"}, {"a/x": [7]}):
        with pytest.raises(UserError, match="no lists of writers"):
            Learned.of_record({**record, "training_writers": malformed})


@pytest.mark.parametrize("changed", [False, True])
def test_data_that_were_prepared_anew_are_told_of(trained, data_dir, tmp_path, caplog, changed):
    config, workdir, folder = trained[0].copy_and_resolve_references(), tmp_path / "run", tmp_path / "data"
    shutil.copytree(trained[1], workdir)
    shutil.copytree(data_dir, folder)
    summary = dataset_directory(str(folder), DATASET) / SUMMARY_FILE
    fields = json.loads(summary.read_text())
    if changed:
        fields["content"] = "0" * len(fields["content"])
        summary.write_text(json.dumps(fields))
    config.data.data_dir, config.evaluate.words, config.evaluate.geometry_rounds = str(folder), 10, 0
    Trainer(config, str(workdir)).checkpointer.close()
    results = evaluate(config, str(workdir))
    told = [part in caplog.text for part in ("was prepared anew since this run began", "was prepared otherwise when")]
    assert told == [changed, False]  # the writers of the split are known, and are those of no training word
    assert results["training_writers"] == {"the run": 0}  # whose recognizer is the evaluator
    assert (results["content"] != results["content_at_training"]) == changed


def test_other_words_to_learn_from_are_told_of(config, tmp_path, caplog):
    """As of a set of generated words, which is often made anew under its name."""
    config.data.lexicon = str(tmp_path / "words.txt")
    for words in ("one\ntwo\n", "one\nthree\n"):
        (tmp_path / "words.txt").write_text(words)
        trainer = Trainer(config, str(tmp_path / "run"))
        trainer.save({})
        trainer.checkpointer.close()
        told = "data.lexicon has changed since this run began: it goes on with other words" in caplog.text
        assert told == ("three" in words)
    assert set(load_run(str(tmp_path / "run")).other_content) == {"data.lexicon"}


@pytest.mark.parametrize("field", ["lexicon", "beam_width"])
def test_fields_for_runs_of_a_recognizer_are_refused(trained, field):
    with pytest.raises(UserError, match=f"--config.evaluate.{field} is for a run without a generator, and has no eff"):
        evaluate(trained[0], trained[1], ["evaluate.words", f"evaluate.{field}"])


def test_an_earlier_checkpoint_can_be_evaluated(trained, data_dir, tmp_path):
    config, workdir = trained[0].copy_and_resolve_references(), tmp_path / "run"
    shutil.copytree(trained[1], workdir)
    config.evaluate.step, config.evaluate.words, config.evaluate.geometry_rounds = 3, 10, 0
    results = evaluate(config, str(workdir))
    assert results["step"] == 3 < config.train.num_steps
    assert "badly segmented" not in results["dropped_real"] and not results["doubtful_words"]
