import gc

import jax
import numpy as np
import pytest

from hwgan.checkpoint import Checkpointer, abstract_like, open_for_reading
from hwgan.errors import UserError
from tests.conftest import SmallRun

HERE = jax.sharding.SingleDeviceSharding(jax.devices()[0])
RECORD = {"config": {"seed": 0}, "alphabet": "abé", "step": 0}


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_round_trip(tmp_path, small_run):
    checkpointer = Checkpointer(str(tmp_path))
    checkpointer.save(3, small_run.state, RECORD, error=0.5)
    checkpointer.close()
    reader = open_for_reading(str(tmp_path))
    assert reader.latest_step() == 3
    assert reader.read_record() == RECORD
    restored = reader.restore(abstract_like(small_run.state, HERE))
    assert equal(restored, small_run.state)
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
    checkpointer = Checkpointer(str(tmp_path))
    checkpointer.save(3, small_run.state, RECORD, error=None)
    with pytest.raises(UserError, match=r"no step 7 in .*; there are steps \[3\]"):
        checkpointer.restore(abstract_like(small_run.state, HERE), step=7)
    other = SmallRun(lambda config: config.model.generator.update(cell_features=12))
    with pytest.raises(UserError, match="cannot be restored: it is damaged, or was made by another config"):
        checkpointer.restore(abstract_like(other.state, HERE))
    checkpointer.close()


# orbax leaves the other arrays' reads behind, to fail when they are collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_truncated_checkpoint_is_named(tmp_path, small_run):
    checkpointer = Checkpointer(str(tmp_path))
    checkpointer.save(3, small_run.state, RECORD, error=None)
    checkpointer.close()
    for path in (tmp_path / "checkpoints" / "3" / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 1000:
            path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"checkpoints/3 cannot be restored"):
        Checkpointer(str(tmp_path)).restore(abstract_like(small_run.state, HERE))
    gc.collect()
