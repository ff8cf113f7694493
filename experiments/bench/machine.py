"""The machine: its description, its measured ceilings, and the memory in use."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import resource
import subprocess
from typing import Any

import jax
import jax.numpy as jnp

from experiments.bench.timing import measure

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch")


def describe() -> dict[str, Any]:
    """Device, processor, versions and commit, without host or user names."""
    device = jax.devices()[0]
    return {
        "device": device.device_kind,
        "platform": device.platform,
        "devices": jax.local_device_count(),
        "processor": _processor(),
        "cpus": num_cpus(),
        "load": round(os.getloadavg()[0], 2),
        "memory_GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def num_cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of the code, marked if tracked files differ from it."""
    here = pathlib.Path(__file__).parent
    git = functools.partial(subprocess.run, cwd=here, capture_output=True, text=True, check=True)
    try:
        commit = git(["git", "rev-parse", "--short", "HEAD"]).stdout.strip()
        changed = git(["git", "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def measure_ceilings(seconds: float, *, size: int = 0, megabytes: int = 0) -> dict[str, float]:
    """Measures the fastest rates of this device: products of large matrices, and reading and writing a large array.

    Args:
      seconds: time for each of the three measurements.
      size: size of the square matrices; by default 2048 on a CPU, 8192 elsewhere.
      megabytes: size of the array; by default 256 on a CPU, 2048 elsewhere.

    Returns:
      `matmul_float32` and `matmul_bfloat16` in GFLOP/s at jax's default precision, and `copy` in GB/s; reads and writes
      are both counted.
    """
    on_cpu = jax.default_backend() == "cpu"
    size = size or (2048 if on_cpu else 8192)
    megabytes = megabytes or (256 if on_cpu else 2048)
    ceilings = {}
    multiply = jax.jit(jnp.matmul)
    for dtype in (jnp.float32, jnp.bfloat16):
        matrix = jax.random.normal(jax.random.key(0), (size, size), dtype)
        timing = measure(lambda matrix=matrix: multiply(matrix, matrix).block_until_ready(), seconds)
        ceilings[f"matmul_{jnp.dtype(dtype).name}"] = 2 * size**3 / min(timing.seconds) / 1e9
    array = jnp.zeros((megabytes * 2**20 // 4,), jnp.float32)
    add = jax.jit(lambda x: x + 1.0)  # XLA would remove a plain copy
    timing = measure(lambda: add(array).block_until_ready(), seconds)
    ceilings["copy"] = 2 * array.nbytes / min(timing.seconds) / 1e9
    return ceilings


def memory_in_use() -> dict[str, float]:
    """Peak memory of this process and, if the device reports it, of the device, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_bytes = peak if platform.system() == "Darwin" else peak * 1024  # Linux counts in kB
    metrics = {"process_peak_MB": peak_bytes / 1e6}
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        metrics["device_peak_MB"] = stats["peak_bytes_in_use"] / 1e6
    return metrics
