"""Text to images of handwriting.

>>> import hwgan
>>> model = hwgan.load()
>>> image = model.word("Bonjour", style=3)
>>> image.dtype, image.shape[0] == model.height
(dtype('uint8'), True)

`load` gives a `Model`, whose methods write words, lines and pages. Mistakes in what it is given raise `UserError`.
Importing this package imports no jax; `load` does, after it has set XLA's options.
"""

import os
from typing import TYPE_CHECKING, Any

from hwgan.runtime.errors import UserError

if TYPE_CHECKING:
    from hwgan.sampling.model import Model

__all__ = ["Model", "UserError", "load"]


def load(
    checkpoint: str | os.PathLike[str] = "", *, step: int | None = None, temperature: float | None = None
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

    prepare_backend()
    from hwgan.sampling.model import Model
    from hwgan.sampling.open import open_sampler

    checkpoint = str(checkpoint)
    return Model(open_sampler(checkpoint, step, temperature), checkpoint, step)


def __getattr__(name: str) -> Any:
    """`Model`, which is imported when it is asked for, as jax comes with it."""
    if name == "Model":
        from hwgan.sampling.model import Model

        return Model
    raise AttributeError(f"module 'hwgan' has no attribute {name!r}")
