"""Sets of features with the metrics that reference implementations give them (experiments/references)."""

import json
import pathlib

import numpy as np

_DATA = pathlib.Path(__file__).parents[1] / "data"
REFERENCES = json.loads((_DATA / "references.json").read_text())


def reference_sets(name):
    """The two sets of features that the reference implementations were given: "random" or "real"."""
    if name == "random":
        rng = np.random.default_rng(0)
        return rng.normal(size=(300, 16)), 0.2 + 1.1 * rng.normal(size=(250, 16)) @ rng.normal(size=(16, 16)) / 4
    with np.load(_DATA / "features.npz") as stored:  # of real and of generated words
        return stored["real"].astype(np.float64), stored["generated"].astype(np.float64)
