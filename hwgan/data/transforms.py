"""Image preprocessing: encoded bytes in, a grey word image of one height out.

Stored images are uint8 ink on white (0 black, 255 white). Networks see float32 in [-1, 1], white = 1.
"""

import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

WHITE = 255
_TRIM_THRESHOLD = 245  # lighter than this counts as paper


def decode_grey(encoded: bytes) -> UInt8[np.ndarray, "h w"]:
    """Decodes an image file to grey ink on white; transparent parts become white.

    Raises:
      OSError: the bytes are no image, or are cut short.
    """
    with Image.open(io.BytesIO(encoded)) as image:
        image.load()
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            paper = Image.new("RGBA", image.size, (WHITE,) * 4)
            image = Image.alpha_composite(paper, image)
        elif image.mode.startswith("I") or image.mode == "F":  # 16-bit scans
            image = Image.fromarray((np.asarray(image, np.float32) / 257.0).clip(0, WHITE).astype(np.uint8))
        return np.asarray(image.convert("L"))


def resize_to_height(
    image: UInt8[np.ndarray, "h w"], height: int, width: int | None = None
) -> UInt8[np.ndarray, "h2 w2"]:
    """Resizes to `height`, isometrically, or to exactly `width` columns where it is given."""
    old_height, old_width = image.shape
    if width is None:
        width = max(1, round(old_width * height / old_height))
    if image.shape == (height, width):
        return image
    resampling = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((width, height), resampling, reducing_gap=2.0))


def pad_images(images: list[np.ndarray], width: int) -> UInt8[np.ndarray, "batch h width"]:
    """Stacks images of one height, padded with white on the right to `width`."""
    padded = np.full((len(images), images[0].shape[0], width), WHITE, np.uint8)
    for row, image in zip(padded, images, strict=True):
        row[:, : image.shape[1]] = image
    return padded


def to_float(images: UInt8[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """uint8 [0, 255] → float32 [-1, 1]."""
    return images.astype(np.float32) / np.float32(WHITE / 2) - np.float32(1.0)


def to_uint8(images: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Float [-1, 1] → uint8 [0, 255], clipped and rounded."""
    return np.rint((np.asarray(images, np.float32) + 1.0) * (WHITE / 2)).clip(0, WHITE).astype(np.uint8)


def trim_white(image: UInt8[np.ndarray, "h w"], margin: int = 2) -> UInt8[np.ndarray, "h w2"]:
    """Cuts blank columns from both ends, leaving `margin`; a blank image keeps 1 column."""
    columns = np.flatnonzero((image < _TRIM_THRESHOLD).any(axis=0))
    if not columns.size:
        return image[:, :1]
    return image[:, max(0, columns[0] - margin) : columns[-1] + 1 + margin]
