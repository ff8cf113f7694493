"""What a run in progress is made of: data, state on devices, and the compiled steps that move it on."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hwgan import checkpoint as checkpoints
from hwgan import sharding
from hwgan.data.balance import repeats_of_mixture, repeats_of_rare
from hwgan.data.charset import Charset
from hwgan.data.input_pipeline import create_schedule, train_batches
from hwgan.data.lexicon import Lexicon, read_lexicon_file
from hwgan.data.prepared import read_summary
from hwgan.data.preprocessing import ImageSpec
from hwgan.data.word_store import WordStore, load_words
from hwgan.distributed import meet, of_first_process
from hwgan.errors import UserError
from hwgan.evaluation.reading import recognition_figures, unseen_words
from hwgan.judge import Judge
from hwgan.losses import BALANCE_RULES
from hwgan.models import Networks
from hwgan.page import side_by_side, stack_lines
from hwgan.run import Config, build_networks, image_spec, init_state, trains_generator
from hwgan.sampler import Sampler, ema_variables, spread_of_hands
from hwgan.start import start_from, take_onlooker
from hwgan.train_state import Optimizers, TrainState
from hwgan.train_step import make_train_step
from hwgan.update import StepConfig

READERS = ("recognizer", "identifier")
_INTERVALS = ("log_every", "sample_every", "evaluate_every", "checkpoint_every")
_REAL_ROWS = 2  # on a sample sheet, under the generated words


@dataclasses.dataclass(frozen=True)
class Data:
    """What a run reads.

    Attributes:
      repeats: how often each training word comes where others come once.
      lexicon: words to write.
      stretches: how wide the hand of each training word writes; None where all write as wide.
      unseen: validation texts that are not among the training words.
    """

    charset: Charset
    spec: ImageSpec
    train: WordStore
    repeats: np.ndarray
    validation: WordStore
    lexicon: Lexicon
    stretches: np.ndarray | None
    unseen: list[str]


def load_data(config: Config) -> Data:
    """Reads and decodes the training and validation words of a config, and the words to write.

    Raises:
      UserError: the dataset or the lexicon is not there, or nothing in it fits.
    """
    data, spec = config.data, image_spec(config)
    summary = read_summary(data.data_dir, data.dataset)
    charset = Charset(data.alphabet or summary["alphabet"], summary["right_to_left"])
    load = functools.partial(load_words, data.data_dir, data.dataset, charset=charset, spec=spec)
    real, validation = (load(split=split, cache_dir=data.cache_dir) for split in ("train", "validation"))
    train, repeats = _training_words(config, real, charset, spec)
    # As often as they are met among the real words: else a discriminator could tell the two by their letters.
    if data.lexicon:
        words = read_lexicon_file(data.lexicon)
        weights = np.ones(len(words))
    else:
        words, weights = np.repeat(train.texts, repeats).tolist(), np.repeat(1.0 / repeats, repeats)
    unseen = unseen_words(validation, set(train.texts), config.evaluate.generated_words)
    networks, _ = build_networks(config, charset)
    share = data.random_share
    if not 0.0 <= share < 1.0:
        raise UserError(f"data.random_share={share} must be from 0 to below 1")
    stretch = networks.stretch
    lexicon = Lexicon.from_words(words, charset, spec, networks.text_widths, stretch, share, config.seed, weights)
    stretches = lexicon.stretches(train.widths, networks.text_widths(train.labels, train.lengths))
    return Data(charset, spec, train, repeats, validation, lexicon, stretches, unseen)


def _training_words(config: Config, real: WordStore, charset: Charset, spec: ImageSpec) -> tuple[WordStore, np.ndarray]:
    """The words that teach to read, and how often each comes: a part of the real ones, generated ones if asked for."""
    data = config.data
    if not 0.0 <= data.real_share <= 1.0 or not (data.real_share or data.generated):
        raise UserError(f"data.real_share={data.real_share} must be from 0 to 1, and above 0 without data.generated")
    if data.real_share < 1.0:
        real = real.take(range(round(data.real_share * len(real))))
    if data.generated and trains_generator(config):
        raise UserError(
            f"data.generated={data.generated!r} is for recognizers, as configs/htr.py; a generator must not learn from "
            "generated words as from real ones"
        )
    if not data.generated:
        words, repeats = real, np.ones(len(real), np.int64)
    else:
        generated = load_words(data.data_dir, data.generated, "train", charset, spec, data.cache_dir)
        if not len(real):
            words, repeats = generated, np.ones(len(generated), np.int64)
        elif 0.0 < data.generated_share < 1.0:
            words = real.join(generated)
            repeats = repeats_of_mixture(len(real), len(generated), data.generated_share)
        else:
            raise UserError(f"data.generated_share={data.generated_share} must be between 0 and 1")
    if data.plentiful:
        repeats = repeats * repeats_of_rare(words.texts, data.plentiful)
    return words, repeats


def sample_sheet(sampler: Sampler, config: Config, real: WordStore) -> np.ndarray:
    """Fixed words in fixed hands, a line each, and under them real words."""
    words = [word[: sampler.spec.max_length] for word in config.sheet.words]
    words = [word for word in words if not sampler.charset.unknown(word)] or [real.texts[0]]
    gap, columns = sampler.spec.height // 3, len(words)
    hands = [np.stack([sampler.hand(seed)] * columns) for seed in range(config.sheet.hands)]
    generated = [sampler.draw(words, jnp.asarray(hand)) for hand in hands]
    full_rows = min(_REAL_ROWS, len(real) // columns)
    originals = [[real.image(row * columns + i) for i in range(columns)] for row in range(full_rows)]
    return stack_lines([side_by_side(images, gap) for images in generated + originals])


class Trainer:
    """A run in progress: state on devices, and what it takes to move it on by a step.

    Attributes:
      state: after the last step.
      step: number of finished steps.
    """

    def __init__(self, config: Config, workdir: str):
        _check_training(config.train)
        self.config, self.workdir = config, pathlib.Path(workdir)
        self._spread = spread_of_hands(config)
        self.data = load_data(config)
        self.mesh = sharding.create_mesh(config.train.batch_size, config.train.accumulate)
        self.networks, optimizers = build_networks(config, self.data.charset)
        if config.data.num_buckets < 1:
            raise UserError(f"data.num_buckets={config.data.num_buckets} must be at least 1")
        if config.data.num_buckets > 1 and trains_generator(config) and not self.networks.has_variable_width:
            raise UserError(
                f"data.num_buckets={config.data.num_buckets}: this generator draws on one canvas, so it takes 1"
            )
        if self.networks.knows_writers and self.data.train.num_writers > self.networks.identifier.num_writers:
            raise UserError(
                f"the training words have {self.data.train.num_writers} writers, more than "
                f"model.identifier.num_writers={self.networks.identifier.num_writers}"
            )
        nobody_known = self.data.train.num_writers < 2 and not config.train.start_from
        if nobody_known and self.networks.knows_writers and trains_generator(config):
            raise UserError(
                "the training words do not say who wrote them, so there are no hands to learn from writers; let the "
                "discriminator guess the noise instead: --config.model.identifier.name=none "
                "--config.model.discriminator.style_features=16"
            )
        init = functools.partial(init_state, networks=self.networks, optimizers=optimizers, config=self.config)
        everywhere = sharding.replicated(self.mesh)
        meet("data loaded")  # the checkpointer begins with a computation across processes
        self.checkpointer = checkpoints.Checkpointer(workdir, config.train.keep_checkpoints)
        shapes = jax.eval_shape(init, jax.random.key(config.seed))
        restored = self.checkpointer.restore_newest(checkpoints.abstract_like(shapes, everywhere), set_aside=True)
        if restored is None:
            restored = jax.jit(init, out_shardings=everywhere)(jax.random.key(config.seed))
            restored = start_from(restored, config, self.data.charset)
            restored = take_onlooker(restored, config, self.data.charset)
        self.state = restored
        self.step = int(self.state.step)
        self._steps = _jit_steps(self.networks, optimizers, config)
        self._compiled: set[tuple[str, tuple[int, ...]]] = set()
        self._root_key = jax.jit(jax.random.key, out_shardings=everywhere)(config.seed + 1)

    def batches(self) -> Iterator[dict[str, jax.Array]]:
        """The stream of training batches from the present step on."""
        config = self.config
        schedule = create_schedule(
            self.data.train,
            batch_size=config.train.batch_size,
            num_buckets=config.data.num_buckets,
            seed=config.seed,
            repeats=self.data.repeats,
        )
        stream = train_batches(
            self.data.train,
            self.data.lexicon,
            schedule,
            seed=config.seed,
            stretches=self.data.stretches,
            start_step=self.step,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        return sharding.to_devices(stream, self.mesh)

    def advance(self, batch: dict[str, jax.Array]) -> dict[str, jax.Array]:
        """One step; returns its metrics, perhaps still being computed."""
        phase = "recognizer" if self.step < self.config.train.recognizer_first_steps else "all"
        self._compile_together(phase, batch)
        self.state, metrics = self._steps[phase](self.state, batch, self._root_key)
        self.step += 1
        return metrics

    def _compile_together(self, phase: str, batch: dict[str, jax.Array]) -> None:
        """Compiles a step that is new, so that all processes begin it at once, however long each takes for that."""
        program = (phase, batch["image"].shape)
        if jax.process_count() > 1 and program not in self._compiled:
            self.lower(phase, batch).compile()  # kept by jax: the call that follows does not compile again
            meet(f"compiled {program}")
            self._compiled.add(program)

    def lower(self, phase: str, batch: dict[str, jax.Array]) -> Any:
        """The program of a step on such a batch, not compiled; phase "recognizer" (readers alone) or "all"."""
        return self._steps[phase].lower(self.state, batch, self._root_key)

    @property
    def sampler(self) -> Sampler:
        variables = ema_variables(self._local_state)
        return Sampler(self.networks, variables, self.data.charset, self.data.spec, self._spread)

    @property
    def _local_state(self) -> TrainState:
        """The state on one device of this process, which can then compute without the others."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), self.state)

    def evaluate(self) -> dict[str, int | float]:
        """Figures on validation words and on generated words that were never trained on."""
        figures = recognition_figures(
            Judge.of_state(self.networks, self._local_state, self.data.charset, self.data.spec),
            self.data.validation,
            self.sampler if trains_generator(self.config) else None,
            self.data.unseen,
            real_words=self.config.evaluate.real_words,
            seed=self.config.seed,
        )
        return {f"evaluate/{name}": value for name, value in figures.items()}

    def save(self, figures: dict[str, float]) -> None:
        """Saves the state; `figures` decide which checkpoint is the best."""
        charset = self.data.charset
        record = {
            "config": self.config.to_dict(),
            "alphabet": charset.characters,
            "right_to_left": charset.right_to_left,
            "step": self.step,
        }
        error = figures.get("evaluate/generated_cer", figures.get("evaluate/real_cer"))
        self.checkpointer.save(self.step, self.state, record, of_first_process(error))


def _check_training(train: Config) -> None:
    """Raises UserError for values that would train nothing, or fail after hours."""
    for name in ("batch_size", "discriminator_steps", "accumulate", *_INTERVALS):
        if train[name] < 1:
            raise UserError(f"train.{name}={train[name]} must be at least 1")
    if train.step_backs < 0:
        raise UserError(f"train.step_backs={train.step_backs} must be at least 0")
    if train.balance_rule not in BALANCE_RULES:
        raise UserError(f"train.balance_rule={train.balance_rule!r} does not exist; there are {BALANCE_RULES}")
    updated, alone = set(train.updated_networks), train.recognizer_first_steps
    all_networks = StepConfig.updated_networks  # by default all that can learn
    if not updated or updated - set(all_networks):
        raise UserError(f"train.updated_networks={train.updated_networks} must be some of {all_networks}")
    if alone and not updated & set(READERS):
        raise UserError(
            f"train.recognizer_first_steps={alone} are of {READERS}, none of which train.updated_networks has; give 0"
        )
    if "generator" in updated and alone >= train.num_steps:
        raise UserError(
            f"train.num_steps={train.num_steps} leaves the generator no step, for the readers learn alone in the first "
            f"train.recognizer_first_steps={alone}; give more of the one or fewer of the other"
        )


def step_settings(config: Config) -> StepConfig:
    """The settings of the step: the fields of `config.train` by their names."""
    settings: dict[str, Any] = {field.name: config.train[field.name] for field in dataclasses.fields(StepConfig)}
    settings["updated_networks"] = tuple(config.train.updated_networks)
    return StepConfig(**settings)


def _jit_steps(
    networks: Networks, optimizers: Optimizers, config: Config
) -> dict[str, Callable[..., tuple[TrainState, dict[str, jax.Array]]]]:
    step_config = step_settings(config)
    readers = tuple(name for name in step_config.updated_networks if name in READERS)
    alone = dataclasses.replace(step_config, updated_networks=readers)
    return {
        name: jax.jit(make_train_step(networks, optimizers, step), donate_argnums=0)
        for name, step in (("all", step_config), ("recognizer", alone))
    }
