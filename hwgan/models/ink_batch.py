"""What a training step of strokes is given."""

import flax.struct

from hwgan.models.batch import HostOrDeviceArray


class InkBatch(flax.struct.PyTreeNode):
    """Offset ink with its texts, padded to one size.

    Attributes:
      points: float32 [b, n, 3]: the pen's way from the point before, in units of the data's offsets, and 1 where a
        stroke ends; padded with 0.
      num_points: int32 [b], points that are not padding.
      labels: int32 [b, t], label ids of the text, padded with 0.
      lengths: int32 [b], labels that are not padding.
      writers: int32 [b], writer ids from 1; 0 where the writer is unknown.
    """

    points: HostOrDeviceArray
    num_points: HostOrDeviceArray
    labels: HostOrDeviceArray
    lengths: HostOrDeviceArray
    writers: HostOrDeviceArray
