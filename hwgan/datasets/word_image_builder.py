"""The base class of builders of word images."""

import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from hwgan.data.transforms import decode_grey
from hwgan.datasets.builder import Example, HandwritingBuilder


class WordImageBuilder(HandwritingBuilder, skip_registration=True):
    """A builder of word images; subclasses implement `_read_splits`."""

    kind = "image"
    description = "Images of handwritten words."

    def _content_feature(self) -> tfds.features.FeatureConnector:
        return tfds.features.Image(shape=(None, None, 1), encoding_format="png")

    def _load(self, example: Example) -> tuple[bytes, np.ndarray]:
        loaded = example.load()
        grey = decode_grey(loaded) if isinstance(loaded, bytes) else loaded
        if not grey.size:
            raise ValueError("it has no pixels")
        keep = isinstance(loaded, bytes) and _is_grey_png(loaded)
        return loaded if keep else png_bytes(grey), grey


def _is_grey_png(encoded: bytes) -> bool:
    """Whether an image file is an 8 bit grey PNG, which needs no re-encoding; by its header (ISO/IEC 15948, 11.2.2)."""
    return encoded[:8] == b"\x89PNG\r\n\x1a\n" and encoded[24:26] == b"\x08\x00"


def png_bytes(image: np.ndarray) -> bytes:
    """Encodes a uint8 [h, w] image as PNG."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
