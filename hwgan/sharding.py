"""The device mesh: batches are split over all devices, everything else is on each of them."""

from collections.abc import Iterator

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from hwgan.errors import UserError


def create_mesh(batch_size: int, accumulate: int = 1) -> Mesh:
    """One axis, "data", over all devices of all processes.

    Raises:
      UserError: the batch does not divide evenly.
    """
    num_devices = jax.device_count()
    if accumulate < 1 or batch_size % (num_devices * accumulate):
        parts = f" times train.accumulate={accumulate}" if accumulate != 1 else ""
        raise UserError(
            f"train.batch_size={batch_size} does not divide by the {num_devices} devices of this run{parts}"
        )
    # Auto: under Explicit axes, now the default, flax's convolution with batch norm fails.
    return jax.make_mesh((num_devices,), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on each device."""
    return NamedSharding(mesh, PartitionSpec())


def split_batch(mesh: Mesh) -> NamedSharding:
    """The leading axis split over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def to_devices(batches: Iterator[dict[str, np.ndarray]], mesh: Mesh) -> Iterator[dict[str, jax.Array]]:
    """Puts each host's share on its devices, one batch ahead of the one in use."""
    sharding = split_batch(mesh)

    def put(batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        return {name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()}

    current = put(next(batches))
    for batch in batches:
        ahead = put(batch)
        yield current
        current = ahead
    yield current
