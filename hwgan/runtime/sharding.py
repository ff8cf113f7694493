"""The device mesh: batches are split over all devices, everything else is on each of them."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from hwgan.runtime.errors import UserError


def create_mesh(batch_size: int, gradient_accumulation_steps: int = 1) -> Mesh:
    """One axis, "data", over all devices of all processes.

    Raises:
      UserError: the batch does not divide evenly.
    """
    num_devices = jax.device_count()
    if gradient_accumulation_steps < 1 or batch_size % (num_devices * gradient_accumulation_steps):
        parts = (
            f" times train.gradient_accumulation_steps={gradient_accumulation_steps}"
            if gradient_accumulation_steps != 1
            else ""
        )
        raise UserError(
            f"train.batch_size={batch_size} does not divide by the {num_devices} devices of this run{parts}"
        )
    # In the order of processes, so that the rows of a batch are those of process 0, then 1, …: `jax.make_mesh` puts
    # TPUs into the order of their wiring, in which those of one process may be apart.
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    # Auto: under Explicit axes, now the default, flax's convolution with batch norm fails.
    return Mesh(np.array(devices), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on each device."""
    return NamedSharding(mesh, PartitionSpec())


def split_batch(mesh: Mesh) -> NamedSharding:
    """The leading axis split over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def to_devices(batches: Iterator[Any], mesh: Mesh) -> Iterator[Any]:
    """Puts each host's share of batches, pytrees of arrays [batch, ...], on its devices, one batch ahead."""
    sharding = split_batch(mesh)

    def put(batch: Any) -> Any:
        return jax.tree.map(lambda rows: jax.make_array_from_process_local_data(sharding, rows), batch)

    current = put(next(batches))
    for batch in batches:
        ahead = put(batch)
        yield current
        current = ahead
    yield current
