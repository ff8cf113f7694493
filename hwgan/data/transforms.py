"""Image functions: encoded bytes in, grey ink on white out; each step of the preprocessing, and conversions.

Stored images are uint8 ink on white (0 black, 255 white). Networks see float32 in [-1, 1], white = 1.
"""

import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps

WHITE = 255
MAX_PIXELS = 89_478_485  # of one image file, the limit at which Pillow begins to warn of bombs; A3 at 600 dpi fits
# The formats that scans come in; Pillow's others (PostScript, say) run far more code on a stranger's file.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
_TRIM_CONTRAST = 25  # grey levels: what is no darker than the lightest paper by this is paper too
_TRIM_MARGIN = 2  # pixels of paper that stay
_INK_MARGIN = 0.06  # of the height of the ink
_LOWEST_CONTRAST = 32  # between paper and ink; below it an image is blank, and stretching would only show its noise
_INK_PERCENTILE, _PAPER_PERCENTILE = 1, 90  # a crop of a full stop is nearly all ink
_PAPER_SHARE = 0.15  # of the way from paper to the darkest ink: lighter counts as paper when a slant is measured
_SHEARS = np.linspace(-0.3, 1.0, 27)  # tangents of the slants that are tried, about -17 to 45 degrees
_SMALL_SHEARS = 0.5  # how much they are preferred


def decode_grey(encoded: bytes) -> UInt8[np.ndarray, "h w"]:
    """Decodes an image file to grey ink on white; transparent parts become white.

    Args:
      encoded: of any mode: grey, colour, palette, 16 bits, CMYK, with or without transparency.

    Raises:
      OSError: the bytes are no image, are cut short, or would unpack to more than `MAX_PIXELS`.
    """
    try:
        return _decode(encoded)
    except OSError:
        raise
    except Exception as error:  # Pillow raises half a dozen other kinds for files that are broken in other ways
        raise OSError(str(error)) from error


def _decode(encoded: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:  # known from the header, before anything is unpacked
            raise OSError(f"{image.width}x{image.height} pixels are more than {MAX_PIXELS}")
        image.load()
        image = ImageOps.exif_transpose(image)  # a photo taken sideways
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            image = image.convert("RGBA")
            paper = Image.new("RGBA", image.size, (WHITE,) * 4)
            image = Image.alpha_composite(paper, image)
        elif image.mode.startswith("I") or image.mode == "F":
            return _from_deep(np.asarray(image, np.float32))
        return np.asarray(image.convert("L"))


def _from_deep(levels: np.ndarray) -> np.ndarray:
    """Levels of more than 8 bits; how many there are is known only by the largest: 1.0, 8, 12 or 16 bits."""
    largest = float(levels.max())
    if not (levels.min() >= 0 and largest <= 65535):
        raise OSError(f"its grey levels go from {levels.min()} to {largest}")
    white = next(white for white in (1.0, 255.0, 4095.0, 65535.0) if largest <= white)
    return np.rint(levels * (WHITE / white)).astype(np.uint8)


def stretch_contrast(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Ink becomes black and paper white: percentiles 1 and 90 go to 0 and 255. A near-blank image stays as it is."""
    ink, paper = np.percentile(image, [_INK_PERCENTILE, _PAPER_PERCENTILE])
    if paper - ink < _LOWEST_CONTRAST:
        return image
    return np.rint((image - ink) * (WHITE / (paper - ink))).clip(0, WHITE).astype(np.uint8)


def estimate_slant(image: UInt8[np.ndarray, "h w"]) -> float:
    """The tangent of the slant, positive to the right; 0 where there is no ink.

    The shear is chosen that gathers the ink in the fewest columns (the most squared ink a column), with a mild
    preference for small ones. On Copiste words sheared by a known amount its median error is 0.03.

    References:
      Projection profiles are reviewed in Vinciarelli and Luettin, A new normalization technique for cursive handwritten
      words, 2001, https://doi.org/10.1016/S0167-8655(01)00042-3
    """
    paper = int(image.max())
    contrast = max(paper - int(image.min()), _LOWEST_CONTRAST)
    strength = (paper - image.astype(np.float64)) / contrast - _PAPER_SHARE
    rows, columns = np.nonzero(strength > 0.0)
    if not rows.size:
        return 0.0
    ink, height = strength[rows, columns], image.shape[0]
    scores = []
    for shear in _SHEARS:
        upright = np.rint(columns - shear * (height - 1 - rows)).astype(np.int64)
        profile = np.bincount(upright - upright.min(), weights=ink)
        scores.append((profile**2).sum() * np.exp(-_SMALL_SHEARS * shear**2))
    # Strokes that happen to meet make single peaks; a slant that is there is seen at its neighbours too.
    smooth = np.convolve(np.pad(scores, 1, mode="edge"), np.ones(3), mode="valid")
    best = np.flatnonzero(smooth == smooth.max())
    return float(_SHEARS[best[np.abs(_SHEARS[best]).argmin()]])


def deslant(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w2"]:
    """Shears a word upright by `estimate_slant`; its baseline stays, and white fills what opens at the sides."""
    shear, (height, width) = estimate_slant(image), image.shape
    if not shear or height < 2:
        return image
    reach = shear * (height - 1)
    # Pillow asks where each pixel of the result comes from.
    sheared = Image.fromarray(image).transform(
        (width + int(np.ceil(abs(reach))), height),
        Image.Transform.AFFINE,
        (1.0, -shear, min(reach, 0.0), 0.0, 1.0, 0.0),
        resample=Image.Resampling.BILINEAR,
        fillcolor=WHITE,
    )
    return np.asarray(sheared)


def trim_sides(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w2"]:
    """Cuts blank columns from both ends, leaving a margin of 2; a blank image keeps 1 column."""
    columns = np.flatnonzero((image < int(image.max()) - _TRIM_CONTRAST).any(axis=0))
    if not columns.size:
        return image[:, :1]
    return image[:, max(0, columns[0] - _TRIM_MARGIN) : columns[-1] + 1 + _TRIM_MARGIN]


def trim_box(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """`trim_sides`, and the same above and below: the ink then fills the height."""
    return trim_sides(trim_sides(image).T).T


def trim_ink(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """Exactly the ink and 6 % of its height around it, whatever the resolution; a blank image stays as it is.

    So do the crops of the Copiste words, whose margin is 5.8 % of the height of their ink in the median.
    """
    ink = image < int(image.max()) - _TRIM_CONTRAST
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return image
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(image, max(1, round(_INK_MARGIN * image.shape[0])), constant_values=WHITE)


def pad_to_extent(
    image: UInt8[np.ndarray, "h w"], extent: tuple[float, float], frame: tuple[float, float]
) -> UInt8[np.ndarray, "h2 w"]:
    """Pads with white above and below, so that an image of what lies within `extent` shows all of `frame`.

    Args:
      image: dark ink on white.
      extent: (top, bottom) of the image, in any unit, upwards.
      frame: (top, bottom) of the result, in the same unit; no smaller than the extent.
    """
    scale = image.shape[0] / (extent[0] - extent[1])
    above, below = round(scale * (frame[0] - extent[0])), round(scale * (extent[1] - frame[1]))
    return np.pad(image, ((max(above, 0), max(below, 0)), (0, 0)), constant_values=WHITE)


def resize_to_height(
    image: UInt8[np.ndarray, "h w"], height: int, width: int | None = None
) -> UInt8[np.ndarray, "h2 w2"]:
    """Resizes to `height`, isometrically, or to exactly `width` columns where it is given."""
    if width is None:
        width = isometric_width(image.shape, height)
    if image.shape == (height, width):
        return image
    resampling = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((width, height), resampling, reducing_gap=2.0))


def isometric_width(shape: tuple[int, ...], height: int) -> int:
    """Columns of an image of `shape` once it is `height` high."""
    return max(1, round(shape[1] * height / shape[0]))


def pad_images(images: list[np.ndarray], width: int) -> UInt8[np.ndarray, "batch h width"]:
    """Stacks images of one height, padded with white on the right to `width`."""
    padded = np.full((len(images), images[0].shape[0], width), WHITE, np.uint8)
    for row, image in zip(padded, images, strict=True):
        row[:, : image.shape[1]] = image
    return padded


def to_float(images: UInt8[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """uint8 [0, 255] → float32 [-1, 1]."""
    floats = images.astype(np.float32)
    floats /= np.float32(WHITE / 2)  # in place: this is most of what a batch costs
    floats -= np.float32(1.0)
    return floats


def to_uint8(images: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Float [-1, 1] → uint8 [0, 255], clipped and rounded."""
    return np.rint((np.asarray(images, np.float32) + 1.0) * (WHITE / 2)).clip(0, WHITE).astype(np.uint8)


def flip_reading(image: UInt8[np.ndarray, "h w"], right_to_left: bool) -> UInt8[np.ndarray, "h w"]:
    """Between paper and reading direction, either way: a right-to-left word is mirrored, others stay."""
    return image[:, ::-1] if right_to_left else image
