"""A config prepared for timing: networks, a fresh state, and a synthetic batch of the right shapes; no dataset."""

import dataclasses
import functools
import importlib
import string
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench.entries import Settings
from hwgan.checkpoints.run import build_networks, image_spec, init_state
from hwgan.data.charset import Charset
from hwgan.models.batch import Batch, FakeTexts, RealWords
from hwgan.models.networks import Networks
from hwgan.models.state import NETWORK_NAMES, Optimizers, TrainState
from hwgan.runtime.config import Config
from hwgan.runtime.errors import UserError
from hwgan.training.step import make_train_step
from hwgan.training.step_config import StepConfig

# Alphabets of datasets, for configs that take it from their dataset: 79 characters for IAM, a to z for others.
_IAM = string.ascii_letters + string.digits + "!\"#&'()*+,-./:;?_"
_ALPHABETS = {"iam": _IAM, "iam_alonso": _IAM, "iam_variable": _IAM}
_NUM_WRITERS = 2  # each config with an identifier has at least so many


@dataclasses.dataclass(frozen=True)
class Workload:
    """What a run of a config has before its first step.

    Attributes:
      name: name of the config.
      config: the config, with the requested batch size.
      charset: an alphabet.
      networks: the modules.
      optimizers: the optimizer of each network.
      state: the initial state.
      batch: random words and images; lengths are spread evenly from the shortest to the longest.
      programs: what has been compiled for the workload so far, see `programs.step_program`.
    """

    name: str
    config: Config
    charset: Charset
    networks: Networks
    optimizers: Optimizers
    state: TrainState
    batch: Batch
    programs: dict[Any, Any] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def batch_size(self) -> int:
        """Words of a batch."""
        return self.config.train.batch_size

    @property
    def dtype(self) -> str:
        """Type of the networks' computations."""
        return self.config.model.dtype

    @property
    def step_config(self) -> StepConfig:
        """The settings of the training step."""
        return StepConfig.from_config(self.config)

    def step_function(self, **changes: Any) -> Callable[..., Any]:
        """`(state, batch, root_key) → (state, metrics)`, with changed settings; to be jitted with its state donated."""
        config = dataclasses.replace(self.step_config, **changes)
        return make_train_step(self.networks, self.optimizers, config)

    def network_names(self) -> list[str]:
        """The networks that have parameters."""
        return [name for name in NETWORK_NAMES if getattr(self.state, name).params]

    def sample_z(self, seed: int) -> jax.Array:
        """Z ~ N(0, I) for each text of the batch, [batch, z_dim]."""
        return jax.random.normal(jax.random.key(seed), (self.batch_size, self.networks.z_dim))


def load_config(name: str) -> Config:
    """The config of a run: `configs/NAME.py`.

    Raises:
      UserError: there is no such file.
    """
    try:
        return importlib.import_module(f"configs.{name}").get_config()
    except ModuleNotFoundError as error:
        raise UserError(f"configs/{name}.py does not exist; run from the root of the repository: {error}") from error


def workload_of(name: str, settings: Settings) -> Workload:
    """The workload of a config by the settings of the command line."""
    return load_workload(name, settings.batch_sizes.get(name, 0), settings.dtype)


@functools.lru_cache(maxsize=2)  # states and compiled programs are large, and configs are measured one by one
def load_workload(name: str, batch_size: int = 0, dtype: str = "") -> Workload:
    """Builds a workload.

    Args:
      name: name of the config.
      batch_size: words of a batch; 0 for that of the config.
      dtype: in which the networks compute, such as "bfloat16"; "" for that of the config.
    """
    config = load_config(name)
    config.model.dtype = dtype or config.model.dtype
    config.train.batch_size = batch_size or config.train.batch_size
    charset = Charset(config.data.alphabet or _ALPHABETS.get(name, string.ascii_lowercase))
    networks, optimizers = build_networks(config, charset)
    state = jax.jit(lambda key: init_state(key, networks, optimizers, config))(jax.random.key(0))
    batch = synthetic_batch(config, networks, charset.num_labels)
    return Workload(name, config, charset, networks, optimizers, state, batch)


def synthetic_batch(config: Config, networks: Networks, num_labels: int) -> Batch:
    """A training batch of random pixels and labels, as wide as the config allows."""
    spec, size, rng = image_spec(config), config.train.batch_size, np.random.default_rng(0)
    width, pixels = spec.max_width, spec.pixels_per_character
    longest = min(spec.max_length, width // pixels) if pixels else spec.max_length
    lengths = np.linspace(max(spec.min_length, min(2, longest)), longest, size).round().astype(np.int32)
    is_random = np.arange(size) < round(size * config.data.random_text_fraction)

    def labels() -> np.ndarray:
        return rng.integers(1, num_labels, (size, longest), np.int32) * (np.arange(longest) < lengths[:, None])

    real = RealWords(
        image=rng.uniform(-1.0, 1.0, (size, spec.height, width, 1)).astype(np.float32),
        widths=lengths * pixels if pixels else -(-lengths * width // longest),
        labels=labels(),
        lengths=lengths,
        writers=rng.integers(0, _NUM_WRITERS, size, np.int32),
        weights=np.ones(size, np.float32),
    )
    fake = FakeTexts(
        labels=labels(),
        lengths=lengths,
        weights=(~is_random).astype(np.float32),
        log_widths=rng.normal(size=size).astype(np.float32) if networks.log_width_std else None,
        is_random=is_random if is_random.any() else None,
    )
    return jax.tree.map(jnp.asarray, Batch(real, fake))
