"""Sharpening of enlarged words: images of words are small, and enlarged strokes are blurred."""

import numpy as np
from jaxtyping import Float

_RADIUS = 0.025  # deviation of the blur, as a share of the height of a line
_AMOUNT = 1.2


def sharpen(
    ink: Float[np.ndarray, "h w"], line_height: int | float, share: int | float = 1.0
) -> Float[np.ndarray, "h w"]:
    """Unsharp masking: adds what a blurred copy lacks.

    Hairlines stay, and their grey with them, which a threshold would cut.

    Args:
      ink: 0 on paper to 1.
      line_height: height of a line of text in pixels.
      share: of the usual amount, in [0, 1].

    Returns:
      ink in [0, 1].
    """
    from scipy import ndimage  # here, as words of their own size need none of it, and it takes long to import

    blurred = ndimage.gaussian_filter(ink, _RADIUS * line_height, mode="constant")
    return np.clip(ink + share * _AMOUNT * (ink - blurred), 0.0, 1.0)
