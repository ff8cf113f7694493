"""Figures of evaluation, against reference implementations, plain versions of the definitions, and sets made to be told."""

import itertools
import json
import pathlib
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import traverse_util
from prdc import compute_prdc
from safetensors.numpy import save_file

from hwgan.data.charset import Charset
from hwgan.errors import UserError
from hwgan.evaluation import inception, topology
from hwgan.evaluation.assessment import reading_figures
from hwgan.evaluation.coverage import precision_recall_density_coverage, share_of_copies
from hwgan.evaluation.decoding import Lexicon, log_likelihoods
from hwgan.evaluation.distances import frechet_distance, kernel_distance
from hwgan.evaluation.intervals import bootstrap_ratio, half_sample_figure
from hwgan.evaluation.table import as_table

DATA = pathlib.Path(__file__).parent / "data"
REFERENCES = json.loads((DATA / "references.json").read_text())


def reference_sets(name):
    """The two sets of features that the reference implementations were given."""
    if name == "random":
        rng = np.random.default_rng(0)
        return rng.normal(size=(300, 16)), 0.2 + 1.1 * rng.normal(size=(250, 16)) @ rng.normal(size=(16, 16)) / 4
    with np.load(DATA / "features.npz") as stored:  # of real and of generated words
        return stored["real"].astype(np.float64), stored["generated"].astype(np.float64)


# against reference implementations: experiments/references wrote their figures


@pytest.mark.parametrize("name", ["random", "real"])
def test_frechet_and_kernel_distance_are_those_of_torch_fidelity(name):
    first, second = reference_sets(name)
    expected = REFERENCES[name]
    np.testing.assert_allclose(frechet_distance(first, second), expected["frechet"], rtol=1e-6)
    count = min(len(first), len(second))
    np.testing.assert_allclose(kernel_distance(first[:count], second[:count]).value, expected["kernel"], rtol=1e-6)


@pytest.mark.parametrize("name", ["random", "real"])
def test_precision_and_the_rest_are_those_of_prdc(name, capsys):
    first, second = reference_sets(name)
    for neighbors in (3, 5):
        expected = compute_prdc(first, second, neighbors)
        found = precision_recall_density_coverage(first, second, neighbors)
        assert found == pytest.approx({key: float(value) for key, value in expected.items()}, rel=1e-12)


@pytest.mark.parametrize("name", ["random", "real"])
def test_living_times_are_those_of_geometry_score(name):
    """For the same landmarks; the score is the squared distance of their means."""
    for rows, expected in zip(reference_sets(name), REFERENCES[name]["living_times"], strict=True):
        landmarks = rows[np.random.default_rng(1).choice(len(rows), 64)]
        times = topology.relative_living_times(rows, landmarks, REFERENCES["gamma"])
        np.testing.assert_allclose(times[: len(expected)], expected, atol=1e-9)
        assert times.sum() <= 1.0 + 1e-9  # less where there are more than a hundred holes


def made_up_weights(layout):
    """Numbers for each array of Inception by its name, alike wherever they are drawn."""

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


def test_inception_is_that_of_pytorch_fid(layout, tmp_path):
    expected = REFERENCES["inception"]
    assert len(layout) == expected["arrays"]
    named = "\n".join(f"{name} {list(shape)}" for name, shape in sorted(layout.items()))
    assert zlib.crc32(named.encode()) == expected["layout"]
    path = tmp_path / "inception.safetensors"
    save_file(made_up_weights(layout) | {"fc.weight": np.zeros((1008, 2048), np.float32)}, path)
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


# sets made to be told


@pytest.fixture(scope="module")
def real():
    return np.random.default_rng(0).normal(size=(400, 8))


def test_what_each_figure_catches(real):
    """Copies, one word repeated, and other words of the same kind."""
    rng = np.random.default_rng(1)
    train, others = rng.normal(size=(800, 8)), rng.normal(size=(400, 8))
    copies, one_word = train[:400], train[:1] + 1e-3 * rng.normal(size=(400, 8))
    assert frechet_distance(one_word, real) > 10 * frechet_distance(others, real)
    assert frechet_distance(copies, real) < 2 * frechet_distance(others, real)  # it does not see copies
    assert share_of_copies(copies, train, real) == 1.0
    assert share_of_copies(others, train, real) < 0.04
    assert precision_recall_density_coverage(real, one_word)["recall"] < 0.05
    assert precision_recall_density_coverage(real, others)["recall"] > 0.5


def test_geometry_score_knows_a_ring_from_a_disc():
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, 1500)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.02 * rng.normal(size=(1500, 2))
    radii = np.sqrt(rng.uniform(size=1500))[:, None]
    disc = radii * ring
    same = topology.geometry_score(ring[:750], ring[750:], rounds=20)
    other = topology.geometry_score(ring[:750], disc[:750], rounds=20)
    assert other > 3 * same
    assert topology.geometry_score(ring, disc, seed=3, rounds=3) == topology.geometry_score(
        ring, disc, seed=3, rounds=3
    )


# intervals


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = halves = 0
    for trial in range(200):
        lengths = rng.integers(1, 12, 150)
        edits = rng.binomial(lengths, 0.3)
        figure = bootstrap_ratio(edits.tolist(), lengths.tolist(), [""] * 150, seed=trial, replicates=200)
        hits += figure.low <= 0.3 <= figure.high
        rows = rng.normal(size=(120, 1))
        mean = half_sample_figure(lambda x: float(x.mean()), [rows], seed=trial, replicates=40)
        halves += mean.low <= 0.0 <= mean.high
    assert 0.89 <= hits / 200 <= 0.99
    assert 0.89 <= halves / 200 <= 0.99


def test_words_of_a_writer_are_drawn_together():
    """Ten writers who are always right or always wrong: a hundred words each are no more than one."""
    wrong = [i % 2 for i in range(10) for _ in range(100)]
    writers = [f"w{i}" for i in range(10) for _ in range(100)]
    together = bootstrap_ratio(wrong, [1] * 1000, writers, seed=0)
    alone = bootstrap_ratio(wrong, [1] * 1000, [""] * 1000, seed=0)
    assert together.value == alone.value == 0.5
    assert together.high - together.low > 5 * (alone.high - alone.low)
    assert bootstrap_ratio([1, 0], [2, 2], ["w", "w"], seed=0).low is None  # one writer has no spread


def test_reading_figures():
    figures = reading_figures(["abc", "de"], ["abd", "de"], ["", ""], seed=0)
    assert figures["cer"].value == pytest.approx(0.2)
    assert figures["wer"].value == 0.5
    assert figures["cer"] == reading_figures(["abc", "de"], ["abd", "de"], ["", ""], seed=0)["cer"]


# reading with a lexicon


@pytest.mark.parametrize("seed", range(5))
def test_likelihoods_are_those_of_ctc(seed):
    charset = Charset("abc")
    words = ["a", "aa", "ab", "abca", "bbb", "cab"]
    log_probabilities = np.asarray(jax.nn.log_softmax(jax.random.normal(jax.random.key(seed), (9, 4))))
    found = log_likelihoods(log_probabilities, words, charset)
    for word, value in zip(words, found, strict=True):
        labels = jnp.asarray(charset.encode(word))[None]
        expected = -optax.ctc_loss(log_probabilities[None], jnp.zeros((1, 9)), labels, jnp.zeros(labels.shape))[0]
        np.testing.assert_allclose(value, expected, rtol=1e-4)
    # And by hand, over all ways to align two letters with four frames.
    short = log_probabilities[:4]
    total = -np.inf
    for path in itertools.product(range(4), repeat=4):
        merged = [label for label, group in itertools.groupby(path) if label]
        if merged == [1, 2]:
            total = np.logaddexp(total, sum(short[i, label] for i, label in enumerate(path)))
    np.testing.assert_allclose(log_likelihoods(short, ["ab"], charset)[0], total, rtol=1e-6)


def test_a_lexicon_mends_a_letter():
    charset = Charset("aorst")
    frames = np.full((8, 6), -5.0)
    for i, label in enumerate([0, 5, 0, 2, 0, 1, 0, 0]):  # reads "toa"
        frames[i, label] = -0.1
    frames[5, 3] = -0.3  # or nearly "tor"
    assert Lexicon(["tor", "sat", "rats"], charset).read(frames) == "tor"
    assert Lexicon(["tor", "sat", "é"], charset, candidates=1).read(frames) == "tor"


def test_table():
    results = {
        "figures": {"words": {"generated": {"cer": {"value": 0.123, "low": 0.1, "high": 0.15}}, "real": {}}},
        "judge": {"name": "own", "checksum": "ab"},
        "features": {"reader": {"checksum": "ab"}},
        "seed": 3,
        "preprocessing": {"revision": 4},
    }
    assert "| cer | 12.3 % (10.0 to 15.0) |  |" in as_table(results)
    assert as_table(results).rstrip().endswith("judge own ab; seed 3; preprocessing revision 4; features reader ab.")
