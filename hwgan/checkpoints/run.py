"""A run: what a config stands for, and how a trained one is opened again."""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from hwgan.checkpoints.integrity import check_finite
from hwgan.checkpoints.learned import Learned
from hwgan.checkpoints.stored_config import checked_record, naming
from hwgan.data.charset import Charset
from hwgan.data.graphemes import takes_no_width
from hwgan.data.letterforms import char_widths_of, reference_width
from hwgan.data.preprocessing import ImageSpec, Preprocessing
from hwgan.models.create import create_networks
from hwgan.models.networks import Networks
from hwgan.models.optimizers import create_optimizer
from hwgan.models.state import (
    GENERATING_NETWORKS,
    NETWORK_NAMES,
    Optimizers,
    StateShape,
    TrainState,
    create_train_state,
)
from hwgan.runtime.config import STROKES, Config, task_of
from hwgan.runtime.errors import UserError
from hwgan.runtime.field_types import check_field_types
from hwgan.runtime.untrusted import reading

GIVEN_NETWORKS = "given_networks"  # field of the record of a checkpoint


def image_spec(config: Config) -> ImageSpec:
    """The preprocessing that a config asks for.

    Raises:
      UserError: a step does not exist, or a value is of another type than its field.
    """
    data = config.data
    check_field_types("preprocessing", Preprocessing, config.preprocessing.to_dict())
    return ImageSpec(
        Preprocessing(**config.preprocessing),
        max_width=data.max_width,
        max_length=data.max_length,
        min_length=data.min_length,
    )


def build_networks(config: Config, charset: Charset) -> tuple[Networks, Optimizers]:
    """The modules of a config and their optimizers."""
    height = config.preprocessing.height
    char_widths = (0.0, *char_widths_of(charset.characters, height).tolist())  # the blank has no width
    marks = tuple(map(takes_no_width, charset.characters))
    marks = (True, *marks) if any(marks) else ()
    networks = create_networks(config, charset.num_labels, char_widths, reference_width(height), marks)
    updates = {"discriminator": config.train.get("discriminator_steps_per_generator_step", 1)}
    optimizers = {name: create_optimizer(config.optimizer[name], updates.get(name, 1)) for name in NETWORK_NAMES}
    return networks, Optimizers(**optimizers)


def init_state(key: jax.Array, networks: Networks, optimizers: Optimizers, config: Config) -> TrainState:
    """A fresh state for the networks of a config; to be called under `jit` or `eval_shape`."""
    characters = config.train.character_feature_matching > 0.0
    shape = StateShape(
        image=(config.preprocessing.height, config.data.max_width),
        max_length=config.data.max_length,
        feature_statistics=characters or config.train.feature_matching > 0.0,
        character_statistics=characters,
    )
    return create_train_state(networks, optimizers, key, shape)


def trains_generator(config: Config) -> bool:
    """Whether a run trains a generator, and not a recognizer alone."""
    return "generator" in config.train.updated_networks


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained run, restored.

    Attributes:
      config: that made it.
      charset: its alphabet.
      networks: its modules.
      state: of the step restored.
      rare_characters: number of training examples of each character with few of them (`Charset.rare`).
      learned: what it learned from.
      other_content: checksums of what it learned from besides `data.dataset`, by name; {} for nothing.
      given_networks: networks that came trained, from `train.init_from` or from stages of the run before this config;
        those that the config updates need not be among them.
    """

    config: Config
    charset: Charset
    networks: Networks
    state: TrainState
    rare_characters: dict[str, int] = dataclasses.field(default_factory=dict)
    learned: Learned = dataclasses.field(default_factory=Learned)
    other_content: dict[str, str] = dataclasses.field(default_factory=dict)
    given_networks: frozenset[str] = frozenset()

    @property
    def spec(self) -> ImageSpec:
        """The preprocessing of its images."""
        return image_spec(self.config)

    @property
    def trained_variables(self) -> dict[str, Any]:
        """Variables of networks that are trained, by name; of generator and language model the averages.

        These two are among them where the run itself trains them.
        """
        trained = {*self.config.train.updated_networks, *self.given_networks}
        variables = self.state.ema_variables if trains_generator(self.config) else {}
        for name in sorted(trained - set(GENERATING_NETWORKS)):
            variables[name] = getattr(self.state, name).variables
        # A network without parameters, such as `NoIdentifier`, has nothing to give.
        return {name: part for name, part in variables.items() if part.get("params")}


def given_networks_of_record(record: Mapping[str, Any]) -> frozenset[str]:
    """`Run.given_networks` as the record of a checkpoint has them; none where it is of an older version.

    Raises:
      UserError: it is no list of names of networks.
    """
    names = record.get(GIVEN_NETWORKS, [])
    if not isinstance(names, list) or any(name not in NETWORK_NAMES for name in names):
        raise UserError(f"its {GIVEN_NETWORKS} are no list of names of networks")
    return frozenset(names)


def load_run(workdir: str, step: int | None = None) -> Run:
    """Restores a run from its checkpoint alone.

    Args:
      workdir: of the run.
      step: which checkpoint; the newest that is whole by default.

    Raises:
      UserError: there is no readable checkpoint.
    """
    from hwgan.checkpoints import orbax  # here, as files of weights need no Orbax, which takes long to import

    what = f"the run {workdir!r}"
    with reading(what):
        with contextlib.closing(orbax.open_for_reading(workdir)) as checkpointer:
            record = checkpointer.read_record(step)
            with naming(what):
                config, charset, rare_characters = checked_record(record)
                if task_of(config) == STROKES:
                    raise UserError(
                        "it writes strokes, not images; hwgan.sample, hwgan.generate and hwgan.load_strokes take it"
                    )
                networks, optimizers = build_networks(config, charset)
            shapes = jax.eval_shape(lambda key: init_state(key, networks, optimizers, config), jax.random.key(0))
            state = orbax.restore_here(checkpointer, shapes, step)
            assert state is not None  # for there is a record
        with naming(what):
            other_content = dict(record.get("other_content", {}))
            learned, given = Learned.of_record(record), given_networks_of_record(record)
            run = Run(config, charset, networks, state, rare_characters, learned, other_content, given)
            check_finite(run.trained_variables)
        return run
