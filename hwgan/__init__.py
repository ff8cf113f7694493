"""Text to images of handwriting.

>>> import hwgan
>>> model = hwgan.load()
>>> image = model.word("Bonjour", style=3)
>>> image.dtype, image.shape[0] == model.height
(dtype('uint8'), True)

`load` gives a `Model`, whose methods write words, lines and pages; `load_strokes` a `StrokeModel`, which writes them
with a pen. Mistakes in what they are given raise `UserError`. Importing this package imports no jax; both functions do,
after they have set XLA's options.
"""

import os
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from hwgan.runtime.errors import UserError

if TYPE_CHECKING:
    from hwgan.sampling.model import Model
    from hwgan.sampling.stroke_model import StrokeModel

__all__ = ["Model", "StrokeModel", "UserError", "load", "load_strokes"]


def load(
    checkpoint: str | os.PathLike[str] = "",
    *,
    step: SupportsIndex | None = None,
    temperature: SupportsFloat | None = None,
) -> "Model":
    """Opens a model that writes.

    Args:
      checkpoint: workdir of a run, or a file that `hwgan.export` wrote; "" for the pretrained weights.
      step: which checkpoint of a run; the newest by default.
      temperature: T of styles z ~ N(0, T² I), above 0 and at most 5; None for that of the weights.

    Returns:
      The model. The first call of a method compiles its programs, or reads them from the user's cache folder.

    Raises:
      UserError: there are no such weights, or they cannot be read.

    >>> load("no/such/weights.npz")
    Traceback (most recent call last):
    hwgan.runtime.errors.UserError: cannot read the weights 'no/such/weights.npz': No such file or directory
    """
    from hwgan.runtime.settings import prepare_backend
    from hwgan.runtime.untrusted import plain_number

    prepare_backend()
    from hwgan.sampling.model import Model
    from hwgan.sampling.open import open_sampler_and_step

    name = str(checkpoint)
    sampler, number = open_sampler_and_step(name, plain_number(step), plain_number(temperature))
    return Model(sampler, name, number)


def load_strokes(
    checkpoint: str | os.PathLike[str] = "strokes",
    *,
    step: SupportsIndex | None = None,
    bias: SupportsFloat | None = None,
    temperature: SupportsFloat | None = None,
) -> "StrokeModel":
    """Opens a model that writes strokes.

    Args:
      checkpoint: workdir of a run of strokes, or a file that `hwgan.export` wrote; by default the weights of the
        package, for English.
      step: which checkpoint of a run; the newest by default.
      bias: neatness, from 0 to 10; None for that of the weights.
      temperature: T of the Gaussians, from 0.001 to 5; None for that of the weights.

    Raises:
      UserError: there are no such weights, or they cannot be read.
    """
    from hwgan.runtime.settings import prepare_backend
    from hwgan.runtime.untrusted import plain_number

    prepare_backend()
    from hwgan.sampling.open_strokes import open_stroke_sampler
    from hwgan.sampling.stroke_model import StrokeModel

    settings = {"bias": plain_number(bias), "temperature": plain_number(temperature)}
    return StrokeModel(open_stroke_sampler(str(checkpoint), plain_number(step), **settings))


def __getattr__(name: str) -> Any:
    """`Model` and `StrokeModel`, which are imported when they are asked for, as jax comes with them."""
    if name == "Model":
        from hwgan.sampling.model import Model

        return Model
    if name == "StrokeModel":
        from hwgan.sampling.stroke_model import StrokeModel

        return StrokeModel
    raise AttributeError(f"module 'hwgan' has no attribute {name!r}")
