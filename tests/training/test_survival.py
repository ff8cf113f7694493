"""Runs that are killed, preempted, or lose their disk or another process: nothing is lost, nothing hangs."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

import numpy as np
import pytest

from tests.processes import finish, metrics_of, start

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("HWGAN_SOAK_KILLS", "3"))  # for each number of processes
NUM_STEPS = 60 * max(1, KILLS // 2)  # enough for so many to come before the end
STEPS = (f"train.num_steps={NUM_STEPS}", "train.checkpoint_every=10")
STEPS += (f"train.evaluate_every={NUM_STEPS}", f"train.sample_every={NUM_STEPS}")


def wait_for(condition, seconds=400, pause=0.01):  # two processes import for minutes where cores are busy
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)


def steps_logged(workdir):
    path = pathlib.Path(workdir) / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def saved(workdir):
    """Checkpoints that are whole."""
    return [path for path in (pathlib.Path(workdir) / "checkpoints").glob("*") if path.name.isdigit()]


def being_saved(workdir):
    """What is on disk of checkpoints that are not whole yet."""
    return list((pathlib.Path(workdir) / "checkpoints").glob("*.orbax-checkpoint-tmp*"))


@pytest.fixture(scope="module")
def uninterrupted(data_dir, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted")
    ((code, output),) = finish(start(workdir, data_dir, *STEPS))
    assert code == 0, output
    return metrics_of(workdir)


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.release)])
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(data_dir, tmp_path, uninterrupted, processes):
    """Killed at random moments, by -9 and TERM, every other one by -9 in the middle of a save: it ends with the metrics of
    an uninterrupted run."""
    rng, ends, kills, while_saving = np.random.default_rng(processes), [], 0, 0
    for _ in range(4 * KILLS + 4):
        before = steps_logged(tmp_path)
        run = start(tmp_path, data_dir, *STEPS, processes=processes)
        if kills < KILLS:
            # From the first step on: most of a start is importing, in which there is nothing to lose.
            wait_for(lambda before=before, run=run: steps_logged(tmp_path) > before or run[0].poll() is not None)
            number = [signal.SIGKILL, signal.SIGTERM][int(rng.integers(2))]
            if kills % 2 == 0:
                number = signal.SIGKILL
                wait_for(lambda run=run: being_saved(tmp_path) or run[0].poll() is not None, pause=0.0005)
            else:
                time.sleep(rng.uniform(0.0, 0.6))
            # SIGKILL may reach one process of several; SIGTERM reaches one, and is passed on.
            victims = run if number == signal.SIGKILL and rng.random() < 0.5 else run[-1:]
            kills += any(process.poll() is None for process in run)
            for process in victims:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
        codes = [code for code, _ in finish(run)]
        ends.append(codes)
        while_saving += bool(being_saved(tmp_path))  # what a process that was killed left behind
        assert all(codes) or not any(codes), ends
        if not any(codes):
            break
    assert kills >= KILLS, ends
    assert while_saving >= 1
    assert ends[-1] == [0] * processes
    lines = metrics_of(tmp_path)
    assert [line["step"] for line in lines] == [line["step"] for line in uninterrupted]
    if processes == 1:
        assert lines == uninterrupted  # to the last digit
    (tmp_path / "soak.txt").write_text(
        f"{processes} process(es): {kills} kills, {while_saving} while saving, exit codes {ends}\n"
    )


def test_sigterm_saves_at_once_and_has_an_exit_code_of_its_own(data_dir, tmp_path, uninterrupted):
    settings = (*STEPS, "train.checkpoint_every=1000")
    (run,) = start(tmp_path, data_dir, *settings)
    wait_for(lambda: steps_logged(tmp_path) > 5)
    run.send_signal(signal.SIGTERM)
    ((code, output),) = finish([run])
    assert code == 75, output
    (step,) = (int(path.name) for path in saved(tmp_path))
    assert f"SIGTERM: saved at step {step}; the same command continues from there" in output
    assert step == metrics_of(tmp_path)[-1]["step"]
    ((code, output),) = finish(start(tmp_path, data_dir, *settings))
    assert code == 0, output
    assert f"training from step {step}" in output
    assert metrics_of(tmp_path) == uninterrupted


def test_the_loss_of_a_process_ends_the_run_with_a_message(data_dir, tmp_path):
    run = start(tmp_path, data_dir, *STEPS, "train.num_steps=100000", processes=2)
    wait_for(lambda: steps_logged(tmp_path) > 3)
    run[1].kill()
    began = time.monotonic()
    (code, output), _ = finish(run, timeout=400)
    assert code != 0
    assert time.monotonic() - began < 90
    assert "heartbeat" in output or "peer" in output or "Connection" in output, output[-2000:]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB, room for five checkpoints of 0.9 to 1.5 MB; needs to be allowed to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def on_disk(workdir, disk):
    """A workdir whose checkpoints lie on another file system."""
    workdir.mkdir()
    (workdir / "checkpoints").symlink_to(disk, target_is_directory=True)
    return workdir


LONG = (*STEPS, "train.num_steps=500", "train.evaluate_every=500", "train.sample_every=500")


def test_full_disk_while_training(data_dir, tmp_path, small_disk):
    """Saves fail with a warning, and succeed again when there is room."""
    workdir, ballast = on_disk(tmp_path / "run", small_disk), small_disk / "ballast"
    ballast.write_bytes(b"\0" * 8_000_000)
    (run,) = start(workdir, data_dir, *LONG)
    wait_for(lambda: steps_logged(workdir) > 35)
    assert not saved(workdir)
    ballast.unlink()
    ((code, output),) = finish([run])
    assert code == 0, output[-3000:]
    assert "a checkpoint could not be saved by step" in output
    assert "training continues to the next" in output
    assert metrics_of(workdir)[-1]["step"] == 500
    assert (small_disk / "500").is_dir()
    ((code, output),) = finish(start(workdir, data_dir, *LONG, "train.num_steps=501"))
    assert code == 0, output[-3000:]
    assert "training from step 500" in output


@pytest.mark.release
def test_full_disk_under_all_that_a_run_writes(data_dir, tmp_path, small_disk):
    """It warns of what it cannot write, and no line of metrics is lost."""
    workdir, ballast = small_disk / "run", small_disk / "ballast"
    (run,) = start(workdir, data_dir, *LONG)
    wait_for(lambda: steps_logged(workdir) > 5)
    with contextlib.suppress(OSError):  # until there is no room left
        ballast.write_bytes(b"\0" * 16_000_000)
    time.sleep(1.0)
    ballast.unlink()
    ((code, output),) = finish([run])
    assert code == 0, output[-3000:]
    assert "metrics or pictures cannot be written" in output
    assert sorted({line["step"] for line in metrics_of(workdir)}) == list(range(1, 501))


@pytest.mark.parametrize("when", [saved, being_saved])
@pytest.mark.release
def test_disk_that_turns_read_only(data_dir, tmp_path, small_disk, when):
    """Between two saves, or in the middle of one; the latter leaves threads of orbax that nothing must wait for."""
    workdir = on_disk(tmp_path / "run", small_disk)
    (run,) = start(workdir, data_dir, *LONG)
    wait_for(lambda: saved(workdir))
    wait_for(lambda: when(workdir), pause=0.0005)
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    wait_for(lambda: not subprocess.run(remount, capture_output=True).returncode)  # refused while a file is written
    ((code, output),) = finish([run])
    assert code == 2, output[-3000:]
    assert "training continues to the next" in output
    assert "error: the last checkpoint could not be saved in" in output
    assert metrics_of(workdir)[-1]["step"] == 500


def test_divergence_ends_with_its_own_exit_code(data_dir, tmp_path):
    settings = ("optimizer.generator.learning_rate=1e38", "train.recognizer_pretrain_steps=0", "train.num_steps=6")
    ((code, output),) = finish(start(tmp_path, data_dir, *settings, "optimizer.generator.clip_norm=0.0"))
    assert code == 3, output
    assert "error: training diverged: step" in output


def test_heartbeat_profile_and_speed_metrics(data_dir, tmp_path):
    ((code, output),) = finish(start(tmp_path, data_dir, *STEPS, profile=5))
    assert code == 0, output
    beat = json.loads((tmp_path / "heartbeat.json").read_text())
    assert beat["step"] == NUM_STEPS
    assert abs(beat["time"] - time.time()) < 300
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-2])
    assert {"speed/step_seconds", "speed/input_wait_seconds", "speed/evaluate_and_save_seconds"} <= last.keys()


def test_of_two_runs_in_one_workdir_one_is_refused(data_dir, tmp_path):
    """Both ended with 0, and one had lost its metrics."""
    first, second = (start(tmp_path, data_dir, *STEPS) for _ in range(2))
    ends = sorted(finish(first) + finish(second))
    assert [code for code, _ in ends] == [0, 2], ends
    assert "is in use by process" in ends[1][1]
    assert [row["step"] for row in metrics_of(tmp_path)] == [*range(1, NUM_STEPS + 1), NUM_STEPS]
