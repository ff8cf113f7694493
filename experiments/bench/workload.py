"""A config made ready to be timed: networks, a fresh state, and a made-up batch of the right shapes; no dataset."""

import dataclasses
import functools
import importlib
import string
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan.data.charset import Charset
from hwgan.errors import UserError
from hwgan.run import build_networks, image_spec, init_state
from hwgan.train_step import make_train_step
from hwgan.trainer import step_settings
from hwgan.update import StepConfig
from hwgan.writing import fake_layout, generate

# Alphabets of the datasets, where a config leaves it to them: a to z as in penman, 79 characters as in IAM.
_ALPHABETS = {"iam": string.ascii_letters + string.digits + "!\"#&'()*+,-./:;?_"}
_KEY = jax.random.key


@dataclasses.dataclass(frozen=True)
class Workload:
    """What a run of a config holds before its first step.

    Attributes:
      name: of the config.
      config: with the batch size and dtype asked for.
      charset: an alphabet.
      networks: the modules.
      optimizers: one each.
      state: fresh.
      batch: random words and images, lengths spread evenly from the shortest to the longest.
      programs: compiled for it so far, see `programs.step_program`.
    """

    name: str
    config: Any
    charset: Charset
    networks: Any
    optimizers: Any
    state: Any
    batch: dict[str, jax.Array]
    programs: dict[Any, Any] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def batch_size(self) -> int:
        return self.config.train.batch_size

    @property
    def step_config(self) -> StepConfig:
        """The settings of the step, as a training run takes them from the config."""
        return step_settings(self.config)

    def step_function(self, **changes: Any):
        """`(state, batch, root_key) → (state, metrics)`, with changes to its settings; to be jitted, state donated."""
        config = dataclasses.replace(self.step_config, **changes)
        return make_train_step(self.networks, self.optimizers, config)

    def network_names(self) -> list[str]:
        """The networks that have something to learn."""
        states = {field.name: getattr(self.state, field.name) for field in dataclasses.fields(self.state)}
        return [name for name, state in states.items() if getattr(state, "params", None)]

    def noise(self, seed: int) -> jax.Array:
        """A noise vector for each word to write: [batch, z_dim]."""
        return jax.random.normal(_KEY(seed), (self.batch_size, self.networks.z_dim))


def load_config(name: str) -> Any:
    """The config of a run: `configs/NAME.py`.

    Raises:
      UserError: there is no such file.
    """
    try:
        return importlib.import_module(f"configs.{name}").get_config()
    except ModuleNotFoundError as error:
        raise UserError(f"configs/{name}.py does not exist; run from the root of the repository: {error}") from error


def load_workload(name: str, batch_size: int = 0, dtype: str = "", width: int = 0) -> Workload:
    """Builds a workload.

    Args:
      name: of the config.
      batch_size: 0 for the config's own.
      dtype: to compute in; empty for the config's own.
      width: of the images of the batch; 0 for the widest of the config.
    """
    config = load_config(name)
    spec = image_spec(config)
    return _build(name, batch_size or config.train.batch_size, dtype or config.model.dtype, width or spec.max_width)


@functools.lru_cache(maxsize=2)  # a state and its compiled programs are large; one config is measured after the other
def _build(name: str, batch_size: int, dtype: str, width: int) -> Workload:
    config = load_config(name)
    config.train.batch_size, config.model.dtype = batch_size, dtype
    charset = Charset(config.data.alphabet or _ALPHABETS.get(name, string.ascii_lowercase))
    networks, optimizers = build_networks(config, charset)
    state = jax.jit(lambda key: init_state(key, networks, optimizers, config))(_KEY(0))
    batch = made_up_batch(config, charset.num_labels, width)
    return Workload(name, config, charset, networks, optimizers, state, batch)


def made_up_batch(config: Any, num_labels: int, width: int) -> dict[str, jax.Array]:
    """A training batch of noise: images of `width` pixels, texts as long as fit."""
    spec, size, rng = image_spec(config), config.train.batch_size, np.random.default_rng(0)
    each = spec.pixels_per_character
    longest = min(spec.max_length, width // each) if each else spec.max_length
    lengths = np.linspace(max(spec.min_length, min(2, longest)), longest, size).round().astype(np.int32)
    widths = lengths * each if each else -(-lengths * width // longest)

    def labels() -> np.ndarray:
        return rng.integers(1, num_labels, (size, longest), np.int32) * (np.arange(longest)[None] < lengths[:, None])

    batch = {
        "image": rng.uniform(-1.0, 1.0, (size, spec.height, width, 1)).astype(np.float32),
        "image_width": widths,
        "labels": labels(),
        "label_length": lengths,
        "writer": rng.integers(0, 2, size, np.int32),
        "fake_labels": labels(),
        "fake_label_length": lengths,
        "weight": np.ones(size, np.float32),
        "fake_weight": np.ones(size, np.float32),
    }
    return {name: jnp.asarray(rows) for name, rows in batch.items()}


def draw(networks: Any, language_variables: Any, generator_variables: Any, batch: dict[str, jax.Array], z: jax.Array):
    """Images of the words to write in the hands of z in training mode, and the generator's new collections."""
    layout = fake_layout(networks, batch | {"z": z})
    return generate(networks, language_variables, generator_variables, z, batch["fake_labels"], layout, train=True)
