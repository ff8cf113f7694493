"""The base class of builders of digital ink: strokes with their texts."""

import numpy as np
import tensorflow_datasets as tfds

from hwgan.data.ink import Stroke, join_strokes
from hwgan.data.ink_cache import MAX_POINTS
from hwgan.datasets.builder import Example, HandwritingBuilder

_MAX_STROKES = 10_000
_MAX_COORDINATE = 1e7


class InkBuilder(HandwritingBuilder, skip_registration=True):
    """A builder of ink; subclasses implement `_read_splits`, with examples whose `load` returns a list of strokes.

    A row has `ink`, float32 [points, 3]: x, y (down), and 1 where a stroke ends.
    """

    kind = "ink"
    description = "Strokes of handwriting."

    def _content_feature(self) -> tfds.features.FeatureConnector:
        return tfds.features.Tensor(shape=(None, 3), dtype=np.float32)

    def _load(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        ink = join_strokes(check_strokes(example.load()))
        return ink, ink


def check_strokes(strokes: list[Stroke]) -> list[Stroke]:
    """The strokes of an example, of unknown origin.

    Raises:
      ValueError: there is no point, there are too many, or a coordinate is not finite or absurd.
    """
    count = sum(map(len, strokes))
    if not 0 < count <= MAX_POINTS:
        raise ValueError(f"it has {count:,} points; an example has from 1 to {MAX_POINTS:,}")
    if len(strokes) > _MAX_STROKES:
        raise ValueError(f"it has {len(strokes):,} strokes, more than {_MAX_STROKES:,}")
    if not all((np.abs(stroke) < _MAX_COORDINATE).all() for stroke in strokes):  # False for what is not finite
        raise ValueError("it has coordinates that are not finite, or huge")
    return strokes
