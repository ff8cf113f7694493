"""Rates, the time left, and what is shown while something takes long."""

import io
import sys

import jax
import pytest
from ml_collections import ConfigDict

from hwgan.runtime import monitor, progress
from hwgan.runtime.monitor import Clock
from hwgan.runtime.progress import Progress, with_progress
from hwgan.runtime.timings import Timings

TRAIN = ConfigDict(dict(batch_size=4, num_steps=100, recognizer_pretrain_steps=40))


@pytest.fixture
def timings(tmp_path):
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield Timings({"model": 1})
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture
def now(monkeypatch):
    """The time, which the test sets."""
    time = [100.0]
    monkeypatch.setattr(monitor.time, "perf_counter", lambda: time[0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: time[0])
    return time


def test_time_left_is_reckoned_by_phase(timings, now):
    """0.1 s a step while the recognizer is pretrained, then 1 s; steps that compile do not count."""
    clock = Clock(0, TRAIN, timings)
    now[0] += 2
    speed = clock.lap(20)
    assert speed["speed/pretraining_seconds_left"] == pytest.approx(2)
    assert "speed/seconds_left" not in speed  # nobody knows
    now[0] += 2
    clock.lap(40)
    now[0] += 30 + 9
    clock.skip(41, 30.0)  # the first step of this phase
    speed = clock.lap(50)
    assert speed["speed/steps_per_second"] == pytest.approx(1)
    assert speed["speed/seconds_left"] == pytest.approx(50)
    assert "speed/pretraining_seconds_left" not in speed
    now[0] += 9 + 20  # the lap ends when step 61 is compiled
    clock.skip(61, 20.0)
    assert clock.lap(60)["speed/steps_per_second"] == pytest.approx(10 / 9)
    now[0] += 9
    assert clock.lap(70)["speed/steps_per_second"] == pytest.approx(1)
    again = Clock(0, TRAIN, Timings({"model": 1}))  # another run of the same config
    now[0] += 2
    assert again.lap(20)["speed/seconds_left"] == pytest.approx(2 + 60)
    other = Clock(0, TRAIN, Timings({"model": 2}))
    now[0] += 2
    assert "speed/seconds_left" not in other.lap(20)


def test_timings_survive_damage(timings, tmp_path):
    timings.put("a", 1.5)
    assert (timings.get("a"), timings.get("b")) == (1.5, None)
    (tmp_path / "hwgan_timings.json").write_text("{")
    assert timings.get("a") is None
    timings.put("a", 2.0)
    assert timings.get("a") == 2.0


def test_lines_where_there_is_no_terminal(now, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress("reading", 100, "words") as shown:
        for _ in range(10):
            now[0] += 4
            shown.update(5)
    lines = sys.stderr.getvalue().splitlines()
    assert len(lines) == 3  # every ten seconds
    assert lines[0] == "reading: 15 of 100 words, 1.2/s, 0:01:08 left"


def test_the_rate_leaves_out_a_first_step_that_waits_for_a_compilation(now, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress("fine-tuning", 100, "steps") as shown:
        now[0] += 22
        shown.update()
        for _ in range(21):
            now[0] += 0.5
            shown.update()
    lines = sys.stderr.getvalue().splitlines()
    assert lines == [
        "fine-tuning: 2 of 100 steps, 2/s, 0:00:49 left",
        "fine-tuning: 22 of 100 steps, 2/s, 0:00:39 left",
    ]


def test_of_work_within_other_work_the_innermost_is_shown(now, monkeypatch):
    def read():
        for item in with_progress(range(4), "reading", "lines"):
            now[0] += 11
            yield item

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress("preparing", None, "examples") as shown:
        for _ in read():
            shown.update()
        for _ in range(2):
            now[0] += 11
            shown.update()
    lines = sys.stderr.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["reading"] * 3 + ["preparing"] * 2


def test_items_pass_through():
    assert list(with_progress(range(5), "counting", "numbers")) == [0, 1, 2, 3, 4]


def test_a_trace_that_is_shorter_than_asked_for_is_told(tmp_path, caplog, monkeypatch):
    traced = []
    monkeypatch.setattr(monitor.jax.profiler, "start_trace", traced.append)
    monkeypatch.setattr(monitor.jax.profiler, "stop_trace", lambda: traced.append("stopped"))
    for last_step, expected in ((6, "0 of 5 steps"), (12, "2 of 5 steps"), (20, "")):
        caplog.clear()
        profile = monitor.Profile(str(tmp_path), 5, 0)
        for step in range(1, last_step + 1):
            profile.step(step)
        profile.close()
        assert (expected in caplog.text) and bool(expected) == ("--profile" in caplog.text)
    assert traced.count("stopped") == 2
