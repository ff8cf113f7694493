"""Does a recognizer read better that also learned from generated words? All runs of the experiment, two at a time.

  python -m hwgan.generate --count=30000 --dataset=word_folder/copiste --output=generated
  python -m hwgan.prepare --dataset=word_folder --source=generated --name=generated
  python -m experiments.recognition.run --output=runs/recognition

A run that has its results is not run again. Each arm of a share goes through the same number of words.
"""

import argparse
import concurrent.futures
import os
import pathlib
import queue
import subprocess
import sys
import time

STEPS = {0.05: 1200, 0.25: 2400, 1.0: 3600}  # of 32 words, by the share of the real words
ARMS = {
    "real": [],
    "augmented": ["--config.train.augment=True"],
    "generated": ["--config.data.generated=word_folder/generated"],
    "both": ["--config.data.generated=word_folder/generated", "--config.train.augment=True"],
}
FEW = 0.05  # share of the real words up to which generated ones are tried together with augmentation
SEEDS = (0, 1, 2)


def plan() -> dict[str, list[str]]:
    """Settings of each run by its name; the first seed of everything comes first."""
    runs = {}
    for seed in SEEDS:
        for share, steps in STEPS.items():
            for arm, settings in ARMS.items():
                if arm == "both" and share > FEW:
                    continue
                runs[f"{arm}_{share:g}_{seed}"] = [
                    f"--config.data.real_share={share}",
                    *_length(steps, seed),
                    *settings,
                ]
        only = ["--config.data.real_share=0.0", *ARMS["generated"], *_length(STEPS[1.0], seed)]
        runs[f"generated_0_{seed}"] = only
    return runs


def _length(steps: int, seed: int) -> list[str]:
    return [
        f"--config.seed={seed}",
        f"--config.train.num_steps={steps}",
        f"--config.optimizer.recognizer.decay_steps={steps}",
        f"--config.train.evaluate_every={steps // 3}",
    ]


def run(name: str, settings: list[str], output: pathlib.Path, core: int) -> str:
    """Trains and evaluates one; returns what happened."""
    workdir = output / name
    if (workdir / "results.json").exists():
        return f"{name}: was done"
    start = time.perf_counter()
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    pin = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
    command = [*pin, sys.executable, "-m", "hwgan.main", "--config=configs/htr.py", f"--workdir={workdir}"]
    evaluate = ["--mode=evaluate"]
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / "log.txt").open("a") as log:
        for arguments in (settings, evaluate):
            if subprocess.run([*command, *arguments], env=environment, stdout=log, stderr=log, check=False).returncode:
                return f"{name}: failed, see {workdir / 'log.txt'}"
    return f"{name}: {time.perf_counter() - start:.0f} s"


def main() -> None:
    """Runs the plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("runs/recognition"))
    parser.add_argument("--cores", default="0,1", help="one run on each")
    args = parser.parse_args()
    cores: queue.Queue[int] = queue.Queue()
    for core in map(int, args.cores.split(",")):
        cores.put(core)

    def next_run(item: tuple[str, list[str]]) -> str:
        core = cores.get()
        try:
            return run(*item, args.output, core)
        finally:
            cores.put(core)

    with concurrent.futures.ThreadPoolExecutor(cores.qsize()) as pool:
        for message in pool.map(next_run, plan().items()):
            print(message, flush=True)


if __name__ == "__main__":
    main()
