"""A prepared dataset may come from an untrusted source: none of it may run as code."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from hwgan.data.prepared import FEATURES_FILE, SUMMARY_FILE, check_features, dataset_directory, open_rows, read_summary
from hwgan.runtime.errors import UserError
from tests.hostile import file_damages, held, mutations

PAYLOAD = "import pathlib\npathlib.Path(__file__).with_name('proof').write_text('this code ran')\n"
TEXT = {"pythonClassName": "tensorflow_datasets.core.features.text_feature.Text", "text": {}}
DICT = "tensorflow_datasets.core.features.features_dict.FeaturesDict"


def with_field(field) -> dict:
    return {"pythonClassName": DICT, "featuresDict": {"features": {"text": TEXT, "x": field}}}


HOSTILE = {
    "a class": with_field({"pythonClassName": "payload.Feature", "text": {}}),
    "a class by the name of the proto's field": with_field({"python_class_name": "payload.Feature", "text": {}}),
    "a class in a sequence": with_field(
        {
            "pythonClassName": "tensorflow_datasets.core.features.sequence_feature.Sequence",
            "sequence": {"feature": {"pythonClassName": "payload.Feature", "text": {}}},
        }
    ),
    "the top": {"pythonClassName": "payload.Feature", "text": {}},
    "the old layout": {"type": "payload.Feature", "content": {}},
    "the old layout within": {"type": DICT, "content": {"x": {"type": "payload.Feature", "content": {}}}},
    "another class of tfds": with_field({"pythonClassName": "tensorflow_datasets.testing.Feature", "text": {}}),
    "a list for a name": with_field({"pythonClassName": ["payload.Feature"], "text": {}}),
}


@pytest.fixture
def untrusted(data_dir, tmp_path) -> pathlib.Path:
    """A prepared dataset in a folder of its own, as an untrusted archive unpacks, with code beside it."""
    shutil.copytree(pathlib.Path(data_dir) / "penman", tmp_path / "data" / "penman")
    (tmp_path / "payload.py").write_text(PAYLOAD)
    return tmp_path


def features_file(folder) -> pathlib.Path:
    return dataset_directory(str(folder / "data"), "penman/smoke") / FEATURES_FILE


@pytest.mark.parametrize("features", HOSTILE.values(), ids=HOSTILE)
def test_unknown_classes_are_never_imported(untrusted, features, monkeypatch):
    monkeypatch.syspath_prepend(str(untrusted))  # as `python -m` does with the current folder
    features_file(untrusted).write_text(json.dumps(features))
    with pytest.raises(UserError, match="was not run"):
        open_rows(str(untrusted / "data"), "penman/smoke", "train")
    assert not (untrusted / "proof").exists() and "payload" not in sys.modules


@pytest.mark.parametrize(
    "content", ["", "{", "[" * 10**5, "{}", " " * (2 << 20), "null"], ids=lambda c: c[:3] + str(len(c))
)
def test_broken_features_files_are_errors(untrusted, content):
    features_file(untrusted).write_text(content)
    with pytest.raises(UserError, match=FEATURES_FILE):
        check_features(features_file(untrusted))


def test_an_unchanged_dataset_can_be_read(untrusted):
    assert len(open_rows(str(untrusted / "data"), "penman/smoke", "train")) == 192


def test_a_field_may_have_the_name_of_a_class_key():
    fields = dict.fromkeys(("type", "pythonClassName", "content"), TEXT)
    path_like = {"pythonClassName": DICT, "featuresDict": {"features": fields}}
    from hwgan.data.prepared import _named_classes

    assert set(_named_classes(path_like)) == {DICT, TEXT["pythonClassName"]}


def test_an_entry_point_runs_no_code_of_a_dataset(untrusted):
    features_file(untrusted).write_text(json.dumps(HOSTILE["a class"]))
    command = [sys.executable, "-m", "hwgan.generate", "--dataset=penman/smoke", "--data_dir=data", "--output=out"]
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=untrusted, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "was not run" in done.stderr and "Traceback" not in done.stderr
    assert not (untrusted / "proof").exists()


def test_every_file_of_a_dataset_damaged(data_dir, tmp_path):
    """Each is one sentence, or rows."""
    home = dataset_directory(data_dir, "penman/smoke")
    copy = tmp_path / home.relative_to(data_dir)
    names = [path.name for path in home.iterdir() if path.is_file()]
    assert len(names) >= 6
    tried = 0
    for name in names:
        for number in range(len(list(file_damages(home / name)))):
            shutil.rmtree(tmp_path, ignore_errors=True)
            copy.mkdir(parents=True)
            for path in home.iterdir():
                if path.is_file():
                    shutil.copy(path, copy)
            _, damage = list(file_damages(copy / name))[number]
            damage()
            with held():
                summary = read_summary(str(tmp_path), "penman/smoke")
                rows = open_rows(str(tmp_path), "penman/smoke", "train")
                assert len(summary["content"]) == 64
                assert len(rows) == summary["examples"]["train"]
            tried += 1
    assert tried == 12 * len(names)


def test_every_field_of_a_summary(data_dir, tmp_path):
    home = dataset_directory(data_dir, "penman/smoke")
    summary = read_summary(data_dir, "penman/smoke")
    path = tmp_path / home.relative_to(data_dir) / SUMMARY_FILE
    path.parent.mkdir(parents=True)
    for _, changed in mutations(summary, summary):
        path.write_text(json.dumps(changed))
        with held():
            found = read_summary(str(tmp_path), "penman/smoke")
            assert isinstance(found["alphabet"], str)
