"""Inception-v3 of the FID: TensorFlow's weights of 2015-12-05, with the parameter names of PyTorch.

The weights are not part of this package. pytorch-fid (https://github.com/mseitzer/pytorch-fid) publishes them as
`pt_inception-2015-12-05-6726825d.pth`. This command converts them to safetensors, which needs no PyTorch to read:

  python -c "import torch; from safetensors.torch import save_file; \\
      save_file(torch.load('pt_inception-2015-12-05-6726825d.pth'), 'inception.safetensors')"
"""

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from flax import traverse_util
from jaxtyping import Array, Float, UInt8

from hwgan.data import transforms
from hwgan.runtime.errors import UserError
from hwgan.runtime.progress import with_progress

_SIZE = 299
_BATCH_SIZE = 16
_IGNORED = ("fc.", "AuxLogits.")  # classification layers of torchvision's model, which features do not depend on
# Suffix of PyTorch's parameter name → (flax collection, path in the module).
_LEAVES = {
    "conv.weight": ("params", ("conv", "kernel")),
    "bn.weight": ("params", ("bn", "scale")),
    "bn.bias": ("params", ("bn", "bias")),
    "bn.running_mean": ("batch_stats", ("bn", "mean")),
    "bn.running_var": ("batch_stats", ("bn", "var")),
}


class ConvNorm(nn.Module):
    """Convolution, batch norm with running statistics, ReLU."""

    features: int
    kernel_size: tuple[int, int]
    strides: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 d"]:
        strides = (self.strides, self.strides)
        x = nn.Conv(self.features, self.kernel_size, strides, self.padding, use_bias=False, name="conv")(x)
        return nn.relu(nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x))


class Branches(nn.Module):
    """Parallel paths of convolutions and one of pooling, concatenated along the channels.

    Attributes:
      paths: the convolutions (name, features, kernel size, stride) of each path. A tuple of convolutions in place of
        one applies them in parallel and concatenates their outputs.
      pool: "average", "max", or "half": max pooling with stride 2 and without a convolution.
      pool_features: output channels of the convolution after the pooling.
    """

    paths: tuple[tuple[Any, ...], ...]
    pool: str
    pool_features: int = 0

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 d"]:
        outputs = []
        for path in self.paths:
            y = x
            for step in path:
                fork = step if isinstance(step[0], tuple) else (step,)
                y = jnp.concatenate([self._conv(*one)(y) for one in fork], axis=-1)
            outputs.append(y)
        if self.pool == "half":
            outputs.append(nn.max_pool(x, (3, 3), (2, 2)))
        else:
            # As in TensorFlow, padding does not count in averages. The last block has max pooling, as in the model that
            # these weights belong to.
            average_pool = functools.partial(nn.avg_pool, count_include_pad=False)
            pooled = (nn.max_pool if self.pool == "max" else average_pool)(x, (3, 3), padding="SAME")
            outputs.append(ConvNorm(self.pool_features, (1, 1), name="branch_pool")(pooled))
        return jnp.concatenate(outputs, axis=-1)

    def _conv(self, name: str, features: int, kernel_size: tuple[int, int], strides: int = 1) -> ConvNorm:
        return ConvNorm(features, kernel_size, strides, "SAME" if strides == 1 else "VALID", name=name)


def _block_a(pool_features: int, name: str) -> Branches:
    paths = (
        (("branch1x1", 64, (1, 1)),),
        (("branch5x5_1", 48, (1, 1)), ("branch5x5_2", 64, (5, 5))),
        (("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, (3, 3)), ("branch3x3dbl_3", 96, (3, 3))),
    )
    return Branches(paths, "average", pool_features, name=name)


def _block_b(name: str) -> Branches:
    paths = (
        (("branch3x3", 384, (3, 3), 2),),
        (("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, (3, 3)), ("branch3x3dbl_3", 96, (3, 3), 2)),
    )
    return Branches(paths, "half", name=name)


def _block_c(middle: int, name: str) -> Branches:
    doubled = tuple(
        (f"branch7x7dbl_{i}", features, kernel)
        for i, (features, kernel) in enumerate(
            ((middle, (1, 1)), (middle, (7, 1)), (middle, (1, 7)), (middle, (7, 1)), (192, (1, 7))), start=1
        )
    )
    paths = (
        (("branch1x1", 192, (1, 1)),),
        (("branch7x7_1", middle, (1, 1)), ("branch7x7_2", middle, (1, 7)), ("branch7x7_3", 192, (7, 1))),
        doubled,
    )
    return Branches(paths, "average", 192, name=name)


def _block_d(name: str) -> Branches:
    paths = (
        (("branch3x3_1", 192, (1, 1)), ("branch3x3_2", 320, (3, 3), 2)),
        (
            ("branch7x7x3_1", 192, (1, 1)),
            ("branch7x7x3_2", 192, (1, 7)),
            ("branch7x7x3_3", 192, (7, 1)),
            ("branch7x7x3_4", 192, (3, 3), 2),
        ),
    )
    return Branches(paths, "half", name=name)


def _block_e(pool: str, name: str) -> Branches:
    def forked(branch: str) -> tuple[tuple[str, int, tuple[int, int]], ...]:
        return ((f"{branch}a", 384, (1, 3)), (f"{branch}b", 384, (3, 1)))

    paths = (
        (("branch1x1", 320, (1, 1)),),
        (("branch3x3_1", 384, (1, 1)), forked("branch3x3_2")),
        (("branch3x3dbl_1", 448, (1, 1)), ("branch3x3dbl_2", 384, (3, 3)), forked("branch3x3dbl_3")),
    )
    return Branches(paths, pool, 192, name=name)


class InceptionV3(nn.Module):
    """Maps images in [-1, 1] to the 2,048 features of the last average pooling.

    References:
      Szegedy et al., Rethinking the Inception Architecture, 2015, https://arxiv.org/abs/1512.00567
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b 299 299 3"]) -> Float[Array, "b 2048"]:
        x = ConvNorm(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(x)
        x = ConvNorm(32, (3, 3), padding="VALID", name="Conv2d_2a_3x3")(x)
        x = ConvNorm(64, (3, 3), name="Conv2d_2b_3x3")(x)
        x = nn.max_pool(x, (3, 3), (2, 2))
        x = ConvNorm(80, (1, 1), name="Conv2d_3b_1x1")(x)
        x = ConvNorm(192, (3, 3), padding="VALID", name="Conv2d_4a_3x3")(x)
        x = nn.max_pool(x, (3, 3), (2, 2))
        for letter, pool_features in zip("bcd", (32, 64, 64), strict=True):
            x = _block_a(pool_features, f"Mixed_5{letter}")(x)
        x = _block_b("Mixed_6a")(x)
        for letter, middle in zip("bcde", (128, 160, 160, 192), strict=True):
            x = _block_c(middle, f"Mixed_6{letter}")(x)
        x = _block_d("Mixed_7a")(x)
        x = _block_e("average", "Mixed_7b")(x)
        x = _block_e("max", "Mixed_7c")(x)
        return x.mean(axis=(1, 2))


@jax.jit
def _apply(variables: Any, squares: Float[Array, "b 299 299"]) -> Float[Array, "b 2048"]:
    features: Any = InceptionV3().apply(variables, jnp.repeat(squares[..., None], 3, axis=-1))
    return features


def to_square(image: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "299 299"]:
    """Resizes to 299x299 by bilinear interpolation without anti-aliasing, as FID does, and maps levels to [-1, 1]."""
    rows, columns = (_interpolation(size) for size in image.shape)
    return rows @ transforms.to_float(image) @ columns.T


@functools.lru_cache(1024)
def _interpolation(size: int) -> Float[np.ndarray, "299 size"]:
    """Matrix of linear interpolation from `size` to 299 samples, at the centers of equal intervals."""
    positions = np.clip((np.arange(_SIZE) + 0.5) * size / _SIZE - 0.5, 0, size - 1)
    below = np.minimum(positions.astype(int), max(size - 2, 0))
    matrix = np.zeros((_SIZE, size), np.float32)
    matrix[np.arange(_SIZE), below] = 1.0 - (positions - below)
    matrix[np.arange(_SIZE), np.minimum(below + 1, size - 1)] += positions - below
    return matrix


@dataclasses.dataclass(frozen=True)
class Inception:
    """Inception-v3 with its weights.

    Attributes:
      variables: variables of `InceptionV3`.
      checksum: the first 16 hexadecimal digits of the SHA-256 of the weights file.
    """

    variables: Any
    checksum: str

    def features(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Features [images, 2048] of uint8 grey images of any size, each resized to a square."""
        features = np.empty((len(images), 2048), np.float32)
        starts = range(0, len(images), _BATCH_SIZE)
        for start in with_progress(starts, "Inception-v3", f"batches of {_BATCH_SIZE} words"):
            rows = list(range(start, min(start + _BATCH_SIZE, len(images))))
            padded_rows = rows + rows[-1:] * (_BATCH_SIZE - len(rows))
            batch = np.stack([to_square(images[row]) for row in padded_rows])
            features[rows] = np.asarray(_apply(self.variables, batch))[: len(rows)]
        return features


def load_inception(path: str) -> Inception:
    """Reads the weights from a file.

    Args:
      path: a safetensors file with PyTorch's names; the docstring of this module tells how to make it.

    Raises:
      UserError: the file cannot be read, or does not have the arrays of Inception-v3.
    """
    try:
        content = pathlib.Path(path).read_bytes()
        tensors = safetensors.numpy.load(content)
    except OSError as error:
        raise UserError(f"cannot read the Inception weights {path!r}: {error.strerror or error}") from error
    except Exception as error:  # SafetensorError is not exported by all versions
        raise UserError(f"{path!r} is no safetensors file ({error}); see hwgan/evaluation/inception.py") from error
    return Inception(convert_weights(tensors, path), hashlib.sha256(content).hexdigest()[:16])


def convert_weights(tensors: dict[str, np.ndarray], name: str = "the weights") -> Any:
    """Converts arrays with PyTorch's names and layout to flax variables.

    Args:
      tensors: arrays by name.
      name: name of the file, for messages.

    Raises:
      UserError: an array is missing, unexpected or of another shape.
    """
    shapes: Any = jax.eval_shape(InceptionV3().init, jax.random.key(0), jnp.zeros((1, _SIZE, _SIZE, 3)))
    flat: dict[Any, Any] = traverse_util.flatten_dict(shapes)
    expected = {key: leaf.shape for key, leaf in flat.items()}
    converted = {}
    for tensor_name, value in tensors.items():
        if tensor_name.startswith(_IGNORED) or tensor_name.endswith("num_batches_tracked"):
            continue
        module, leaf = tensor_name.rsplit(".", 2)[0], ".".join(tensor_name.rsplit(".", 2)[1:])
        if leaf not in _LEAVES:
            raise UserError(f"{name} has an array {tensor_name!r}, which Inception-v3 has not")
        collection, path = _LEAVES[leaf]
        key = (collection, *module.split("."), *path)
        array = np.asarray(value, np.float32)
        converted[key] = array.transpose(2, 3, 1, 0) if path[-1] == "kernel" and array.ndim == 4 else array
        if expected.get(key) != converted[key].shape:
            raise UserError(
                f"{name} has {tensor_name!r} of shape {value.shape}, which does not fit Inception-v3 of FID"
            )
    missing = sorted(set(expected) - set(converted))
    if missing:
        raise UserError(f"{name} lacks {len(missing)} arrays of Inception-v3, first {'.'.join(missing[0])}")
    return traverse_util.unflatten_dict(converted)
