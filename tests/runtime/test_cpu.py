"""Cores that a container grants."""

import os

import pytest

from hwgan.runtime.cpu import granted_cores

MACHINE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, MACHINE),
        ({"cpu.max": "max 100000"}, MACHINE),
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),  # half a core is one thread
        ({"cpu.max": f"{(MACHINE + 8) * 100_000} 100000"}, MACHINE),
        ({"cpu.max": "garbage"}, MACHINE),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, MACHINE),
    ],
)
def test_granted_cores(tmp_path, files, cores):
    (tmp_path / "cpu").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content + "\n")
    assert granted_cores(tmp_path) == cores
