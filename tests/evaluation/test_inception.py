"""Inception-v3, against pytorch-fid with the same random weights, and weights that do not fit."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from safetensors.numpy import save_file

from hwgan.evaluation import inception
from hwgan.runtime.errors import UserError
from tests.evaluation.references import REFERENCES


def random_weights(layout):
    """Random weights for each array, which depend on its name alone, as in experiments/references."""

    def values(name, shape):
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        if name.endswith("conv.weight"):
            return rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
        if name.endswith(("bn.weight", "running_var")):
            return rng.uniform(0.5, 1.5, shape)
        return 0.1 * rng.normal(size=shape)

    return {name: np.ascontiguousarray(values(name, shape), np.float32) for name, shape in layout.items()}


@pytest.fixture(scope="module")
def layout():
    """Names and shapes of the arrays as PyTorch has them, from the flax module."""
    shapes = jax.eval_shape(inception.InceptionV3().init, jax.random.key(0), jnp.zeros((1, 299, 299, 3)))
    leaves = {path: name for name, (_, path) in inception._LEAVES.items()}
    flat = {}
    for (_, *module, layer, leaf), array in traverse_util.flatten_dict(shapes).items():
        shape = array.shape if leaf != "kernel" else tuple(array.shape[i] for i in (3, 2, 0, 1))
        flat[".".join([*module, leaves[layer, leaf]])] = shape
    return flat


@pytest.mark.slow
def test_inception_is_that_of_pytorch_fid(layout, tmp_path):
    expected = REFERENCES["inception"]
    assert len(layout) == expected["arrays"]
    named = "\n".join(f"{name} {list(shape)}" for name, shape in sorted(layout.items()))
    assert zlib.crc32(named.encode()) == expected["layout"]
    path = tmp_path / "inception.safetensors"
    save_file(random_weights(layout) | {"fc.weight": np.zeros((1008, 2048), np.float32)}, path)
    network = inception.load_inception(str(path))
    assert len(network.checksum) == 16
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (40, 97), dtype=np.uint8)
    large = np.kron(rng.integers(0, 256, (8, 40), dtype=np.uint8), np.ones((8, 8), np.uint8))
    features = network.features([small, large])
    np.testing.assert_allclose(features[:, :: 2048 // 16], expected["features"], atol=1e-3)
    np.testing.assert_allclose(features.mean(axis=1), expected["means"], rtol=1e-5)


def test_inception_weights_that_do_not_fit(layout, tmp_path):
    with pytest.raises(UserError, match="cannot read the Inception weights"):
        inception.load_inception(str(tmp_path / "nowhere"))
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK\x03\x04 a pickle")
    with pytest.raises(UserError, match="no safetensors file"):
        inception.load_inception(str(path))
    with pytest.raises(UserError, match="lacks 470 arrays of Inception-v3"):
        inception.convert_weights({})
    with pytest.raises(UserError, match="which does not fit"):
        inception.convert_weights({"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 5, 5), np.float32)})
    with pytest.raises(UserError, match="which Inception-v3 has not"):
        inception.convert_weights({"Conv2d_1a_3x3.conv.bias": np.zeros(32, np.float32)})
