"""The same run on any number of devices and processes."""

import numpy as np
import pytest

from hwgan.runtime.distributed import find_cluster, initialize
from hwgan.runtime.errors import UserError
from tests import processes as launcher


@pytest.mark.parametrize(
    ("environment", "cluster"),
    [
        ({}, None),
        ({"SLURM_NTASKS": "1", "SLURM_STEP_NODELIST": "n1", "SLURM_PROCID": "0"}, None),
        ({"SLURM_NTASKS": "4"}, None),  # the batch script itself, outside srun
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NODELIST": "n[1-4]", "SLURM_PROCID": "2"}, "SLURM"),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "Open MPI"),
        ({"TPU_WORKER_HOSTNAMES": "10.0.0.1"}, None),
        ({"TPU_WORKER_HOSTNAMES": "10.0.0.1,10.0.0.2"}, "TPU pod"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "1"}, "GKE"),
    ],
)
def test_clusters_are_known_by_their_environment(environment, cluster):
    assert find_cluster(environment) == cluster


def test_a_single_process_joins_no_cluster(monkeypatch):
    for name in ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "TPU_WORKER_HOSTNAMES", "TPU_PROCESS_ADDRESSES"):
        monkeypatch.delenv(name, raising=False)
    assert initialize(None, None, None, detect=None) is None


def test_a_process_alone_in_a_cluster(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    assert initialize(None, None, None, detect=False) is None

    def refuse(*arguments, **options):
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr("jax.distributed.initialize", refuse)
    with pytest.raises(
        UserError, match=r"\(GKE\) cannot connect: .*; give --coordinator=HOST:PORT.* or --nodistributed"
    ):
        initialize(None, None, None, detect=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("host:1", None, None), "belong together"),
        (("host:1", 2, 2), "--process_id=2 is not in 0 to 1"),
        (("host:1", 2, -1), "--process_id=-1 is not in 0 to 1"),
    ],
)
def test_wrong_flags(arguments, message):
    with pytest.raises(UserError, match=message):
        initialize(*arguments, detect=False)


STEPS = ("train.num_steps=10", "train.batch_size=8", "train.recognizer_pretrain_steps=0", "train.checkpoint_every=10")
# Adam makes a whole step of a gradient that is all rounding, so with the usual rates layouts drift apart, as two runs
# on other machines do. With small ones what is compared is the losses and gradients, not that drift.
STEPS += tuple(
    f"optimizer.{name}.learning_rate=1e-5" for name in ("language_model", "generator", "discriminator", "recognizer")
)


@pytest.mark.slow
@pytest.mark.release
def test_any_devices_and_processes_give_the_same_losses_and_gradients(data_dir, tmp_path):
    metrics = {}
    for processes, devices in ((1, 1), (1, 2), (1, 4), (2, 2)):
        workdir = tmp_path / f"{processes}x{devices}"
        for code, output in launcher.finish(
            launcher.start(workdir, data_dir, *STEPS, processes=processes, devices=devices)
        ):
            assert code == 0, output
        metrics[processes, devices] = [line for line in launcher.metrics_of(workdir) if "generator/ctc_loss" in line]
        assert len(metrics[processes, devices]) == 10
    alone = metrics.pop((1, 1))
    worst = {}
    for layout, lines in metrics.items():
        for line, reference in zip(lines, alone, strict=True):
            for name, value in line.items():
                error = abs(value - reference[name]) / max(abs(reference[name]), 1e-2)
                worst[layout] = max(worst.get(layout, 0.0), error)
    first = {
        layout: max(abs(v / alone[0][k] - 1) for k, v in lines[0].items() if alone[0][k])
        for layout, lines in metrics.items()
    }
    print(f"largest relative difference in the first step: {first}")
    print(f"largest relative difference of any loss or gradient norm in 10 steps: {worst}")
    assert max(first.values()) < 2e-3
    assert max(worst.values()) < 2e-2


SLOW_TO_COMPILE = """
import time
import hwgan.training.trainer

make = hwgan.training.trainer.make_train_step

def make_slow(*arguments):
    step = make(*arguments)
    def traced(*arguments):
        time.sleep(60)
        return step(*arguments)
    return traced

hwgan.training.trainer.make_train_step = make_slow
"""
SLOW_TO_LOAD = """
import time
import hwgan.training.trainer

load_data = hwgan.training.trainer.load_data
hwgan.training.trainer.load_data = lambda config: (time.sleep(60), load_data(config))[1]
"""
SLOW_TO_EVALUATE = """
import time
import hwgan.training.trainer

evaluate = hwgan.training.trainer.Trainer.evaluate
hwgan.training.trainer.Trainer.evaluate = lambda trainer: (time.sleep(60), evaluate(trainer))[1]
"""


@pytest.mark.release
@pytest.mark.parametrize(
    "patch", [SLOW_TO_LOAD, SLOW_TO_COMPILE, SLOW_TO_EVALUATE], ids=["loads", "compiles", "evaluates"]
)
def test_processes_wait_for_one_that_takes_longer(data_dir, tmp_path, patch):
    settings = [*STEPS, "train.num_steps=2"]
    processes = launcher.start(tmp_path, data_dir, *settings, processes=2, devices=2, patches={0: patch})
    for code, output in launcher.finish(processes, timeout=480):
        assert code == 0, output


@pytest.mark.slow
def test_slurm_processes_find_each_other(data_dir, tmp_path, monkeypatch):
    """jax's own detection, on the variables that srun sets, for two tasks of one machine."""
    processes = []
    job = str(np.random.default_rng().integers(1, 2**31))
    for rank in range(2):
        variables = {"SLURM_JOB_ID": job, "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
        variables |= {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        processes += launcher.start(tmp_path, data_dir, *STEPS, "train.num_steps=2")
    for rank, (code, output) in enumerate(launcher.finish(processes)):
        assert code == 0, output
        assert f"process {rank} of 2 (SLURM)" in output
