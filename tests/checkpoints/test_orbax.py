"""Checkpoints: what is saved comes back, and what is damaged is noticed."""

import gc
import json
import re
import shutil
import time

import jax
import numpy as np
import pytest

from hwgan.checkpoints import integrity
from hwgan.checkpoints.orbax import Checkpointer, abstract_like, open_for_reading
from hwgan.runtime.errors import UserError
from tests.conftest import SmallRun

HERE = jax.sharding.SingleDeviceSharding(jax.devices()[0])
RECORD = {"config": {"seed": 0, "sizes": (1, 2)}, "alphabet": "abé", "step": 0}
# orbax leaves the other arrays' reads behind, to fail when they are collected
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def save(path, state, *steps):
    checkpointer = Checkpointer(str(path), keep=len(steps))
    for step in steps:
        checkpointer.save(step, state.replace(step=state.step + step), RECORD, error=None)
    checkpointer.close()
    return path / "checkpoints"


def test_opening_for_reading_leaves_alone_what_is_being_saved(tmp_path, small_run):
    folder = save(tmp_path, small_run.state, 3)
    being_saved = folder / "4.orbax-checkpoint-tmp-1"
    being_saved.mkdir()
    open_for_reading(str(tmp_path)).close()
    assert being_saved.is_dir()
    Checkpointer(str(tmp_path)).close()  # the run itself, begun again
    for _ in range(600):  # orbax removes it in the background
        if not being_saved.exists():
            break
        time.sleep(0.1)
    assert not being_saved.exists()


def test_round_trip(tmp_path, small_run):
    save(tmp_path, small_run.state, 3)
    read_only = open_for_reading(str(tmp_path))
    assert read_only.steps() == [3]
    record = read_only.read_record()
    assert (record["alphabet"], record["config"]["sizes"]) == ("abé", [1, 2])
    restored = read_only.restore(abstract_like(small_run.state, HERE), 3)
    assert equal(restored.replace(step=0), small_run.state.replace(step=0))
    assert int(restored.step) == 3
    assert jax.tree.structure(restored) == jax.tree.structure(small_run.state)


def test_keeps_the_newest_and_the_best(tmp_path, small_run):
    checkpointer = Checkpointer(str(tmp_path), keep=2)
    for step, error in [(1, 0.9), (2, 0.1), (3, 0.5), (4, None), (5, 0.8), (6, None)]:
        checkpointer.save(step, small_run.state, RECORD, error)
    checkpointer.close()
    assert sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()) == [2, 5, 6]


def test_no_run_no_step_and_another_model(tmp_path, small_run):
    with pytest.raises(UserError, match="holds no checkpoints"):
        open_for_reading(str(tmp_path))
    save(tmp_path, small_run.state, 3)
    checkpointer = Checkpointer(str(tmp_path))
    with pytest.raises(UserError, match=r"no step 7 in .*; there are steps \[3\]"):
        checkpointer.restore(abstract_like(small_run.state, HERE), step=7)
    other = SmallRun(lambda config: config.model.generator.update(cell_features=12))
    with pytest.raises(UserError, match="cannot be restored: it is damaged, or was made by another config"):
        checkpointer.restore(abstract_like(other.state, HERE), 3)
    # Nothing is set aside and nothing begun anew where all would have to go.
    with pytest.raises(UserError, match=r"no checkpoint of .* can be used: .*made by another config"):
        checkpointer.restore_newest(abstract_like(other.state, HERE), set_aside=True)
    assert checkpointer.steps() == [3]
    checkpointer.close()
    assert Checkpointer(str(tmp_path / "new")).restore_newest(abstract_like(other.state, HERE)) is None


def arrays(folder):
    """The files that hold the arrays, largest first."""
    files = [path for path in (folder / "state").rglob("*") if path.is_file() and path.parent.name == "d"]
    return sorted(files, key=lambda path: -path.stat().st_size)


def truncate(folder):
    for path in arrays(folder):
        path.write_bytes(path.read_bytes()[:100])


def flip_bit(folder):
    for path in arrays(folder):  # not all of them are read
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def remove_file(folder):
    for path in arrays(folder)[:3]:  # not all of them are read
        path.unlink()


def empty_folder(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def change_record(folder):
    path = folder / "record" / "metadata"
    record = json.loads(path.read_text())
    record["step"] += 1
    path.write_text(json.dumps(record))


def remove_record(folder):
    shutil.rmtree(folder / "record")


def cut_metadata(folder):
    for path in folder.glob("_CHECKPOINT_METADATA"):
        path.write_text("{")
    for path in (folder / "state").glob("_METADATA"):
        path.write_text("{")


FAULTS = [truncate, flip_bit, remove_file, empty_folder, change_record, remove_record, cut_metadata]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_damaged_checkpoint_is_named_set_aside_and_the_one_before_is_used(tmp_path, small_run, caplog, fault):
    folder = save(tmp_path, small_run.state, 3, 6)
    fault(folder / "6")
    # Opened for reading, the one before is restored, and nothing is moved.
    read_only = open_for_reading(str(tmp_path))
    state = read_only.restore_newest(abstract_like(small_run.state, HERE))
    assert state is not None
    assert int(state.step) == 3
    assert (folder / "6").exists()
    assert f"checkpoint {folder / '6'}" in caplog.text
    assert read_only.read_record()["alphabet"] == "abé"
    # A run moves the damaged one away, and saves that step again.
    checkpointer = Checkpointer(str(tmp_path))
    state = checkpointer.restore_newest(abstract_like(small_run.state, HERE), set_aside=True)
    assert equal(state.replace(step=0), small_run.state.replace(step=0))
    assert checkpointer.steps() == [3]
    assert (tmp_path / "damaged_checkpoints" / "6").is_dir()
    checkpointer.save(6, small_run.state.replace(step=small_run.state.step + 6), RECORD, error=None)
    checkpointer.close()
    newest = open_for_reading(str(tmp_path)).restore_newest(abstract_like(small_run.state, HERE))
    assert int(newest.step) == 6
    gc.collect()


def test_a_save_that_fails_is_logged_and_the_next_one_tried(tmp_path, small_run, caplog, monkeypatch):
    checkpointer = Checkpointer(str(tmp_path))
    save_really = checkpointer._manager.save

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpointer._manager, "save", full_disk)
    checkpointer.save(3, small_run.state, RECORD, error=None)
    assert "could not be saved by step 3, training continues to the next: [Errno 28] No space left" in caplog.text
    monkeypatch.setattr(checkpointer._manager, "save", save_really)
    checkpointer.save(6, small_run.state, RECORD, error=None)
    checkpointer.close()
    assert open_for_reading(str(tmp_path)).steps() == [6]


def test_a_disk_without_room_is_noticed_before_anything_is_written(tmp_path, small_run, caplog, monkeypatch):
    checkpointer = Checkpointer(str(tmp_path))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    checkpointer.save(3, small_run.state, RECORD, error=None)
    assert re.search(r"no room: a checkpoint needs \d\.\d MB, 0\.1 are free", caplog.text)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    checkpointer.save(6, small_run.state, RECORD, error=None)
    checkpointer.close()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["6"]


def test_a_last_save_that_fails_ends_in_an_error(tmp_path, small_run, monkeypatch):
    checkpointer = Checkpointer(str(tmp_path))
    monkeypatch.setattr(checkpointer._manager, "save", lambda *a, **k: (_ for _ in ()).throw(OSError("read-only")))
    checkpointer.save(3, small_run.state, RECORD, error=None)
    with pytest.raises(UserError, match=r"the last checkpoint could not be saved in .*: read-only"):
        checkpointer.close()


def test_a_checkpoint_that_is_deleted_meanwhile_is_no_fault(tmp_path, monkeypatch):
    """A run that is training deletes old checkpoints while others read its folder."""
    steps = [tmp_path / name for name in ("1", "2")]
    for step in steps:
        (step / "state").mkdir(parents=True)
        (step / "state" / "data").write_bytes(b"x")

    def check_and_delete(path, kind):
        for step in steps:
            shutil.rmtree(step, ignore_errors=True)
        return path.lstat()

    monkeypatch.setattr(integrity, "check_plain", check_and_delete)
    integrity.check_files(tmp_path)
