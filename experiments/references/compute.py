"""Writes tests/data/references.json: values of reference implementations for the features and weights of the tests.

  pip install torch torchvision torch-fidelity pytorch-fid gudhi    # in an environment of its own
  git clone https://github.com/KhrulkovV/geometry-score GEOMETRY_SCORE
  python -m experiments.references.compute --geometry_score=GEOMETRY_SCORE

The tests themselves need none of these packages.
"""

import argparse
import json
import pathlib
import sys
import types
import zlib

import numpy as np
import pytorch_fid.inception
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_kid import kernel_mmd

DATA = pathlib.Path(__file__).parents[2] / "tests" / "data"
GAMMA = 0.1  # a scale at which the geometry score of these small sets has holes


def sets_of_features():
    """The pairs of sets of tests/evaluation/references.py."""
    rng = np.random.default_rng(0)
    yield "random", rng.normal(size=(300, 16)), 0.2 + 1.1 * rng.normal(size=(250, 16)) @ rng.normal(size=(16, 16)) / 4
    with np.load(DATA / "features.npz") as stored:
        yield "real", stored["real"].astype(np.float64), stored["generated"].astype(np.float64)


def distances(first, second):
    """FID as pytorch-fid computes it, one subset of KID as torch-fidelity does."""
    moments = [value for rows in (first, second) for value in (rows.mean(axis=0), np.cov(rows, rowvar=False))]
    count = min(len(first), len(second))
    settings = dict(kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1)
    return {
        "frechet": float(calculate_frechet_distance(*moments)),
        "kernel": float(kernel_mmd(first[:count], second[:count], **settings)),
    }


def living_times(gs, rows):
    """Relative living times for the landmarks that the test draws."""
    landmarks = rows[np.random.default_rng(1).choice(len(rows), 64)]
    gs.random_landmarks = lambda X, L_0: landmarks  # noqa: N803
    holes, largest = gs.witness(rows, gamma=GAMMA, L_0=64)
    return gs.relative(holes, largest).round(12).tolist()


def random_array(name, shape):
    """As tests/evaluation/test_inception.py generates them."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("conv.weight"):
        return rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
    if name.endswith(("bn.weight", "running_var")):
        return rng.uniform(0.5, 1.5, shape)
    return 0.1 * rng.normal(size=shape)


def inception():
    """Features of two images by pytorch-fid's network with random weights."""
    plain = pytorch_fid.inception._inception_v3(num_classes=1008, aux_logits=False, weights=None).state_dict()
    layout = {name: tuple(value.shape) for name, value in plain.items() if "num_batches" not in name}
    weights = {name: torch.tensor(random_array(name, shape), dtype=torch.float32) for name, shape in layout.items()}
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: plain | weights
    network = pytorch_fid.inception.InceptionV3().eval()
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, (40, 97), dtype=np.uint8),
        np.kron(rng.integers(0, 256, (8, 40), dtype=np.uint8), np.ones((8, 8), np.uint8)),
    ]
    with torch.no_grad():
        inputs = [torch.tensor(image / 255, dtype=torch.float32)[None, None].repeat(1, 3, 1, 1) for image in images]
        features = np.stack([network(x)[0][0, :, 0, 0].numpy() for x in inputs])
    arrays = {name: shape for name, shape in layout.items() if not name.startswith("fc.")}
    named = "\n".join(f"{name} {list(shape)}" for name, shape in sorted(arrays.items()))
    return {
        "arrays": len(arrays),
        "layout": zlib.crc32(named.encode()),
        "features": np.round(features[:, :: 2048 // 16].astype(float), 5).tolist(),
        "means": features.mean(axis=1).astype(float).tolist(),
    }


def main():
    """Computes all values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--geometry_score", required=True, help="a checkout of KhrulkovV/geometry-score")
    sys.path.insert(0, parser.parse_args().geometry_score)
    sys.modules.setdefault("matplotlib", types.ModuleType("matplotlib"))  # it imports it for a plot
    sys.modules.setdefault("matplotlib.pyplot", types.ModuleType("pyplot"))
    import gs.utils

    references = {"gamma": GAMMA, "inception": inception()}
    for name, first, second in sets_of_features():
        times = [living_times(gs.utils, rows) for rows in (first, second)]
        references[name] = distances(first, second) | {"living_times": times}
    references["made_with"] = {
        "torch": torch.__version__,
        "pytorch-fid": "0.3.0",
        "torch-fidelity": "0.4.0",
        "geometry-score": "02a6358e8b88e7935a1bd3a91b987d87ac2a06d5",
    }
    (DATA / "references.json").write_text(json.dumps(references) + "\n")


if __name__ == "__main__":
    main()
