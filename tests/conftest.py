"""Shared fixtures: a small prepared dataset, a small run, two devices on any machine."""

import importlib
import os
import pathlib
import pkgutil
import tempfile
import time

# Before jax is imported: two devices, so that sharding is tested; no search for accelerators.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # test processes share the cores
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # compiling takes longer than these small runs
# Many tests compile the same programs, in this process, in its twin and in children.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(tempfile.gettempdir()) / "hwgan-tests-xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"

import jax
import jax.numpy as jnp
import pytest

import configs
from configs import smoke
from hwgan.checkpoints.run import build_networks, image_spec, init_state
from hwgan.data.charset import Charset
from hwgan.models.batch import Batch, FakeTexts, RealWords
from hwgan.prepare import prepare_dataset
from hwgan.runtime.cpu import use_correct_convolutions
from hwgan.training.step import make_train_step
from hwgan.training.step_config import StepConfig

use_correct_convolutions()  # as every entry point does, before the first computation
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_runtest_setup():
    """Skips what would begin after the time in HWGAN_TESTS_UNTIL (seconds since 1970): CI ends longer runs without a result."""
    until = os.environ.get("HWGAN_TESTS_UNTIL")
    if until and time.time() > float(until):
        pytest.skip("the time for tests is over")


CONFIGS = [
    importlib.import_module(f"configs.{found.name}")
    for found in pkgutil.iter_modules(configs.__path__)
    if not found.name.endswith("common")  # not runs of their own
]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> str:
    """A folder with the smoke set of penman, prepared."""
    path = str(tmp_path_factory.mktemp("data"))
    prepare_dataset("penman/smoke", path)
    return path


@pytest.fixture
def config(data_dir):
    """The smoke config on one batch for both devices."""
    config = smoke.get_config()
    config.data.data_dir = data_dir
    return config


class SmallRun:
    """Networks, optimizers and a fresh state of the smoke config, with any change made by `edit`."""

    def __init__(self, edit=None, config=None, characters="abcdefghijklmnopqrstuvwxyz"):
        self.config = config or smoke.get_config()
        if edit is not None:
            edit(self.config)
        self._steps = {}
        self.charset = Charset(characters)
        self.spec = image_spec(self.config)
        self.networks, self.optimizers = build_networks(self.config, self.charset)
        self.state = jax.jit(lambda key: init_state(key, self.networks, self.optimizers, self.config))(
            jax.random.key(0)
        )

    def step(self, **settings):
        """The jitted training step with these `StepConfig` settings, compiled once for all tests."""
        key = tuple(sorted(settings.items()))
        if key not in self._steps:
            step = make_train_step(self.networks, self.optimizers, StepConfig(**settings))
            self._steps[key] = jax.jit(step)
        return self._steps[key]

    def batch(self, size=4, seed=0) -> Batch:
        """Random words and images of the right shapes."""
        keys = jax.random.split(jax.random.key(seed), 4)
        length = self.spec.max_length
        labels = jax.random.randint(keys[0], (size, length), 1, self.charset.num_labels)
        lengths = jax.random.randint(keys[1], (size,), 2, length + 1)
        labels *= jnp.arange(length)[None] < lengths[:, None]
        width = self.spec.pixels_per_character
        real = RealWords(
            image=jax.random.uniform(keys[2], (size, self.spec.height, self.spec.max_width, 1), minval=-1.0),
            widths=lengths * width if width else jnp.full((size,), self.spec.max_width),
            labels=labels,
            lengths=lengths,
            writers=jnp.arange(size) % 3 - 1,
            weights=jnp.ones(size),
        )
        return Batch(real, FakeTexts(labels, lengths, jnp.ones(size)))


@pytest.fixture(scope="session")
def small_run() -> SmallRun:
    """The `char_grid` networks, small."""
    return SmallRun()


@pytest.fixture(autouse=True)
def forget_compiled_programs():
    """Forgets compiled programs when they are many, so that a test process does not crash.

    A training step, once compiled, holds some three thousand memory mappings. Linux grants 65,530 to a process
    (vm.max_map_count), and beyond them XLA ends with a segmentation fault.
    """
    yield
    mappings = pathlib.Path("/proc/self/maps")
    if mappings.exists() and mappings.read_bytes().count(b"\n") > 30_000:
        jax.clear_caches()
