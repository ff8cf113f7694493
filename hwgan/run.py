"""A run: what a config stands for, and how a trained one is opened again."""

import dataclasses
from typing import Any

import jax
import ml_collections

from hwgan import checkpoint as checkpoints
from hwgan.data.charset import Charset
from hwgan.data.letterforms import character_widths, usual_width
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.models import Networks, create_networks
from hwgan.optimizers import create_optimizer
from hwgan.train_state import NETWORK_NAMES, Optimizers, TrainState, create_train_state

Config = Any  # an ml_collections.ConfigDict, whose fields no type checker knows


def image_spec(config: Config) -> ImageSpec:
    """The preprocessing that a config asks for."""
    data = config.data
    return ImageSpec(
        Preprocessing(**config.preprocessing),
        max_width=data.max_width,
        max_length=data.max_length,
        min_length=data.min_length,
    )


def build_networks(config: Config, charset: Charset) -> tuple[Networks, Optimizers]:
    """The modules of a config and their optimizers."""
    height = config.preprocessing.height
    letter_widths = (0.0, *character_widths(charset.characters, height).tolist())
    networks = create_networks(config, charset.num_labels, letter_widths, usual_width(height))
    return networks, Optimizers(**{name: create_optimizer(config.optimizer[name]) for name in NETWORK_NAMES})


def init_state(key: jax.Array, networks: Networks, optimizers: Optimizers, config: Config) -> TrainState:
    """A fresh state for the networks of a config; to be called under `jit` or `eval_shape`."""
    # A run of before has no such fields.
    of_words, of_letters = (config.train.get(f"{what}_matching", 0.0) > 0.0 for what in ("feature", "letter"))
    return create_train_state(
        networks,
        optimizers,
        key,
        image_shape=(config.preprocessing.height, config.data.max_width),
        max_length=config.data.max_length,
        matches_features=of_words or of_letters,
        matches_letters=of_letters,
    )


def trains_generator(config: Config) -> bool:
    """Whether a run makes a generator, or a recognizer alone."""
    return "generator" in config.train.updated_networks


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained run, restored.

    Attributes:
      config: that made it.
      charset: its alphabet.
      networks: its modules.
      state: of the step restored.
    """

    config: Config
    charset: Charset
    networks: Networks
    state: TrainState

    @property
    def spec(self) -> ImageSpec:
        """The preprocessing of its images."""
        return image_spec(self.config)


def load_run(workdir: str, step: int | None = None) -> Run:
    """Restores a run from its checkpoint alone.

    Args:
      workdir: of the run.
      step: which checkpoint; the newest that is whole by default.

    Raises:
      UserError: there is no readable checkpoint.
    """
    checkpointer = checkpoints.open_for_reading(workdir)
    record = checkpointer.read_record(step)
    config, charset = ml_collections.ConfigDict(record["config"]), Charset(record["alphabet"], record["right_to_left"])
    networks, optimizers = build_networks(config, charset)
    shapes = jax.eval_shape(lambda key: init_state(key, networks, optimizers, config), jax.random.key(0))
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    abstract = checkpoints.abstract_like(shapes, here)
    state = checkpointer.restore_newest(abstract) if step is None else checkpointer.restore(abstract, step)
    assert state is not None  # for there is a record
    checkpointer.close()
    return Run(config, charset, networks, state)
