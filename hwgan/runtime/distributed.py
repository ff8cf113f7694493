"""Joins the processes of a run, before anything touches a device; jax's own distributed runtime does the rest.

The same command runs everywhere: alone on one machine, or once per process under SLURM, Open MPI, Cloud TPU or GKE,
which are known by what they put in the environment.
"""

import os
from collections.abc import Callable, Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

from hwgan.runtime.errors import UserError

# A process that is not heard of for so long is taken for lost, and all others stop.
HEARTBEAT_SECONDS = 30
_BARRIER_SECONDS = 3600  # the longest that others wait for one that compiles or evaluates


def _count(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    return int(value) if value.isdecimal() else 0


# By name, whether the environment is that of one process among several.
CLUSTERS: dict[str, Callable[[Mapping[str, str]], bool]] = {
    "SLURM": lambda e: _count(e, "SLURM_NTASKS") > 1 and {"SLURM_STEP_NODELIST", "SLURM_PROCID"} <= e.keys(),
    "Open MPI": lambda e: _count(e, "OMPI_COMM_WORLD_SIZE") > 1,
    "TPU pod": lambda e: "," in e.get("TPU_WORKER_HOSTNAMES", "") or "," in e.get("TPU_PROCESS_ADDRESSES", ""),
    "GKE": lambda e: "KUBERNETES_SERVICE_HOST" in e and "JOB_COMPLETION_INDEX" in e,
}


def find_cluster(environment: Mapping[str, str]) -> str | None:
    """The kind of cluster that started this process as one of several; None for a process alone."""
    return next((name for name, is_one in CLUSTERS.items() if is_one(environment)), None)


def initialize(
    coordinator: str | None, num_processes: int | None, process_id: int | None, detect: bool | None
) -> str | None:
    """Joins the other processes, if there are any.

    Args:
      coordinator: "host:port" of process 0; None finds the cluster by the environment.
      num_processes: of the run; given with `coordinator` alone, as is the next.
      process_id: of this one.
      detect: True lets jax detect the cluster, also where `CLUSTERS` does not have it; False detects none.

    Returns:
      How the processes found each other, in words; None for a process alone.

    Raises:
      UserError: only some of the three are given, or the processes do not find each other.
    """
    given = [value is not None for value in (coordinator, num_processes, process_id)]
    if any(given) and not all(given):
        raise UserError("--coordinator=HOST:PORT, --num_processes= and --process_id= belong together")
    if num_processes is not None and not 0 <= (process_id or 0) < num_processes:
        raise UserError(f"--process_id={process_id} is not in 0 to {num_processes - 1}")
    cluster = "given coordinator" if any(given) else None if detect is False else find_cluster(os.environ)
    if cluster is None and not detect:
        return None
    try:
        jax.distributed.initialize(coordinator, num_processes, process_id, heartbeat_timeout_seconds=HEARTBEAT_SECONDS)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the processes of this run ({cluster or 'detected by jax'}) cannot connect: {error}; give --coordinator="
            "HOST:PORT, --num_processes= and --process_id=, or --nodistributed if this process is alone"
        ) from error
    return cluster or "detected by jax"


def is_primary() -> bool:
    """Whether this process is the one that writes metrics, grids and config."""
    return jax.process_index() == 0


def barrier(where: str) -> None:
    """Waits for all other processes; to be called by each, where they may arrive more than seconds apart.

    The first computation across processes cannot be waited for that long: on CPUs its connections time out after 30
    seconds.

    Args:
      where: a name for this place, the same in all processes.
    """
    if jax.process_count() > 1:
        multihost.get_barrier_sync_fn()(key=where, timeout_ms=_BARRIER_SECONDS * 1000)


def everywhere(fine: bool) -> bool:
    """Whether this is True in all processes, which all call this."""
    if jax.process_count() == 1:
        return fine
    return bool(np.asarray(multihost_utils.process_allgather(np.bool_(fine))).all())


def broadcast_from_primary(error: float | None) -> float | None:
    """The primary's validation error, or None, in all processes: all must pass the same metric when they save."""
    if jax.process_count() == 1:
        return error
    barrier("evaluated")
    value = float(multihost_utils.broadcast_one_to_all(np.float32(np.nan if error is None else error)))
    return None if np.isnan(value) else value
