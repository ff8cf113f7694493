"""Run folders of unknown origin: each is one sentence, or can be written with; none takes the memory or the time."""

import json
import os
import pathlib
import shutil

import jax
import jax.numpy as jnp
import pytest

from hwgan.checkpoints.integrity import record_checksum
from hwgan.checkpoints.orbax import Checkpointer
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler
from tests.hostile import file_damages, held, mutations

FIELDS = (
    "config",
    "config.data.max_length",
    "config.model.generator.block_features",
    "alphabet",
    "right_to_left",
    "step",
    "given_networks",
)
# orbax leaves the other arrays' reads behind, to fail when they are collected
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def honest(small_run, tmp_path_factory):
    """The folder of a run with one checkpoint."""
    workdir = tmp_path_factory.mktemp("run")
    record = {
        "config": small_run.config.to_dict(),
        "alphabet": small_run.charset.characters,
        "right_to_left": False,
        "step": 3,
        "given_networks": ["recognizer"],
    }
    checkpointer = Checkpointer(str(workdir))
    checkpointer.save(3, small_run.state, record, error=0.5)
    checkpointer.close()
    return workdir


@pytest.fixture
def copy(honest, tmp_path):
    """Makes a fresh copy of it."""

    def make():
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        return shutil.copytree(honest, tmp_path / "run")

    return make


def record_file(workdir: pathlib.Path) -> pathlib.Path:
    return next(path for path in workdir.rglob("metadata") if path.parent.name == "record")


def open_and_write(workdir):
    with held():
        for image in open_sampler(str(workdir)).draw(["ab"], jnp.zeros((1, 6))):
            assert image.std() > 0


def test_the_honest_run_is_read(copy):
    open_and_write(copy())
    assert open_sampler(str(copy())).charset.characters.startswith("abc")


@pytest.mark.parametrize("each", [pytest.param(8, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.release)])
def test_records(copy, each):
    workdir = copy()
    record = json.loads(record_file(workdir).read_text())
    tried = 0
    for _, changed in list(mutations(record, FIELDS))[::each]:
        changed["record_checksum"] = record_checksum(changed)  # as its maker can
        record_file(workdir).write_text(json.dumps(changed))
        open_and_write(workdir)
        tried += 1
    assert tried == -(-11 * len(FIELDS) // each)


def test_absurd_records_are_named(copy):
    workdir = copy()
    record = json.loads(record_file(workdir).read_text())
    record["config"]["data"]["max_length"] = 10**9
    record["record_checksum"] = record_checksum(record)
    record_file(workdir).write_text(json.dumps(record))
    with held(), pytest.raises(UserError, match=r"data\.max_length=1000000000 must be a whole number from 1 to 256"):
        open_sampler(str(workdir))


@pytest.mark.parametrize("each", [pytest.param(4, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.release)])
def test_every_file_damaged(copy, each):
    files = sorted(path.relative_to(copy()) for path in copy().rglob("*") if path.is_file())
    files, tried = files[::each], 0
    for place, file in enumerate(files):
        count = len(list(file_damages(copy() / file)))
        for number in range(place % 3, count, 3):  # a third of the damages a file, each on a third of the files
            workdir = copy()
            _, damage = list(file_damages(workdir / file))[number]
            damage()
            open_and_write(workdir)
            tried += 1
        workdir = copy()
        (workdir / file).unlink()
        open_and_write(workdir)
    assert tried >= 4 * 8 // each


@pytest.mark.parametrize("kind", ["pipe", "link", "device"])
def test_what_is_no_file_is_not_opened(copy, kind):
    workdir = copy()
    path = record_file(workdir)
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/etc/passwd")
    with held(), pytest.raises(UserError, match="is a link, a pipe or a device"):
        open_sampler(str(workdir))


def test_networks_that_are_not_finite(small_run, tmp_path):
    """They wrote black images."""
    record = {"config": small_run.config.to_dict(), "alphabet": small_run.charset.characters, "right_to_left": False}
    ema = small_run.state.ema | {
        "generator": jax.tree.map(lambda leaf: leaf * jnp.nan, small_run.state.ema["generator"])
    }
    checkpointer = Checkpointer(str(tmp_path))
    checkpointer.save(1, small_run.state.replace(ema=ema), record, error=None)
    checkpointer.close()
    with pytest.raises(UserError, match="not finite"):
        open_sampler(str(tmp_path))
