"""A run knows the prepared data that it learned from, and tells when they are others."""

import json
import shutil

import pytest

from hwgan.checkpoints.record import learned_data, learned_from
from hwgan.checkpoints.run import load_run
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.data.prepared import SUMMARY_FILE, combined_summary, dataset_directory
from hwgan.evaluate import evaluate
from hwgan.training.trainer import Trainer

DATASET = "penman/smoke"


def test_a_run_and_its_weights_name_the_data(trained, data_dir, tmp_path):
    content = combined_summary(data_dir, DATASET)["content"]
    assert content and learned_data(trained[1]) == {DATASET: content}
    write_weights_file(load_run(trained[1]), str(tmp_path / "weights.npz"))
    assert learned_data(str(tmp_path / "weights.npz")) == {DATASET: content}


def test_names_and_checksums_go_together():
    assert learned_from("iam/words, word_folder/mine", "1+2") == {"iam/words": "1", "word_folder/mine": "2"}
    assert learned_from("iam/words", "") == {}


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
    assert told == [changed, changed]
    assert (results["content"] != results["content_at_training"]) == changed


def test_an_earlier_checkpoint_can_be_evaluated(trained, data_dir, tmp_path):
    config, workdir = trained[0].copy_and_resolve_references(), tmp_path / "run"
    shutil.copytree(trained[1], workdir)
    config.evaluate.step, config.evaluate.words, config.evaluate.geometry_rounds = 3, 10, 0
    results = evaluate(config, str(workdir))
    assert results["step"] == 3 < config.train.num_steps
    assert "badly segmented" not in results["dropped_real"] and not results["doubtful_words"]
