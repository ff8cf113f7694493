"""XLA's settings on CPUs, to be made before jax makes its backend."""

import math
import os
import pathlib

import jax

_YNN_FLAG = "xla_cpu_experimental_ynn_fusion_type"
_YNN_VERSIONS = ((0, 10), (0, 12))  # of jax that know the flag: an unknown one ends the process


def use_correct_convolutions() -> None:
    """Turns off YNN fusion on CPUs, which gives wrong gradients and is slower.

    With it, gradients of the networks here are wrong by 0.4 % (a max pool of strided slices: 28 %) and a step takes
    1.1 to 1.4 times as long (jaxlib 0.10.2). Other backends ignore the flag. What the user has set in XLA_FLAGS stays.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    first, end = _YNN_VERSIONS
    if _YNN_FLAG not in flags and first <= jax.__version_info__[:2] < end:
        os.environ["XLA_FLAGS"] = f"{flags} --{_YNN_FLAG}=".strip()


_CGROUPS = pathlib.Path("/sys/fs/cgroup")


def granted_cores(cgroups: pathlib.Path = _CGROUPS) -> int:
    """Number of cores that this process may use: those it may run on, and no more than its container is granted.

    Args:
      cgroups: where the limits of a container stand.

    References:
      https://docs.kernel.org/admin-guide/cgroup-v2.html, cpu.max
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroups / "cpu.max").read_text().split()
    except (OSError, ValueError):  # no container, or cgroups of version 1
        try:
            quota, period = ((cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return allowed
    if not quota.strip().isdecimal() or not period.strip().isdecimal() or not int(period):  # "max" or -1: no limit
        return allowed
    return max(1, min(allowed, math.ceil(int(quota) / int(period))))


def use_granted_cores() -> None:
    """Makes XLA use as many threads as cores are granted: it takes those of the machine, which then wait for turns."""
    os.environ.setdefault("NPROC", str(granted_cores()))
