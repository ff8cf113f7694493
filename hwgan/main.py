"""Trains or evaluates the run of a config.

  python -m hwgan.main --config=configs/demo.py --workdir=runs/demo
  python -m hwgan.main --config=configs/demo.py --workdir=runs/demo --mode=evaluate

The same command again continues from the newest checkpoint. Every field of the config can be set on the command line,
such as --config.train.num_steps=2000.
"""

import logging
import pathlib
import sys
import time

import jax
from absl import flags
from ml_collections import config_flags

from hwgan.data.prepared import dataset_names
from hwgan.evaluation.runs import evaluate, evaluate_strokes
from hwgan.prepare import prepare_if_synthetic
from hwgan.runtime import distributed, preemption
from hwgan.runtime.command_line import run_main
from hwgan.runtime.config import STROKES, task_of
from hwgan.runtime.config_file import CONFIG_FLAG, shipped_config
from hwgan.training.loop import TrainingDiverged, train_and_evaluate

_CONFIG = config_flags.DEFINE_config_file(
    CONFIG_FLAG,
    shipped_config("demo"),
    "config of the run: a file, or a name such as demo",
    lock_config=True,
)
_WORKDIR = flags.DEFINE_string("workdir", None, "folder of checkpoints, metrics and images of the run", required=True)
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate"], "whether to train or to evaluate")
_PROFILE = flags.DEFINE_integer("profile", 0, "number of steps to trace into the workdir's profile/", lower_bound=0)
_COORDINATOR = flags.DEFINE_string("coordinator", None, "host:port of process 0; by default from the environment")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "number of processes of the run; with --coordinator")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "id of this process, from 0; with --coordinator")
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed",
    None,
    "use jax's detection of clusters that hwgan does not detect; --nodistributed: a process alone, whatever started it",
)
_DIVERGED_EXIT_CODE = 3


def configure_logging() -> None:
    """Prints the log messages of this package to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("hwgan")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def main(argv: list[str]) -> None:
    """Trains or evaluates by the flags of the command line."""
    del argv
    configure_logging()
    config, workdir = _CONFIG.value, _WORKDIR.value
    cluster = distributed.initialize(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value, _DISTRIBUTED.value)
    if cluster:
        print(f"process {jax.process_index()} of {jax.process_count()} ({cluster})", flush=True)
    if _MODE.value == "evaluate":
        overridden = config_flags.get_override_values(flags.FLAGS[CONFIG_FLAG])
        (evaluate_strokes if task_of(config) == STROKES else evaluate)(config, workdir, overridden)
        return
    further = config.data.get("recognizer_dataset", "")
    for name in dataset_names(config.data.dataset) + (dataset_names(further) if further else []):
        prepare_if_synthetic(name, config.data.data_dir)
    start = time.perf_counter()
    try:
        train_and_evaluate(config, workdir, _PROFILE.value)
    except preemption.Preempted as stop:
        print(stop, file=sys.stderr)
        sys.exit(preemption.EXIT_CODE)
    except TrainingDiverged as error:
        print(f"error: training diverged: {error}", file=sys.stderr)
        sys.exit(_DIVERGED_EXIT_CODE)
    minutes = (time.perf_counter() - start) / 60
    sample_grid = pathlib.Path(workdir) / "samples.png"
    print(f"trained in {minutes:.1f} minutes" + (f"; samples: {sample_grid}" if sample_grid.exists() else ""))


if __name__ == "__main__":
    run_main(main)
