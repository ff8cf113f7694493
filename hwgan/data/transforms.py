"""Image functions: decoding, the preprocessing steps, padding and type conversion.

Stored images are uint8, dark ink on white (0 black, 255 white). Inputs and outputs of networks are float32 in [-1, 1]
with white = 1.
"""

import io
from typing import IO, Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

WHITE = 255
MAX_PIXELS = 89_478_485  # per image, Pillow's own limit for decompression bomb warnings; an A3 scan at 600 dpi fits
# Formats of scans. Pillow's other decoders, such as PostScript, are too large an attack surface for untrusted files.
IMAGE_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".jp2")
KNOWN_IMAGES = f"known are files with the endings {', '.join(IMAGE_ENDINGS)}"  # for messages where there are none
_HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc")  # bytes 4 to 11 of such a file
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the first bytes
MAX_PAGES, _SUBFILE_TYPE = 2000, 254  # of a TIFF; the tag whose bit 0 says that a frame is a smaller copy
TRIM_CONTRAST = 25  # grey levels; pixels darker than the lightest one by more than this are ink, on clean paper
_NOISE_PERCENTILES = 75, 90  # of the paper's grey levels: normal noise has 0.61 standard deviations between them
_NOISE_CONTRAST = 15  # in such distances, for noisy paper: some 8 standard deviations below its mean
_MAX_TRIM_CONTRAST = 100  # grey levels; where ink covers most of a crop, the percentiles are of ink
_TRIM_MARGIN = 2  # pixels of background that trimming keeps
_INK_MARGIN = 0.06  # margin of `trim_ink` as a share of the ink's height
_MIN_CONTRAST = 32  # grey levels between paper and ink; an image with less is blank, and stretching would amplify noise
_LIGHT_INK, _LIGHT_PIXELS = 40, 8  # light ink is lighter than paper by more grey levels, and has as many pixels
_INK_PERCENTILE, _PAPER_PERCENTILE = 1, 90  # of grey levels; 90, because a tight crop of a full stop is nearly all ink


def decode_grey(encoded: bytes, frame: int = 0) -> UInt8[np.ndarray, "h w"]:
    """Decodes an image file to grey levels, dark ink on white; transparent pixels become white.

    Args:
      encoded: an image of any mode: grey, colour, palette, 16 bits, CMYK, with or without transparency.
      frame: number of the image in a file of several, such as a TIFF of several pages.

    Raises:
      OSError: the bytes are not an image, are truncated, or would decode to more than `MAX_PIXELS` pixels.
    """
    try:
        return _decode(encoded, frame)
    except UnidentifiedImageError as error:
        if encoded[4:12] in _HEIC:
            raise OSError("it is a HEIC photo, as phones take them: save it as JPEG") from error
        raise OSError(f"it is none of {', '.join(IMAGE_FORMATS)}, or damaged") from error
    except OSError:
        raise
    except Exception as error:  # Pillow raises several other exceptions for damaged files
        raise OSError(str(error)) from error


def find_pages(file: IO[bytes]) -> list[int]:
    """The frames of a TIFF that are pages, as scanners put several into one file, and not marked as smaller copies.

    Returns:
      Numbers for `decode_grey`; [0] of other files, even damaged ones.
    """
    if file.read(4) not in _TIFF:
        return [0]
    file.seek(0)
    try:
        with Image.open(file, formats=["TIFF"]) as image:
            count = min(getattr(image, "n_frames", 1), MAX_PAGES)
            pages = [frame for frame in range(count) if not _is_smaller_copy(image, frame)]
    except Exception:  # `decode_grey` says what is wrong
        return [0]
    return pages or [0]


def _is_smaller_copy(image: Any, frame: int) -> bool:
    """Whether a frame of a TIFF says that it is a copy of another one at a lower resolution."""
    try:
        image.seek(frame)
    except Exception:  # it is counted, so that `decode_grey` says what is wrong with it
        return False
    return bool(getattr(image, "tag_v2", {}).get(_SUBFILE_TYPE, 0) & 1)


def _decode(encoded: bytes, frame: int) -> np.ndarray:
    with Image.open(io.BytesIO(encoded), formats=IMAGE_FORMATS) as image:
        if frame:
            image.seek(frame)
        if image.width * image.height > MAX_PIXELS:  # known from the header, before any pixel is decoded
            raise OSError(f"{image.width}x{image.height} pixels are more than {MAX_PIXELS}")
        image.load()
        image = ImageOps.exif_transpose(image)  # applies the rotation that cameras store as metadata
        if image.mode.startswith("I") or image.mode == "F":
            # Before transparency: Pillow would clip 16 bits to 8. A transparent level counts as it is drawn.
            return _from_high_bit_depth(np.asarray(image, np.float32))
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            image = image.convert("RGBA")
            paper = Image.new("RGBA", image.size, (WHITE,) * 4)
            image = Image.alpha_composite(paper, image)
        return np.asarray(image.convert("L"))


def _from_high_bit_depth(levels: np.ndarray) -> np.ndarray:
    """Scales grey levels to 8 bits; the range (1.0, 8, 12 or 16 bits) is inferred from the largest level."""
    largest = float(levels.max())
    if not (levels.min() >= 0 and largest <= 65535):
        raise OSError(f"its grey levels go from {levels.min()} to {largest}")
    white = next(white for white in (1.0, 255.0, 4095.0, 65535.0) if largest <= white)
    return np.rint(levels * (WHITE / white)).astype(np.uint8)


def stretch_contrast(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Stretches grey levels linearly so that percentiles 1 and 90 become 0 and 255; near-blank images are unchanged."""
    ink, paper = np.percentile(image, [_INK_PERCENTILE, _PAPER_PERCENTILE])
    if paper - ink < _MIN_CONTRAST:
        return image
    return np.rint((image - ink) * (WHITE / (paper - ink))).clip(0, WHITE).astype(np.uint8)


def has_light_ink(image: UInt8[np.ndarray, "h w"]) -> bool:
    """Whether the ink is lighter than the paper: most pixels are as dark as the edge, most others are lighter."""
    paper = int(np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])))
    lighter, darker = (image > paper + _LIGHT_INK).sum(), (image < paper - _LIGHT_INK).sum()
    return bool(lighter >= _LIGHT_PIXELS and lighter > 2 * darker and 2 * lighter < image.size)


def ink_mask(image: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """True where a pixel is darker than the lightest one by 25 grey levels, and than the noise of the paper."""
    low, high = np.percentile(image, _NOISE_PERCENTILES)
    lightest = int(image.max())
    below_noise = max(high - _NOISE_CONTRAST * (high - low), lightest - _MAX_TRIM_CONTRAST)
    return image < min(lightest - TRIM_CONTRAST, below_noise)


def trim_sides(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w2"]:
    """Cuts blank columns at both ends except a margin of 2; a blank image keeps 1 column."""
    columns = np.flatnonzero(ink_mask(image).any(axis=0))
    if not columns.size:
        return image[:, :1]
    return image[:, max(0, columns[0] - _TRIM_MARGIN) : columns[-1] + 1 + _TRIM_MARGIN]


def trim_box(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """Cuts blank columns and rows at all four sides except a margin of 2."""
    return trim_sides(trim_sides(image).T).T


def trim_ink(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """Crops to the ink and pads with white by 6 % of the ink's height at each side; a blank image is unchanged.

    The relative margin makes the result independent of resolution. 6 % is the margin of the Copiste words, whose
    median is 5.8 % of the ink's height.
    """
    ink = ink_mask(image)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return image
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(image, max(1, round(_INK_MARGIN * image.shape[0])), constant_values=WHITE)


def pad_to_extent(
    image: UInt8[np.ndarray, "h w"], extent: tuple[float, float], frame: tuple[float, float]
) -> UInt8[np.ndarray, "h2 w"]:
    """Pads with white above and below from the vertical range `extent` to the larger range `frame`.

    Args:
      image: dark ink on white.
      extent: (top, bottom) of the image, in any unit, on an axis that points up.
      frame: (top, bottom) of the result, in the same unit; a side inside the extent is not padded.
    """
    scale = image.shape[0] / (extent[0] - extent[1])
    above, below = round(scale * (frame[0] - extent[0])), round(scale * (extent[1] - frame[1]))
    return np.pad(image, ((max(above, 0), max(below, 0)), (0, 0)), constant_values=WHITE)


def resize_to_height(
    image: UInt8[np.ndarray, "h w"], height: int, width: int | None = None
) -> UInt8[np.ndarray, "h2 w2"]:
    """Resizes to `height` rows, and to `width` columns if given, else isometrically."""
    if width is None:
        width = isometric_width(image.shape, height)
    if image.shape == (height, width):
        return image
    resampling = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((width, height), resampling, reducing_gap=2.0))


def isometric_width(shape: tuple[int, ...], height: int) -> int:
    """Width in pixels of an image of `shape` after isometric scaling to `height`."""
    return max(1, round(shape[1] * height / shape[0]))


def pad_images(images: list[np.ndarray], width: int) -> UInt8[np.ndarray, "batch h width"]:
    """Stacks images of equal height, padded with white on the right to `width`."""
    padded = np.full((len(images), images[0].shape[0], width), WHITE, np.uint8)
    for row, image in zip(padded, images, strict=True):
        row[:, : image.shape[1]] = image
    return padded


def to_float(images: UInt8[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """uint8 [0, 255] → float32 [-1, 1]."""
    floats = images.astype(np.float32)
    floats /= np.float32(WHITE / 2)  # in place: this conversion takes most of the time of a batch
    floats -= np.float32(1.0)
    return floats


def to_uint8(images: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Float [-1, 1] → uint8 [0, 255], clipped and rounded."""
    return np.rint((np.asarray(images, np.float32) + 1.0) * (WHITE / 2)).clip(0, WHITE).astype(np.uint8)


def flip_reading(image: UInt8[np.ndarray, "h w"], right_to_left: bool) -> UInt8[np.ndarray, "h w"]:
    """Mirrors an image of a right-to-left script, from page to reading direction or back; others are unchanged."""
    return image[:, ::-1] if right_to_left else image
