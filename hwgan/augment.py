"""Real words made into others that could be real, so that a recognizer does not learn its words by heart."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Int

from hwgan.models.layers import ink, length_mask


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How far a word may be changed; standard deviations where nothing else is said.

    Attributes:
      shear: tangent of the slant that is added.
      stretch: of the logarithm of the width.
      scale: of the logarithm of the size of the writing within its lines.
      rotation: radians.
      shift: up or down, in parts of the height.
      wave: of a smooth displacement, in parts of the height (elastic distortion).
      thickness: share by which strokes pass into those of a pen one pixel wider or thinner, at most.
      gamma: of the logarithm of the exponent of the ink's strength.
    """

    shear: float = 0.15
    stretch: float = 0.15
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
    """Draws each word anew: slanted, stretched, turned, moved and bent, with another pen.

    Args:
      image: in [-1, 1], ink -1 on paper 1.
      widths: columns of each word.
      key: of drawing.
      how: how far.

    Returns:
      Images on the same canvas, and their widths: a word that would outgrow the canvas is stretched less.

    References:
      Simard et al., Best Practices for Convolutional Neural Networks, ICDAR 2003 (elastic distortion); Retsinas et al.,
      Best Practices for a Handwritten Text Recognition System, DAS 2022, https://arxiv.org/abs/2404.11339
    """
    batch, height, canvas, _ = image.shape
    keys = jax.random.split(key, 9)
    normal = {
        name: getattr(how, name) * jax.random.truncated_normal(k, -2.0, 2.0, (batch,))
        for name, k in zip(("shear", "stretch", "scale", "rotation", "shift", "gamma"), keys[:6], strict=True)
    }
    shear = normal["shear"] + jnp.tan(normal["rotation"])
    room = jnp.abs(shear) * height
    wanted = jnp.ceil(widths * jnp.exp(normal["stretch"]) + room)
    new_widths = jnp.minimum(wanted, canvas).astype(jnp.int32)
    stretch = jnp.maximum(new_widths - room, 1.0) / widths
    rows, columns = jnp.meshgrid(jnp.arange(height) - (height - 1) / 2, jnp.arange(canvas), indexing="ij")
    rows, columns = rows[None], columns[None] - (new_widths[:, None, None] - 1) / 2
    # Where each pixel of the result comes from.
    wave = how.wave * height * _smooth_noise(keys[6], (batch, height, canvas, 2))
    from_row = rows / jnp.exp(normal["scale"])[:, None, None] + jnp.tan(normal["rotation"])[:, None, None] * columns
    from_row += normal["shift"][:, None, None] * height + (height - 1) / 2 + wave[..., 0]
    from_column = (columns + shear[:, None, None] * rows) / stretch[:, None, None]
    from_column += (widths[:, None, None] - 1) / 2 + wave[..., 1]
    strokes = ink(image)[..., 0] * length_mask(widths, canvas)[:, None]
    strokes = jax.vmap(lambda x, y, z: map_coordinates(x, [y, z], order=1))(strokes, from_row, from_column)
    strokes = _other_pen(strokes, how.thickness * jax.random.uniform(keys[7], (batch,), minval=-1.0))
    strokes = jnp.power(jnp.maximum(strokes, 1e-6), jnp.exp(normal["gamma"])[:, None, None])
    strokes *= length_mask(new_widths, canvas)[:, None]
    return 1.0 - 2.0 * strokes[..., None], new_widths


def _smooth_noise(key: jax.Array, shape: tuple[int, int, int, int]) -> Float[Array, "b h w c"]:
    batch, height, width, channels = shape
    grid = jax.random.normal(key, (batch, height // _WAVE_PIXELS + 2, width // _WAVE_PIXELS + 2, channels))
    return jax.image.resize(grid, shape, "cubic")


def _other_pen(strokes: Float[Array, "b h w"], change: Float[Array, " b"]) -> Float[Array, "b h w"]:
    """Strokes passing into wider ones (above 0) or thinner ones (below)."""
    wide = nn.max_pool(strokes[..., None], (3, 3), padding="SAME")[..., 0]
    thin = -nn.max_pool(-strokes[..., None], (2, 2), padding="SAME")[..., 0]
    share = change[:, None, None]
    return strokes + jnp.maximum(share, 0.0) * (wide - strokes) + jnp.maximum(-share, 0.0) * (thin - strokes)
