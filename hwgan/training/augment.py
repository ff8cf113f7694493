"""Augmentation of real words, so that a recognizer does not memorise them."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Int

from hwgan.models.layers import ink, length_mask


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Strength of each transformation: the standard deviation σ of a normal distribution, truncated at ±2σ.

    Attributes:
      shear: tangent of the added slant.
      width: of the log of the horizontal scale.
      scale: of the log of the vertical scale within the line.
      rotation: radians.
      shift: up or down, in units of the height.
      wave: of a smooth displacement, in units of the height (elastic distortion).
      thickness: the largest weight, drawn uniformly, of a dilation (3×3) or an erosion (2×2) in its mean with the word.
      gamma: of the log of the exponent of the ink.
    """

    shear: float = 0.15
    width: float = 0.15
    scale: float = 0.08
    rotation: float = 0.02
    shift: float = 0.03
    wave: float = 0.025
    thickness: float = 0.6
    gamma: float = 0.3


_WAVE_PIXELS = 12  # between the points of the grid that a smooth displacement goes through


def augment(
    image: Float[Array, "b h w 1"],
    widths: Int[Array, " b"],
    key: jax.Array,
    how: Augmentation = Augmentation(),
) -> tuple[Float[Array, "b h w 1"], Int[Array, " b"]]:
    """Applies a random affine map, elastic distortion, stroke width and gamma to each word.

    Args:
      image: in [-1, 1], ink -1 on paper 1.
      widths: columns of each word.
      key: of drawing.
      how: strengths.

    Returns:
      Images on the same canvas, and their widths: a word that would outgrow the canvas is scaled less.

    References:
      Simard et al., Best Practices for Convolutional Neural Networks, ICDAR 2003 (elastic distortion); Retsinas et al.,
      Best Practices for a Handwritten Text Recognition System, DAS 2022, https://arxiv.org/abs/2404.11339
    """
    batch, height, canvas, _ = image.shape
    keys = jax.random.split(key, 9)
    normal = {
        name: getattr(how, name) * jax.random.truncated_normal(k, -2.0, 2.0, (batch,))
        for name, k in zip(("shear", "width", "scale", "rotation", "shift", "gamma"), keys[:6], strict=True)
    }
    shear = normal["shear"] - jnp.tan(normal["rotation"])  # opposite to that of columns, or it would be a stretch
    room = jnp.abs(shear) * height
    wanted = jnp.ceil(widths * jnp.exp(normal["width"]) + room)
    new_widths = jnp.minimum(wanted, canvas).astype(jnp.int32)
    horizontal = jnp.maximum(new_widths - room, 1.0) / widths
    rows, columns = jnp.meshgrid(jnp.arange(height) - (height - 1) / 2, jnp.arange(canvas), indexing="ij")
    rows, columns = rows[None], columns[None] - (new_widths[:, None, None] - 1) / 2
    # Where each pixel of the result comes from.
    wave = how.wave * height * _smooth_noise(keys[6], (batch, height, canvas, 2))
    from_row = rows / jnp.exp(normal["scale"])[:, None, None] + jnp.tan(normal["rotation"])[:, None, None] * columns
    from_row += normal["shift"][:, None, None] * height + (height - 1) / 2 + wave[..., 0]
    from_column = (columns + shear[:, None, None] * rows) / horizontal[:, None, None]
    from_column += (widths[:, None, None] - 1) / 2 + wave[..., 1]
    strokes = ink(image)[..., 0] * length_mask(widths, canvas)[:, None]
    strokes = jax.vmap(lambda x, y, z: map_coordinates(x, [y, z], order=1))(strokes, from_row, from_column)
    strokes = _change_thickness(strokes, how.thickness * jax.random.uniform(keys[7], (batch,), minval=-1.0))
    strokes = jnp.power(jnp.maximum(strokes, 1e-6), jnp.exp(normal["gamma"])[:, None, None])
    strokes *= length_mask(new_widths, canvas)[:, None]
    return 1.0 - 2.0 * strokes[..., None], new_widths


def _smooth_noise(key: jax.Array, shape: tuple[int, int, int, int]) -> Float[Array, "b h w c"]:
    batch, height, width, channels = shape
    grid = jax.random.normal(key, (batch, height // _WAVE_PIXELS + 2, width // _WAVE_PIXELS + 2, channels))
    return jax.image.resize(grid, shape, "cubic")


def _change_thickness(strokes: Float[Array, "b h w"], change: Float[Array, " b"]) -> Float[Array, "b h w"]:
    """Interpolates between strokes and their dilation (change > 0) or erosion (change < 0)."""
    wide = nn.max_pool(strokes[..., None], (3, 3), padding="SAME")[..., 0]
    thin = -nn.max_pool(-strokes[..., None], (2, 2), padding="SAME")[..., 0]
    share = change[:, None, None]
    return strokes + jnp.maximum(share, 0.0) * (wide - strokes) + jnp.maximum(-share, 0.0) * (thin - strokes)
