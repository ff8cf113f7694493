"""What runs of every task share: a state on devices that is restored, moved on by compiled steps, and saved."""

import logging
import math
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from hwgan.checkpoints import orbax
from hwgan.checkpoints.learned import WRITERS, Learned, merged, writers_for_record
from hwgan.checkpoints.record import learned_of_checkpoint
from hwgan.data.charset import FEW_EXAMPLES, Charset
from hwgan.data.prepared import combined_summary
from hwgan.runtime import sharding
from hwgan.runtime.compilation_cache import loaded_programs
from hwgan.runtime.config import Config
from hwgan.runtime.cpu import granted_cores
from hwgan.runtime.distributed import barrier, broadcast_from_primary
from hwgan.runtime.errors import UserError
from hwgan.runtime.timings import Timings

logger = logging.getLogger(__name__)

Step = Callable[..., tuple[Any, dict[str, jax.Array]]]


class BaseTrainer:
    """A run in progress: state on devices, and what it takes to move it on by a step.

    Subclasses load their data, count its rare characters, then call `_restore_or_init`, and implement the methods that
    raise NotImplementedError.

    Attributes:
      config: of the run.
      workdir: of its files.
      mesh: of all devices, over which batches are split.
      checkpointer: of the workdir.
      charset: the alphabet.
      state: after the last step.
      step: number of finished steps.
      timings: how long compiling and steps took the last time.
      has_compiled: whether the last call of `advance` compiled the step, as the first one does.
      rare_characters: number of training examples of each character with few of them, those of `train.init_from`
        included.
    """

    mesh: jax.sharding.Mesh
    checkpointer: orbax.Checkpointer
    charset: Charset
    state: Any
    step: int
    timings: Timings
    rare_characters: dict[str, int]
    _steps: dict[str, Step]  # the jitted step of each phase

    def __init__(self, config: Config, workdir: str):
        self.config, self.workdir = config, pathlib.Path(workdir)
        self.has_compiled = False
        self._num_shapes = 1  # of batches; a program is compiled for each
        self._compiled: set[tuple[str, tuple[int, ...]]] = set()

    def _create_mesh(self) -> None:
        train = self.config.train
        self.mesh = sharding.create_mesh(train.batch_size, train.get("gradient_accumulation_steps", 1))

    def _restore_or_init(self, init: Callable[[jax.Array], Any], *, size: int, start: Callable[[Any], Any]) -> None:
        """Restores the newest whole checkpoint; without one, makes a fresh state.

        Args:
          init: key → a fresh state, under `jit`.
          size: that tells how long a step takes, beside the networks and the batch.
          start: a fresh state → the one to begin with.
        """
        config, everywhere = self.config, sharding.replicated(self.mesh)
        self._content = combined_summary(config.data.data_dir, config.data.dataset)["content"]
        self._other_content = self._further_contents()
        self._training_writers = self._writers_of_data()
        barrier("data loaded")  # the checkpointer begins with a computation across processes
        self.checkpointer = orbax.Checkpointer(str(self.workdir), config.train.keep_checkpoints)
        record = self.checkpointer.newest_record()
        if record is not None:
            self._check_record(record)
        shapes = jax.eval_shape(init, jax.random.key(0))
        restored = self.checkpointer.restore_newest(orbax.abstract_like(shapes, everywhere), set_aside=True)
        if restored is None:
            logger.info("initialising the networks, which takes up to a minute the first time")
            restored = start(jax.jit(init, out_shardings=everywhere)(jax.random.key(np.uint32(config.seed))))
        elif record is not None and config.train.init_from:  # which need not be there any more
            self.rare_characters = record.get("rare_characters", self.rare_characters)
        self.state = restored
        self.step = int(self.state.step)
        self.timings = Timings(config.model.to_dict(), config.train.batch_size, size)
        # Unsigned, for jit takes Python's numbers as int32.
        root_seed = np.uint32((config.seed + 1) % 2**32)
        self._root_key = jax.jit(jax.random.key, out_shardings=everywhere)(root_seed)

    def _check_record(self, stored: dict[str, Any]) -> None:
        """Raises UserError if config or data have changed in what a checkpoint with this record depends on."""
        self._check_data(stored)
        if stored.get("content", self._content) != self._content:
            logger.warning(
                "%s was prepared anew since this run began: its validation and test words may have been training words",
                self.config.data.dataset,
            )
        for name, content in stored.get("other_content", {}).items():
            if self._other_content.get(name, content) != content:
                logger.warning("%s has changed since this run began: it goes on with other words", name)
        # Those of the networks that it started from are among them.
        self._training_writers = merged(self._training_writers, Learned.of_record(stored).writers)
        before, now = _switches(stored["config"]), _switches(self.config.to_dict())
        for part in before.keys() & now.keys():
            if any(before[part].values()) != any(now[part].values()):
                path = next(path for path, value in before[part].items() if bool(value) != bool(now[part][path]))
                was, value = before[part][path], now[part][path]
                raise UserError(
                    f"this run began with {path}={was}, and now it is {value}: whether it is 0 decides which arrays a "
                    f"checkpoint has; give --config.{path}={was}, or choose another --workdir"
                )

    def _add_sources(self, paths: list[str], rare_characters: dict[str, int] | None) -> None:
        """Adds what the networks learned from that this run starts from: their training writers, their rare characters.

        Args:
          paths: runs or files of weights of `train.init_from`.
          rare_characters: theirs; None if there are none of these.
        """
        for path in paths:
            self._training_writers = merged(self._training_writers, learned_of_checkpoint(path).writers)
        if rare_characters is not None:
            counts = {c: count + rare_characters.get(c, FEW_EXAMPLES) for c, count in self.rare_characters.items()}
            self.rare_characters = {c: count for c, count in counts.items() if count < FEW_EXAMPLES}

    def _check_data(self, stored: dict[str, Any]) -> None:
        """Raises UserError if the prepared data has changed in what the networks of a checkpoint depend on."""
        for name, value in self._facts_of_data().items():
            before = stored.get(name, value)
            same = math.isclose(before, value, rel_tol=1e-4) if isinstance(value, float) else before == value
            if not same:
                raise UserError(
                    f"the data of this run has another {name} than when the run began ({str(before)[:80]}, now "
                    f"{str(value)[:80]}): restore the data, or choose another --workdir"
                )

    def _facts_of_data(self) -> dict[str, Any]:
        """JSON values of the data, without which a checkpoint cannot be used."""
        return {"alphabet": self.charset.characters, "right_to_left": self.charset.right_to_left}

    def _facts_of_networks(self) -> dict[str, Any]:
        """JSON values on the networks, for the record of a checkpoint."""
        return {}

    def _further_contents(self) -> dict[str, str]:
        """Checksums of what is learned from besides `data.dataset`, by name."""
        return {}

    def _writers_of_data(self) -> dict[str, frozenset[str]]:
        """Digests of the training writers, by dataset; see `checkpoints.learned`."""
        raise NotImplementedError

    def batches(self) -> Iterator[Any]:
        """The stream of training batches from the present step on."""
        raise NotImplementedError

    def advance(self, batch: Any) -> dict[str, jax.Array]:
        """One step; returns its metrics, perhaps still being computed."""
        phase = self._phase()
        self._compile(phase, batch)
        self.state, metrics = self._steps[phase](self.state, batch, self._root_key)
        self.step += 1
        return metrics

    def _phase(self) -> str:
        """The name of the step to come, a key of `_steps`."""
        return "all"

    def _compile(self, phase: str, batch: Any) -> None:
        """Compiles a step that is new, and says so; all processes begin it at once, however long each takes."""
        shape, name = self._describe_program(phase, batch)
        self.has_compiled = (phase, shape) not in self._compiled
        if not self.has_compiled:
            return
        before = self.timings.get(name)
        logger.info(
            "compiling the step of %s%s; %s",
            name,
            f" (program {self._num_compiled(phase) + 1} of {self._num_shapes})" if self._num_shapes > 1 else "",
            f"that took {before:.0f} s, and is done within seconds where the program is still in the cache"
            if before
            else "that can take minutes, the first time",
        )
        start, loads = time.perf_counter(), loaded_programs()
        self.lower_step(phase, batch).compile()  # kept by jax: the call that follows does not compile again
        if loaded_programs() == loads:
            self.timings.put(name, time.perf_counter() - start)
        barrier(f"compiled {phase} {shape}")
        self._compiled.add((phase, shape))

    def _num_compiled(self, phase: str) -> int:
        return sum(compiled == phase for compiled, _ in self._compiled)

    def _describe_program(self, phase: str, batch: Any) -> tuple[tuple[int, ...], str]:
        """The shape of a batch that decides about compiling, and the step in words."""
        raise NotImplementedError

    def lower_step(self, phase: str, batch: Any) -> Any:
        """The program of a step on such a batch, not compiled; `phase` is a key of `_steps`."""
        return self._steps[phase].lower(self.state, batch, self._root_key)

    @property
    def _local_state(self) -> Any:
        """The state on one device of this process, which can then compute without the others."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), self.state)

    def evaluate(self) -> dict[str, int | float]:
        """Metrics on validation examples, with names that begin with "evaluate/"."""
        raise NotImplementedError

    def draw_samples(self) -> np.ndarray | None:
        """uint8 [h, w]: a picture of what the run writes by now; None for a run that writes nothing."""
        raise NotImplementedError

    def warnings(self, metrics: dict[str, float]) -> list[str]:
        """What is wrong with the run, by means of the metrics of the last steps and those of the evaluation."""
        raise NotImplementedError

    def nonfinite_network(self, metrics: dict[str, float]) -> str | None:
        """The network that diverged, if any metric is not finite."""
        raise NotImplementedError

    def save(self, metrics: dict[str, float]) -> None:
        """Saves the state; `metrics` decide which checkpoint is the best."""
        record = {
            "config": self.config.to_dict(),
            "step": self.step,
            "rare_characters": self.rare_characters,
            "content": self._content,
            "other_content": self._other_content,
            WRITERS: writers_for_record(self._training_writers),
            **self._facts_of_data(),
            **self._facts_of_networks(),
        }
        self.checkpointer.save(self.step, self.state, record, broadcast_from_primary(self._error(metrics)))

    def _error(self, metrics: dict[str, float]) -> float | None:
        """By which checkpoints are compared: lower is better; None if it was not measured."""
        raise NotImplementedError

    def describe(self) -> list[str]:
        """Lines for the log at the start."""
        start = f"from step {self.step}" if self.step else "from the start"
        devices = f"{jax.device_count()} {jax.default_backend()} device(s) of {jax.process_count()} process(es)"
        devices += f", {granted_cores()} cores" if jax.default_backend() == "cpu" else ""
        counts = ", ".join(
            f"{name} {sum(leaf.size for leaf in jax.tree.leaves(params)):,}" for name, params in self._trained().items()
        )
        lines = [
            f"training {start} on {devices}; alphabet of {len(self.charset.characters)} characters",
            f"parameters: {counts}",
        ]
        if self.rare_characters:
            found = " ".join(f"{c}:{count}" for c, count in sorted(self.rare_characters.items()))
            lines.append(f"characters with less than {FEW_EXAMPLES} training examples, which may be malformed: {found}")
        unknown = [word for word in self.config.sample_grid.words if self.charset.unknown(word)]
        if unknown and self._draws:
            lines.append(
                f"sample_grid.words outside the alphabet, for which words of the dataset stand: {' '.join(unknown)}"
            )
        return lines

    @property
    def _draws(self) -> bool:
        """Whether the run has a sample grid."""
        return True

    def _trained(self) -> dict[str, Any]:
        """Parameters of the networks that are trained, by name."""
        raise NotImplementedError


def _switches(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Parts of the state, each with the fields of a config, by their paths, of which one that is not 0 adds it."""

    def fields(section: dict[str, Any], path: str, *names: str) -> dict[str, Any]:
        return {f"{path}.{name}": section.get(name, 0) for name in names}

    train = config["train"]
    parts = {
        "statistics of features": fields(train, "train", "feature_matching", "character_feature_matching"),
        "statistics of characters": fields(train, "train", "character_feature_matching"),
    }
    for network, section in config["optimizer"].items():
        parts[f"clipping of {network}"] = fields(section, f"optimizer.{network}", "clip_norm")
        parts[f"schedule of {network}"] = fields(section, f"optimizer.{network}", "decay_steps", "warmup_steps")
    return parts
