"""Weights files of unknown origin: each is one sentence, or writes words; none takes the memory or the time."""

import io
import json
import pickle
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from hwgan.checkpoints.archive import checksum
from hwgan.checkpoints.run import Run
from hwgan.checkpoints.weights_file import read_weights, write_weights_file
from hwgan.runtime.errors import UserError
from hwgan.sampling.open import open_sampler
from tests.hostile import file_damages, held, mutations

FIELDS = (
    "alphabet",
    "right_to_left",
    "rare_characters",
    "config",
    "config.data",
    "config.data.max_length",
    "config.data.max_width",
    "config.preprocessing.height",
    "config.preprocessing.pixels_per_character",
    "config.model.z_dim",
    "config.model.generator",
    "config.model.generator.name",
    "config.model.generator.block_features",
    "config.model.language_model.num_layers",
    "config.model.recognizer.conv_features",
    "config.sample.temperature",
    "config.optimizer.generator.learning_rate",
)


@pytest.fixture(scope="module")
def honest(small_run, tmp_path_factory):
    """Record and arrays of a weights file."""
    path = tmp_path_factory.mktemp("weights") / "honest.npz"
    run = Run(small_run.config, small_run.charset, small_run.networks, small_run.state, {"q": 3})
    write_weights_file(run, str(path), ["all"])
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    record = json.loads(str(arrays.pop("record")))
    record.pop("checksum")
    return record, arrays


def write(path, record, arrays):
    """A file whose checksum is right, as its maker can make it."""
    record = record | {"checksum": checksum(record, arrays)}
    np.savez(path, record=np.array(json.dumps(record)), **arrays)


def open_and_write(path):
    with held():
        for image in open_sampler(str(path)).draw(["ab"], jnp.zeros((1, 6))):
            assert image.std() > 0


def test_the_honest_file_is_read(honest, tmp_path):
    write(tmp_path / "w.npz", *honest)
    open_and_write(tmp_path / "w.npz")
    assert set(read_weights(str(tmp_path / "w.npz")).variables) >= {"generator", "recognizer"}


@pytest.mark.slow
def test_fields(honest, tmp_path):
    record, arrays = honest
    found = list(mutations(record, FIELDS))
    for _, changed_record in found:
        write(tmp_path / "w.npz", changed_record, arrays)
        open_and_write(tmp_path / "w.npz")
    assert len(found) == 11 * len(FIELDS)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("config.data.max_length", 10**9, "data.max_length=1000000000 must be a whole number from 1 to 256"),
        ("config.preprocessing.height", 10**6, "preprocessing.height=1000000 must be"),
        ("config.model.language_model.num_layers", 10**4, "num_layers=10000 must be"),
        ("config.model.generator.cell_features", 10**9, "cell_features=1000000000 must be"),
        ("config.sample.temperature", 30.0, "temperature of styles must be above 0 and at most 5"),
        ("config.sample.temperature", float("nan"), "sample.temperature=nan"),
        ("alphabet", "ab" * 20_000, "its alphabet is no text of at most"),
        ("rare_characters", ["a"], "its rare characters are no object"),
        ("rare_characters", {"ab": 1}, "its rare characters are no object"),
        ("rare_characters", {"é": 1}, "its rare characters are no object"),
        ("rare_characters", {"a": 10**9}, "the examples of 'a'=1000000000 must be a whole number from 0 to 19"),
    ],
)
def test_absurd_fields_are_named(honest, tmp_path, field, value, message):
    record, arrays = honest
    *parents, last = field.split(".")
    record = json.loads(json.dumps(record))
    inner = record
    for name in parents:
        inner = inner[name]
    inner[last] = value
    write(tmp_path / "w.npz", record, arrays)
    with pytest.raises(UserError, match=message):
        open_sampler(str(tmp_path / "w.npz"))


def _array_changes(arrays):
    name = next(name for name in arrays if name.startswith("generator/params"))
    array = arrays[name]
    yield "not finite", arrays | {name: array * np.nan}, "not finite"
    yield (
        "infinite",
        arrays | {name: np.where(np.arange(array.size).reshape(array.shape) == 1, np.inf, array)},
        "finite",
    )
    yield "longer", arrays | {name: np.concatenate([array, array])}, "its config asks for"
    yield "of text", arrays | {name: np.full(array.shape, "x")}, "its config asks for"
    yield "complex", arrays | {name: array + 1j}, "its config asks for"
    yield "of integers", arrays | {name: array.astype(int)}, "its config asks for"
    yield "missing", {key: value for key, value in arrays.items() if key != name}, "is missing"
    yield "unknown", arrays | {"generator/params/other": array}, "of no network of its config"
    yield "of no network", arrays | {"oracle/params/kernel": array}, "is no network"
    yield "at a prefix", arrays | {"generator/params": array}, "."


def test_arrays_are_those_of_the_networks(honest, tmp_path):
    record, arrays = honest
    for _, changed_arrays, message in _array_changes(arrays):
        write(tmp_path / "w.npz", record, changed_arrays)
        with held(), pytest.raises(UserError, match=message):
            open_sampler(str(tmp_path / "w.npz"))


class Payload:
    def __reduce__(self):
        return (open, ("payload_ran", "w"))


def test_archives(honest, tmp_path, monkeypatch):
    """Bombs, pickles, and archives of other things."""
    monkeypatch.chdir(tmp_path)
    record, _ = honest
    path = tmp_path / "w.npz"

    def archive(members):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members.items():
                file.writestr(name, content)

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    stored_record = io.BytesIO()
    np.save(stored_record, np.array(json.dumps(record | {"checksum": ""})))
    pickled = io.BytesIO()
    np.save(pickled, np.array([Payload()], object), allow_pickle=True)
    record_file = {"record.npy": stored_record.getvalue()}
    for members in (
        {},
        {"record.npy": b""},
        {"record.npy": pickle.dumps(Payload())},
        {"record.npy": pickled.getvalue()},
        record_file | {"a.npy": pickled.getvalue()},
        record_file | {"a.npy": header.getvalue()},
        record_file | {f"{number}.npy": b"" for number in range(10_001)},
        record_file | {"../../a.npy": b"x"},
    ):
        archive(members)
        with held(), pytest.raises(UserError):
            open_sampler(str(path))
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("record.npy", "w", force_zip64=True) as bomb,
    ):
        for _ in range(1100):
            bomb.write(b"0" * 10**6)
    with held(), pytest.raises(UserError, match=r"would unpack to 1,100\.0 MB"):
        open_sampler(str(path))
    assert not (tmp_path / "payload_ran").exists()


def test_files_that_are_something_else(honest, tmp_path):
    path = tmp_path / "w.npz"
    write(path, *honest)
    names = [name for name, _ in file_damages(path)]
    for number in range(len(names)):
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        write(path, *honest)
        _, damage = list(file_damages(path))[number]
        damage()
        with held(), pytest.raises(UserError):
            open_sampler(str(path))
